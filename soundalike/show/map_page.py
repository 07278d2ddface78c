"""The map of a library as a page to move about in: the values for ``map.html.jinja``."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.library.records import Track
from soundalike.recommend.clusters import Group
from soundalike.recommend.map import LibraryMap
from soundalike.show.amounts import show_count
from soundalike.show.charts import DARK, LIGHT
from soundalike.show.html import render
from soundalike.show.map_marks import Mark, mark_of
from soundalike.show.map_words import (
    axes_words,
    group_facts,
    kept_words,
    new_words,
    unclear_words,
)

__all__ = ["map_page"]

# A name that is longer says no more, and there may be a hundred thousand.
_LONGEST_NAME = 120
# A browser loads nothing for the page, and sends nothing from it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class _ShownGroup:
    number: int
    name: str
    size: int
    mark: Mark
    facts: Sequence[tuple[str, str]]


def map_page(
    found: LibraryMap,
    groups: Sequence[Group],
    tracks: Sequence[Track],
) -> str:
    """The whole page as text. It asks for nothing from the net.

    Parameters
    ----------
    groups : of the map.
    tracks : in its order.
    """
    n = show_count(len(found), "track")
    low = found.places.min(axis=0)
    wide, high = np.maximum(found.places.max(axis=0) - low, 1e-3).tolist()
    largest = max(wide, high)
    unclear = unclear_words(found)
    return render(
        "map.html.jinja",
        title=f"The map of {n}",
        lead=f"Tracks that sound alike to {found.model} lie close: {kept_words(found)}.",
        warning="",
        policy=_POLICY,
        footer="soundalike map",
        n_tracks=len(found),
        groups=[
            _ShownGroup(each.number, each.name, each.size, mark_of(each.number), group_facts(each))
            for each in groups
        ],
        unclear=f"Of the tracks {unclear}." if len(groups) > 1 else "",
        kept=kept_words(found),
        axes=axes_words(found),
        new=f"{new}." if (new := new_words(found)) else "",
        light=LIGHT.colours,
        dark=DARK.colours,
        names="\n".join(_line(track) for track in tracks),
        wide=f"{wide:.6g}",
        high=f"{high:.6g}",
        ids=_encoded(found.track_ids, np.uint32),
        # y grows upwards on the map, downwards on a screen.
        places=_encoded(
            np.stack([found.places[:, 0] - low[0], high - (found.places[:, 1] - low[1])], axis=1)
            * (65535 / largest),
            np.uint16,
        ),
        middles=" ".join(
            f"{each.number}:{each.middle[0] - low[0]:.4g}:{high - (each.middle[1] - low[1]):.4g}"
            for each in groups
        ),
        numbers=_encoded(found.groups + 1, np.uint16),
        trust=_encoded(np.round(100 * found.trust), np.uint8),
        memberships=_encoded(np.round(100 * found.memberships), np.uint8),
        near=_encoded(found.nearest, np.int32),
    )


def _line(track: Track) -> str:
    """What a track is called, and its album: with a tab between them, and no other."""
    return "\t".join(
        " ".join(part.split())[:_LONGEST_NAME] for part in (track.name, track.album or "")
    )


def _encoded(values: NDArray[Any], kind: type[np.generic]) -> str:
    """Numbers as the page reads them: base64, little-endian."""
    dtype = np.dtype(kind).newbyteorder("<")
    return base64.b64encode(np.ascontiguousarray(values).astype(dtype).tobytes()).decode("ascii")
