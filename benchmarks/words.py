"""How well a model tells words, by the measure of the teachers that it learned them from.

python -m benchmarks.words MUSIC... --model NAME           precision of the model's own thresholds
python -m benchmarks.words MUSIC... --model NAME --fit OUT.json       fit them on this music
python -m benchmarks.words MUSIC... --cuts OUT.json        where the teachers begin to say yes

MUSIC is folders, audio files, or text files (.txt) with a path a line. Fit on music for validation,
measure on music that neither a model nor a threshold has seen. The cuts come from the training
music; those in use are ``soundalike/research/distill/word_cuts.json``.

The teachers, musicnn and yamnet, must be installed (``soundalike models pull``). They are the
reference: a precision of 80 % means that they say the word of 80 % of the tracks for which it holds
by the model, and not that a listener would. What they say of a file is kept in build/.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.analyzer import Analyzer
from soundalike.audio import load_audio
from soundalike.errors import AudioError, InvalidArgument, SoundalikeError
from soundalike.files import content_digest, write_file
from soundalike.library.scan.walk import AUDIO_SUFFIXES
from soundalike.models.contract import LOGITS
from soundalike.research.distill.teachers import TrackTeacher
from soundalike.research.distill.word_fit import WordFigures, fit_words, measure_words
from soundalike.research.distill.words import (
    MUSICNN,
    TAUGHT_WORDS,
    YAMNET,
    teachers_say,
    word_cuts,
    word_targets,
)

CACHE = Path(__file__).parent.parent / "build" / "benchmark-words"

Floats = NDArray[np.float32]


def files_in(places: Sequence[Path]) -> list[Path]:
    """The audio files that are meant, by path.

    Raises
    ------
    InvalidArgument : there are none.
    """
    found: set[Path] = set()
    for place in places:
        if place.suffix == ".txt":
            found |= {Path(line) for line in place.read_text(encoding="utf-8").splitlines() if line}
        elif place.is_dir():
            found |= {path for path in place.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES}
        else:
            found.add(place)
    if not found:
        raise InvalidArgument(f"no audio files in {', '.join(map(str, places))}")
    return sorted(found)


@cache
def teacher(name: str) -> TrackTeacher:
    return TrackTeacher(name)


def told(path: Path, names: Sequence[str]) -> dict[str, Floats] | str:
    """What the teachers say of a file: by name the mean probabilities, (n_classes,); or, of a file
    that cannot be decoded, why."""
    try:
        digest = content_digest(str(path)).hex()[:32]
        kept = {name: CACHE / f"{digest}-{teacher(name).sha256[:16]}.npy" for name in names}
        if not all(file.is_file() for file in kept.values()):
            audio = load_audio(path)
            for name, file in kept.items():
                values = teacher(name).track_values(audio.samples, audio.sample_rate)
                likely = (1 + np.tanh(values.arrays[LOGITS] / 2)) / 2
                np.save(file, likely.mean(axis=0).astype(np.float32))
    except (AudioError, OSError) as error:
        return str(error)
    return {name: np.load(file) for name, file in kept.items()}


@cache
def analyzer(model: str) -> Analyzer:
    return Analyzer(model)


def words_of(path: Path, model: str) -> dict[str, float]:
    """What the model says of a file."""
    return analyzer(model).from_file(path).words


def table(figures: Sequence[WordFigures]) -> str:
    """In Markdown: the words that are learned, by group, best first."""
    lines = [
        "| word | group | teachers say | holds | precision | recall | AUC |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    learned = [each for each in figures if each.is_learned]
    lines += [
        f"| {each.word.word} | {each.word.group} | {each.n_positive} | {each.n_held} | "
        f"{_share(each.precision)} | {_share(each.recall)} | {_share(each.auc)} |"
        for each in sorted(learned, key=lambda each: (each.word.group, -(each.auc or 0)))
    ]
    aucs = [each.auc for each in figures if each.auc is not None]
    holding = [each for each in learned if each.n_held]
    held, agreed = (sum(getattr(each, name) for each in holding) for name in ("n_held", "n_agreed"))
    lines += [
        "",
        f"{figures[0].n_tracks} tracks, {len(figures)} words: {len(aucs)} could be measured "
        f"(median AUC {_share(float(np.median(aucs)) if aucs else None)}), {len(learned)} are "
        f"learned, {len(holding)} of them hold for some track. The teachers agree in {agreed} of "
        f"{held} times that a word holds.",
    ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def run(options: argparse.Namespace) -> None:
    """
    Raises
    ------
    SoundalikeError : a teacher or the model is not there, or the music.
    """
    names = (YAMNET, MUSICNN)
    labels = {name: teacher(name).labels for name in names}
    files = files_in(options.music)
    CACHE.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        said = list(pool.map(partial(told, names=names), files))
        failed = {path: each for path, each in zip(files, said, strict=True) if type(each) is str}
        files = [path for path in files if path not in failed]
        heard = [each for each in said if not isinstance(each, str)]
        outputs = {name: np.stack([each[name] for each in heard]) for name in names}
        found = (
            []
            if options.model is None
            else list(pool.map(partial(words_of, model=options.model), files))
        )
    for path, reason in failed.items():
        print(f"left out: {path}: {reason}", file=sys.stderr)
    if options.cuts is not None:
        cuts = word_cuts(outputs, labels)
        write_file(options.cuts, (json.dumps(asdict(cuts), indent=1) + "\n").encode())
    if options.model is None:
        return
    own = analyzer(options.model).model.words
    taught = {word.word: word for word in TAUGHT_WORDS}
    known = [word for word in own if word.word in taught]
    if not known:
        raise InvalidArgument(f"{options.model} tells none of the words that the teachers teach")
    says = teachers_say(word_targets(outputs, labels, [taught[word.word] for word in known]))
    probabilities = np.array([[each[word.word] for word in known] for each in found])
    if options.fit is None:
        print(table(measure_words(known, probabilities, says)))
        return
    fitted = fit_words(known, probabilities, says)
    print(table(fitted))
    kept = [asdict(each.word) for each in fitted if each.is_learned]
    write_file(options.fit, (json.dumps(kept, indent=1) + "\n").encode())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("music", nargs="+", type=Path, metavar="MUSIC")
    parser.add_argument("--model", metavar="NAME", help="that tells words")
    parser.add_argument(
        "--fit", type=Path, metavar="OUT", help="fit thresholds; the words that are learned go here"
    )
    parser.add_argument("--cuts", type=Path, metavar="OUT", help="write the teachers' cuts")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes; by default one a core")
    options = parser.parse_args()
    if options.model is None and options.cuts is None:
        parser.error("give --model NAME, or --cuts OUT")
    try:
        run(options)
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
