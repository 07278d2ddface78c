"""A playlist from seeds: what to take, how much of it, in which order, and why each track."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import InvalidArgument
from soundalike.library.checks import checked_taste
from soundalike.library.copies import copies_of_row
from soundalike.library.library import Library
from soundalike.library.limits import Limits
from soundalike.library.listener import Listener
from soundalike.library.search import passed_tracks
from soundalike.library.seed_scores import ScoredRows, score_rows
from soundalike.library.similar_records import Heard
from soundalike.library.snapshot import Query
from soundalike.library.view import View
from soundalike.recommend.defaults import PLAYLIST_LIMITS
from soundalike.recommend.likeness import Likenesses
from soundalike.recommend.order import smooth_order
from soundalike.recommend.records import MadePlaylist, OrderName, PlaylistItem, StoppedBy
from soundalike.recommend.rules import check_library, limits_with_playlists, soft_gap
from soundalike.recommend.seeds import Seeds, hear_seeds
from soundalike.recommend.spacing import Spacing
from soundalike.recommend.surprise import surprised
from soundalike.recommend.wishes import Wishes
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.select import COPY, VERSION, Selected, Selection
from soundalike.similarity.taste import Taste

__all__ = ["RECIPE_VERSION", "compose", "make_playlist", "wished_playlist"]

RECIPE_VERSION = 1


def make_playlist(
    library: Library,
    seeds: Query | Sequence[Query],
    *,
    tracks: int | None = None,
    minutes: float | None = None,
    without: Query | Sequence[Query] = (),
    limits: Limits = PLAYLIST_LIMITS,
    only_playlists: Sequence[str | os.PathLike[str]] = (),
    not_playlists: Sequence[str | os.PathLike[str]] = (),
    weights: Mapping[str, float] | None = None,
    surprise: float = 0.0,
    random_seed: int = 0,
    order: OrderName = "smooth",
    with_seeds: bool = False,
    taste: Taste | None = None,
    among: Set[int] | None = None,
) -> MadePlaylist:
    """Make a playlist of what sounds like some seeds.

    It takes the tracks with the highest scores that the limits allow. The score is a soft maximum
    of the cosines to the seeds, on scales of their own (CSLS; Conneau et al. 2018), less what a
    track is too near to ``without``: see ``similarity.seeds``. With surprise, it draws among the
    best: see ``surprise.surprised`` (Gumbel-top-k; Kool et al. 2019). A smooth order has nearly
    the least sum of steps from track to track (2-opt and Or-opt; see ``recommend.tour``), and
    begins with the track of the highest score.

    Parameters
    ----------
    seeds, without : as for ``Library.similar``; the file of a playlist stands for its tracks.
    taste : of a listener, as for ``Library.similar``: its metric compares, also from track to
        track, and what it likes gains something.
    among : the ids of the tracks that may come, beside the limits; None for all. The recipe does
        not keep it.
    others : see ``wishes.Wishes``. Where no gap between artists is asked for, none comes twice in a
        row in a smooth order that can do without.

    Raises
    ------
    TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch, PlaylistError : of a seed.
    InvalidArgument : a value out of range, limits that contradict each other or leave nothing, or
        an empty library.
    """
    wishes = Wishes(
        tracks=tracks,
        minutes=minutes,
        limits=limits,
        only_playlists=only_playlists,
        not_playlists=not_playlists,
        weights=weights,
        surprise=surprise,
        random_seed=random_seed,
        order=order,
        with_seeds=with_seeds,
    )
    return wished_playlist(library, seeds, wishes, without=without, taste=taste, among=among)


def wished_playlist(
    library: Library,
    seeds: Query | Sequence[Query],
    wishes: Wishes,
    *,
    without: Query | Sequence[Query] = (),
    taste: Taste | None = None,
    among: Set[int] | None = None,
) -> MadePlaylist:
    """:func:`make_playlist` by a record of what is wished; raises as that does.

    Parameters
    ----------
    wishes : whose ``taste`` is that a taste is given here.
    among : as for :func:`make_playlist`.
    """
    taste = checked_taste(taste)
    wishes = replace(wishes, taste=bool(taste))
    check_library(library)
    found = hear_seeds(library, seeds, name="seeds")
    away = hear_seeds(library, without, name="without")
    return compose(library, found, away, wishes, taste=taste, among=among)


def compose(
    library: Library,
    seeds: Seeds,
    without: Seeds,
    wishes: Wishes,
    *,
    taste: Taste | None = None,
    before_ids: Sequence[int] | None = None,
    recipe: Mapping[str, Any] | None = None,
    among: Set[int] | None = None,
) -> MadePlaylist:
    """:func:`make_playlist` from what was heard.

    Parameters
    ----------
    before_ids : the tracks of a list that this goes on with, which count for the limits and from
        the last of which the order goes on; None for a new list.
    recipe : what it is besides, such as that it goes on with a list.
    among : as for :func:`make_playlist`.
    """
    if not seeds.heard:
        raise InvalidArgument("there is no seed left to make a playlist from")
    limits = limits_with_playlists(
        library, wishes.limits, wishes.only_playlists, wishes.not_playlists, among
    )
    with library.view() as view:
        asked = score_rows(
            view,
            seeds.heard,
            without.heard,
            weights=wishes.weights,
            taste=taste,
            copies=not limits.versions,
        )
        listener = asked.ranking.listener
        own = [view.row_of(heard) if heard.seed.is_whole else None for heard in asked.seeds]
        first = [row for row in own if row is not None] if wishes.with_seeds else []
        if before_ids is None:
            before = first
        else:
            rows = (view.index.row_of(track_id) for track_id in before_ids)
            before = [row for row in rows if row is not None]
        choice = _choose(view, asked, limits, wishes, before, counted=before_ids is None)
        ordered, n_too_close = _ordered(view, listener, choice, limits, wishes, before)
        items = _items(view, asked, choice, ordered)
        if before_ids is None:
            items = [*_seed_items(view, asked, first), *items]
        standing = before if before_ids is not None else []
        items, steps = _with_steps(view, listener, items, standing)
        best = max((each.likeness.percentile or 0.0 for each in items if each.likeness), default=0)
        left_out = asked.own | set(asked.own_copies) | set(before)
        return MadePlaylist(
            model=view.model,
            seeds=tuple(heard.seed for heard in asked.seeds),
            without=tuple(heard.seed for heard in without.heard),
            gone=(*seeds.gone, *without.gone),
            outside=tuple(
                heard.seed
                for heard, row in zip(asked.seeds, own, strict=True)
                if wishes.with_seeds and row is None
            ),
            weights=listener.weights,
            items=tuple(items),
            before=len(before_ids or ()),
            duration_s=sum(each.track.duration_s or 0.0 for each in items),
            tracks=wishes.tracks,
            minutes=wishes.minutes,
            stopped_by=choice.stopped_by,
            limits=limits.in_use,
            passed_counts=choice.selection.passed_counts,
            searched=len(view) - len(left_out),
            not_searched=view.index.counts["pending"],
            order=wishes.order,
            largest_step=float(max(steps, default=0.0)),
            mean_step=float(np.mean(steps)) if len(steps) else 0.0,
            n_too_close=n_too_close,
            surprise=wishes.surprise,
            random_seed=wishes.random_seed,
            is_unfamiliar=all(heard.is_unfamiliar for heard in asked.seeds),
            is_poor=listener.distribution.is_poor(best or None),
            recipe={
                "version": RECIPE_VERSION,
                **(recipe or {"make": "playlist"}),
                "seeds": list(seeds.recipe),
                "without": list(without.recipe),
                **wishes.to_json(),
            },
            taste=listener.use,
        )


@dataclass(frozen=True, eq=False)
class _Choice:
    """What was chosen, and why no more.

    Attributes
    ----------
    rows : of ``selection``, as many as fit the length.
    ranks_before : of these, by score among all candidates.
    ranks_without_taste : of these, if there were none; empty where there is none.
    """

    selection: Selection
    rows: list[int]
    ranks_before: list[int]
    ranks_without_taste: Mapping[int, int]
    stopped_by: StoppedBy


def _choose(
    view: View,
    asked: ScoredRows,
    limits: Limits,
    wishes: Wishes,
    before: Sequence[int],
    *,
    counted: bool,
) -> _Choice:
    """
    Parameters
    ----------
    counted : whether what stands before counts for the length.
    """
    left_out = [*asked.own, *asked.own_copies]
    candidates = np.ones(len(view), np.bool_)
    candidates[[*left_out, *before]] = False
    scores = asked.scores
    if wishes.surprise:
        may_come = candidates & view.barred(limits).allowed
        drawn = surprised(
            np.where(may_come, scores, -np.inf).astype(np.float32),
            wishes.about,
            wishes.surprise,
            wishes.random_seed,
        )
        # What limits bar keeps its score, so that it is told as passed over.
        scores = np.where(may_come, drawn, scores)
    used = len(before) if counted else 0
    most = None if wishes.tracks is None else wishes.tracks - used
    filled_s = float(view.index.durations_s[list(before)].sum()) if counted else 0.0
    target_s = None if wishes.minutes is None else 60.0 * wishes.minutes
    if (most is not None and most < 1) or (target_s is not None and filled_s >= target_s):
        stopped: StoppedBy = "tracks" if most is not None and most < 1 else "minutes"
        return _Choice(Selection(()), [], [], {}, stopped)
    k = max(1, wishes.about if most is None else min(wishes.about, most))
    while True:
        selection = view.select(scores, k, limits, exclude=left_out, before=before)
        rows = [each.row for each in selection.chosen]
        ends_s = filled_s + np.cumsum(view.index.durations_s[rows].astype(np.float64))
        is_all = len(rows) < k
        is_long = target_s is not None and len(rows) > 0 and ends_s[-1] >= target_s
        if is_all or is_long or (most is not None and k >= most):
            break
        k = 2 * k if most is None else min(2 * k, most)
    stopped_by: StoppedBy = "tracks"
    if target_s is not None and is_long:
        n = _nearest_length(ends_s, target_s, filled_s)
        rows, stopped_by = rows[:n], "minutes"
        selection = Selection(selection.chosen[:n])
    elif is_all:
        stopped_by = (
            "limits" if any(rule not in (COPY, VERSION) for rule in selection.rest) else "library"
        )
    by_score = np.sort(asked.scores[candidates])
    ranks = len(by_score) - np.searchsorted(by_score, asked.scores[rows], side="right") + 1
    without_taste = asked.ranking.ranks_without(rows, np.flatnonzero(~candidates).tolist())
    return _Choice(selection, rows, ranks.tolist(), without_taste, stopped_by)


def _nearest_length(ends_s: NDArray[np.float64], target_s: float, filled_s: float) -> int:
    """How many tracks come nearest to a length; at least one where nothing stands before."""
    over = int(np.argmax(ends_s >= target_s))
    previous_s = ends_s[over - 1] if over else filled_s
    n = over + 1 if ends_s[over] - target_s <= target_s - previous_s else over
    return max(n, 0 if filled_s else 1)


def _ordered(
    view: View,
    listener: Listener,
    choice: _Choice,
    limits: Limits,
    wishes: Wishes,
    before: Sequence[int],
) -> tuple[list[int], int]:
    """The places of the chosen in the order of the list, and how many artists are too near."""
    rows, tail = choice.rows, list(before)
    gap = soft_gap(limits)
    n = len(rows)
    in_rank = list(range(n))
    if not n:
        return [], 0
    last = tail[-max(gap, 1) :]
    artists = view.artists([*last, *rows])

    def n_too_close(places: Sequence[int]) -> int:
        if not gap:
            return 0
        path = np.array([*range(len(last)), *(len(last) + place for place in places)], np.intp)
        return Spacing(artists, gap).n_too_close(path)

    if wishes.order == "similar" or n < 2:
        return in_rank, n_too_close(in_rank)
    embeddings = listener.transform(view.index.embeddings[[*tail[-1:], *rows]])
    shift = len(tail[-1:])
    found = smooth_order(
        embeddings, start=0, artists=artists[len(last) - shift :], artist_gap=gap
    ).order[shift:]
    places = [int(place) - shift for place in found]
    # The order knows one track before it; the rank keeps a gap that was asked for in any case.
    if limits.artist_gap and n_too_close(places) > n_too_close(in_rank):
        places = in_rank
    return places, n_too_close(places)


def _items(
    view: View,
    asked: ScoredRows,
    choice: _Choice,
    ordered: Sequence[int],
) -> list[PlaylistItem]:
    index = view.index
    chosen: Sequence[Selected] = choice.selection.chosen
    rows = [
        *(row for each in chosen for row in (each.row, *each.copies, *each.versions)),
        *(over.row for each in chosen for over in each.passed_over),
    ]
    tracks = dict(zip(rows, view.tracks(rows), strict=True))
    nearest: list[Heard] = [asked.seeds[int(asked.nearest[row])] for row in choice.rows]
    likenesses = Likenesses(
        view,
        [*choice.rows, *(row for heard in nearest if (row := view.row_of(heard)) is not None)],
        asked.ranking.listener,
    )
    items = []
    for place, at in enumerate(ordered, start=1):
        each = chosen[at]
        items.append(
            PlaylistItem(
                place=place,
                track=tracks[each.row],
                seed=int(asked.nearest[each.row]),
                likeness=likenesses.between(nearest[at], each.row),
                score=round(float(asked.scores[each.row]), DECIMALS),
                rank_before=choice.ranks_before[at],
                rank=each.rank,
                step=None,
                copies=copies_of_row(index, each.row, each.copies, tracks, each.versions),
                passed_over=passed_tracks(each.passed_over, tracks),
                passed_counts=each.passed_counts,
                rank_without_taste=choice.ranks_without_taste.get(each.row),
                liking=asked.ranking.listener.liking_of(each.row),
            )
        )
    return items


def _seed_items(view: View, asked: ScoredRows, rows: Sequence[int]) -> list[PlaylistItem]:
    seed_of = {view.row_of(heard): place for place, heard in enumerate(asked.seeds)}
    return [
        PlaylistItem(
            place=place,
            track=track,
            seed=seed_of[row],
            likeness=None,
            score=round(float(asked.scores[row]), DECIMALS),
            rank_before=0,
            rank=0,
            step=None,
        )
        for place, (row, track) in enumerate(zip(rows, view.tracks(rows), strict=True), start=1)
    ]


def _with_steps(
    view: View, listener: Listener, items: Sequence[PlaylistItem], before: Sequence[int]
) -> tuple[list[PlaylistItem], list[float]]:
    """The items with their places and steps, and 1 - each step."""
    found_rows = (view.index.row_of(each.track.track_id) for each in items)
    rows = [row for row in found_rows if row is not None]
    tail = list(before[-1:])
    embeddings = listener.transform(view.index.embeddings[[*tail, *rows]])
    similarities = np.einsum("nd,nd->n", embeddings[:-1], embeddings[1:]).astype(np.float64)
    steps: list[float | None] = [round(float(each), DECIMALS) for each in similarities]
    if not tail:
        steps.insert(0, None)
    found = [
        replace(item, place=len(before) + place, step=step)
        for place, (item, step) in enumerate(zip(items, steps, strict=False), start=1)
    ]
    return found, [1.0 - float(each) for each in similarities]
