"""What an index knows of tracks, a row each: columns, and room to add to them without copying."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.similarity.codes import Codes, encode

__all__ = ["Room", "Rows", "merged"]

# Of rows that may come yet, so many are there for each that is.
_ROOM_SHARE, _LEAST_ROOM = 0.0625, 1024


@dataclass(frozen=True)
class Rows:
    """What is known of some tracks, one row each, ascending by track id.

    Attributes
    ----------
    track_ids, content_ids : int64 (n,); exact copies have the same content.
    audio_ids : int64 (n,), equal for exact copies and for the same audio with other tags.
    artist_codes, album_codes : int64 (n,), equal for the same artist or album, by tags or by what
        stands in for them; 0 for unknown.
    durations_s : float32 (n,), seconds.
    embeddings : float32 (n, embedding_dim), unit length.
    codes, scales, residuals : the same in 8 bits a number, see ``similarity.codes``.
    """

    track_ids: NDArray[np.int64]
    content_ids: NDArray[np.int64]
    audio_ids: NDArray[np.int64]
    artist_codes: NDArray[np.int64]
    album_codes: NDArray[np.int64]
    durations_s: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    residuals: NDArray[np.float32]

    @classmethod
    def of(cls, embeddings: NDArray[np.float32], **columns: NDArray[Any]) -> Rows:
        """The rows with these columns, and the codes of their embeddings."""
        made = encode(embeddings)
        return cls(
            embeddings=embeddings,
            codes=made.codes,
            scales=made.scales,
            residuals=made.residuals,
            **columns,
        )

    def __len__(self) -> int:
        return len(self.track_ids)

    def columns(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(Rows)}

    @property
    def encoded(self) -> Codes:
        """The embeddings in 8 bits."""
        return Codes(self.codes, self.scales, self.residuals)


class Room:
    """Arrays that are longer than what they hold, so that rows can be added without copying.

    An index shows the first ``n`` rows. Whoever adds behind them leaves it as it is.

    Parameters
    ----------
    arrays : by the names of :class:`Rows`, of one length.
    n : rows that they hold.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], n: int) -> None:
        self._arrays = dict(arrays)
        self.n = n

    @classmethod
    def copied(cls, rows: Rows) -> Room:
        """A copy of some rows with room for more."""
        n = len(rows)
        arrays = {
            name: np.empty((n + spare(n), *column.shape[1:]), column.dtype)
            for name, column in rows.columns().items()
        }
        room = cls(arrays, 0)
        room.add(rows)
        return room

    @classmethod
    def filled(cls, parts: Iterable[Rows]) -> Room:
        """All rows of some parts, of which there is at least one, one after the other."""
        found: Room | None = None
        for rows in parts:
            if found is None:
                found = cls.copied(rows)
                continue
            found.extend(rows)
        assert found is not None
        return found

    def add(self, rows: Rows) -> bool:
        """Whether there was room."""
        stop = self.n + len(rows)
        if stop > len(self._arrays["track_ids"]):
            return False
        for name, column in rows.columns().items():
            self._arrays[name][self.n : stop] = column
        self.n = stop
        return True

    def shown(self) -> dict[str, Any]:
        views = {name: array[: self.n] for name, array in self._arrays.items()}
        for view in views.values():
            view.flags.writeable = False
        return views

    def extend(self, rows: Rows) -> None:
        """Add rows, and make room for them where there is none: before anything was shown."""
        if self.add(rows):
            return
        # The system moves the pages; nothing is copied.
        capacity = self.n + len(rows) + max((self.n + len(rows)) // 2, _LEAST_ROOM)
        for array in self._arrays.values():
            array.resize((capacity, *array.shape[1:]), refcheck=False)
        self.add(rows)


def spare(n: int) -> int:
    """How many rows there is to be room for behind n."""
    return max(_LEAST_ROOM, int(_ROOM_SHARE * n))


def merged(
    index: Rows, room: Room | None, changed: NDArray[np.int64], rows: Rows
) -> tuple[dict[str, Any], Room | None]:
    """The columns of an index with those of the changed tracks instead of what it had of them.

    Parameters
    ----------
    room : that the index shows, if any.
    changed : track ids, ascending.
    rows : of those of them that a search can find.

    Returns
    -------
    The columns, and the room that they show.
    """
    old = np.zeros(len(index), np.bool_)
    places = np.searchsorted(index.track_ids, changed)
    inside = places < len(index)
    places, those = places[inside], changed[inside]
    old[places[index.track_ids[places] == those]] = True
    last = int(index.track_ids[-1]) if len(index) else 0
    if not old.any() and (len(rows) == 0 or rows.track_ids[0] > last):
        # New tracks alone, as while a scan runs: they have higher ids than all before them.
        if len(rows) == 0:
            return index.columns(), room
        if room is None or room.n != len(index) or not room.add(rows):
            room = Room.copied(index)
            if not room.add(rows):
                return _stacked(index.columns(), rows), None
        return room.shown(), room
    kept = {name: column[~old] for name, column in index.columns().items()}
    return _stacked(kept, rows), None


def _stacked(kept: Mapping[str, NDArray[Any]], rows: Rows) -> dict[str, Any]:
    order = np.argsort(np.concatenate([kept["track_ids"], rows.track_ids]), kind="stable")
    return {
        name: np.concatenate([kept[name], column])[order] for name, column in rows.columns().items()
    }
