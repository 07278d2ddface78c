"""How often the tempo is right, beside librosa, and what the stated confidence is worth.

python -m benchmarks.tempo DIR [--fit]

DIR is a folder of GTZAN with clips/full, clips/long (audio of 15 to 30 s, named as the tracks),
annotations/tempo_key.tsv and splits/. Figures are given of two groups of tracks: those of the
training and validation splits, by cross-validation, since the calibration that ships was fitted
to them; and all others, with the calibration that ships. With --fit, the calibration is fitted anew
and printed. librosa's `feature.tempo` is measured with its defaults; its `beat_track` starts from
the same tempo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.annotated import confidence_tables, find_clips, interval_row, stream_file
from soundalike.descriptors.tempo import (
    Tempo,
    TempoCalibration,
    estimate_tempo,
    tempo_features,
)
from soundalike.frontends.onset import OnsetStream
from soundalike.research.tempo import fit_calibration, hits

ONSET_RATE = 10_000  # Hz, the lowest to which the samples are decimated
FOLDS = 10
BINS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)


def cross_validated(
    onsets: list[npt.NDArray[np.float32]], bpm: npt.NDArray[np.float64]
) -> list[Tempo | None]:
    """Each track's tempo, with a calibration that was fitted to other tracks."""
    features = [tempo_features(onset) for onset in onsets]
    found: list[Tempo | None] = [None] * len(onsets)
    order = np.random.default_rng(1).permutation(len(onsets))
    for fold in range(FOLDS):
        held_out = set(order[fold::FOLDS].tolist())
        kept = [
            (each, tempo)
            for i, (each, tempo) in enumerate(zip(features, bpm, strict=True))
            if i not in held_out and each is not None
        ]
        calibration = fit_calibration([each for each, _ in kept], [tempo for _, tempo in kept])
        for track in held_out:
            found[track] = estimate_tempo(onsets[track], calibration)
    return found


def report(found: list[Tempo | None], bpm: npt.NDArray[np.float64]) -> str:
    """Reliability of the confidence, and what abstaining does."""
    confidence = np.array([each.confidence if each else 0.0 for each in found])
    right = hits([each.bpm if each else 1.0 for each in found], bpm)
    figures = {"accuracy 1": right[0], "accuracy 2": right[1]}
    lines = confidence_tables(confidence, BINS, figures, right[0])
    likely = [[each.bpm, *each.alternatives[:1]] if each else [1.0] for each in found]
    either = np.mean(
        [
            hits(tempi, [tempo] * len(tempi))[0].any()
            for tempi, tempo in zip(likely, bpm, strict=True)
        ]
    )
    lines.append(f"\nright or the first alternative right: {100 * either:.1f} %")
    return "\n".join(lines)


def librosa_tempi(paths: list[Path]) -> list[float]:
    """Beats a minute by librosa, with its defaults; none where it is not installed."""
    try:
        import librosa
    except ImportError:
        print("librosa is not installed here: pip install librosa")
        return []
    found = []
    for path in paths:
        waveform, rate = librosa.load(path, sr=None)
        onset = librosa.onset.onset_strength(y=waveform, sr=rate)
        found.append(float(librosa.feature.tempo(onset_envelope=onset, sr=rate)[0]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="GTZAN with clips, annotations and splits")
    parser.add_argument("--fit", action="store_true", help="fit the calibration and print it")
    arguments = parser.parse_args()
    clips = [clip for clip in find_clips(arguments.folder) if clip.bpm]
    tempi = {clip.track: clip.bpm or 0.0 for clip in clips}
    onsets = {clip.track: stream_file(clip.path, OnsetStream, ONSET_RATE) for clip in clips}
    tuned = [clip for clip in clips if clip.split in ("train", "valid")]
    others = [clip for clip in clips if clip not in tuned]
    for title, group in (("training and validation, cross-validated", tuned), ("others", others)):
        bpm = np.array([tempi[clip.track] for clip in group])
        ours = [onsets[clip.track] for clip in group]
        found = cross_validated(ours, bpm) if group is tuned else [estimate_tempo(o) for o in ours]
        print(f"\n{title}: {len(group)} tracks\n")
        print("| system | accuracy 1, % | accuracy 2, % |\n| --- | --- | --- |")
        print(interval_row("soundalike", hits([each.bpm if each else 1.0 for each in found], bpm)))
        if theirs := librosa_tempi([clip.path for clip in group]):
            print(interval_row("librosa", hits(theirs, bpm)))
        print(f"\n{report(found, bpm)}")
    if arguments.fit:
        kept = [(tempo_features(onsets[clip.track]), tempi[clip.track]) for clip in tuned]
        print(f"\n{fitted(kept)}")


def fitted(tracks: list[tuple[npt.NDArray[np.float32] | None, float]]) -> TempoCalibration:
    known = [(features, bpm) for features, bpm in tracks if features is not None]
    return fit_calibration([features for features, _ in known], [bpm for _, bpm in known])


if __name__ == "__main__":
    main()
