"""Data sets for training and measurement, one module each."""
