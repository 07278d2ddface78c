"""The embeddings of a library in memory, for an exact search, and how they keep up with it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import SoundalikeError
from soundalike.library.changes import NO_TRACK, Position, changed_since
from soundalike.library.naming import Roots, album_folder
from soundalike.library.rows import Room, Rows, merged, spare
from soundalike.library.statements import rows_of_all, rows_of_tracks
from soundalike.library.storage.encoding import decode_embeddings
from soundalike.library.storage.index_file import (
    FileRows,
    file_beside,
    let_go,
    read_with_rows,
    write_arrays,
)
from soundalike.library.words import album_key, artist_key
from soundalike.similarity.codes import LEAST_ENCODED
from soundalike.similarity.distribution import PairDistribution
from soundalike.similarity.duplicates import Recordings
from soundalike.similarity.orders import Order
from soundalike.similarity.versions import Versions

if TYPE_CHECKING:
    from soundalike.library.snapshot import Snapshot
    from soundalike.models.lineage import EmbeddingSpace
    from soundalike.similarity.codes import Codes
    from soundalike.similarity.taste import Metric

__all__ = ["Index", "IndexKeeper", "Rows", "artist_code"]

Made = TypeVar("Made")
Stored = TypeVar("Stored")

_MOST_KEPT = 64
_MOST_WEIGHED = 8
_NOTHING = object()
# Rows of one query. From some thirty on SQLite, which guesses that a model has made ten analyses,
# would rather look at all of them: seconds instead of a thousandth for each query.
_BATCH = 20
# A server needs its time for the way to it.
_PART_BATCH = 500
# Rows that are read at a time where all are: as many as do not matter beside the whole.
_PART_ROWS = 20_000
# Where a larger share of the tracks changed, it is quicker to start anew.
_MOST_CHANGED = 0.2
# The distribution of a library of which one track in a hundred changed is still its distribution.
_STALE_SHARE = 0.01
# A new file is written when this share of the tracks is not in the old one.
_UNWRITTEN_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class Index(Rows):
    """All tracks that a search can find: analysed with one model, not missing, not failing now.

    Attributes
    ----------
    model : that made the embeddings, ``name@version``.
    position : how much of the library's log of changes this knows.
    counts : tracks by status.
    is_part : whether these are some of the tracks alone: nothing is said about all pairs then.
    """

    model: str
    position: Position
    counts: Mapping[str, int]
    is_part: bool = False
    # How many rows are other than when the distribution was measured.
    _stale: int = 0
    _measured: list[PairDistribution] = field(default_factory=list, repr=False)
    # Under other weights, by the bytes of their factors, or a metric's key; the last ones.
    _weighed: dict[Hashable, PairDistribution] = field(default_factory=dict, repr=False)
    _room: Room | None = field(default=None, repr=False)
    # The first rows as they lie in the file; None where they have moved, or need not be read so.
    _file_rows: FileRows | None = field(default=None, repr=False)
    _in_file: int = 0
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
        if self.is_part:
            return PairDistribution(np.zeros(0, np.float32), 0, 0)
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
            pick=self.pick,
            codes=self.quick_codes,
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
            pick=self.pick,
            codes=self.quick_codes,
        )

    @property
    def quick_codes(self) -> Codes | None:
        """The embeddings in 8 bits, where they are worth it: in a small library the time goes
        elsewhere."""
        return self.encoded if len(self) >= LEAST_ENCODED else None

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

    def pick(self, rows: NDArray[np.integer] | Sequence[int]) -> NDArray[np.float32]:
        """The embeddings of some rows here and there, (m, D), in little memory."""
        some = np.asarray(rows, np.intp)
        if self._file_rows is None or some.max(initial=-1) >= self._in_file:
            return self.embeddings[some]
        found: NDArray[np.float32] = self._file_rows(some)
        return found

    def row_of(self, track_id: int) -> int | None:
        """The row of a track; None for one that a search cannot find."""
        row = int(np.searchsorted(self.track_ids, track_id))
        return row if row < len(self) and self.track_ids[row] == track_id else None


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
        self._state: tuple[str, Position] | None = None
        self._of_state: dict[str, Any] = {}
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
                kept = self._read(snapshot.space.id, snapshot.space.embedding_dim)
            found = None if kept is None else self._caught_up(kept, snapshot)
            if found is None:
                found = self._from_scratch(snapshot)
            self._kept = found
            if len(found) >= LEAST_ENCODED:
                # Of these, a question looks at few, each in another place.
                let_go(found.embeddings, found._in_file)
            return found

    def of_state(self, snapshot: Snapshot, name: str, read: Callable[[], Made]) -> Made:
        """What is read once for each state of the library, and kept under a name."""
        with self._lock:
            state = snapshot.space.id, snapshot.position
            if self._state != state:
                self._state, self._of_state = state, {}
            if name not in self._of_state:
                self._of_state[name] = read()
            made: Made = self._of_state[name]
            return made

    def part(
        self, snapshot: Snapshot, track_ids: Sequence[int], counts: Mapping[str, int]
    ) -> Index:
        """An index of some tracks alone, as the database has them now; ``counts`` are those of the
        library."""
        rows = self._some(snapshot, sorted(set(track_ids)), _PART_BATCH)
        return Index(
            **rows.columns(),
            model=snapshot.space.id,
            position=snapshot.position,
            counts=counts,
            is_part=True,
        )

    def save(self) -> None:
        """Write the index to its file, where that is worth it; a failure is no harm."""
        with self._lock:
            index = self._kept
            if index is None or self._unwritten <= _UNWRITTEN_SHARE * len(index):
                return
            path = self._path(index.model)
            if path is None:
                return
            rows = index.columns()
            arrays = rows | {"pairs": index.distribution.pair_similarities}
            statement = {
                "model": index.model,
                "position": [index.position.last_id, index.position.token],
                "counts": dict(index.counts),
                "n_rows": len(index),
                "stale": index._stale,
                "n_tracks": index.distribution.n_tracks,
                "sampled_tracks": index.distribution.sampled_tracks,
            }
            with suppress(SoundalikeError, OSError):
                write_arrays(
                    path, arrays, statement, room={name: spare(len(index)) for name in rows}
                )
                self._unwritten = 0
                if len(index) >= LEAST_ENCODED:
                    # The file takes up less memory than what it was written from.
                    dim = index.embeddings.shape[1]
                    self._kept = self._read(index.model, dim) or index

    def _path(self, model: str) -> Path | None:
        return None if self._database is None else file_beside(self._database, model, "index")

    def _read(self, model: str, embedding_dim: int) -> Index | None:
        """The index in the file of a model."""
        path = self._path(model)
        found = None if path is None else read_with_rows(path, "embeddings")
        if found is None:
            return None
        arrays: dict[str, Any] = found[0]
        statement = found[1]
        try:
            distribution = PairDistribution(
                arrays.pop("pairs"), statement["n_tracks"], statement["sampled_tracks"]
            )
            room = Room(arrays, statement["n_rows"])
            index = Index(
                **room.shown(),
                model=statement["model"],
                position=Position(*statement["position"]),
                counts=statement["counts"],
                _stale=statement["stale"],
                _measured=[distribution],
                _room=room,
                _file_rows=found[2] if room.n >= LEAST_ENCODED else None,
                _in_file=room.n,
            )
        except (KeyError, TypeError):
            return None  # of another version
        if index.embeddings.shape != (len(index), embedding_dim) or index.model != model:
            return None
        return index

    def _from_scratch(self, snapshot: Snapshot) -> Index:
        room = Room.filled(self._parts(snapshot))
        self._unwritten = room.n + 1
        return Index(
            **room.shown(),
            model=snapshot.space.id,
            position=snapshot.position,
            counts=snapshot.count_by_status(analysed=room.n),
            _room=room,
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
        rows = self._some(snapshot, ids.tolist())
        nowhere: dict[str, Any] = {"_file_rows": None, "_in_file": 0}
        columns, room = merged(index, index._room, ids, rows)
        n = len(columns["track_ids"])
        is_same = len(rows) == 0 and n == len(index)
        stale = index._stale + (0 if is_same else len(ids))
        self._unwritten += 0 if is_same else len(ids)
        # A list of its own: what this one measures later is nothing to an index of before.
        measured = list(index._measured)
        if stale > _STALE_SHARE * n:
            measured.clear()
        return replace(
            index,
            **columns,
            position=end,
            counts=snapshot.count_by_status(analysed=n),
            _stale=stale if measured else 0,
            _measured=measured,
            _weighed={},
            _room=room,
            _kept={},
            **(nowhere if room is not index._room else {}),
        )

    def _parts(self, snapshot: Snapshot) -> Iterator[Rows]:
        """The rows of all tracks as the database has them now, some at a time; one at least."""
        statement = rows_of_all(snapshot.space.name, snapshot.space.version)
        is_any = False
        options = {"yield_per": _PART_ROWS}
        for found in snapshot.connection.execute(statement, execution_options=options).partitions():
            is_any = True
            yield self._rows(snapshot, found)
        if not is_any:
            yield self._rows(snapshot, [])

    def _some(self, snapshot: Snapshot, track_ids: Sequence[int], batch: int = _BATCH) -> Rows:
        """The rows of some tracks, as the database has them now."""
        statement = rows_of_tracks(snapshot.space.name, snapshot.space.version)
        found: list[Any] = []
        for start in range(0, len(track_ids), batch):
            some = {"track_ids": track_ids[start : start + batch]}
            found += snapshot.connection.execute(statement, some).all()
        return self._rows(snapshot, found)

    def _rows(self, snapshot: Snapshot, found: Sequence[Any]) -> Rows:
        # Column by column, not row by row: this is what takes the time.
        columns = list(zip(*found, strict=True)) if found else [()] * 9
        ids, content_ids, paths, durations, audio, *named, encoded = columns
        artist_codes, album_codes = _codes(paths, *named, roots=snapshot.roots)
        embeddings, whole = decode_embeddings(encoded, snapshot.space.layout)
        damaged = np.array(ids, np.int64)[~whole]
        if len(damaged):
            self._on_damage(damaged.tolist(), snapshot.space)
        return Rows.of(
            embeddings,
            track_ids=np.array(ids, np.int64)[whole],
            content_ids=np.array(content_ids, np.int64)[whole],
            audio_ids=np.array(list(map(_audio_id, content_ids, audio)), np.int64)[whole],
            artist_codes=np.array(artist_codes, np.int64)[whole],
            album_codes=np.array(album_codes, np.int64)[whole],
            durations_s=np.array(durations, np.float32)[whole],
        )


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
