"""Folders of music as reference: whole tracks as the product's frontends hear them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from soundalike.errors import AudioError, DataError, printable
from soundalike.frontends import find_frontend
from soundalike.frontends.decoded import Decoded, frames_of_file
from soundalike.frontends.log_mel import LogMelStream
from soundalike.library.scan.walk import Walk
from soundalike.research.distill.pool import MANIFEST, find_soundtracks

__all__ = ["MUSIC_S", "descriptors", "music_files", "spectrograms"]

Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]

MUSIC_S: Final = 30.0
"""Shorter files are left out: in a folder of a game they are sounds, not music."""


def music_files(folders: Sequence[Path], without: Collection[str] = ()) -> list[str]:
    """The files of some folders; of one with a ``manifest.json`` those that it lists.

    Parameters
    ----------
    without : packages of the manifests that are left out.

    Raises
    ------
    DataError : a folder is not there, or has a damaged manifest.
    """
    return [path for folder in folders for path in _files(folder, without)]


def _files(folder: Path, without: Collection[str]) -> list[str]:
    if not folder.is_dir():
        raise DataError(f"{printable(folder)}: there is no such folder")
    if (folder / MANIFEST).exists():
        return [str(source.path) for source in find_soundtracks(folder, without=without)]
    return [file.path for file in Walk([str(folder)])]


def spectrograms(
    folders: Sequence[Path], without: Collection[str] = (), progress: Progress | None = None
) -> Iterator[Floats]:
    """The log-mel frames (128, n_frames), dB, of all music below some folders, in their order.

    Files that cannot be read, and those shorter than :data:`MUSIC_S`, are left out.

    Parameters
    ----------
    without : packages of the manifests that are left out.
    progress : called after each file with how many are done, and how many there are.

    Raises
    ------
    DataError : as :func:`music_files`.
    """
    for made in _decoded(folders, without, LogMelStream, progress):
        yield made.values


def descriptors(
    folders: Sequence[Path], without: Collection[str] = (), progress: Progress | None = None
) -> Iterator[dict[str, Floats]]:
    """What models with facets take besides: float32 (n_excerpts, size), by the input's name.

    Otherwise as :func:`spectrograms`.
    """
    frontend = find_frontend("facets-1")
    for made in _decoded(folders, without, frontend.stream, progress):
        yield dict(frontend.excerpts(made.values).descriptors)


def _decoded(
    folders: Sequence[Path],
    without: Collection[str],
    stream: Callable[[int], Any],
    progress: Progress | None,
) -> Iterator[Decoded[Any]]:
    files = music_files(folders, without)
    for done, path in enumerate(files, start=1):
        try:
            made = frames_of_file(path, stream)
        except AudioError:
            made = None
        if made is not None and made.duration_s >= MUSIC_S:
            yield made
        if progress is not None:
            progress(done, len(files))
