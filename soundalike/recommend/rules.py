"""What holds for every recommendation: a library to choose from, and its limits."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import replace

from soundalike.errors import InvalidArgument
from soundalike.library.library import Library
from soundalike.library.limits import Limits
from soundalike.recommend.seeds import playlist_ids
from soundalike.similarity.rules import rule_words
from soundalike.similarity.select import Barred

__all__ = [
    "check_library",
    "check_no_counts",
    "limits_with_playlists",
    "soft_gap",
    "taken_words",
]


def check_library(library: Library) -> None:
    """
    Raises
    ------
    InvalidArgument : there is nothing to recommend.
    ModelMismatch : the whole library is analysed with another model only.
    """
    if not len(library.index()):
        raise InvalidArgument(
            f"{library.location}: no track is analysed yet, so there is nothing to choose from; "
            f"scan a folder first (soundalike scan ~/Music)"
        )


def soft_gap(limits: Limits) -> int:
    """The gap between artists that an order tries to keep: where none is asked for, one artist
    does not come twice in a row if that can be had."""
    return 1 if limits.artist_gap is None else limits.artist_gap


def limits_with_playlists(
    library: Library,
    limits: Limits,
    only: Sequence[str | os.PathLike[str]],
    never: Sequence[str | os.PathLike[str]],
    among: Set[int] | None = None,
) -> Limits:
    """Limits that allow only the tracks of some playlists, and none of others.

    Parameters
    ----------
    among : the ids of the tracks that may come, besides; None for all.

    Raises
    ------
    PlaylistError : one cannot be read.
    TrackNotFound : none of the tracks of one of the former is in the library. One of the latter
        may be empty: it takes nothing away.
    InvalidArgument : that leaves nothing.
    """
    if only:
        ids = playlist_ids(library, only)
        if limits.only.track_ids is not None:
            ids &= limits.only.track_ids
        limits = replace(limits, only=replace(limits.only, track_ids=ids))
    if never:
        ids = playlist_ids(library, never, may_lack=True) | (limits.never.track_ids or frozenset())
        limits = replace(limits, never=replace(limits.never, track_ids=ids or None))
    if among is not None:
        own = limits.only.track_ids
        ids = frozenset(among if own is None else among & own)
        if not ids:
            raise InvalidArgument(
                f"the limits leave none of the tracks that may come there ({len(among):,}): allow "
                f"more"
            )
        limits = replace(limits, only=replace(limits.only, track_ids=ids))
    return limits


def check_no_counts(limits: Limits, what: str) -> None:
    """
    Raises
    ------
    InvalidArgument : there is a limit on how many of an artist or album.
    """
    for name in ("max_per_artist", "max_per_album"):
        if getattr(limits, name) is not None:
            raise InvalidArgument(
                f"{name} is {getattr(limits, name)}: {what} has no such limit; see artist_gap"
            )


def taken_words(barred: Barred) -> str:
    """`` (length takes 12, genre takes 3)``, the most first; empty where nothing is barred."""
    takes = sorted(barred.counts.items(), key=lambda each: -each[1])
    words = ", ".join(f"{rule_words(name)} takes {count:,}" for name, count in takes if count)
    return f" ({words})" if words else ""
