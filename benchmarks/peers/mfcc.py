"""The plain baseline, as ``soundalike evaluate`` has it: statistics of 20 MFCCs."""

from __future__ import annotations

from benchmarks.peers.serve import Arrays, serve
from soundalike.evaluate.timbre import mfcc_of_file


def analyse(path: str) -> Arrays:
    return {"embedding": mfcc_of_file(path)}


if __name__ == "__main__":
    serve(analyse)
