"""From audio files to a log-mel store: GTZAN as it circulates, or any collection with labels."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from soundalike.analyzer import MIN_DURATION_S
from soundalike.audio import load_audio, probe
from soundalike.errors import AudioError, DataError, SilentAudio, TooShort, printable
from soundalike.frontends.decoded import spectrogram_of_file
from soundalike.frontends.dsp import mel_spectrogram, power_to_db
from soundalike.frontends.log_mel import FRAME_S, SAMPLE_RATE
from soundalike.frontends.silence import SoundFinder
from soundalike.library.scan.walk import Walk
from soundalike.research.datasets import gtzan
from soundalike.research.datasets.frames import (
    STORE_FILE,
    Frames,
    Store,
    quantise,
    some,
    write_store,
)

__all__ = [
    "GTZAN_FRAMES",
    "GTZAN_LAYOUTS",
    "LeftOut",
    "PrepareReport",
    "TrackFrames",
    "encode",
    "gtzan_files",
    "gtzan_frames",
    "passage_frames",
    "prepare_gtzan",
]

GTZAN_FRAMES: Final = 387
GTZAN_LAYOUTS: Final = (
    "genres/blues/blues.00000.au",
    "genres_original/blues/blues.00000.wav",
    "Data/genres_original/blues/blues.00000.wav",
    "blues/blues.00000.wav",
    "blues.00000.wav",
)
"""Where a track may be below the given folder; other audio formats work too."""

_GTZAN_NAME = re.compile(rf"({'|'.join(gtzan.GENRES)})[._](\d{{5}})\.\w+", re.IGNORECASE)
_GTZAN_HOP: Final = 512
_GTZAN_STEPS: Final = 387.5  # see gtzan_frames
_GTZAN_LEAST_S: Final = 29.0  # the shortest intact track lasts 29.9 s
_TRACKS_PER_GENRE: Final = 100

Progress = Callable[[int, int, str], None]
"""Called with the number of tracks done, the total, and the name of the last one."""


@dataclass(frozen=True)
class LeftOut:
    """A track that is not in the store, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.name)}: {self.reason}"


@dataclass(frozen=True)
class PrepareReport:
    """What was made.

    Attributes
    ----------
    store : the file.
    tracks : how many are in it.
    labels : how many of each label.
    left_out : tracks that are missing or broken.
    notes : what a reader should know.
    """

    store: Path
    tracks: int
    labels: dict[str, int]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TrackFrames:
    """The stored form of one track: uint8 (128, n_frames), and what byte 0 stands for."""

    log_mel: Frames
    min_db: float


def gtzan_frames(waveform: npt.NDArray[np.floating]) -> TrackFrames:
    """Frames of a whole GTZAN track as its store holds them.

    A log-mel spectrogram with a hop of 512 samples (T frames, reference and floor taken over all of
    them), of which column c keeps the last frame before (c + 0.5) * T / 387.5. That formula was
    found by comparing the store with audio; it holds exactly for all columns of ten whole tracks,
    and for what there is of 100 more.

    Parameters
    ----------
    waveform : float (n_samples,), 22,050 Hz, the whole track.
    """
    spectrogram = power_to_db(mel_spectrogram(waveform, SAMPLE_RATE, hop_length=_GTZAN_HOP))
    n_frames = spectrogram.shape[1]
    columns = (
        np.ceil((np.arange(GTZAN_FRAMES) + 0.5) * n_frames / _GTZAN_STEPS).astype(np.int64) - 1
    )
    min_db = float(spectrogram.min())
    return TrackFrames(quantise(spectrogram[:, columns], min_db), min_db)


def passage_frames(path: str | os.PathLike[str], n_frames: int) -> TrackFrames:
    """Frames, 77.6 ms apart, of a passage from the middle of a track of any length.

    A track that is shorter than the passage is repeated until it fills it.

    Raises
    ------
    AudioError : the file cannot be decoded, is silent, or lasts less than half a second.
    """
    length_s = (n_frames + 1) * FRAME_S
    info = probe(path)
    # Where the header does not state the length, the middle is not known without decoding it all.
    duration_s = info.duration_s if info.duration_is_stated else None
    start_s = max(0.0, (duration_s - length_s) / 2) if duration_s else 0.0
    made = spectrogram_of_file(path, start_s=start_s, end_s=start_s + length_s)
    _check_sound(path, made.duration_s, is_silent=made.is_silent)
    times = math.ceil(n_frames / made.values.shape[1])
    filled = np.tile(made.values, (1, times))[:, :n_frames]
    min_db = float(filled.min())
    return TrackFrames(quantise(filled, min_db), min_db)


def _check_sound(path: str | os.PathLike[str], duration_s: float, *, is_silent: bool) -> None:
    if duration_s < MIN_DURATION_S:
        raise TooShort(path, f"lasts {duration_s:.2f} s")
    if is_silent:
        raise SilentAudio(path, "never rises above -80 dBFS")


@dataclass(frozen=True)
class GtzanFiles:
    """The audio files of a GTZAN folder.

    Attributes
    ----------
    paths : by track name such as ``blues/blues.00000``, in order.
    missing : names of tracks of the collection that the folder lacks.
    notes : copies and other files in the folder.
    """

    paths: dict[str, Path]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def gtzan_files(folder: str | os.PathLike[str]) -> GtzanFiles:
    """Find the tracks of GTZAN in any of the layouts in :data:`GTZAN_LAYOUTS`.

    Names count, not folders: pictures, hidden files and other audio are ignored.

    Raises
    ------
    DataError : no such folder, or no track of GTZAN in it; the message says what is there instead.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "a file; unpack it first" if root.exists() else "no such folder"
        raise DataError(f"{printable(root)}: {what}. {_accepted()}")
    paths: dict[str, Path] = {}
    strangers: list[str] = []
    copies: list[str] = []
    for found in Walk([os.fspath(root)]):
        path = Path(found.path)
        match = _GTZAN_NAME.fullmatch(path.name)
        if match is None:
            strangers.append(os.path.relpath(path, root))
            continue
        genre = match[1].lower()
        name = f"{genre}/{genre}.{match[2]}"
        if name in paths:
            copies.append(os.path.relpath(path, root))
        else:
            paths[name] = path
    if not paths:
        raise DataError(
            f"{printable(root)}: no track of GTZAN here. {_what_is_there(root, strangers)} "
            f"{_accepted()}"
        )
    notes = []
    if copies:
        notes.append(f"{len(copies)} further copies of tracks were ignored: {some(copies)}")
    if strangers:
        notes.append(f"{len(strangers)} other audio files were ignored: {some(strangers)}")
    missing = tuple(name for name in _all_gtzan() if name not in paths)
    return GtzanFiles(dict(sorted(paths.items())), missing, tuple(notes))


def _all_gtzan() -> Iterator[str]:
    for genre in gtzan.GENRES:
        for number in range(_TRACKS_PER_GENRE):
            yield f"{genre}/{genre}.{number:05d}"


def _accepted() -> str:
    return f"Accepted layouts: {', '.join(GTZAN_LAYOUTS)}."


def _what_is_there(root: Path, audio: Sequence[str]) -> str:
    if audio:
        return f"It holds {len(audio)} other audio files, such as {some(audio, 2)}."
    names = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith("."))
    return f"It has no audio, only: {some(names)}." if names else "It is empty."


def prepare_gtzan(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> PrepareReport:
    """Make the log-mel store of GTZAN from its audio.

    Parameters
    ----------
    folder : the audio, in any of :data:`GTZAN_LAYOUTS`.
    out : the folder that the store is written to.
    skip_broken : skip tracks that are missing or cannot be decoded. Known faults of the
        collection (:data:`gtzan.FAULTS`) never stop it.

    Raises
    ------
    DataError : another layout; tracks are missing or broken and ``skip_broken`` is not set (the
        message lists them); nothing is left; the store cannot be written.
    """
    files = gtzan_files(folder)

    def frames(name: str) -> TrackFrames:
        audio = load_audio(files.paths[name], sample_rate=SAMPLE_RATE)
        sound = SoundFinder(audio.sample_rate)
        sound.push(audio.samples)
        _check_sound(files.paths[name], audio.duration_s, is_silent=sound.is_silent)
        if audio.duration_s < _GTZAN_LEAST_S:
            raise TooShort(files.paths[name], f"lasts {audio.duration_s:.1f} s instead of 30 s")
        return gtzan_frames(audio.samples)

    made = encode(tuple(files.paths), frames, progress)
    broken = [
        *(LeftOut(name, "no such file") for name in files.missing),
        *made.left_out,
    ]
    notes = list(files.notes)
    unknown = [item for item in broken if item.name not in gtzan.FAULTS]
    notes += [
        f"{item.name} is left out: {gtzan.FAULTS[item.name]}"
        for item in broken
        if item.name in gtzan.FAULTS
    ]
    if unknown and not skip_broken:
        raise broken_error(unknown)
    path = Path(out) / STORE_FILE
    if not made.tracks:
        raise DataError(
            f"{printable(folder)}: no track could be decoded: {some([str(b) for b in unknown])}"
        )
    write_store(path, Store(made.log_mel, made.tracks, made.min_db))
    if not (path.parent / "splits" / "train_filtered.txt").is_file():
        notes.append("training needs the split lists: `soundalike data get gtzan --part splits`")
    counts = Counter(name.split("/")[0] for name in made.tracks)
    return PrepareReport(path, len(made.tracks), dict(counts), tuple(unknown), tuple(notes))


def broken_error(broken: Sequence[LeftOut], shown: int = 50) -> DataError:
    """The error that lists tracks by name and says how to skip them."""
    lines = "\n".join(f"  {item}" for item in broken[:shown])
    more = f"\n  and {len(broken) - shown} more" if len(broken) > shown else ""
    return DataError(
        f"{len(broken)} tracks are missing or broken; --skip-broken skips them:\n{lines}{more}"
    )


@dataclass(frozen=True)
class Encoded:
    """Frames of the tracks that could be decoded, and the others."""

    tracks: tuple[str, ...]
    log_mel: Frames
    min_db: npt.NDArray[np.float32]
    left_out: tuple[LeftOut, ...]


def encode(
    names: Sequence[str], frames: Callable[[str], TrackFrames], progress: Progress | None = None
) -> Encoded:
    """Make the frames of each name in turn; one that cannot be decoded is left out, with why."""
    made: dict[str, TrackFrames] = {}
    left_out: list[LeftOut] = []
    for done, name in enumerate(names, start=1):
        try:
            made[name] = frames(name)
        except AudioError as error:
            left_out.append(LeftOut(name, error.reason))
        if progress:
            progress(done, len(names), name)
    log_mel_u8 = (
        np.stack([track.log_mel for track in made.values()])
        if made
        else np.empty((0, 0, 0), dtype=np.uint8)
    )
    min_db = np.array([track.min_db for track in made.values()], dtype=np.float32)
    return Encoded(tuple(made), log_mel_u8, min_db, tuple(left_out))
