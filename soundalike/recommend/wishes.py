"""What somebody wishes of a playlist: one record for the command line, the server and Python, which
is also the JSON of a recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from soundalike.arguments import number, whole_number
from soundalike.errors import InvalidArgument
from soundalike.library.checks import checked_weights
from soundalike.library.limits import Filter, Limits, Years
from soundalike.recommend.defaults import PLAYLIST_LIMITS, PLAYLIST_TRACKS
from soundalike.recommend.records import OrderName

__all__ = ["Wishes", "limits_from_json", "limits_to_json"]

# About what a track lasts, where a guess is enough.
_USUAL_S = 210


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a playlist is to be like, beside its seeds.

    Attributes
    ----------
    tracks : how many at most; ``PLAYLIST_TRACKS`` where no minutes are given either.
    minutes : the list comes as near to this length as it can; with ``tracks``, whichever comes
        first.
    limits : of what may come.
    only_playlists, not_playlists : files of playlists: only their tracks, none of theirs.
    weights : of facets; None for the model's own.
    surprise : 0 to 1, see ``surprise.surprised``.
    random_seed : of the surprise.
    order : "smooth", or "similar": the nearest first.
    with_seeds : whether the seeds come first.
    taste : whether a listener's taste is to count.

    Raises
    ------
    InvalidArgument : a value of the wrong type or out of range.
    """

    tracks: int | None = None
    minutes: float | None = None
    limits: Limits = PLAYLIST_LIMITS
    only_playlists: Sequence[str | os.PathLike[str]] = ()
    not_playlists: Sequence[str | os.PathLike[str]] = ()
    weights: Mapping[str, float] | None = field(default=None, hash=False)
    surprise: float = 0.0
    random_seed: int = 0
    order: OrderName = "smooth"
    with_seeds: bool = False
    taste: bool = False

    def __post_init__(self) -> None:
        if self.tracks is not None:
            object.__setattr__(self, "tracks", whole_number("tracks", self.tracks, least=1))
        if self.minutes is not None:
            object.__setattr__(self, "minutes", number("minutes", self.minutes, least=0))
            if not self.minutes:
                raise InvalidArgument("minutes is 0: it must be more than 0")
        elif self.tracks is None:
            object.__setattr__(self, "tracks", PLAYLIST_TRACKS)
        if not isinstance(self.limits, Limits):
            raise InvalidArgument(f"limits is {self.limits!r}: give Limits(max_per_artist=2)")
        for name in ("only_playlists", "not_playlists"):
            files = getattr(self, name)
            if isinstance(files, (str, os.PathLike)):
                raise InvalidArgument(f"{name} is {files!r}: give a list of files")
            absolute = tuple(os.path.abspath(os.path.expanduser(os.fspath(f))) for f in files)
            object.__setattr__(self, name, absolute)
        object.__setattr__(self, "weights", checked_weights(self.weights))
        object.__setattr__(self, "surprise", number("surprise", self.surprise, least=0, most=1))
        whole_number("random_seed", self.random_seed, least=0)
        if not isinstance(self.taste, bool):
            raise InvalidArgument(f"taste is {self.taste!r}: it must be true or false")
        if self.order not in get_args(OrderName):
            raise InvalidArgument(
                f"order is {self.order!r}: it must be {' or '.join(get_args(OrderName))}"
            )

    @property
    def about(self) -> int:
        """How many tracks these wishes come to, about."""
        guess = None if self.minutes is None else max(1, round(60 * self.minutes / _USUAL_S))
        return min(each for each in (self.tracks, guess) if each is not None)

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads; only what is not as by default."""
        found: dict[str, Any] = {"limits": limits_to_json(self.limits)}
        for name in (
            "tracks",
            "minutes",
            "surprise",
            "random_seed",
            "order",
            "with_seeds",
            "taste",
        ):
            if getattr(self, name) != getattr(_DEFAULTS, name):
                found[name] = getattr(self, name)
        found.setdefault("tracks", self.tracks)
        for name in ("only_playlists", "not_playlists"):
            if getattr(self, name):
                found[name] = list(getattr(self, name))
        if self.weights:
            found["weights"] = {name: float(each) for name, each in self.weights.items()}
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Wishes:
        """
        Raises
        ------
        InvalidArgument : what is not known here, as by a newer version, or out of range.
        """
        known = dict(found)
        limits = limits_from_json(known.pop("limits", {}))
        try:
            return cls(limits=limits, **known)
        except TypeError as error:
            raise InvalidArgument(f"a recipe that cannot be read: {error}") from error


_DEFAULTS = Wishes()


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """Limits as JSON has them; only those that are set."""
    found: dict[str, Any] = {}
    for name in limits.in_use:
        value = getattr(limits, name)
        found[name] = _filter_to_json(value) if isinstance(value, Filter) else value
    return found


def limits_from_json(found: Mapping[str, Any]) -> Limits:
    """What :func:`limits_to_json` made.

    Raises
    ------
    InvalidArgument : it has another form.
    """
    try:
        known = dict(found)
        for name in ("only", "never"):
            if name in known:
                asked = dict(known[name])
                asked["years"] = tuple(map(Years.parse, asked.get("years", ())))
                known[name] = Filter(**asked)
        return Limits(**known)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"limits of a recipe that cannot be read: {error}") from error


def _filter_to_json(asked: Filter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    lists: dict[str, Sequence[Any]] = {
        "folders": asked.real_folders,
        "genres": asked.genres,
        "years": [str(each) for each in asked.years],
    }
    found = {name: list(values) for name, values in lists.items() if values}
    if asked.track_ids is not None:
        found["track_ids"] = sorted(asked.track_ids)
    return found
