"""How many threads are worth it: one in matrix products, and elsewhere no more than cores.

The products of a spectrogram are so small that a second thread gains nothing, and OpenBLAS lets the
threads that wait for the next product spin: beside other work they take several times the CPU time
of the product itself.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = ["available_cores", "one_blas_thread"]

_lock = threading.Lock()
_holders = 0
_before: list[int] = []


def available_cores() -> int:
    """Cores that this process may use."""
    if sys.platform != "win32" and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """The BLAS of this process has one thread inside, and as many as before after.

    Threads may enter one after the other and nested: the number of BLAS threads belongs to the
    whole process, so the first one in sets it and the last one out restores it.
    """
    global _holders, _before
    libraries = _libraries()
    with _lock:
        if not _holders:
            _before = [library.num_threads for library in libraries]
            for library in libraries:
                library.set_num_threads(1)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if not _holders:
                for library, n_threads in zip(libraries, _before, strict=True):
                    library.set_num_threads(n_threads)


@cache
def _libraries() -> list[Any]:
    # The libraries are looked for once: it takes longer than analysing a second of music. NumPy's
    # is among them, since whoever calls has loaded it. Their controllers are asked one by one,
    # since ``ThreadpoolController.limit`` looks for much more, each time: of a track with hundreds
    # of products that was a hundredth.
    import numpy  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
