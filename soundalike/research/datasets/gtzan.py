"""GTZAN (Tzanetakis and Cook 2002): 1,000 tracks of 30 s in ten genres, as log-mel frames.

A *store* is a folder that holds ``logmel_u8.npz`` and ``splits/``. The frames in it are those of
``frontends.log_mel``, 128 mel bands by 387 frames a track, as bytes: 0 is the quietest value
of the track (80 dB under its loudest, for most tracks), 255 the loudest.

Known faults of the collection (Sturm 2013, arXiv 1306.1461): ``jazz.00054`` is corrupt at the
source; tracks repeat, exactly or as other recordings; many come from one artist or one album. The
*filtered* split (Kereliuk, Sturm and Larsen 2015, arXiv 1507.04761) drops the repeats and keeps
each artist on one side; it is the one to report on.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError
from soundalike.files import why
from soundalike.research.datasets.frames import (
    SPLITS,
    STORE_FILE,
    LogMelSet,
    decibels,
    read_store,
    some,
)
from soundalike.research.datasets.gtzan_faults import REPEATS
from soundalike.research.datasets.leaks import refuse_leaks
from soundalike.research.datasets.places import data_root

__all__ = [
    "CITATION",
    "FAULTS",
    "GENRES",
    "LICENCE",
    "SPLITS",
    "STORE_FILE",
    "Gtzan",
    "decibels",
    "find_folder",
    "load",
]

GENRES: Final = (
    "blues",
    "classical",
    "country",
    "disco",
    "hiphop",
    "jazz",
    "metal",
    "pop",
    "reggae",
    "rock",
)
FAULTS: Final = {"jazz/jazz.00054": "corrupt at the source: no decoder reads it"}
"""Tracks that are broken in every copy of GTZAN, and why."""

CITATION: Final = (
    "G. Tzanetakis and P. Cook, Musical genre classification of audio signals, IEEE Transactions "
    "on Speech and Audio Processing 10(5), 2002"
)
LICENCE: Final = (
    "assembled without copyright clearance: for research only; neither the audio nor frames made "
    "from it may be passed on"
)


@dataclass(frozen=True)
class Gtzan(LogMelSet):
    """The collection as frames; labels index :data:`GENRES`, artists are -1 where unidentified."""

    known_repeats = REPEATS
    # The published filtered split has one artist on two sides, by ids made after it.
    accepted_leaks = frozenset({"artist"})

    label_names: tuple[str, ...] = GENRES


def find_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """The store's folder: the argument or else the place of all data sets, or its ``gtzan``.

    Raises
    ------
    DataError : there is no store; the message says how to get one.
    """
    named = Path(folder) if folder is not None else data_root()
    for candidate in (named, named / "gtzan"):
        if (candidate / STORE_FILE).is_file():
            return candidate
    raise DataError(
        f"{named}: no {STORE_FILE} there, nor in its folder gtzan; `soundalike data prepare gtzan` "
        f"makes one from audio, and SOUNDALIKE_DATA names another place"
    )


def load(
    folder: str | os.PathLike[str] | None = None,
    *,
    skip_missing: bool = False,
    allow_leaks: Collection[str] = (),
) -> Gtzan:
    """Read a store, its filtered split and its artist ids, and check that they agree.

    Parameters
    ----------
    folder : the store; by default the one under ``SOUNDALIKE_DATA``, or in your data folder.
    skip_missing : skip tracks that the split lists name and the store lacks.
    allow_leaks : kinds of leak that are wanted, as :func:`refuse_leaks` takes them.

    Raises
    ------
    DataError : a file is missing or damaged, a split names a track that is not in the store, or
        a track is on two sides of the split. The message names them.
    """
    root = find_folder(folder)
    store = read_store(root / STORE_FILE)
    tracks = store.tracks
    row_of = {track: row for row, track in enumerate(tracks)}
    labels = np.array([_genre_index(track, root) for track in tracks], dtype=np.int64)
    splits = {
        split: _read_split(root / "splits" / f"{split}_filtered.txt", row_of, skip_missing)
        for split in SPLITS
    }
    artists = _read_artists(root / "splits", row_of)
    data = Gtzan(store.log_mel, tracks, labels, artists, splits, min_db=store.min_db)
    refuse_leaks(data, allow_leaks, kinds=["track"])
    return data


def _genre_index(track: str, root: Path) -> int:
    genre = track.split("/")[0]
    if genre not in GENRES:
        raise DataError(f"{root}: track {track!r} is not of a GTZAN genre ({', '.join(GENRES)})")
    return GENRES.index(genre)


def _read_split(path: Path, row_of: dict[str, int], skip_missing: bool) -> npt.NDArray[np.int64]:
    # The lists circulate with the names of both forms of the collection.
    listed = [line.removesuffix(".wav").removesuffix(".au") for line in _lines(path)]
    # The published lists name the corrupt track too.
    names = [name for name in listed if name in row_of or name not in FAULTS]
    unknown = [name for name in names if name not in row_of]
    if unknown and not skip_missing:
        raise DataError(f"{path}: not in the store: {some(unknown)}")
    names = [name for name in names if name in row_of]
    return np.array([row_of[name] for name in names], dtype=np.int64)


def _read_artists(folder: Path, row_of: dict[str, int]) -> npt.NDArray[np.int64]:
    """Artist ids after Foleis and Tavares (2020): lines of ``./blues_00012.wav <tab> id``."""
    artists = np.full(len(row_of), -1, dtype=np.int64)
    for fold in (1, 2, 3):
        path = folder / f"f{fold}_evaluate_groups.txt"
        for line in _lines(path):
            name, _, artist = line.partition("\t")
            genre, _, number = name.removeprefix("./").removesuffix(".wav").partition("_")
            row = row_of.get(f"{genre}/{genre}.{number}")
            if row is not None:
                try:
                    artists[row] = int(artist)
                except ValueError as error:
                    raise DataError(f"{path}: {line!r} has no artist id") from error
    return artists


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({why(error)}); `soundalike data get gtzan --part splits` "
            f"fetches the split lists"
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]
