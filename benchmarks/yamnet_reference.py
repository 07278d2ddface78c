"""What YAMNet's pooled values are over reference music: ``soundalike/models/yamnet_reference.npy``.

    python -m benchmarks.yamnet_reference MUSIC... [--without PACKAGE...] --out FILE

The embedding of the converted model is the logarithm of those values, each brought to mean 0 and
deviation 1 over the tracks of some music (:mod:`soundalike.models.yamnet`). MUSIC is a folder with
a ``manifest.json``, a list of tracks with ``path`` and ``package``; a track whose ``use`` is not
``train`` is left out. The model must be installed: ``soundalike models pull yamnet``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundalike.audio import load_audio
from soundalike.errors import AudioError, DataError, InvalidArgument, SoundalikeError, printable
from soundalike.files import replaced_at_once, why
from soundalike.models.yamnet import LOG_OFFSET, POOLED
from soundalike.research.distill.pool import MANIFEST
from soundalike.research.distill.teachers import TrackTeacher

__all__ = ["find_music", "fit_reference", "main"]

Floats = npt.NDArray[np.float32]

# A value that hardly varies would be blown up.
_LEAST_DEVIATION = 0.05


def find_music(folder: Path, without: Sequence[str] = ()) -> list[Path]:
    """The tracks of a folder that may be learnt from.

    Raises
    ------
    DataError : no manifest, or a damaged one.
    """
    path = folder / MANIFEST
    try:
        return [
            folder / entry["path"]
            for entry in json.loads(path.read_text(encoding="utf-8"))
            if entry["package"] not in without and entry.get("use", "train") == "train"
        ]
    except OSError as error:
        raise DataError(f"{printable(path)}: {why(error)}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{printable(path)}: not a list of tracks with path and package ({error})"
        ) from error


def fit_reference(tracks: Iterable[npt.NDArray[np.floating]]) -> Floats:
    """Mean and deviation over tracks of the mean logarithm: float32 (2, n_values).

    Parameters
    ----------
    tracks : the pooled values of each, (n_patches, n_values).

    Raises
    ------
    InvalidArgument : fewer than two tracks.
    """
    means = [np.log(values + LOG_OFFSET).mean(axis=0, dtype=np.float64) for values in tracks]
    if len(means) < 2:
        raise InvalidArgument(f"a deviation needs two tracks or more, not {len(means)}")
    logs = np.stack(means)
    deviation = np.maximum(logs.std(axis=0), _LEAST_DEVIATION)
    return np.stack([logs.mean(axis=0), deviation]).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("music", type=Path, nargs="+")
    parser.add_argument("--without", nargs="*", default=[], metavar="PACKAGE")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        teacher = TrackTeacher("yamnet")
        paths = [path for music in options.music for path in find_music(music, options.without)]
        fitted = fit_reference(_values(teacher, paths))
        with replaced_at_once(options.out) as file:
            np.save(file, fitted)
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _values(teacher: TrackTeacher, paths: Sequence[Path]) -> Iterable[Floats]:
    for number, path in enumerate(paths, 1):
        print(f"\r{number} of {len(paths)} tracks", end="", file=sys.stderr)
        try:
            audio = load_audio(path)
        except AudioError as error:
            print(f"\nleft out: {error}", file=sys.stderr)
            continue
        yield teacher.track_values(audio.samples, audio.sample_rate).arrays[POOLED]
    print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
