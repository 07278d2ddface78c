"""sonara: 48 numbers a track, compared by its own weighted similarity.

Its two weight tables are the variants: ``default``, and ``timbre``, where texture counts most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sonara

from benchmarks.peers.serve import Arrays, serve


def analyse(path: str) -> Arrays:
    found = sonara.analyze_file(path, features=["embedding"])
    return {"embedding": np.asarray(found["embedding"], dtype=np.float64)}


def compare(files: Sequence[Arrays], variant: str) -> list[list[float]]:
    embeddings = [file["embedding"].tolist() for file in files]
    return [
        [-sonara.embedding_distance(a, b, profile=variant) for b in embeddings] for a in embeddings
    ]


if __name__ == "__main__":
    serve(analyse, compare)
