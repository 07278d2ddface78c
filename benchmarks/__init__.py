"""Measurements of speed and of quality; run by `make bench`, never by the tests."""
