"""A path through a library, from one track to another by way of what lies between."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set

import numpy as np

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument
from soundalike.library.checks import checked_taste, checked_weights
from soundalike.library.library import Library
from soundalike.library.limits import Limits
from soundalike.library.listener import Listener
from soundalike.library.similar_records import Heard
from soundalike.library.snapshot import Query
from soundalike.library.view import View
from soundalike.recommend.defaults import PATH_TRACKS, PLAYLIST_LIMITS
from soundalike.recommend.likeness import Likenesses
from soundalike.recommend.path import Path, listening_path
from soundalike.recommend.records import MadePath, PathStop
from soundalike.recommend.rules import (
    check_library,
    check_no_counts,
    limits_with_playlists,
    soft_gap,
    taken_words,
)
from soundalike.similarity.taste import Taste

__all__ = ["make_path"]


def make_path(
    library: Library,
    waypoints: Sequence[Query],
    *,
    tracks: int = PATH_TRACKS,
    limits: Limits = PLAYLIST_LIMITS,
    only_playlists: Sequence[str | os.PathLike[str]] = (),
    not_playlists: Sequence[str | os.PathLike[str]] = (),
    weights: Mapping[str, float] | None = None,
    taste: Taste | None = None,
    among: Set[int] | None = None,
) -> MadePath:
    """A path from a track to another in small, even steps, by way of others if there are more.

    Among paths that come nearer to the next waypoint with each track it has the least sum of the
    eighth powers of the steps (1 - cosine), so that the largest is small, by dynamic programming;
    see ``recommend.path``, which has the sources.

    Parameters
    ----------
    waypoints : two or more, in this order, as for ``Library.hear``: tracks, files, passages.
    tracks : with the waypoints.
    limits : of what comes between: lengths, folders, genres, years, tracks, and the gap between
        artists, 1 where none is asked for. A path has no limit on how many of an artist or album.
    taste : of a listener, as for ``make_playlist``; a step to what is liked counts as smaller.
    among : the ids of the tracks that may come between, beside the limits; None for all.
    others : as for ``make_playlist``.

    Raises
    ------
    TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch, PlaylistError : of a waypoint.
    InvalidArgument : fewer than two waypoints, one twice, more than tracks; too few tracks that
        may come between; a value out of range; an empty library.
    """
    if isinstance(waypoints, (str, bytes, os.PathLike)) or not isinstance(waypoints, Sequence):
        raise InvalidArgument(f"waypoints is {waypoints!r}: give a list of two or more")
    tracks = whole_number("tracks", tracks, least=1)
    if len(waypoints) < 2:
        raise InvalidArgument(f"a path needs at least 2 tracks to go between, not {len(waypoints)}")
    if len(waypoints) > tracks:
        raise InvalidArgument(
            f"a path of {tracks} tracks cannot go through {len(waypoints)}: ask for at least as "
            f"many tracks"
        )
    check_no_counts(limits, "a path")
    weights, taste = checked_weights(weights), checked_taste(taste)
    check_library(library)
    heard = [library.hear(waypoint) for waypoint in waypoints]
    keys = [each.seed.key for each in heard]
    for each in heard:
        if keys.count(each.seed.key) > 1:
            raise InvalidArgument(f"{each.name} is named twice: a path has each track once")
    limits = limits_with_playlists(library, limits, only_playlists, not_playlists, among)
    with library.view() as view:
        view.check(*heard)
        return _path(view, heard, tracks, limits, Listener(view, weights, taste))


def _path(
    view: View,
    heard: Sequence[Heard],
    tracks: int,
    limits: Limits,
    listener: Listener,
) -> MadePath:
    n = len(view)
    embeddings = view.index.embeddings
    rows: list[int] = []
    own: set[int] = set()
    # What is no row of the library, as a passage, has one behind its last.
    others: list[Heard] = []
    for each in heard:
        row, same = view.own_rows(each)
        whole = row if each.seed.is_whole else None
        own.update(same if row is None else [row, *same])
        if whole is None:
            others.append(each)
        rows.append(n + len(others) - 1 if whole is None else whole)
    if others:
        embeddings = np.concatenate([embeddings, np.stack([each.embedding for each in others])])
    barred = view.barred(limits)
    allowed = np.concatenate([barred.allowed, np.zeros(len(others), np.bool_)])
    allowed[list(own)] = False
    if (needed := tracks - len(rows)) > (n_free := int(np.count_nonzero(allowed))):
        raise InvalidArgument(
            f"the path needs {needed} tracks between those that are named, and only {n_free:,} may "
            f"come there{taken_words(barred)}: ask for fewer, or allow more"
        )

    def artists_of(some: Sequence[int]) -> list[frozenset[int]]:
        known = iter(view.artists([row for row in some if row < n]))
        return [next(known) if row < n else frozenset() for row in some]

    def copies_of(some: Sequence[int]) -> list[Sequence[int]]:
        known = iter(view.same_music([row for row in some if row < n]))
        return [next(known) if row < n else () for row in some]

    bonus = listener.bonus
    if bonus is not None:
        bonus = np.concatenate([bonus, np.zeros(len(others), np.float32)])
    found = listening_path(
        listener.transform(embeddings),
        rows,
        tracks,
        allowed=allowed,
        artists_of=artists_of,
        artist_gap=soft_gap(limits),
        copies_of=None if limits.versions else copies_of,
        bonus=bonus,
    )
    return MadePath(
        model=view.model,
        waypoints=tuple(each.seed for each in heard),
        weights=listener.weights,
        stops=_stops(view, found, dict(zip(rows, heard, strict=True)), listener),
        largest_step=found.largest_step,
        variation=found.variation,
        straight_largest_step=found.straight_largest_step,
        random_largest_step=found.random_largest_step,
        n_too_close=found.n_too_close,
        limits=limits.in_use,
        searched=int(np.count_nonzero(allowed)),
        not_searched=view.index.counts["pending"],
        taste=listener.use,
    )


def _stops(
    view: View, found: Path, heard: Mapping[int, Heard], listener: Listener
) -> tuple[PathStop, ...]:
    rows = found.rows.tolist()
    inside = [row for row in rows if row < len(view)]
    tracks = dict(zip(inside, view.tracks(inside), strict=True))
    likenesses = Likenesses(view, inside, listener)
    sides = [row if row < len(view) else heard[row] for row in rows]
    places = list(heard)
    stops = []
    for at, row in enumerate(rows):
        likeness = likenesses.between(sides[at - 1], sides[at]) if at else None
        waypoint = heard.get(row)
        stops.append(
            PathStop(
                place=at + 1,
                track=tracks[row] if row in tracks else heard[row].track,
                waypoint=None if waypoint is None else places.index(row),
                likeness=likeness,
                step=None if likeness is None else 1.0 - likeness.similarity,
                liking=listener.liking_of(row) if row in tracks else None,
            )
        )
    return tuple(stops)
