"""Genre neighbours on GTZAN, tracks of the query's own artist left out. Its frames alone are at
hand, so those are compared that can start from frames: our models and the MFCC baseline."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from soundalike.analyzer import Analyzer
from soundalike.evaluate.retrieval import RetrievalSummary, retrieve, summarise
from soundalike.evaluate.timbre import mfcc_statistics, standardised
from soundalike.models import ModelInfo
from soundalike.models.contract import DEFAULT_FRONTEND
from soundalike.research.datasets.gtzan import Gtzan
from soundalike.similarity.matrix import CosineSimilarities

__all__ = ["genre_neighbours", "genre_table"]

K = 10


def genre_neighbours(
    models: list[ModelInfo], data: Gtzan, split: str
) -> dict[str, RetrievalSummary]:
    """Score the baseline and each model on the tracks of a split whose artist is known.

    Parameters
    ----------
    models : those that take another input than these frames are passed over.
    split : ``train``, ``valid`` or ``test``.
    """
    rows = data.splits[split]
    rows = rows[data.artists[rows] >= 0]
    frames = data.decibels(rows)
    embeddings: dict[str, npt.NDArray[np.float32]] = {
        "MFCC statistics": standardised(np.stack([mfcc_statistics(track) for track in frames]))
    }
    for model in models:
        if model.frontend == DEFAULT_FRONTEND:
            analyzer = Analyzer(model)
            embeddings[model.id] = np.stack(
                [analyzer.from_log_mel(track).embedding for track in frames]
            )
    labels, artists = data.labels[rows], data.artists[rows]
    return {
        name: summarise(retrieve(CosineSimilarities(found), labels, groups=artists, k=K))
        for name, found in embeddings.items()
    }


def genre_table(found: Mapping[str, RetrievalSummary]) -> str:
    """Markdown: systems down, figures across, chance below."""
    lines = ["| system | genre, P@10 | R-precision | MAP |", "| --- | --- | --- | --- |"]
    figures = ("precision", "r_precision", "average_precision")
    for name, summary in found.items():
        row = [getattr(summary, figure) for figure in figures]
        cells = [f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f})" for each in row]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    first = next(iter(found.values()))
    by_chance = [f"{getattr(first, figure).chance:.3f}" for figure in figures]
    lines.append(f"| chance | {' | '.join(by_chance)} |")
    return "\n".join(lines)
