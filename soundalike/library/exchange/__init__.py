"""Analyses in files, to be read by other programs and by libraries on other machines.

``records`` says what is in a file, ``formats`` which of ``npz``, ``parquet`` and ``jsonl`` it is
in; ``exporting`` reads a library, ``importing`` writes to one, and ``packing`` is between records
and what a database keeps.
"""
