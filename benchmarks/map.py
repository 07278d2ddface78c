"""How long a map of a library takes, what it keeps, and that beside other maps.

python -m benchmarks.map LIBRARY [--sizes 1000 10000 100000] [--most-peers 10000]

LIBRARY is the database of a scanned library. Its tracks are mapped as they are, then so many tracks
as --sizes says, sampled around them: each is a mixture of two excerpts of a track and two of one of
its eight nearest. Beside it stand the two main axes (PCA) and, where they are installed and there
are no more than --most-peers tracks, t-SNE of scikit-learn and UMAP, with their defaults; all are
measured with the same functions. Times are of the CPU.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facets
from soundalike.library import Library
from soundalike.recommend.affinity import affinities, shares
from soundalike.recommend.communities import communities
from soundalike.recommend.fidelity import kept_shares, nearest_in_plane, trustworthiness
from soundalike.recommend.layout import lay_out, main_axes, place
from soundalike.similarity.best import best_columns
from soundalike.similarity.neighbours import Neighbours, nearest

Floats = NDArray[np.float32]

K = 10
RELATED = 15
CHECKED = 500


def sampled(library: Library, sizes: list[int], seed: int = 0) -> Iterator[Floats]:
    """The embeddings of a library, then others around them."""
    index = library.index()
    yield index.embeddings
    analyses = [library.analysis(each) for each in index.track_ids.tolist()]
    layout: Facets = analyses[0].layout
    excerpts = [each.excerpt_embeddings for each in analyses]
    near = nearest(index.embeddings, 8).rows
    generator = np.random.default_rng(seed)
    for size in sizes:
        made = np.empty((size, layout.size), np.float32)
        for row in range(size):
            track = int(generator.integers(len(index)))
            other = int(generator.choice(near[track]))
            weights = generator.dirichlet([1, 1, 0.7, 0.7])
            parts = [
                excerpts[each][generator.integers(len(excerpts[each]))]
                for each in (track, track, other, other)
            ]
            made[row] = weights @ np.stack(parts)
        yield layout.normalise(made)


def timed(call: Callable[[], NDArray[Any]]) -> tuple[NDArray[Any], float]:
    start = time.process_time()
    found = call()
    return found, time.process_time() - start


def recall(embeddings: Floats, found: Neighbours) -> float:
    """Of the exact ten nearest of some tracks, the share that was found."""
    some = np.random.default_rng(1).choice(len(embeddings), min(len(embeddings), CHECKED), False)
    products = embeddings[some] @ embeddings.T
    products[np.arange(len(some)), some] = -np.inf
    return float(kept_shares(best_columns(products, K)[0], found.rows[some, :K]).mean())


def peers(embeddings: Floats) -> Iterator[tuple[str, Callable[[], Floats]]]:
    """Other maps, of what is installed here."""
    try:
        manifold = importlib.import_module("sklearn.manifold")
        yield (
            "t-SNE (scikit-learn)",
            lambda: manifold.TSNE(random_state=0).fit_transform(embeddings),
        )
    except ImportError:
        print("    scikit-learn is not installed here")
    try:
        umap = importlib.import_module("umap")
        yield "UMAP", lambda: umap.UMAP(metric="cosine", random_state=0).fit_transform(embeddings)
    except ImportError:
        print("    umap-learn is not installed here")


def describe(name: str, embeddings: Floats, rows: NDArray[np.int32], places: Floats) -> str:
    kept = float(kept_shares(rows[:, :K], nearest_in_plane(places, K)).mean())
    return (
        f"    {name:<22} kept {kept:.3f}  trustworthiness {trustworthiness(embeddings, places):.4f}"
    )


def placed(embeddings: Floats, seed: int = 0) -> str:
    """What the new tenth of the tracks keeps of its neighbours on a map of the others."""
    is_new = np.random.default_rng(seed).random(len(embeddings)) < 0.1
    old = embeddings[~is_new]
    places = lay_out(old, nearest(old, K).rows)
    rows = best_columns(embeddings[is_new] @ old.T, K)[0]
    found = place(places, rows)
    apart = ((found[:, None] - places) ** 2).sum(axis=2)
    kept = kept_shares(rows, best_columns(-apart, K)[0]).mean()
    return f"    a tenth placed anew    kept {kept:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("library")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--most-peers", type=int, default=10_000)
    options = parser.parse_args()
    with Library(options.library, create=False) as library:
        for embeddings in sampled(library, options.sizes):
            n = len(embeddings)
            start = time.process_time()
            found = nearest(embeddings, RELATED)
            compared = time.process_time() - start
            places, drawn = timed(partial(lay_out, embeddings, found.rows))
            graph = affinities(found.rows, shares(found.similarities, 9.0))
            groups, grouped = timed(partial(communities, graph, most=24))
            print(
                f"{n:,} tracks: neighbours {compared:.1f} s "
                f"(recall {recall(embeddings, found):.3f}), map {drawn:.1f} s, "
                f"{groups.max() + 1} groups {grouped:.1f} s",
                flush=True,
            )
            print(describe("soundalike", embeddings, found.rows, places))
            print(describe("main axes (PCA)", embeddings, found.rows, main_axes(embeddings)))
            if n <= options.most_peers:
                print(placed(embeddings))
                for name, call in peers(embeddings):
                    others, took = timed(call)
                    words = describe(name, embeddings, found.rows, np.asarray(others, np.float32))
                    print(f"{words}  {took:.1f} s", flush=True)


if __name__ == "__main__":
    main()
