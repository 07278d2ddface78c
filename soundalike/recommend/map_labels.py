"""What the points of a map may be coloured by: artist, genre, folder, group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import printable
from soundalike.library.heard import Heard
from soundalike.library.words import artist_key
from soundalike.plain import plain
from soundalike.recommend.clusters import Group
from soundalike.recommend.map import LibraryMap

__all__ = ["LABELS", "LabelKind", "Labels", "labels_of"]

LabelKind = Literal["artist", "genre", "model_genre", "folder", "group"]

LABELS: Final[tuple[LabelKind, ...]] = get_args(LabelKind)

# A genre of less is no more likely than all others together.
_SURE = 0.5


@dataclass(frozen=True, eq=False)
class Labels:
    """What each track of a map is called in one respect.

    Attributes
    ----------
    names : the names there are, that of the most tracks first; of groups in their order.
    codes : int32 (n,), the place of each track's name in ``names``; -1 where it has none.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32] = field(repr=False)


def labels_of(kind: LabelKind, heard: Heard, found: LibraryMap, groups: Sequence[Group]) -> Labels:
    """The labels of one kind.

    - "artist": of the tags or the path, without case and accents;
    - "genre": the first one in the tags;
    - "model_genre": what the model hears, where that is more probable than all others together;
    - "folder": the first folder below the one that all tracks lie in;
    - "group": that of the map.

    Parameters
    ----------
    heard : the library.
    found : its map, of the same index, and its groups.
    """
    if kind == "group":
        named = {group.number - 1: group.name for group in groups}
        names = tuple(named.get(number, "") for number in range(found.n_groups))
        return Labels(names, found.groups.astype(np.int32))
    if kind == "model_genre":
        return _by_name(_model_genres(heard), lambda name: name)
    if kind == "folder":
        return _by_name(_folders(heard), lambda name: name)
    if kind == "genre":
        # Of "Folk; Blues" there are values one by one as well.
        return _by_name([next(iter(each.tags.genres), each.genre) for each in heard.tracks], plain)
    return _by_name([each.artist for each in heard.tracks], artist_key)


def _by_name(values: Sequence[str | None], key_of: Callable[[str], Hashable]) -> Labels:
    """Texts with one key are one name, as the first of them is written."""
    keys = [key_of(value) if value else None for value in values]
    written: dict[Hashable, str] = {}
    for key, value in zip(keys, values, strict=True):
        if key and value:
            written.setdefault(key, value)
    counts = Counter(key for key in keys if key)
    order = sorted(counts, key=lambda key: (-counts[key], written[key]))
    place = {key: code for code, key in enumerate(order)}
    codes = np.array([place.get(key, -1) for key in keys], np.int32)
    return Labels(tuple(written[key] for key in order), codes)


def _model_genres(heard: Heard) -> list[str | None]:
    if not heard.genres:
        return [None] * len(heard.tracks)
    probabilities = np.nan_to_num(heard.genre_probabilities)
    best = probabilities.argmax(axis=1)
    is_sure = probabilities[np.arange(len(best)), best] >= _SURE
    return [
        heard.genres[genre] if sure else None
        for genre, sure in zip(best.tolist(), is_sure.tolist(), strict=True)
    ]


def _folders(heard: Heard) -> list[str | None]:
    folders = [track.path.parent.parts for track in heard.tracks]
    shortest = min(map(len, folders), default=0)
    same = 0
    while same < shortest and len({parts[same] for parts in folders}) == 1:
        same += 1
    return [printable(parts[same]) if len(parts) > same else None for parts in folders]
