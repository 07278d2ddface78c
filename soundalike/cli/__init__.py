"""The command line: each command parses, calls one method of the Python API, and formats."""

from soundalike.cli.app import cli, main

__all__ = ["cli", "main"]
