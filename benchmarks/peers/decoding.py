"""Bare decoding: PyAV's own loop over the frames, which are thrown away."""

from __future__ import annotations

import av

from benchmarks.peers.serve import Arrays, serve


def analyse(path: str) -> Arrays:
    decode(path)
    return {}


def decode(path: str) -> None:
    with av.open(path, metadata_errors="ignore") as container:
        for _ in container.decode(audio=0):
            pass


if __name__ == "__main__":
    serve(analyse)
