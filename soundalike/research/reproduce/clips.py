"""The real GTZAN recordings for experiments, and the side of the split that each is on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import DataError, printable
from soundalike.files import why
from soundalike.research.datasets.gtzan import GENRES
from soundalike.research.datasets.places import data_root

__all__ = ["HELD_OUT", "Clip", "find_clips"]

HELD_OUT = ("valid", "test")

# The same track, longer first: what stands in both is taken from the former.
_FOLDERS = ("full", "long")
_SUFFIXES = {".flac", ".wav", ".au", ".ogg", ".mp3"}


@dataclass(frozen=True)
class Clip:
    """A recording.

    Attributes
    ----------
    track : such as "blues.00000".
    genre : one of GENRES.
    path : its file.
    side : of the fault-filtered split: "train", "valid", "test", or "none" where the track was
        left out of it (a repeat, a wrong label, an artist on the other side).
    """

    track: str
    genre: str
    path: Path
    side: str


def find_clips(folder: str | os.PathLike[str] | None = None) -> tuple[Clip, ...]:
    """All recordings in ``clips/full`` and ``clips/long``, each track once, sorted by name.

    Parameters
    ----------
    folder : the data folder or its ``gtzan``; by default ``SOUNDALIKE_DATA``.

    Raises
    ------
    DataError : there are no clips, or the lists of the split are missing.
    """
    root = Path(folder) if folder is not None else data_root()
    gtzan = next((each for each in (root, root / "gtzan") if (each / "clips").is_dir()), None)
    if gtzan is None:
        raise DataError(
            f"{printable(root)}: no GTZAN clips there (gtzan/clips/full or gtzan/clips/long); "
            f"name the data folder with --data or SOUNDALIKE_DATA"
        )
    found: dict[str, Path] = {}
    for name in _FOLDERS:
        for path in sorted((gtzan / "clips" / name).glob("*")):
            if path.suffix.lower() in _SUFFIXES and path.stem.split(".")[0] in GENRES:
                found.setdefault(path.stem, path)
    if not found:
        raise DataError(
            f"{printable(gtzan / 'clips')}: no recordings named like blues.00000.flac in its "
            f"folders full and long"
        )
    side_of = _sides(gtzan / "splits")
    return tuple(
        Clip(track, track.split(".")[0], found[track], side_of.get(track, "none"))
        for track in sorted(found)
    )


def _sides(folder: Path) -> dict[str, str]:
    side_of = {}
    for side in ("train", "valid", "test"):
        path = folder / f"{side}_filtered.txt"
        try:
            lines = path.read_text(encoding="utf-8").split()
        except OSError as error:
            raise DataError(
                f"{printable(path)}: {why(error)}; the split is needed to know which "
                f"recordings a model was trained on"
            ) from error
        side_of.update({Path(line).stem: side for line in lines})
    return side_of
