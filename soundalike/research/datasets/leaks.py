"""Whether a split keeps training and test apart: by track, by recording and by artist.

A network that has heard a track, the same recording under another name, or other tracks of the same
artist and album, scores better on it than on music it has never heard (Pampalk, Flexer and Widmer
2005; Sturm 2013, arXiv 1306.1461). So every training run checks this first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from soundalike.errors import DataError, InvalidArgument
from soundalike.research.datasets.frames import (
    SEGMENT_MARK,
    SPLITS,
    Frames,
    LogMelSet,
    Rows,
    some,
)

__all__ = [
    "LEAK_KINDS",
    "REPEAT_CORRELATION",
    "Leak",
    "Repeat",
    "find_leaks",
    "find_repeats",
    "leaks_of",
    "refuse_leaks",
]

LeakKind = Literal["track", "repeat", "artist"]
LEAK_KINDS: Final[tuple[LeakKind, ...]] = ("track", "repeat", "artist")

REPEAT_CORRELATION: Final = 0.9
"""Above it two tracks are one recording. In GTZAN unrelated tracks reach 0.72, a recording that
was digitised twice 0.84 to 1."""

_BANDS: Final = 32
_COLUMNS: Final = 129
_BLOCK_ROWS: Final = 1024


@dataclass(frozen=True)
class Leak:
    """Something that is on more than one side of a split.

    Attributes
    ----------
    kind : "track" (by name), "repeat" (the same recording under several names) or "artist".
    tracks : the names of the tracks on each side, by side.
    """

    kind: LeakKind
    tracks: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        where = " and ".join(f"{some(names, 3)} in {side}" for side, names in self.tracks.items())
        return f"{self.kind}: {where}"


@dataclass(frozen=True)
class Repeat:
    """Two tracks that are the same recording from the same moment.

    Attributes
    ----------
    first, second : names.
    correlation : of their frames, mean spectrum taken out; 1 for an exact copy.
    """

    first: str
    second: str
    correlation: float


def find_leaks(
    sides: Mapping[str, Sequence[str]],
    *,
    artists: Mapping[str, object] | None = None,
    repeats: Iterable[Collection[str]] = (),
) -> tuple[Leak, ...]:
    """Everything that is on more than one side: tracks first, then repeats, then artists.

    Parameters
    ----------
    sides : names of tracks by side, such as ``Split.sides()``.
    artists : the artist of each track that is known.
    repeats : groups of names that are the same recording.
    """
    artist_of = artists or {}
    by_track: dict[object, dict[str, list[str]]] = {}
    by_artist: dict[object, dict[str, list[str]]] = {}
    side_of: dict[str, list[str]] = {}
    for side, names in sides.items():
        for name in dict.fromkeys(names):
            by_track.setdefault(name, {}).setdefault(side, []).append(name)
            side_of.setdefault(name, []).append(side)
            if name in artist_of:
                by_artist.setdefault(artist_of[name], {}).setdefault(side, []).append(name)
    by_repeat: dict[object, dict[str, list[str]]] = {}
    for number, group in enumerate(repeats):
        for name in sorted(group):
            for side in side_of.get(name, ()):
                by_repeat.setdefault(number, {}).setdefault(side, []).append(name)
    found: list[Leak] = []
    kinds: tuple[tuple[LeakKind, dict[object, dict[str, list[str]]]], ...] = (
        ("track", by_track),
        ("repeat", by_repeat),
        ("artist", by_artist),
    )
    for kind, groups in kinds:
        found += [
            Leak(kind, {side: tuple(names) for side, names in group.items()})
            for group in groups.values()
            if len(group) > 1
        ]
    return tuple(found)


def leaks_of(data: LogMelSet, kinds: Collection[LeakKind] = LEAK_KINDS) -> tuple[Leak, ...]:
    """Everything of those kinds that stands on two sides of a data set's split.

    Segments count as the track that they were cut from. Repeats are those that are known of the
    data set, and those that are found in the frames of whole tracks.
    """
    source = [name.partition(SEGMENT_MARK)[0] for name in data.tracks]
    sides = {side: [source[row] for row in data.splits[side]] for side in SPLITS}
    artists: dict[str, object] = {}
    repeats: list[Collection[str]] = []
    if "artist" in kinds:
        known = zip(source, data.artists.tolist(), strict=True)
        artists = {name: artist for name, artist in known if artist >= 0}
    if "repeat" in kinds:
        repeats += data.known_repeats
        if source == list(data.tracks):
            found = find_repeats(data.log_mel, data.tracks, sides=tuple(data.splits.values()))
            repeats += [(repeat.first, repeat.second) for repeat in found]
    leaks = find_leaks(sides, artists=artists, repeats=repeats)
    return tuple(leak for leak in leaks if leak.kind in kinds)


def refuse_leaks(
    data: LogMelSet, allow: Collection[str] = (), *, kinds: Collection[LeakKind] = LEAK_KINDS
) -> tuple[Leak, ...]:
    """Refuse a split that leaks, but for the kinds that are wanted or the data set's own.

    Parameters
    ----------
    allow : kinds of leak that are wanted: "track", "repeat", "artist".
    kinds : what is looked for.

    Returns
    -------
    The leaks that were let through.

    Raises
    ------
    DataError : a track, a recording or an artist stands on two sides; the message names them.
    InvalidArgument : an unknown kind.
    """
    unknown = set(allow) - set(LEAK_KINDS)
    if unknown:
        raise InvalidArgument(
            f"allow_leaks takes track, repeat and artist, not {', '.join(sorted(unknown))}"
        )
    leaks = leaks_of(data, kinds)
    refused = [leak for leak in leaks if leak.kind not in {*allow, *data.accepted_leaks}]
    if refused:
        lines = "".join(f"\n  {leak}" for leak in refused[:20])
        more = f"\n  and {len(refused) - 20} more" if len(refused) > 20 else ""
        words = ", ".join(sorted({leak.kind for leak in refused}))
        raise DataError(
            f"the split leaks, so that test figures would be too good; name the kinds ({words}) in "
            f"allow_leaks if you want this:{lines}{more}"
        )
    return leaks


def find_repeats(
    log_mel: Frames,
    tracks: Sequence[str],
    *,
    correlation: float = REPEAT_CORRELATION,
    sides: Sequence[Rows] | None = None,
) -> tuple[Repeat, ...]:
    """Pairs of tracks that are one recording from the same moment, most alike first.

    Each track is reduced to 32 bands by at most 129 columns, each band's mean is taken out, and the
    correlations of all pairs are computed. A recording that starts at another moment is not found.

    Parameters
    ----------
    log_mel : uint8 (n_tracks, 128, n_frames).
    tracks : names, one a row.
    correlation : the least that counts, above 0 and at most 1.
    sides : rows; only pairs with one track in each of two sides are compared. By default all.
    """
    if not 0 < correlation <= 1:
        raise InvalidArgument(f"correlation must be above 0 and at most 1, not {correlation}")
    prints = _fingerprints(log_mel)
    found: list[Repeat] = []
    if sides is None:
        pairs = [(np.arange(len(tracks)), np.arange(len(tracks)))]
    else:
        pairs = [(a, b) for i, a in enumerate(sides) for b in sides[i + 1 :]]
    for rows_a, rows_b in pairs:
        for start in range(0, len(rows_a), _BLOCK_ROWS):
            block = rows_a[start : start + _BLOCK_ROWS]
            alike = prints[block] @ prints[rows_b].T
            for i, j in np.argwhere(alike >= correlation - 1e-6).tolist():
                a, b = int(block[i]), int(rows_b[j])
                if a < b or (sides is not None and a != b):
                    value = min(float(alike[i, j]), 1.0)
                    found.append(Repeat(tracks[min(a, b)], tracks[max(a, b)], value))
    return tuple(sorted(found, key=lambda repeat: (-repeat.correlation, repeat.first)))


def _fingerprints(log_mel: Frames) -> npt.NDArray[np.float32]:
    """float32 (n_tracks, bands * columns), each of unit length, or zero for a constant track."""
    n_tracks, n_mels, n_frames = log_mel.shape
    bands = np.linspace(0, n_mels, min(_BANDS, n_mels) + 1).astype(np.int64)
    columns = np.linspace(0, n_frames, min(_COLUMNS, n_frames) + 1).astype(np.int64)
    prints = np.empty((n_tracks, (len(bands) - 1) * (len(columns) - 1)), dtype=np.float32)
    for start in range(0, n_tracks, _BLOCK_ROWS):
        block = log_mel[start : start + _BLOCK_ROWS].astype(np.float32)
        coarse = np.add.reduceat(block, bands[:-1], axis=1) / np.diff(bands)[:, None]
        coarse = np.add.reduceat(coarse, columns[:-1], axis=2) / np.diff(columns)
        coarse -= coarse.mean(axis=2, keepdims=True)
        flat = coarse.reshape(len(block), -1).astype(np.float32)
        lengths = np.linalg.norm(flat, axis=1, keepdims=True)
        prints[start : start + _BLOCK_ROWS] = np.where(
            lengths > 1e-6, flat / np.maximum(lengths, 1e-6), 0
        )
    return prints
