"""How often the key is right, beside librosa, and what the stated confidence is worth.

python -m benchmarks.key DIR [--fit] [--test]

DIR is a folder of GTZAN with clips/full and clips/long (audio of 15 to 30 s, named as the tracks),
clips/short (2 to 3 s, to fit to), annotations/tempo_key.tsv and splits/. Figures are given of the
training and validation splits, by cross-validation, since the calibration that ships was fitted to
them; with --test, of the test split as well, with the calibration that ships. With --fit, the
calibration is fitted anew and printed.

librosa has no key finder. What it is compared with is the usual recipe made of its parts: the mean
of `feature.chroma_cqt`, correlated with the profiles of Krumhansl and Kessler (1982).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.annotated import (
    AnnotatedClip,
    confidence_tables,
    find_clips,
    interval_row,
    stream_file,
)
from soundalike.descriptors.key import Key, estimate_key, key_features
from soundalike.frontends.chroma import ChromaStream
from soundalike.research.key import Example, fit_calibration, key_number, mirex_score

CHROMA_RATE = 5_000  # Hz, the lowest to which the samples are decimated
FOLDS = 10
SHORT_WEIGHT = 0.15  # of a clip of 2 to 3 s, beside one of 15 to 30 s
BINS = (0.0, 0.25, 0.5, 0.75, 1.0)

# Krumhansl and Kessler 1982: how well listeners found that a tone fits a key.
KRUMHANSL = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)

Floats = npt.NDArray[np.float64]
Chroma = npt.NDArray[np.float32]


def example(clip: AnnotatedClip, chroma: Chroma) -> Example:
    assert clip.key is not None
    weight = SHORT_WEIGHT if clip.part == "short" else 1.0
    return Example(key_features(chroma), key_number(clip.key), clip.track, weight)


def cross_validated(
    clips: Sequence[AnnotatedClip], chromas: dict[Path, Chroma], short: Sequence[Example]
) -> list[Key | None]:
    """Each clip's key, with a calibration that was fitted to other tracks."""
    examples = [example(clip, chromas[clip.path]) for clip in clips]
    found: list[Key | None] = [None] * len(clips)
    order = np.random.default_rng(1).permutation(len(clips))
    for fold in range(FOLDS):
        held_out = order[fold::FOLDS].tolist()
        tracks = {clips[i].track for i in held_out}
        calibration = fit_calibration([e for e in [*examples, *short] if e.track not in tracks])
        for i in held_out:
            found[i] = estimate_key(chromas[clips[i].path], calibration)
    return found


def librosa_keys(paths: Sequence[Path]) -> list[int]:
    """Keys by the usual recipe, as numbers; none where librosa is not installed."""
    try:
        import librosa
    except ImportError:
        print("librosa is not installed here: pip install librosa")
        return []
    profiles = [np.roll(profile, tonic) for profile in KRUMHANSL for tonic in range(12)]
    found = []
    for path in paths:
        waveform, rate = librosa.load(path, sr=None)
        mean = librosa.feature.chroma_cqt(y=waveform, sr=rate).mean(axis=1)
        found.append(int(np.argmax([np.corrcoef(mean, each)[0, 1] for each in profiles])))
    return found


def scores(found: Sequence[int], clips: Sequence[AnnotatedClip]) -> Floats:
    return np.array(
        [
            mirex_score(key, key_number(clip.key or ""))
            for key, clip in zip(found, clips, strict=True)
        ]
    )


def report(found: Sequence[Key | None], score: Floats) -> str:
    """Reliability of the confidence, and what abstaining does."""
    confidence = np.array([each.confidence if each else 0.0 for each in found])
    right = (score == 1.0).astype(np.float64)
    lines = confidence_tables(confidence, BINS, {"weighted score": score, "right": right}, right)
    return "\n".join(lines)


def show(title: str, clips: Sequence[AnnotatedClip], found: Sequence[Key | None]) -> None:
    ours = scores([key_number(key.name) if key else 0 for key in found], clips)
    print(f"\n{title}: {len(clips)} tracks\n")
    print("| system | weighted score, % | right, % |\n| --- | --- | --- |")
    print(interval_row("soundalike", (ours, ours == 1.0)))
    if theirs := librosa_keys([clip.path for clip in clips]):
        score = scores(theirs, clips)
        print(interval_row("librosa's chroma, Krumhansl's profiles", (score, score == 1.0)))
    print(f"\n{report(found, ours)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="GTZAN with clips, annotations and splits")
    parser.add_argument("--fit", action="store_true", help="fit the calibration and print it")
    parser.add_argument("--test", action="store_true", help="measure the test split as well")
    arguments = parser.parse_args()
    names = ("train", "valid", "test") if arguments.test else ("train", "valid")
    clips = [c for c in find_clips(arguments.folder) if c.key and c.split in names]
    chromas = {clip.path: stream_file(clip.path, ChromaStream, CHROMA_RATE) for clip in clips}
    tuned = [clip for clip in clips if clip.split != "test"]
    short = [
        example(clip, stream_file(clip.path, ChromaStream, CHROMA_RATE))
        for clip in find_clips(arguments.folder, ("short",))
        if clip.key and clip.split in ("train", "valid")
    ]
    title = "training and validation, cross-validated"
    show(title, tuned, cross_validated(tuned, chromas, short))
    if arguments.fit:
        fitted = fit_calibration([example(clip, chromas[clip.path]) for clip in tuned] + short)
        print(f"\n{fitted}")
    if arguments.test:
        test = [clip for clip in clips if clip.split == "test"]
        show("test", test, [estimate_key(chromas[clip.path]) for clip in test])


if __name__ == "__main__":
    main()
