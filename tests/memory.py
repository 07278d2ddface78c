"""How much memory a child process has taken at most."""

from __future__ import annotations

import sys

import pytest

__all__ = ["PEAK_CODE", "needs_peaks"]

PEAK_CODE = """
def peak_bytes():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
"""
"""For the code of a child. What ``getrusage`` tells would begin with the peak of who started it."""

needs_peaks = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process's peak"
)
