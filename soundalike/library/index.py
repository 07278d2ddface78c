"""The embeddings of a library in memory, for an exact search, and how they keep up with it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import SoundalikeError
from soundalike.library.changes import NO_TRACK, Position, changed_since
from soundalike.library.naming import Roots, album_folder
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.encoding import decode_embeddings
from soundalike.library.storage.index_file import file_beside, read_arrays, write_arrays
from soundalike.library.storage.schema import analyses, contents, tracks
from soundalike.library.words import album_key, artist_key
from soundalike.models.lineage import EmbeddingSpace
from soundalike.similarity.distribution import PairDistribution
from soundalike.similarity.duplicates import Recordings
from soundalike.similarity.orders import Order
from soundalike.similarity.taste import Metric
from soundalike.similarity.versions import Versions

__all__ = ["Index", "IndexKeeper", "Rows", "artist_code"]

Made = TypeVar("Made")
Stored = TypeVar("Stored")

_MOST_KEPT = 64
_MOST_WEIGHED = 8
_NOTHING = object()
# Rows of one query, under the number of parameters that a statement may have.
_BATCH = 500
# Where a larger share of the tracks changed, it is quicker to start anew.
_MOST_CHANGED = 0.2
# The distribution of a library of which one track in a hundred changed is still its distribution.
_STALE_SHARE = 0.01
# A new file is written when this share of the tracks is not in the old one.
_UNWRITTEN_SHARE = 0.01


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
    """

    track_ids: NDArray[np.int64]
    content_ids: NDArray[np.int64]
    audio_ids: NDArray[np.int64]
    artist_codes: NDArray[np.int64]
    album_codes: NDArray[np.int64]
    durations_s: NDArray[np.float32]
    embeddings: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.track_ids)

    def columns(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(Rows)}


@dataclass(frozen=True, eq=False)
class Index(Rows):
    """All tracks that a search can find: analysed with one model, not missing, not failing now.

    Attributes
    ----------
    model : that made the embeddings, ``name@version``.
    position : how much of the library's log of changes this knows.
    counts : tracks by status.
    """

    model: str
    position: Position
    counts: Mapping[str, int]
    # How many rows are other than when the distribution was measured.
    _stale: int = 0
    _measured: list[PairDistribution] = field(default_factory=list, repr=False)
    # Under other weights, by the bytes of their factors, or a metric's key; the last ones.
    _weighed: dict[Hashable, PairDistribution] = field(default_factory=dict, repr=False)
    _room: _Room | None = field(default=None, repr=False)
    # What was worked out about this state of the library.
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def kept(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` makes of this state of the library, made once; a few dozen are kept."""
        found: Any = self._kept.pop(key, _NOTHING)
        if found is _NOTHING:
            found = make()
            while len(self._kept) >= _MOST_KEPT:
                self._kept.pop(next(iter(self._kept)), None)
        # What was asked for last stays longest.
        self._kept[key] = found
        made: Made = found
        return made

    @property
    def distribution(self) -> PairDistribution:
        """How alike the library's pairs of tracks are, measured when first asked for. Of what is
        there several times, one counts."""
        if not self._measured:
            self._measured.append(self._measure())
        return self._measured[0]

    def weighed(self, factors: NDArray[np.float32] | None) -> PairDistribution:
        """:attr:`distribution` of similarities under other weights (``Facets.factors``)."""
        if factors is None:
            return self.distribution
        return self._one_of_few(factors.tobytes(), lambda: self._measure(factors))

    def under(self, metric: Metric) -> PairDistribution:
        """:attr:`distribution` of similarities by a listener's own metric."""
        return self._one_of_few(metric.key, lambda: self._measure(transform=metric.transform))

    def _one_of_few(self, key: Hashable, make: Callable[[], PairDistribution]) -> PairDistribution:
        """As :meth:`kept`, of what takes megabytes each: a slider asks for one at every step."""
        found = self._weighed.pop(key, None) or make()
        self._weighed[key] = found
        while len(self._weighed) > _MOST_WEIGHED:
            self._weighed.pop(next(iter(list(self._weighed)), None), None)
        return found

    def lengths(self, metric: Metric) -> NDArray[np.float32] | None:
        """``Metric.lengths`` of all rows."""
        return self.kept(("lengths", metric.key), lambda: metric.lengths(self.embeddings))

    def _measure(
        self,
        factors: NDArray[np.float32] | None = None,
        transform: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
    ) -> PairDistribution:
        rows = np.sort(np.unique(self.audio_ids, return_index=True)[1])
        is_once = len(rows) == len(self)  # then nothing need be copied
        return PairDistribution.from_embeddings(
            self.embeddings if is_once else self.embeddings[rows],
            durations_s=self.durations_s[rows],
            factors=factors,
            transform=transform,
        )

    def recordings(self, snapshot: Snapshot) -> Recordings:
        """Which rows hold the same recording, and are as long."""
        return Recordings(
            self.embeddings,
            self.durations_s,
            self.audio_ids,
            self._by_row(snapshot.music_of),
            snapshot.space.layout,
            by_length=self.kept("by length", lambda: Order(self.durations_s)),
            by_audio=self.by_audio,
        )

    def versions(self, snapshot: Snapshot) -> Versions:
        """Which rows hold the same music: other cuts and other versions."""
        return Versions(
            self.embeddings,
            self.audio_ids,
            snapshot.space.layout,
            fingerprints_of=self._by_row(snapshot.fingerprints_of),
            music_of=self._by_row(snapshot.music_of),
            by_audio=self.by_audio,
        )

    @property
    def by_audio(self) -> Order:
        """The rows in the order of their audio."""
        return self.kept("by audio", lambda: Order(self.audio_ids))

    def _by_row(
        self, by_id: Callable[[Sequence[int]], Mapping[int, Stored]]
    ) -> Callable[[Sequence[int]], dict[int, Stored]]:
        """What is stored of some tracks by their ids, as what is stored of some rows."""

        def by_row(rows: Sequence[int]) -> dict[int, Stored]:
            ids = {int(self.track_ids[row]): int(row) for row in rows}
            return {ids[track_id]: found for track_id, found in by_id(list(ids)).items()}

        return by_row

    def row_of(self, track_id: int) -> int | None:
        """The row of a track; None for one that a search cannot find."""
        row = int(np.searchsorted(self.track_ids, track_id))
        return row if row < len(self) and self.track_ids[row] == track_id else None


class _Room:
    """Arrays that are longer than what they hold, so that rows can be added without copying.

    An index shows the first ``n`` rows. Whoever adds behind them leaves it as it is.
    """

    def __init__(self, rows: Rows) -> None:
        self.n = len(rows)
        capacity = self.n + max(1024, self.n // 4)
        self._arrays = {}
        for name, column in rows.columns().items():
            array = np.empty((capacity, *column.shape[1:]), column.dtype)
            array[: self.n] = column
            self._arrays[name] = array

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


class IndexKeeper:
    """The index of a library as it is now, whichever model answers.

    Parameters
    ----------
    database : its file, beside which the index files lie; None for none.
    on_damage : told the tracks whose stored embedding cannot be used, and by which model it is.
    """

    def __init__(
        self, database: Path | None, on_damage: Callable[[list[int], EmbeddingSpace], None]
    ) -> None:
        self._database = database
        self._on_damage = on_damage
        self._kept: Index | None = None
        self._unwritten = 0
        self._lock = threading.Lock()

    def current(self, snapshot: Snapshot) -> Index:
        """The index of this moment: the one at hand, as far as nothing changed.

        Else it catches up with what did, from the one in memory or the one in the file; if that
        cannot be done, all is read anew.
        """
        with self._lock:
            kept = self._kept
            if kept is None or kept.model != snapshot.space.id:
                self._unwritten = 0
                kept = self._read(snapshot)
            found = None if kept is None else self._caught_up(kept, snapshot)
            if found is None:
                found = self._from_scratch(snapshot)
            self._kept = found
            return found

    def save(self) -> None:
        """Write the index to its file, where that is worth it; a failure is no harm."""
        with self._lock:
            index = self._kept
            if index is None or self._unwritten <= _UNWRITTEN_SHARE * len(index):
                return
            path = self._path(index.model)
            if path is None:
                return
            arrays = index.columns() | {"pairs": index.distribution.pair_similarities}
            statement = {
                "model": index.model,
                "position": [index.position.last_id, index.position.token],
                "counts": dict(index.counts),
                "stale": index._stale,
                "n_tracks": index.distribution.n_tracks,
                "sampled_tracks": index.distribution.sampled_tracks,
            }
            with suppress(SoundalikeError, OSError):
                write_arrays(path, arrays, statement)
                self._unwritten = 0

    def _path(self, model: str) -> Path | None:
        return None if self._database is None else file_beside(self._database, model, "index")

    def _read(self, snapshot: Snapshot) -> Index | None:
        """The index in the file of the model that answers."""
        path = self._path(snapshot.space.id)
        found = None if path is None else read_arrays(path)
        if found is None:
            return None
        arrays: dict[str, Any] = found[0]
        statement = found[1]
        try:
            distribution = PairDistribution(
                arrays.pop("pairs"), statement["n_tracks"], statement["sampled_tracks"]
            )
            index = Index(
                **arrays,
                model=statement["model"],
                position=Position(*statement["position"]),
                counts=statement["counts"],
                _stale=statement["stale"],
                _measured=[distribution],
            )
        except (KeyError, TypeError):
            return None  # of another version
        fits = index.embeddings.shape == (len(index), snapshot.space.embedding_dim)
        return index if fits and index.model == snapshot.space.id else None

    def _from_scratch(self, snapshot: Snapshot) -> Index:
        rows = self._load(snapshot)
        self._unwritten = len(rows) + 1
        return Index(
            **rows.columns(),
            model=snapshot.space.id,
            position=snapshot.position,
            counts=snapshot.count_by_status(analysed=len(rows)),
        )

    def _caught_up(self, index: Index, snapshot: Snapshot) -> Index | None:
        """The index with what has changed since; None where it is better made anew."""
        end = snapshot.position
        if end == index.position:
            return index
        changed = changed_since(snapshot.connection, index.position)
        if changed is None or len(changed) > max(100, _MOST_CHANGED * len(index)):
            return None
        ids = np.array(sorted(changed - {NO_TRACK}), np.int64)
        rows = self._load(snapshot, ids.tolist())
        merged, room = _merged(index, ids, rows)
        is_same = len(rows) == 0 and len(merged["track_ids"]) == len(index)
        stale = index._stale + (0 if is_same else len(ids))
        self._unwritten += 0 if is_same else len(ids)
        # A list of its own: what this one measures later is nothing to an index of before.
        measured = list(index._measured)
        if stale > _STALE_SHARE * len(merged["track_ids"]):
            measured.clear()
        return replace(
            index,
            **merged,
            position=end,
            counts=snapshot.count_by_status(analysed=len(merged["track_ids"])),
            _stale=stale if measured else 0,
            _measured=measured,
            _weighed={},
            _room=room,
            _kept={},
        )

    def _load(self, snapshot: Snapshot, track_ids: list[int] | None = None) -> Rows:
        """The rows of all tracks, or of some, as the database has them now."""
        statement = snapshot.searchable(
            tracks.c.id,
            tracks.c.content_id,
            tracks.c.path,
            analyses.c.duration_s,
            contents.c.audio_digest,
            contents.c.tags["artist"].as_string(),
            contents.c.tags["album"].as_string(),
            contents.c.tags["album_artist"].as_string(),
            analyses.c.embedding,
        )
        statement = statement.join(contents, contents.c.id == tracks.c.content_id)
        statement = statement.order_by(tracks.c.id)
        found: list[Any] = []
        if track_ids is None:
            found += snapshot.connection.execute(statement).all()
        else:
            for start in range(0, len(track_ids), _BATCH):
                some = statement.where(tracks.c.id.in_(track_ids[start : start + _BATCH]))
                found += snapshot.connection.execute(some).all()
        # Column by column, not row by row: this is what takes the time.
        columns = list(zip(*found, strict=True)) if found else [()] * 9
        ids, content_ids, paths, durations, audio, *named, encoded = columns
        artist_codes, album_codes = _codes(paths, *named, roots=snapshot.roots)
        embeddings, whole = decode_embeddings(encoded, snapshot.space.layout)
        rows = Rows(
            track_ids=np.array(ids, np.int64)[whole],
            content_ids=np.array(content_ids, np.int64)[whole],
            audio_ids=np.array(list(map(_audio_id, content_ids, audio)), np.int64)[whole],
            artist_codes=np.array(artist_codes, np.int64)[whole],
            album_codes=np.array(album_codes, np.int64)[whole],
            durations_s=np.array(durations, np.float32)[whole],
            embeddings=embeddings,
        )
        damaged = np.array(ids, np.int64)[~whole]
        if len(damaged):
            self._on_damage(damaged.tolist(), snapshot.space)
        return rows


def _merged(
    index: Index, changed: NDArray[np.int64], rows: Rows
) -> tuple[dict[str, Any], _Room | None]:
    """The rows of an index with those of the changed tracks instead of what it had of them."""
    old = np.isin(index.track_ids, changed, assume_unique=True)
    last = int(index.track_ids[-1]) if len(index) else 0
    if not old.any() and (len(rows) == 0 or rows.track_ids[0] > last):
        # New tracks alone, as while a scan runs: they have higher ids than all before them.
        if len(rows) == 0:
            return index.columns(), index._room
        room = index._room
        if room is None or room.n != len(index) or not room.add(rows):
            room = _Room(index)
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


def _codes(
    paths: Sequence[bytes],
    artists: Sequence[str | None],
    albums: Sequence[str | None],
    album_artists: Sequence[str | None],
    *,
    roots: Roots,
) -> tuple[list[int], list[int]]:
    """Numbers for the artist and the album of each path."""
    artist_codes, album_codes = [], []
    for encoded, artist, album, whose in zip(paths, artists, albums, album_artists, strict=True):
        path = os.fsdecode(encoded)
        if not artist or not album:
            said = roots.stand_ins(path)
            artist, album, whose = (
                artist or said.artist,
                album or said.album,
                whose or said.album_artist,
            )
        artist_codes.append(artist_code(artist))
        album_codes.append(_album_code(album, whose, album_folder(path)) if album else 0)
    return artist_codes, album_codes


def _audio_id(content_id: int, audio_digest: bytes | None) -> int:
    """A number for the audio of a content: its own, until its audio was looked at."""
    return content_id if audio_digest is None else _short(audio_digest)


@lru_cache(maxsize=65_536)
def artist_code(artist: str | None) -> int:
    """What stands for an artist in ``Rows.artist_codes``; 0 for nobody in particular."""
    return _code(artist_key(artist))


@lru_cache(maxsize=65_536)
def _album_code(album: str, album_artist: str | None, folder: str) -> int:
    return _code(album_key(album, album_artist, folder))


def _code(key: Hashable | None) -> int:
    """A number that stands for a name, the same in every process; 0 for none."""
    if key is None:
        return 0
    return _short(repr(key).encode("utf-8", "surrogatepass"))


def _short(data: bytes) -> int:
    digest = hashlib.blake2b(data, digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True) or 1
