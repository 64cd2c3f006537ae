"""Pages that need no kernel: timeline, twin sliders, boards and tables to sort and filter."""
