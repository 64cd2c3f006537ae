"""Checks for the exercises of the notebooks, one module a notebook; `check` has what they are made of."""
