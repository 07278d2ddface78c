"""What callers give to a library, looked at before anything is done with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from soundalike.arguments import number
from soundalike.errors import InvalidArgument
from soundalike.library.limits import Limits
from soundalike.library.lookup import SeedQuery
from soundalike.library.records import VERSION_KINDS
from soundalike.similarity.taste import Taste

if TYPE_CHECKING:
    from soundalike.library.version_records import VersionKind

__all__ = ["checked_kinds", "checked_taste", "checked_weights", "limits_of", "seed_queries"]


def seed_queries(
    query: Any, start_s: float | None = None, end_s: float | None = None, *, name: str = "query"
) -> list[SeedQuery]:
    """One query or several, with a passage of the one.

    Raises
    ------
    InvalidArgument : none at all, where it is the query; a passage that ends before it starts, or
        is one of several.
    """
    is_one = isinstance(query, (str, bytes, os.PathLike)) or not isinstance(query, Sequence)
    queries = [query] if is_one else list(query)
    if not queries and name == "query":
        raise InvalidArgument("query is empty: name at least one track")
    if start_s is not None:
        start_s = number("start_s", start_s, least=0)
    if end_s is not None:
        end_s = number("end_s", end_s, least=0)
        if end_s <= (start_s or 0.0):
            raise InvalidArgument(
                f"end_s is {end_s:g}: the passage must end after it starts, "
                f"at {start_s or 0.0:g} seconds"
            )
    if len(queries) > 1 and (start_s is not None or end_s is not None):
        raise InvalidArgument(
            f"start_s, end_s is a passage of one track, and there are {len(queries)}: name it with "
            f"the track, such as 'so what@1:10-1:40'"
        )
    return [SeedQuery(each, start_s, end_s) for each in queries]


def limits_of(limits: Any, max_per_artist: int | None) -> Limits:
    """The limits, with that on artists which was given apart.

    Raises
    ------
    InvalidArgument : something else, or another limit on artists.
    """
    if not isinstance(limits, Limits):
        raise InvalidArgument(f"limits is {limits!r}: give Limits(max_per_artist=2), or the like")
    return limits.with_max_per_artist(max_per_artist)


def checked_kinds(kinds: Any) -> tuple[VersionKind, ...]:
    """Kinds of versions. Raises InvalidArgument for none, and for what is none."""
    given = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [each for each in given if each not in VERSION_KINDS]
    if unknown or not given:
        what = f"kinds has {unknown[0]!r}" if unknown else "kinds is empty"
        raise InvalidArgument(f"{what}: give some of {', '.join(VERSION_KINDS)}")
    return given


def checked_weights(weights: Any) -> Mapping[str, float] | None:
    """Weights by facet. Raises InvalidArgument for anything else than a mapping."""
    if weights is not None and not isinstance(weights, Mapping):
        raise InvalidArgument(
            f'weights is {weights!r}: give numbers by facet, such as {{"rhythm": 2}}'
        )
    return weights


def checked_taste(taste: Any) -> Taste | None:
    """What to rank by. Raises InvalidArgument for anything else than a taste, or None."""
    if taste is not None and not isinstance(taste, Taste):
        raise InvalidArgument(
            f"taste is a {type(taste).__name__}: give a Taste, such as taste_of(library).taste, or "
            f"None"
        )
    return taste
