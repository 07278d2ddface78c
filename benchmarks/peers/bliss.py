"""bliss-audio: 23 numbers a track. Its documentation compares them by Euclidean distance."""

from __future__ import annotations

import bliss_audio
import numpy as np

from benchmarks.peers.serve import Arrays, serve


def analyse(path: str) -> Arrays:
    return {"embedding": np.asarray(bliss_audio.Song(path).analysis, dtype=np.float64)}


if __name__ == "__main__":
    serve(analyse)
