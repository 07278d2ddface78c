"""Groups in a graph: nodes that have more to do with each other than with the rest.

Groups are those whose modularity is highest (Newman and Girvan 2004), found by moving single nodes,
then groups of them, as long as anything is gained (Blondel, Guillaume, Lambiotte, Lefebvre 2008); a
queue tells which nodes may have a reason to move (Traag, Waltman and van Eck 2019). Another number
of groups is made by another resolution, and by joining the pairs that lose least.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.recommend.affinity import Affinities, from_edges
from soundalike.similarity.neighbours import Progress

__all__ = ["communities", "modularity"]

Labels = NDArray[np.int32]

# The best of several tries is found again and again; one try is as good where nodes are many.
_TRIES: Final = 10
_NODES_OF_TRIES: Final = 20_000
_STEP: Final = "finding groups"


def communities(
    graph: Affinities,
    n_groups: int | None = None,
    *,
    most: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Labels:
    """The group of each node, int32 (n,): the largest group is 0.

    Parameters
    ----------
    n_groups : how many groups; by default as many as have the highest modularity.
    most : how many there are at most, where it does not say how many.
    seed : of the order in which nodes are looked at.
    progress : told how far it is, about.

    Raises
    ------
    InvalidArgument : n_groups is no whole number from 1 on, or more than half of the nodes.
    """
    n = len(graph)
    if n_groups is not None:
        n_groups = whole_number("n_groups", n_groups, least=1)
        if n_groups > max(n // 2, 1):
            raise InvalidArgument(
                f"n_groups is {n_groups}: {n} tracks make {max(n // 2, 1)} groups at most"
            )
    tell = progress or (lambda *_: None)
    resolution = 1.0
    labels = _best(graph, resolution, seed, tell)
    while n_groups is not None and labels.max(initial=0) + 1 < n_groups:
        resolution *= 2
        labels = _best(graph, resolution, seed, tell)
    wanted = n_groups or most
    return _by_size(labels if wanted is None else _joined(graph, labels, wanted))


def modularity(graph: Affinities, labels: Labels, resolution: float = 1.0) -> float:
    """How much more weight lies within the groups than there would be by chance, -0.5 to 1
    (Reichardt and Bornholdt 2006, equation 15, where the resolution is not 1)."""
    between = _between(graph, labels)
    return float(np.trace(between) - resolution * (between.sum(axis=0) ** 2).sum())


def _best(graph: Affinities, resolution: float, seed: int, tell: Progress) -> Labels:
    """The best of some tries."""
    tries = max(1, min(_TRIES, _NODES_OF_TRIES // max(len(graph), 1)))
    found = []
    for number in range(tries):
        generator = np.random.default_rng([seed, number])
        labels = _grown(graph, resolution, generator, tell if tries == 1 else _say_nothing)
        found.append((modularity(graph, labels, resolution), -number, labels))
    return max(found)[2]


def _grown(
    graph: Affinities, resolution: float, generator: np.random.Generator, tell: Progress
) -> Labels:
    labels = np.arange(len(graph), dtype=np.int32)
    level = graph
    while True:
        found = _numbered(_moved(level, np.arange(len(level)), resolution, generator, tell))
        labels = found[labels]
        if len(found) == found.max(initial=-1) + 1:
            break
        level = _condensed(level, found)
    # Once more node by node: what was moved as part of a group may fit better elsewhere.
    return _numbered(_moved(graph, labels, resolution, generator, tell))


def _moved(
    graph: Affinities,
    labels: NDArray[np.integer],
    resolution: float,
    generator: np.random.Generator,
    tell: Progress,
) -> Labels:
    """Move nodes one by one to the group where they add most, until none gains by it."""
    n = len(graph)
    group_of: list[int] = labels.tolist()
    starts: list[int] = graph.starts.tolist()
    own = _strengths(graph)
    strength: list[float] = own.tolist()
    total: list[float] = np.bincount(labels, own, minlength=n).tolist()
    queue = deque(generator.permutation(n).tolist())
    waiting = [True] * n
    looked_at = 0
    while queue:
        node = queue.popleft()
        waiting[node] = False
        looked_at += 1
        if looked_at % 10_000 == 0:
            tell(_STEP, min(looked_at, n), n)
        first, end = starts[node], starts[node + 1]
        others = graph.targets[first:end].tolist()
        linked: dict[int, float] = {}
        for other, weight in zip(others, graph.weights[first:end].tolist(), strict=True):
            if other != node:
                group = group_of[other]
                linked[group] = linked.get(group, 0.0) + weight
        here = group_of[node]
        mine = resolution * strength[node]
        total[here] -= strength[node]
        best, most = here, linked.get(here, 0.0) - mine * total[here]
        for group, weight in linked.items():
            gain = weight - mine * total[group]
            # Not by a rounding error, or it never ends.
            if gain > most + 1e-12:
                best, most = group, gain
        total[best] += strength[node]
        if best == here:
            continue
        group_of[node] = best
        for other in others:
            if group_of[other] != best and not waiting[other]:
                waiting[other] = True
                queue.append(other)
    return np.array(group_of, np.int32)


def _condensed(graph: Affinities, labels: Labels) -> Affinities:
    """A node for each group; what lies within one is an edge from it to itself."""
    wide = labels.astype(np.int64)
    sources = np.repeat(wide, np.diff(graph.starts))
    return from_edges(sources, wide[graph.targets], graph.weights, int(labels.max()) + 1)


def _joined(graph: Affinities, labels: Labels, n_groups: int) -> Labels:
    """Join the two groups whose joining costs the least modularity, until there are so many."""
    between = _between(graph, labels)
    while len(between) > n_groups:
        strength = between.sum(axis=0)
        gains = between - np.outer(strength, strength)
        np.fill_diagonal(gains, -np.inf)
        a, b = sorted(divmod(int(gains.argmax()), len(between)))
        between[a] += between[b]
        between[:, a] += between[:, b]
        between = np.delete(np.delete(between, b, axis=0), b, axis=1)
        labels = np.where(labels == b, a, labels)
        labels = np.where(labels > b, labels - 1, labels)
    return labels.astype(np.int32)


def _between(graph: Affinities, labels: Labels) -> NDArray[np.float64]:
    """The weight between each two groups, both ways: (n_groups, n_groups), sum 1."""
    n_groups = int(labels.max(initial=-1)) + 1
    sources = np.repeat(labels, np.diff(graph.starts)).astype(np.int64)
    keys = sources * n_groups + labels[graph.targets]
    found = np.bincount(keys, graph.weights, n_groups**2).reshape(n_groups, n_groups)
    return np.asarray(found, np.float64)


def _strengths(graph: Affinities) -> NDArray[np.float64]:
    """The weight of all edges of each node."""
    sources = np.repeat(np.arange(len(graph)), np.diff(graph.starts))
    return np.asarray(np.bincount(sources, graph.weights, len(graph)), np.float64)


def _numbered(labels: NDArray[np.integer]) -> Labels:
    """The same groups with the numbers 0, 1, 2, ..."""
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int32)


def _say_nothing(_step: str, _done: int, _total: int) -> None:
    """Of tries that are too quick to tell about."""


def _by_size(labels: Labels) -> Labels:
    """The same groups, the largest first; of two equal ones that of the earlier node."""
    sizes = np.bincount(labels)
    firsts = np.unique(labels, return_index=True)[1]
    rank = np.empty(len(sizes), np.int32)
    rank[np.lexsort((firsts, -sizes))] = np.arange(len(sizes))
    return rank[labels]
