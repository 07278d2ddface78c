"""Your own music as a data set: a folder a label, or a library by its genre tag."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from soundalike.audio import read_tags
from soundalike.errors import DataError, InvalidArgument, printable
from soundalike.frontends.log_mel import EXCERPT_S, FRAME_S
from soundalike.library.scan.walk import Walk
from soundalike.research.datasets.frames import (
    SPLIT_FILE,
    STORE_FILE,
    LogMelSet,
    Store,
    read_split,
    read_store,
    some,
    write_split,
    write_store,
)
from soundalike.research.datasets.leaks import Repeat, find_repeats, refuse_leaks
from soundalike.research.datasets.prepare import (
    PrepareReport,
    Progress,
    TrackFrames,
    broken_error,
    encode,
    passage_frames,
)
from soundalike.research.datasets.splitting import SplitSizes, split_by_artist, unsplittable

if TYPE_CHECKING:
    from soundalike.library import Library

__all__ = [
    "CITATION",
    "LAYOUT",
    "LICENCE",
    "PASSAGE_S",
    "LabelledTrack",
    "load",
    "prepare",
    "tracks_of_folder",
    "tracks_of_library",
    "unsplittable_labels",
]

PASSAGE_S: Final = 30.0
LAYOUT: Final = "LABEL/track.mp3 or LABEL/ARTIST/track.mp3, with two labels or more"
CITATION: Final = "none: the collection is your own"
LICENCE: Final = (
    "as the recordings have it; do not pass on frames made from music without permission"
)


@dataclass(frozen=True)
class LabelledTrack:
    """An audio file with its label and artist.

    Attributes
    ----------
    name : its name in the store.
    artist : "" if unknown; tracks of one artist stay on one side of a split.
    """

    path: Path
    name: str
    label: str
    artist: str


def tracks_of_folder(folder: str | os.PathLike[str]) -> tuple[LabelledTrack, ...]:
    """Every audio file below a folder, labelled with the first folder of its path.

    The artist is the tag's; without a tag, the folder between the label and the file.

    Raises
    ------
    DataError : no such folder, no audio in it, files outside of any label, or a single label.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{printable(root)}: no such folder. Accepted layout: {LAYOUT}")
    root = Path(os.path.realpath(root))
    walk = Walk([os.fspath(root)])
    found: list[LabelledTrack] = []
    loose: list[str] = []
    for file in walk:
        path = Path(file.path)
        if not path.is_relative_to(root):
            continue  # behind a link that leaves the folder: no label to be had from its path
        name = path.relative_to(root).as_posix()
        label, *between = name.split("/")[:-1] or [""]
        if not label:
            loose.append(name)
            continue
        artist = read_tags(path).artist or (
            f"folder {label}/{'/'.join(between)}" if between else ""
        )
        found.append(LabelledTrack(path, name, label, artist))
    if walk.problems:
        problems = [f"{problem.path} ({problem.reason})" for problem in walk.problems]
        raise DataError(f"folders that cannot be read: {some(problems)}")
    if not found and not loose:
        raise DataError(f"{printable(root)}: no audio files here. Accepted layout: {LAYOUT}")
    if loose:
        raise DataError(
            f"{printable(root)}: {len(loose)} audio files are in no label's folder: {some(loose)}. "
            f"Accepted layout: {LAYOUT}"
        )
    if len({track.label for track in found}) == 1:
        raise DataError(
            f"{printable(root)}: {found[0].label!r} is the only label; at least two are "
            f"needed. Accepted layout: {LAYOUT}"
        )
    return tuple(found)


def tracks_of_library(library: Library) -> tuple[LabelledTrack, ...]:
    """The tracks of a library that have a genre tag, labelled with the first genre it names.

    Spellings that differ in case alone are one label, called as most tracks have it.

    Raises
    ------
    DataError : no track has a genre tag.
    """
    found = []
    untagged = 0
    for track in library.tracks():
        if track.status == "missing":
            continue
        genre = (track.genre or "").split(";")[0].strip()
        if not genre:
            untagged += 1
            continue
        artist = track.artist or track.album_artist or ""
        found.append(LabelledTrack(track.path, track.path.as_posix(), genre, artist))
    if not found:
        raise DataError(f"none of the {untagged} tracks of the library has a genre tag")
    spellings: dict[str, Counter[str]] = {}
    for item in found:
        spellings.setdefault(item.label.casefold(), Counter())[item.label] += 1
    label_of = {
        key: max(sorted(counts), key=lambda label: counts[label])
        for key, counts in spellings.items()
    }
    return tuple(replace(item, label=label_of[item.label.casefold()]) for item in found)


def prepare(
    tracks: Sequence[LabelledTrack],
    out: str | os.PathLike[str],
    *,
    labels: Sequence[str] = (),
    passage_s: float = PASSAGE_S,
    sizes: SplitSizes | None = None,
    seed: int = 0,
    skip_broken: bool = False,
    drop_rare: bool = False,
    progress: Progress | None = None,
) -> PrepareReport:
    """Make a log-mel store of tracks with labels, and an artist-safe split beside it.

    Of each track a passage from its middle is kept, at the frame rate that models see.

    Parameters
    ----------
    out : the folder that the store and the split are written to.
    labels : keep only these; by default all.
    passage_s : seconds of each track, one excerpt (9.94 s) or more.
    sizes, seed : as :func:`split_by_artist` takes them.
    skip_broken : skip files that cannot be decoded.
    drop_rare : leave out labels with too few tracks or artists to be on every side.

    Raises
    ------
    DataError : files are broken and ``skip_broken`` is not set; a label cannot be split and
        ``drop_rare`` is not set; fewer than two labels are left. The message has the names.
    """
    if not EXCERPT_S <= passage_s <= 600:
        raise InvalidArgument(f"seconds must be {EXCERPT_S:.2f} to 600, not {passage_s:g}")
    kept, notes = _choose(tracks, labels, sizes, drop_rare)
    by_name = {track.name: track for track in kept}
    n_frames = math.ceil(passage_s / FRAME_S)

    def frames(name: str) -> TrackFrames:
        return passage_frames(by_name[name].path, n_frames)

    made = encode(tuple(by_name), frames, progress)
    if made.left_out and not skip_broken:
        raise broken_error(made.left_out)
    # Files that had to go may have left a label with too few artists.
    left, more_notes = _choose([by_name[name] for name in made.tracks], (), sizes, drop_rare)
    rows = np.array([made.tracks.index(track.name) for track in left], dtype=np.int64)
    names = [track.name for track in left]
    artists = [_same(track.artist) for track in left]
    repeats = find_repeats(made.log_mel[rows], names)
    groups = _joined(names, artists, repeats)
    split = split_by_artist(names, [track.label for track in left], groups, sizes=sizes, seed=seed)
    if repeats:
        pairs = [f"{repeat.first} = {repeat.second}" for repeat in repeats]
        notes.append(f"the same recording, kept on one side of the split: {some(pairs)}")
    unknown = artists.count("")
    if unknown:
        notes.append(
            f"the artist of {unknown} of {len(left)} tracks is unknown: the split cannot "
            "keep them on one side"
        )
    folder = Path(out)
    write_store(
        folder / STORE_FILE,
        Store(
            made.log_mel[rows],
            tuple(names),
            made.min_db[rows],
            tuple(track.label for track in left),
            tuple(artists),
        ),
    )
    write_split(folder / SPLIT_FILE, split)
    counts = Counter(track.label for track in left)
    return PrepareReport(
        folder / STORE_FILE,
        len(left),
        dict(sorted(counts.items())),
        made.left_out,
        (*notes, *more_notes),
    )


def load(folder: str | os.PathLike[str], *, allow_leaks: Collection[str] = ()) -> LogMelSet:
    """Read a store that :func:`prepare` made, with its split, and check that nothing leaks.

    Parameters
    ----------
    allow_leaks : kinds of leak that are wanted, as :func:`refuse_leaks` takes them.

    Raises
    ------
    DataError : a file is missing or damaged, or the split leaks; the message names the tracks.
    """
    root = Path(folder)
    store = read_store(root / STORE_FILE)
    if store.labels is None:
        raise DataError(
            f"{printable(root / STORE_FILE)}: has no labels; to read a store of GTZAN, use gtzan"
        )
    label_names = tuple(sorted(set(store.labels)))
    ids = {artist: i for i, artist in enumerate(sorted(set(store.artists or ()) - {""}))}
    artists = store.artists or ("",) * len(store.tracks)
    data = LogMelSet(
        store.log_mel,
        store.tracks,
        np.array([label_names.index(label) for label in store.labels], dtype=np.int64),
        np.array([ids.get(artist, -1) for artist in artists], dtype=np.int64),
        read_split(root / SPLIT_FILE).rows(store.tracks),
        label_names,
        store.min_db,
    )
    refuse_leaks(data, allow_leaks)
    return data


def unsplittable_labels(
    tracks: Sequence[LabelledTrack], sizes: SplitSizes | None = None
) -> dict[str, str]:
    """Labels that cannot stand on every side of an artist-safe split, and why."""
    return unsplittable(
        [track.label for track in tracks], [_same(track.artist) for track in tracks], sizes
    )


def _choose(
    tracks: Sequence[LabelledTrack],
    labels: Sequence[str],
    sizes: SplitSizes | None,
    drop_rare: bool,
) -> tuple[list[LabelledTrack], list[str]]:
    """The tracks to keep, and notes about the others."""
    present = Counter(track.label for track in tracks)
    unknown = [label for label in labels if label not in present]
    if unknown:
        raise DataError(
            f"no track has the label {some(unknown)}; the labels are {some(sorted(present), 30)}"
        )
    kept = [track for track in tracks if not labels or track.label in labels]
    refused = unsplittable_labels(kept, sizes)
    shown = "; ".join(f"{label}: {reason}" for label, reason in sorted(refused.items()))
    notes = []
    if refused and not drop_rare:
        raise DataError(
            f"labels that cannot be on every side of a split: {shown}. --drop-rare leaves them out"
        )
    if refused:
        notes.append(f"left out, with too few tracks or artists: {shown}")
        kept = [track for track in kept if track.label not in refused]
    if len({track.label for track in kept}) < 2:
        raise DataError(
            f"at least two labels are needed, not {len({track.label for track in kept})}"
            + (f" ({shown})" if shown else "")
        )
    return kept, notes


def _joined(names: list[str], artists: list[str], repeats: Sequence[Repeat]) -> list[str]:
    """Artists, merged if their tracks are one recording; "" is an unknown artist."""
    groups = list(artists)
    for repeat in repeats:
        a, b = names.index(repeat.first), names.index(repeat.second)
        group = groups[a] or groups[b] or f"recording {repeat.first}"
        old = {groups[a], groups[b]} - {""}
        groups = [group if name in old else name for name in groups]
        groups[a] = groups[b] = group
    return groups


def _same(artist: str) -> str:
    """Spellings of an artist that differ in case and spaces alone are one."""
    return " ".join(artist.casefold().split())
