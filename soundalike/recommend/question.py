"""Which of these three does not belong? Questions whose answers teach a listener's taste most."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.facets import Facets
from soundalike.library.records import Track
from soundalike.recommend.answers import FIRST_SURENESS, LAPSES, WEIGHT_SPREAD
from soundalike.recommend.given import ArtistsOf, CopiesOf, check_allowed

if TYPE_CHECKING:
    from soundalike.library import Library

__all__ = [
    "PASSAGE_S",
    "OddOneQuestion",
    "QuestionPassage",
    "Trio",
    "information",
    "informative_trio",
    "odd_one_question",
]

Floats = NDArray[np.float64]

PASSAGE_S: Final = 10.0
"""How long a passage of a question is."""

# Tracks that a question is looked for among, those that it is looked for around, the nearest of one
# in a facet that may be beside it, and how often two of these are drawn for two facets.
_POOL, _ANCHORS, _NEAR, _DRAWS = 2000, 48, 20, 3
# Weights that stand for what a listener may go by.
_WEIGHTS = 64
# Pairs of tracks at random, for how much similarities differ.
_PAIRS = 400


@dataclass(frozen=True, slots=True)
class Trio:
    """Three tracks to ask about.

    Attributes
    ----------
    rows : of the embeddings, in no order that tells anything.
    information_bits : what an answer is expected to tell about the weights of the facets.
    odd_by_facet : the place, 0 to 2, of the one that is odd by each facet alone.
    """

    rows: tuple[int, int, int]
    information_bits: float
    odd_by_facet: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class QuestionPassage:
    """What is heard of a track, in seconds."""

    track: Track
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class OddOneQuestion:
    """Three passages, of which one does not belong.

    Attributes
    ----------
    passages : three, each the one that is most like its whole track.
    information_bits : what an answer is expected to tell about the weights of the facets.
    odd_by_facet : the place, 0 to 2, of the one that is odd by each facet alone.
    random_seed : that it was drawn with.
    """

    passages: tuple[QuestionPassage, ...]
    information_bits: float
    odd_by_facet: Mapping[str, int] = field(hash=False)
    random_seed: int


def odd_one_question(library: Library, *, random_seed: int = 0) -> OddOneQuestion:
    """Three passages of 10 s, chosen so that the answer teaches something; see
    :func:`informative_trio`. What was answered before is not asked again.

    ``library.odd_one(a, b, odd)`` notes the answer.

    Parameters
    ----------
    random_seed : another one gives another question; the same one over the same library the same.

    Raises
    ------
    InvalidArgument : no seed from 0 on; or fewer than three tracks that can be asked about.
    ModelMismatch : the whole library is analysed with another model only.
    """
    asked = {
        frozenset(each.track.track_id for each in said.pieces if each.track is not None)
        for said in library.judgements()
        if said.kind == "oddone"
    }
    with library.view() as view:
        index = view.index
        found = informative_trio(
            index.embeddings,
            view.layout,
            seed=random_seed,
            allowed=index.durations_s >= PASSAGE_S,
            artists_of=view.artists,
            copies_of=lambda rows: view.copies_of(rows, rows),
            asked={
                frozenset(row for each in ids if (row := index.row_of(each)) is not None)
                for ids in asked
            },
        )
        rows = list(found.rows)
        excerpts, starts = view.excerpts(rows), view.excerpt_starts_s(rows)
        passages = []
        for row, track in zip(rows, view.tracks(rows), strict=True):
            last_s = max(float(index.durations_s[row]) - PASSAGE_S, 0.0)
            start_s = last_s / 2
            if row in excerpts and len(excerpts[row]):
                # What is judged counts as a judgement of whole tracks.
                typical = int((excerpts[row] @ index.embeddings[row]).argmax())
                start_s = min(float(starts[row][typical]), last_s)
            start_s = round(start_s, 3)
            passages.append(QuestionPassage(track, start_s, start_s + PASSAGE_S))
    return OddOneQuestion(tuple(passages), found.information_bits, found.odd_by_facet, random_seed)


def informative_trio(
    embeddings: NDArray[np.float32],
    layout: Facets,
    *,
    seed: int = 0,
    allowed: NDArray[np.bool_] | None = None,
    artists_of: ArtistsOf | None = None,
    copies_of: CopiesOf | None = None,
    asked: Set[frozenset[int]] = frozenset(),
) -> Trio:
    """Three tracks of which a listener's odd one tells most about what the listener goes by.

    That is the mutual information of the answer and the weights of the facets (Lindley 1956, "On a
    measure of the information provided by an experiment"; as a choice of questions Houlsby et al.
    2011, "Bayesian active learning for classification and preference learning"), with the answers
    as probable as :mod:`.answers` has them, over the weights that it holds for possible. It is high
    where facets disagree: two tracks are alike in one and far apart in another, where the third is
    close. So such are drawn: a track, one of the nearest to it in one facet, and one of the nearest
    in another. Of a model with a single facet the answer that is least sure is asked for (Lewis and
    Gale 1994, "A sequential algorithm for training text classifiers").

    No two of them hold the same recording or, where that can be had, are by the same artist; all
    three are by one artist never.

    Parameters
    ----------
    embeddings : float32 (n, D), as ``layout`` normalises them.
    seed : of the draws. The same arguments give the same trio.
    allowed : bool (n,), which rows may come; None for all.
    asked : sets of rows that were asked about already.

    Raises
    ------
    InvalidArgument : no seed from 0 on; or there are no three such tracks.
    """
    seed = whole_number("random_seed", seed, least=0)
    n = len(embeddings)
    free = np.ones(n, np.bool_) if allowed is None else check_allowed(allowed, n)
    generator = np.random.default_rng(seed)
    rows = np.flatnonzero(free)
    if len(rows) > _POOL:
        rows = np.sort(generator.choice(rows, _POOL, replace=False))
    if len(rows) < 3:
        raise InvalidArgument(
            f"{len(rows)} of {n:,} tracks can be asked about, which is too few to find the odd one "
            f"of three: scan more music"
        )
    blocks = _blocks(embeddings[rows], layout)
    trios = _drawn(blocks, generator)
    cosines = np.stack([_cosines(blocks, trios[:, pair]) for pair in _PAIRS_OF_THREE], axis=1)
    pairs = generator.integers(0, len(rows), (_PAIRS, 2))
    background = _cosines(blocks, pairs[pairs[:, 0] != pairs[:, 1]])
    bits, doubt = information(cosines, background, layout, seed=seed)
    worth = bits if len(layout) > 1 else doubt
    best = np.argsort(-worth, kind="stable")
    places = _first_fit(rows[trios[best]], artists_of, copies_of, asked)
    if places is None:
        raise InvalidArgument(
            f"among {n:,} tracks there are no three to ask about that hold different recordings, "
            f"are not all by one artist, and were not asked about before: scan more music"
        )
    chosen = int(best[places])
    order = generator.permutation(3)
    odd = cosines[chosen].argmax(axis=0)
    found = rows[trios[chosen]][order]
    return Trio(
        rows=(int(found[0]), int(found[1]), int(found[2])),
        information_bits=round(float(bits[chosen]), 4),
        odd_by_facet={
            name: int(np.flatnonzero(order == each)[0])
            for name, each in zip(layout.names, odd.tolist(), strict=True)
        },
    )


# The pair that is left where the first, second or third is the odd one.
_PAIRS_OF_THREE: Final = ([1, 2], [0, 2], [0, 1])


def information(
    cosines: Floats, background: Floats, layout: Facets, *, seed: int = 0
) -> tuple[Floats, Floats]:
    """What answers about trios tell about the weights of the facets, in bits: (n,); and how unsure
    each answer is, (n,).

    Parameters
    ----------
    cosines : (n, 3, n_facets), of the pair that is left where the first, second or third is odd.
    background : (m, n_facets), of pairs at random.
    seed : of the weights that stand for the possible ones.
    """
    defaults = np.array([facet.weight for facet in layout])
    generator = np.random.default_rng(seed)
    logs = np.log(defaults) + WEIGHT_SPREAD * generator.normal(size=(_WEIGHTS, len(defaults)))
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    sureness = FIRST_SURENESS / max(float(np.std(background @ defaults)), 1e-3)
    odds = sureness * (cosines @ weights.T)
    shares = np.exp(odds - odds.max(axis=1, keepdims=True))
    shares = (1 - LAPSES) * shares / shares.sum(axis=1, keepdims=True) + LAPSES / 3
    doubt = _entropy(shares.mean(axis=2), axis=1)
    return doubt - _entropy(shares, axis=1).mean(axis=1), doubt


def _entropy(shares: Floats, axis: int) -> Floats:
    return np.asarray(-(shares * np.log2(shares)).sum(axis=axis))


def _blocks(embeddings: NDArray[np.float32], layout: Facets) -> list[NDArray[np.float32]]:
    """The block of each facet, unit length."""
    found = []
    for part in layout.slices.values():
        block = embeddings[:, part]
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        found.append(block / np.maximum(lengths, np.float32(1e-12)))
    return found


def _cosines(blocks: Sequence[NDArray[np.float32]], pairs: NDArray[np.integer]) -> Floats:
    """Of pairs (n, 2) in each facet: (n, n_facets)."""
    found = [np.einsum("nd,nd->n", block[pairs[:, 0]], block[pairs[:, 1]]) for block in blocks]
    return np.stack(found, axis=1).astype(np.float64)


def _drawn(
    blocks: Sequence[NDArray[np.float32]], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Trios to choose from: a track, one near to it in a facet, one near to it in another."""
    n = len(blocks[0])
    found: list[tuple[int, int, int]] = []
    kinds = list(itertools.combinations(range(len(blocks)), 2)) or [(0, 0)]
    for anchor in generator.permutation(n)[:_ANCHORS].tolist():
        near = []
        for block in blocks:
            cosines = block @ block[anchor]
            cosines[anchor] = -np.inf
            near.append(np.argsort(-cosines, kind="stable")[: min(_NEAR, n - 1)])
        for one, other in kinds:
            for _ in range(_DRAWS):
                b, c = int(generator.choice(near[one])), int(generator.choice(near[other]))
                if b != c:
                    found.append((anchor, b, c))
        # In a small library, or one of a few artists, the nearest may not do.
        b, c = generator.permutation(n - 1)[:2] + 1
        found.append((anchor, int((anchor + b) % n), int((anchor + c) % n)))
    return np.array(found, np.intp)


def _first_fit(
    trios: NDArray[np.intp],
    artists_of: ArtistsOf | None,
    copies_of: CopiesOf | None,
    asked: Set[frozenset[int]],
) -> int | None:
    """The place of the first trio by three artists, else of the first that is not all by one.

    Those without a pair that was asked about come first: answers about one pair are not held out
    apart, so that they say less of whether others are predicted.
    """
    known = {pair for rows in asked for pair in _pairs_in(rows)}
    is_known = [not known.isdisjoint(_pairs_in(rows)) for rows in trios.tolist()]

    def are_different(rows: Sequence[int]) -> bool:
        copies = copies_of(rows) if copies_of is not None else [()] * 3
        return not any(other in own for own in copies for other in rows)

    second: list[int] = []
    order: list[int] = np.argsort(is_known, kind="stable").tolist()
    for place in order:
        rows = trios[place].tolist()
        if frozenset(rows) in asked:
            continue
        artists = artists_of(rows) if artists_of is not None else [frozenset()] * 3
        if not any(a & b for a, b in itertools.combinations(artists, 2)):
            if are_different(rows):
                return place
        elif not frozenset.intersection(*artists):
            second.append(place)
    return next((place for place in second if are_different(trios[place].tolist())), None)


def _pairs_in(rows: Collection[int]) -> set[frozenset[int]]:
    return {frozenset(pair) for pair in itertools.combinations(rows, 2)}
