"""The experiments that the notebooks quote, each one command that appends what it measured to assets/results/."""
