"""Tracks that contain a passage like one that somebody names, and where in them it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument, LibraryError
from soundalike.library.copies import copies_of_row
from soundalike.library.limits import NO_LIMITS, Limits
from soundalike.library.records import Copy, Track
from soundalike.library.similar_records import Heard, Seed
from soundalike.library.snapshot import Query, StoredExcerpts
from soundalike.library.view import View
from soundalike.similarity.distribution import DECIMALS, PairDistribution
from soundalike.similarity.places import (
    Start,
    best_starts,
    finer_start_s,
    highest,
    sequence_scores,
)

if TYPE_CHECKING:
    from soundalike.library.library import Library

__all__ = ["LONGEST_S", "SHORTEST_S", "PassageMatch", "PassageResult", "Place", "find_passages"]

SHORTEST_S, LONGEST_S = 3.0, 120.0
"""Seconds that a passage may last."""

# Places in one track that are told, of so many that are looked at; tracks whose excerpts tell what
# is usual, one run of each.
_PLACES, _STARTS = 3, 6
_SAMPLE_TRACKS = 2048


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a track that is like a passage.

    Attributes
    ----------
    start_s, end_s : seconds, right within about 2 s (``similarity.places`` has figures). A passage
        that is shorter than an excerpt lies somewhere in this one.
    similarity : the mean cosine of the excerpts that were compared.
    """

    start_s: float
    end_s: float
    similarity: float


@dataclass(frozen=True, slots=True)
class PassageMatch:
    """A track with a passage like the one that was asked for.

    Attributes
    ----------
    rank : its place, from 1.
    place : where the passage is.
    percentile : the share (0-100) of pairs of passages of different tracks of the library, as long
        as this one, that are less alike; None while the library is too small to say.
    facets : the similarity in each facet by its name, there.
    others : other places in the track that are nearly as alike, best first.
    copies : other tracks with the same recording.
    """

    rank: int
    track: Track
    place: Place
    percentile: float | None
    facets: Mapping[str, float] = field(hash=False)
    others: tuple[Place, ...] = ()
    copies: tuple[Copy, ...] = ()

    @property
    def similarity(self) -> float:
        """Of the best place."""
        return self.place.similarity


@dataclass(frozen=True, slots=True)
class PassageResult:
    """The tracks of a library that contain a passage like a query.

    Attributes
    ----------
    query : the track, or file, and the passage of it.
    duration_s : seconds of the passage.
    model : that made the embeddings, ``name@version``.
    weights : the share of each facet of the model in the similarities, sum 1.
    matches : best first, without the query's own track.
    elsewhere : where the passage comes again in the query's own track, best first; empty for a file
        that is not in the library.
    searched : tracks that were looked through.
    not_searched : tracks that are not analysed with this model (yet), or of which no excerpts are
        stored.
    heard_in_part : of those searched, tracks of which only some passages were heard: what lies
        between is not found.
    limits : the names of the limits that were set.
    passed_counts : how many tracks limits kept from standing before the last match, by limit.
    is_unfamiliar : whether the passage is unlike all music that the model knows.
    """

    query: Seed
    duration_s: float
    model: str
    weights: Mapping[str, float] = field(hash=False)
    matches: tuple[PassageMatch, ...]
    elsewhere: tuple[Place, ...]
    searched: int
    not_searched: int
    heard_in_part: int
    limits: tuple[str, ...]
    passed_counts: Mapping[str, int] = field(hash=False)
    is_unfamiliar: bool


def find_passages(
    library: Library,
    query: Query,
    k: int = 10,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    weights: Mapping[str, float] | None = None,
    limits: Limits = NO_LIMITS,
) -> PassageResult:
    """The tracks that contain a passage like one of a track or file, and where.

    All excerpts of the library are compared, as ``similarity.places`` says; they are read from the
    database some tracks at a time.

    Parameters
    ----------
    query : as for ``Library.similar``, one track or file; a text may end in the passage.
    k : how many tracks at most.
    start_s, end_s : the passage, in seconds; without both, all of a short file.
    weights : what counts how much, by facet, as for ``Library.similar``.
    limits : what may come out.

    Raises
    ------
    TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch : as ``Library.similar``.
    InvalidArgument : the passage is shorter than ``SHORTEST_S`` or longer than ``LONGEST_S``, lies
        beyond the end; or another value is of the wrong type or out of range, or the limits leave
        nothing.
    LibraryError : no track of the library is analysed.
    """
    k = whole_number("k", k, least=1)
    if start_s is not None and end_s is not None:
        # Before hours are decoded for it.
        _check_length(str(query), end_s - start_s)
    heard = library.hear(query, start_s, end_s, with_analysis=True)
    _check_length(heard.name, heard.duration_s)
    with library.view() as view:
        view.check(heard)
        return _Search(view, heard, weights).answer(k, limits)


def _check_length(name: str, duration_s: float) -> None:
    if SHORTEST_S <= duration_s <= LONGEST_S:
        return
    wanted = (
        f"at least {SHORTEST_S:g} s"
        if duration_s < SHORTEST_S
        else f"at most {LONGEST_S:g} s (`similar` finds what is like a whole track)"
    )
    raise InvalidArgument(
        f"{name}: the passage lasts {duration_s:.1f} s: name one of {wanted}, such as 0:45-1:05"
    )


class _Search:
    """One question to one state of a library."""

    def __init__(self, view: View, heard: Heard, weights: Mapping[str, float] | None) -> None:
        assert heard.analysis is not None  # it was asked for
        self._view, self._heard = view, heard
        # float32 (m, D).
        self._passage = view.layout.reweight(heard.excerpts, weights)
        self._weights = view.layout.weights(weights)
        self._factors = view.layout.factors(weights) if weights else None
        self._excerpt_s = heard.analysis.excerpt_s
        self._fast_runs = view.snapshot.fast_runs()

    def answer(self, k: int, limits: Limits) -> PassageResult:
        view, heard = self._view, self._heard
        scores = self._scores()
        is_there = np.isfinite(scores)
        if not is_there.any():
            raise LibraryError(
                f"the library has no excerpts by {view.model}: scan a folder of music first"
            )
        own_row, own_copies = view.own_rows(heard)
        own = sorted({*own_copies, *([] if own_row is None else [own_row])})
        selection = (
            view.select(scores, k, limits, exclude=own) if np.delete(is_there, own).any() else None
        )
        chosen = selection.chosen if selection else ()
        rows = [row for each in chosen for row in (each.row, *each.copies, *each.versions)]
        tracks = dict(zip(rows, view.tracks(rows), strict=True))
        usual = view.index.kept(("pairs of passages", len(self._passage), self._key), self._usual)
        excerpts = view.excerpts([*rows, *own])
        starts_s = view.excerpt_starts_s([*rows, *own])
        matches = []
        for each in chosen:
            first = self._starts(each.row, excerpts[each.row])[0].excerpt
            place, *others = self._places(each.row, excerpts, starts_s)
            matches.append(
                PassageMatch(
                    rank=each.rank,
                    track=tracks[each.row],
                    place=place,
                    percentile=usual.percentile(place.similarity),
                    facets=self._facets(excerpts[each.row][first:]),
                    others=tuple(others[: _PLACES - 1]),
                    copies=copies_of_row(view.index, each.row, each.copies, tracks, each.versions),
                )
            )
        there = int(np.count_nonzero(is_there))
        return PassageResult(
            query=heard.seed,
            duration_s=heard.duration_s,
            model=view.model,
            weights=self._weights,
            matches=tuple(matches),
            elsewhere=self._elsewhere(own_row, excerpts, starts_s),
            searched=there - int(np.count_nonzero(is_there[own])),
            not_searched=view.index.counts["pending"] + len(view) - there,
            heard_in_part=self._count_fast(is_there, own),
            limits=limits.in_use,
            passed_counts=selection.passed_counts if selection else {},
            is_unfamiliar=heard.is_unfamiliar,
        )

    def _count_fast(self, is_there: NDArray[np.bool_], own: Sequence[int]) -> int:
        if not self._fast_runs:
            return 0
        is_fast = np.isin(self._view.index.content_ids, list(self._fast_runs)) & is_there
        return int(np.count_nonzero(is_fast)) - int(np.count_nonzero(is_fast[list(own)]))

    @property
    def _key(self) -> bytes:
        return b"" if self._factors is None else self._factors.tobytes()

    def _scores(self) -> NDArray[np.float32]:
        """Of all rows, (n,); minus infinity for those without excerpts."""
        view = self._view
        found = np.full(len(view), -np.inf, np.float32)
        order = np.argsort(view.index.content_ids, kind="stable")
        by_content = view.index.content_ids[order]
        for stored in view.snapshot.each_excerpts():
            cosines = view.layout.similarities(stored.embeddings, self._passage)
            best = highest(sequence_scores(cosines, self._runs(stored)), stored.counts)
            # Exact copies are rows of one content; what is missing has a content and no row.
            first = np.searchsorted(by_content, stored.content_ids, side="left")
            copies = np.searchsorted(by_content, stored.content_ids, side="right") - first
            skipped = np.repeat(first - (np.cumsum(copies) - copies), copies)
            found[order[skipped + np.arange(len(skipped))]] = np.repeat(best, copies)
        return found

    def _runs(self, stored: StoredExcerpts) -> NDArray[np.int64]:
        """How many excerpts follow each other: all of a track, but where only passages were
        heard."""
        if not self._fast_runs:
            return stored.counts
        both = zip(stored.content_ids.tolist(), stored.counts.tolist(), strict=True)
        return np.array([n for key, all_ in both for n in self._fast_runs.get(key, [all_])])

    def _usual(self) -> PairDistribution:
        """How alike passages of this length are in different tracks: of pairs of runs of excerpts,
        one run a track, drawn at random."""
        view, m = self._view, len(self._passage)
        generator = np.random.default_rng(0)
        rows = np.sort(np.unique(view.index.audio_ids, return_index=True)[1])
        if len(rows) > _SAMPLE_TRACKS:
            rows = np.sort(generator.choice(rows, _SAMPLE_TRACKS, replace=False))
        runs = []
        for each in view.excerpts(rows.tolist()).values():
            if len(each) >= m:
                first = int(generator.integers(len(each) - m + 1))
                # The cosine of two such rows is the mean cosine of the pairs.
                runs.append(each[first : first + m].reshape(-1) / np.float32(np.sqrt(m)))
        size = m * view.layout.size
        factors = None if self._factors is None else np.tile(self._factors, m)
        made = np.stack(runs) if runs else np.zeros((0, size), np.float32)
        return PairDistribution.from_embeddings(made, factors=factors)

    def _starts(
        self, row: int, excerpts: NDArray[np.float32], taken: NDArray[np.bool_] | None = None
    ) -> tuple[Start, ...]:
        """Where the passage fits best in one track."""
        content_id = int(self._view.index.content_ids[row])
        runs = np.array(self._fast_runs.get(content_id, [len(excerpts)]))
        scores = sequence_scores(excerpts @ self._passage.T, runs)
        return best_starts(scores, len(self._passage), _STARTS, taken=taken)

    def _places(
        self,
        row: int,
        excerpts: Mapping[int, NDArray[np.float32]],
        starts_s: Mapping[int, NDArray[np.float64]],
        *,
        taken: NDArray[np.bool_] | None = None,
        beside: Sequence[Place] = (),
    ) -> list[Place]:
        """The best places in one track, none overlapping another or those of ``beside``: between
        excerpts, two of them may be the same."""
        found: list[Place] = []
        for each in self._starts(row, excerpts[row], taken):
            place = self._place(row, each, excerpts[row], starts_s[row])
            if all(
                place.end_s <= other.start_s or place.start_s >= other.end_s
                for other in (*found, *beside)
            ):
                found.append(place)
        return found

    def _place(
        self,
        row: int,
        start: Start,
        excerpts: NDArray[np.float32],
        starts_s: NDArray[np.float64],
    ) -> Place:
        length_s = self._heard.duration_s
        if length_s < self._excerpt_s:
            start_s, length_s = float(starts_s[start.excerpt]), self._excerpt_s
        else:
            start_s = finer_start_s(
                self._passage,
                excerpts,
                starts_s,
                start.excerpt,
                self._view.layout,
                excerpt_s=self._excerpt_s,
            )
        end_s = min(start_s + length_s, float(self._view.index.durations_s[row]))
        return Place(start_s, end_s, round(start.similarity, DECIMALS))

    def _elsewhere(
        self,
        row: int | None,
        excerpts: Mapping[int, NDArray[np.float32]],
        starts_s: Mapping[int, NDArray[np.float64]],
    ) -> tuple[Place, ...]:
        """Where the passage comes again in its own track."""
        seed = self._heard.seed
        if row is None or row not in excerpts or seed.is_whole:
            return ()
        begin_s = seed.start_s or 0.0
        own = Place(begin_s, begin_s + self._heard.duration_s, 1.0)
        taken = (starts_s[row] < own.end_s) & (starts_s[row] + self._excerpt_s > own.start_s)
        places = self._places(row, excerpts, starts_s, taken=taken, beside=[own])
        return tuple(places[:_PLACES])

    def _facets(self, excerpts: NDArray[np.float32]) -> dict[str, float]:
        """The mean cosine in each facet of the passage's excerpts and those that lie over them."""
        layout, passage = self._view.layout, self._heard.excerpts
        pairs = [layout.cosines(*both) for both in zip(passage, excerpts, strict=False)]
        return {name: sum(each[name] for each in pairs) / len(passage) for name in layout.names}
