"""Log-mel stores: one file that holds the frames of every track of a data set.

The file is an npz with ``logmel``, uint8 (n_tracks, 128, n_frames), and ``track``, the names. Bytes
map linearly from the quietest value of a track (0) to its loudest, 0 dB (255). Stores that are made
here also hold ``min_db``, the decibels of byte 0. If it is missing, -80 dB is assumed, which is
right for most recordings; every network normalises its excerpts anyway.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, printable
from soundalike.files import replaced_at_once, why, write_file
from soundalike.frontends.log_mel import N_MELS, TOP_DB

__all__ = [
    "SEGMENT_MARK",
    "SPLITS",
    "SPLIT_FILE",
    "STORE_FILE",
    "LogMelSet",
    "Split",
    "Store",
    "decibels",
    "quantise",
    "read_split",
    "read_store",
    "some",
    "write_split",
    "write_store",
]

SPLITS: Final = ("train", "valid", "test")
STORE_FILE: Final = "logmel_u8.npz"
SPLIT_FILE: Final = "split.json"

SEGMENT_MARK: Final = "#"
"""Parts the name of a segment from that of the track it was cut from: ``blues.00000#3``."""

Frames = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Which tracks are trained on, tuned on and tested on, by name."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def sides(self) -> dict[str, tuple[str, ...]]:
        """The names by the names in :data:`SPLITS`."""
        return dict(zip(SPLITS, (self.train, self.validation, self.test), strict=True))

    def rows(self, tracks: Sequence[str]) -> dict[str, Rows]:
        """The positions of the names among ``tracks``, int64.

        Raises
        ------
        DataError : a name is not among them.
        """
        row_of = {track: row for row, track in enumerate(tracks)}
        unknown = [name for names in self.sides().values() for name in names if name not in row_of]
        if unknown:
            raise DataError(f"the split names tracks that the store lacks: {some(unknown)}")
        return {
            side: np.array([row_of[name] for name in names], dtype=np.int64)
            for side, names in self.sides().items()
        }


@dataclass(frozen=True)
class LogMelSet:
    """A labelled collection as frames: what networks are trained on.

    Attributes
    ----------
    log_mel : uint8 (n_tracks, 128, n_frames), mel bands from low to high.
    tracks : names, one a row.
    labels : int64 (n_tracks,), index into ``label_names``.
    artists : int64 (n_tracks,), equal for tracks of one artist, -1 where the artist is unknown.
    splits : rows of each split, int64, by the names in :data:`SPLITS`.
    label_names : the labels.
    min_db : float32 (n_tracks,), the decibels that byte 0 stands for; None for -80 everywhere.
    known_repeats : groups of names that are known to be one recording.
    accepted_leaks : kinds of leak that this data set's own split has.
    """

    known_repeats: ClassVar[tuple[tuple[str, ...], ...]] = ()
    accepted_leaks: ClassVar[frozenset[str]] = frozenset()

    log_mel: Frames
    tracks: tuple[str, ...]
    labels: Rows
    artists: Rows
    splits: dict[str, Rows]
    label_names: tuple[str, ...]
    min_db: npt.NDArray[np.float32] | None = None

    def decibels(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Frames in dB under the track's loudest value, float32 (n_rows, 128, n_frames)."""
        return decibels(self.log_mel[rows], None if self.min_db is None else self.min_db[rows])

    def split(self) -> Split:
        """The splits as names."""
        names = {side: tuple(self.tracks[row] for row in self.splits[side]) for side in SPLITS}
        return Split(names["train"], names["valid"], names["test"])

    def subset(self, names: Sequence[str]) -> LogMelSet:
        """Those tracks alone, in that order; the splits lose what is left out.

        Raises
        ------
        DataError : a name is unknown, or given twice.
        """
        row_of = {track: row for row, track in enumerate(self.tracks)}
        unknown = [name for name in names if name not in row_of]
        if unknown:
            raise DataError(f"not among the {len(self.tracks)} tracks: {some(unknown)}")
        if len(set(names)) != len(names):
            raise DataError(f"requested twice: {some(_repeated(names))}")
        rows = np.array([row_of[name] for name in names], dtype=np.int64)
        position = np.full(len(self.tracks), -1, dtype=np.int64)
        position[rows] = np.arange(len(rows))
        return replace(
            self,
            log_mel=self.log_mel[rows],
            tracks=tuple(names),
            labels=self.labels[rows],
            artists=self.artists[rows],
            splits={side: position[old][position[old] >= 0] for side, old in self.splits.items()},
            min_db=None if self.min_db is None else self.min_db[rows],
        )


@dataclass(frozen=True)
class Store:
    """What a store file holds.

    Attributes
    ----------
    log_mel : uint8 (n_tracks, 128, n_frames).
    tracks : names.
    min_db : float32 (n_tracks,), or None where the file has none.
    labels, artists : the label and artist of each track, "" for an unknown artist; None in files
        that leave them to the names of the tracks, as GTZAN's do.
    """

    log_mel: Frames
    tracks: tuple[str, ...]
    min_db: npt.NDArray[np.float32] | None = None
    labels: tuple[str, ...] | None = None
    artists: tuple[str, ...] | None = None


def quantise(log_mel: npt.NDArray[np.floating], min_db: float) -> Frames:
    """Decibels as bytes, rounded to the nearest: ``min_db`` is 0, 0 dB is 255; same shape.

    A recording that is equally loud in every band and frame (``min_db`` 0) becomes 255 everywhere.
    """
    scale = 255.0 / -min_db if min_db < 0 else 0.0
    stored: Frames = np.rint(255.0 + np.clip(log_mel, min_db, 0.0) * scale).astype(np.uint8)
    return stored


def decibels(
    log_mel: Frames, min_db: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """Stored bytes (n, 128, n_frames) as dB under the track's loudest value, float32."""
    if min_db is None:
        return log_mel.astype(np.float32) * np.float32(TOP_DB / 255.0) - np.float32(TOP_DB)
    step = (-min_db / np.float32(255.0))[:, None, None]
    return log_mel.astype(np.float32) * step + min_db[:, None, None]


def read_store(path: Path) -> Store:
    """Read a store file and check that its parts fit each other.

    Raises
    ------
    DataError : the file is missing, damaged or not a store, or has a track twice.
    """
    if not path.is_file():
        raise DataError(f"{printable(path)}: no such file; `soundalike data prepare` makes one")
    try:
        with np.load(path, allow_pickle=False) as stored:
            log_mel, names = stored["logmel"], stored["track"]
            optional = {
                key: stored[key] if key in stored.files else None
                for key in ("min_db", "label", "artist")
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{printable(path)}: damaged, or not a log-mel store ({error}); get or make it again"
        ) from error
    if log_mel.dtype != np.uint8 or log_mel.ndim != 3 or log_mel.shape[1] != N_MELS:
        raise DataError(
            f"{printable(path)}: logmel is {log_mel.dtype} {log_mel.shape}, expected uint8 "
            f"(n_tracks, {N_MELS}, n_frames)"
        )
    tracks = tuple(str(name) for name in names)
    lengths = {"track": len(tracks)} | {
        key: len(value) for key, value in optional.items() if value is not None
    }
    for key, length in lengths.items():
        if length != len(log_mel):
            raise DataError(
                f"{printable(path)}: {len(log_mel)} spectrograms but {length} entries in {key}"
            )
    if len(set(tracks)) != len(tracks):
        raise DataError(f"{printable(path)}: duplicate tracks: {some(_repeated(tracks))}")
    min_db = optional["min_db"]
    return Store(
        log_mel,
        tracks,
        None if min_db is None else min_db.astype(np.float32),
        _texts(optional["label"]),
        _texts(optional["artist"]),
    )


def write_store(path: Path, store: Store) -> None:
    """Write a store file, replacing an old one at once or not at all.

    Raises
    ------
    OutputError : it cannot be written, or the disk is full.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "logmel": store.log_mel,
        "track": np.array(store.tracks, dtype=np.str_),
    }
    if store.min_db is not None:
        arrays["min_db"] = store.min_db
    if store.labels is not None:
        arrays["label"] = np.array(store.labels, dtype=np.str_)
    if store.artists is not None:
        arrays["artist"] = np.array(store.artists, dtype=np.str_)
    with replaced_at_once(path, parents=True) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def write_split(path: Path, split: Split) -> None:
    """Write the names as JSON, replaced at once or not at all.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    write_file(path, json.dumps(split.sides(), indent=1) + "\n", parents=True)


def read_split(path: Path) -> Split:
    """Read what :func:`write_split` wrote.

    Raises
    ------
    DataError : the file is missing or not a split.
    """
    try:
        sides = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{printable(path)}: cannot be read ({why(error)})") from error
    except ValueError as error:
        raise DataError(f"{printable(path)}: not valid JSON ({error})") from error
    if not isinstance(sides, Mapping) or set(sides) != set(SPLITS):
        raise DataError(f"{printable(path)}: must hold lists of names for {', '.join(SPLITS)}")
    if not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in sides.values()
    ):
        raise DataError(f"{printable(path)}: the tracks of a side must be a list of names")
    return Split(*(tuple(sides[side]) for side in SPLITS))


def some(names: Sequence[str], shown: int = 5) -> str:
    """The first few of the names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(printable(name) for name in names[:shown]) + more


def _repeated(names: Sequence[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _texts(values: npt.NDArray[np.generic] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(str(value) for value in values)
