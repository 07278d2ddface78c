"""GTZAN's clips with what is known of them, the tempo and the key: what both benchmarks share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from soundalike.audio import AudioReader
from soundalike.evaluate.intervals import mean_interval
from soundalike.frontends.decimate import Decimator

__all__ = ["AnnotatedClip", "find_clips", "interval_row", "stream_file"]

FloatArray = npt.NDArray[np.float32]


# Least confidences below which a table abstains.
_THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


class Stream(Protocol):
    """Such as :class:`soundalike.frontends.onset.OnsetStream`."""

    def push(self, block: FloatArray) -> None: ...

    def finish(self) -> FloatArray: ...


@dataclass(frozen=True)
class AnnotatedClip:
    """A recording of which something is known.

    Attributes
    ----------
    bpm, key : None where unknown, or where the key changes.
    split : "train", "valid" or "test"; None where it is in none.
    part : the folder of clips that it is from, such as "long".
    """

    track: str
    path: Path
    bpm: float | None
    key: str | None
    split: str | None
    part: str


def find_clips(folder: Path, parts: Sequence[str] = ("full", "long")) -> list[AnnotatedClip]:
    """One clip of each track.

    Parameters
    ----------
    folder : of GTZAN, with ``clips``, ``annotations/tempo_key.tsv`` and ``splits``.
    parts : folders of clips; where several have a track, the first named one counts.
    """
    splits = {
        Path(line.strip()).stem: split
        for split in ("train", "valid", "test")
        for line in (folder / "splits" / f"{split}_filtered.txt").read_text().splitlines()
        if line.strip()
    }
    lines = (folder / "annotations" / "tempo_key.tsv").read_text(encoding="utf-8").splitlines()
    known = {track: (bpm, key) for track, bpm, key in (line.split("\t") for line in lines[1:])}
    found: dict[str, AnnotatedClip] = {}
    for part in parts:
        for path in (folder / "clips" / part).iterdir():
            bpm, key = known.get(path.stem, ("", ""))
            clip = AnnotatedClip(
                path.stem,
                path,
                float(bpm) if bpm else None,
                key or None,
                splits.get(path.stem),
                part,
            )
            found.setdefault(clip.track, clip)
    return [found[track] for track in sorted(found)]


def stream_file(path: Path, stream: Callable[[float], Stream], lowest_rate: float) -> FloatArray:
    """What a stream makes of a file, decimated to ``lowest_rate`` Hz or little above."""
    with AudioReader(path) as reader:
        decimator = Decimator(reader.sample_rate, lowest_rate)
        made = stream(decimator.sample_rate)
        for block in reader:
            made.push(decimator.push(np.asarray(block, np.float32)))
    made.push(decimator.finish())
    return made.finish()


def interval_row(name: str, figures: Iterable[npt.NDArray[np.generic]]) -> str:
    """A row of a table: the mean of each figure over tracks, with its 95 % interval, in percent."""
    cells = [mean_interval(each.astype(np.float64)) for each in figures]
    shown = [f"{100 * c.value:.1f} ({100 * c.low:.0f} to {100 * c.high:.0f})" for c in cells]
    return f"| {name} | {' | '.join(shown)} |"


def confidence_tables(
    confidence: npt.NDArray[np.float64],
    bins: Sequence[float],
    figures: Mapping[str, npt.NDArray[np.floating]],
    right: npt.NDArray[np.floating],
) -> list[str]:
    """Lines of two tables: how often a confidence is right, and what abstaining below one does.

    Parameters
    ----------
    confidence : (n_tracks,), 0 where there is no answer.
    bins : edges within which confidences are taken together.
    figures : the columns of the second table, 0 to 1, by their names.
    right : (n_tracks,), 1 where the answer is right.
    """
    lines = ["| confidence | tracks | mean confidence | right |", "| --- | --- | --- | --- |"]
    for low, high in itertools.pairwise(bins):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            lines.append(
                f"| {low:.2f} to {high:.2f} | {inside.sum()} | {confidence[inside].mean():.2f} "
                f"| {right[inside].mean():.2f} |"
            )
    lines += ["", f"| least confidence | answered | {' | '.join(figures)} |"]
    lines.append("| --- " * (2 + len(figures)) + "|")
    for least in _THRESHOLDS:
        kept = confidence >= least
        if kept.any():
            shown = [f"{100 * values[kept].mean():.1f} %" for values in figures.values()]
            lines.append(f"| {least:.1f} | {100 * kept.mean():.0f} % | {' | '.join(shown)} |")
    return lines
