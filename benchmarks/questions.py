"""Do chosen questions teach more than random ones? ``python -m benchmarks.questions LIBRARY``.

Simulated listeners, as in ``benchmarks.taste``, say which of three tracks is the odd one: of trios
that ``recommend.question`` chooses, and of random ones. What is fitted to their answers is tried on
answers about random trios that it has not seen.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

from benchmarks.taste import UNSEEN, Rows, Tracks, answers, one_facet, read, right, said
from soundalike.recommend.question import informative_trio
from soundalike.recommend.taste import fit_taste
from soundalike.similarity.taste import Metric

ANSWERS = (10, 20, 40)


def chosen(tracks: Tracks, n: int, draw: int) -> Rows:
    """So many questions, none twice."""
    codes = tracks.evidence.artists
    asked: set[frozenset[int]] = set()
    found = []
    for number in range(n):
        trio = informative_trio(
            tracks.embeddings,
            tracks.layout,
            seed=1000 * draw + number,
            artists_of=lambda rows: [frozenset({int(codes[row])} - {0}) for row in rows],
            asked=asked,
        )
        asked.add(frozenset(trio.rows))
        found.append(trio.rows)
    return np.array(found, np.intp)


def judged(tracks: Tracks, seen: Rows, unseen: Rows) -> tuple[float, float]:
    """Whether the weights are used, and the share of unseen answers that what is used predicts."""
    report = fit_taste(replace(tracks.evidence, triplets=seen), now=time.time())
    trial = report.trial("weights")
    used = report.taste.metric or Metric(tracks.layout, tracks.layout.weights())
    return float(trial is not None and trial.is_used), right(used, tracks, unseen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", help="a scanned library")
    parser.add_argument("--draws", type=int, default=20, help="listeners for each line")
    options = parser.parse_args()
    tracks = read(options.library)
    print(f"{len(tracks.embeddings)} tracks, {options.draws} listeners a line")
    print("listener, answers: weights used / unseen answers predicted, chosen; random; the model")
    model = Metric(tracks.layout, tracks.layout.weights())
    listeners = {name: one_facet(tracks, name) for name in tracks.layout.names}
    for name, metric in {**listeners, "the model's": model}.items():
        for n in ANSWERS:
            rows = []
            for draw in range(options.draws):
                generator = np.random.default_rng([n, draw])
                unseen = answers(metric, tracks, UNSEEN, generator)
                asked = said(metric, tracks, chosen(tracks, n, draw), generator)
                random = answers(metric, tracks, n, generator)
                rows.append(
                    (
                        *judged(tracks, asked, unseen),
                        *judged(tracks, random, unseen),
                        right(model, tracks, unseen),
                    )
                )
            a, b, c, d, e = np.mean(rows, axis=0)
            print(f"{name}, {n}: {a:.2f} / {b:.3f}; {c:.2f} / {d:.3f}; {e:.3f}", flush=True)


if __name__ == "__main__":
    main()
