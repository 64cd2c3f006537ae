"""The package's work from a shell: python -m mae_lite."""
