"""Figures of one notebook each, in files named after it."""
