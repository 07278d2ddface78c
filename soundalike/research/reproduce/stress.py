"""``soundalike reproduce stress``: how far each model holds out when music is changed.

Every real clip is changed in every way of :mod:`.perturbations`, and each model is asked three
things: does it still name the genre, how far has the embedding moved (cosine to that of the clip as
it was), and does the changed clip still find its own track first among all clips.
"""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundalike.audio import load_audio
from soundalike.errors import AudioError, DataError
from soundalike.evaluate.intervals import Interval, bootstrap
from soundalike.files import write_file
from soundalike.frontends.log_mel import log_mel
from soundalike.research.environment import describe_environment
from soundalike.research.report import show_interval
from soundalike.research.reproduce import Outcome
from soundalike.research.reproduce.classifiers import Classifier, Prediction, find_classifiers
from soundalike.research.reproduce.clips import HELD_OUT, Clip, find_clips
from soundalike.research.reproduce.perturbations import (
    PERTURBATIONS,
    QUICK_PERTURBATIONS,
    Perturbation,
)
from soundalike.research.reproduce.stress_page import stress_page
from soundalike.research.reproduce.stress_results import (
    Circumstances,
    Measured,
    Row,
    StressResult,
)

__all__ = ["in_short", "measure", "reproduce", "summarise"]

GROUPS = {"held out": HELD_OUT, "all": ("train", "valid", "test", "none")}
QUICK_PER_GENRE = 2
DRAWS = 2000

Progress = Callable[[int, int], None]


def measure(
    clips: Sequence[Clip],
    classifiers: Sequence[Classifier],
    perturbations: Sequence[Perturbation],
    *,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> StressResult:
    """Ask each model about each clip in each state.

    Parameters
    ----------
    seed : of the noise; each clip and change has noise of its own, whatever else is run.
    threads : clips at a time; by default one a core. The result does not depend on it.
    progress : called with the clips done and their number.

    Raises
    ------
    DataError : fewer than two clips can be read.
    """
    predictions: list[list[list[Prediction]]] = []
    read, left_out = [], []

    def ask(clip: Clip) -> list[list[Prediction]] | AudioError:
        try:
            return _ask(clip, classifiers, perturbations, seed)
        except AudioError as error:
            return error

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        try:
            for number, (clip, answer) in enumerate(
                zip(clips, pool.map(ask, clips), strict=True), start=1
            ):
                if isinstance(answer, AudioError):
                    left_out.append(str(answer))
                else:
                    read.append(clip)
                    predictions.append(answer)
                if progress is not None:
                    progress(number, len(clips))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if len(read) < 2:
        raise DataError(f"only {len(read)} clips can be read: {'; '.join(left_out) or 'no others'}")
    measured = tuple(
        _compare(classifier, read, [[state[number] for state in answer] for answer in predictions])
        for number, classifier in enumerate(classifiers)
    )
    rows = tuple(row for each in measured for row in summarise(each, read, perturbations))
    return StressResult(tuple(read), tuple(left_out), tuple(perturbations), measured, rows)


def _ask(
    clip: Clip, classifiers: Sequence[Classifier], perturbations: Sequence[Perturbation], seed: int
) -> list[list[Prediction]]:
    """What the models say, by state (as it is, then each perturbation) and by model."""
    audio = load_audio(clip.path)
    answers = []
    for perturbation in (None, *perturbations):
        changed = audio.samples
        if perturbation is not None:
            words = f"{clip.track} {perturbation.name}".encode()
            generator = np.random.default_rng([seed, *words])
            changed = perturbation.change(audio.samples, audio.sample_rate, generator)
        spectrogram = log_mel(changed, audio.sample_rate)
        answers.append([classifier.predict(spectrogram) for classifier in classifiers])
    return answers


def _compare(
    classifier: Classifier, clips: Sequence[Clip], predictions: Sequence[Sequence[Prediction]]
) -> Measured:
    """From what one model said, by clip and state, to figures by state and clip."""
    truth = np.array([classifier.labels.index(clip.genre) for clip in clips])
    # (n_states, n_clips, ...)
    probabilities = np.array([[each.probabilities for each in clip] for clip in predictions])
    probabilities = probabilities.swapaxes(0, 1).astype(np.float64)
    embeddings = np.array([[each.embedding for each in clip] for clip in predictions])
    embeddings = embeddings.swapaxes(0, 1).astype(np.float64)
    if not classifier.is_centred:
        embeddings = embeddings - embeddings[0].mean(axis=0)
    embeddings /= np.maximum(np.linalg.norm(embeddings, axis=-1, keepdims=True), 1e-12)
    similarity = embeddings @ embeddings[0].T  # (n_states, n_clips, n_clips)
    own = np.diagonal(similarity, axis1=1, axis2=2)
    predicted = probabilities.argmax(axis=-1)
    return Measured(
        model=classifier.name,
        labels=classifier.labels,
        hits=predicted == truth,
        p_true=probabilities[:, np.arange(len(clips)), truth],
        cosines=own,
        ranks=1 + (similarity > own[..., None]).sum(axis=-1),
        predicted=predicted,
    )


def summarise(
    measured: Measured, clips: Sequence[Clip], perturbations: Sequence[Perturbation]
) -> tuple[Row, ...]:
    """Figures of one model, by group of clips and by change; groups without clips are left out."""
    rows = []
    for group, sides in GROUPS.items():
        chosen = np.flatnonzero([clip.side in sides for clip in clips])
        if not len(chosen):
            continue
        hits = measured.hits[:, chosen].astype(np.float64)
        names = [("none", "none"), *((each.name, each.kind) for each in perturbations)]
        for state, (name, kind) in enumerate(names):
            cosines = measured.cosines[state, chosen]
            rows.append(
                Row(
                    model=measured.model,
                    group=group,
                    perturbation=name,
                    kind=kind,
                    n_clips=len(chosen),
                    accuracy=_mean(hits[state]),
                    drop=_mean(hits[0] - hits[state]),
                    cosine=float(cosines.mean()),
                    lowest_cosine=float(cosines.min()),
                    finds_itself=float((measured.ranks[state, chosen] == 1).mean()),
                )
            )
    return tuple(rows)


def _mean(values: npt.NDArray[np.float64]) -> Interval:
    return bootstrap(lambda rows: float(values[rows].mean()), len(values), draws=DRAWS)


def reproduce(
    out: Path,
    *,
    data: str | os.PathLike[str] | None = None,
    models: tuple[str, ...] = (),
    runs: tuple[Path, ...] = (),
    quick: bool = False,
    seed: int = 0,
    command: str = "soundalike reproduce stress",
    progress: Progress | None = None,
) -> Outcome:
    """Measure, and write ``report.html``, ``report.json`` and ``clips.csv``.

    Parameters
    ----------
    out : folder that is there.
    data : the data folder; by default ``SOUNDALIKE_DATA``.
    models, runs : names of installed models, folders of training runs; by default all models.
    quick : two clips a genre, one change of each kind.
    command : what was typed, for the report.

    Raises
    ------
    DataError : no clips, no split, a run without a checkpoint.
    ModelError : an unknown or unfit model.
    """
    started, begun_s = datetime.now().astimezone(), time.perf_counter()
    clips = find_clips(data)
    if quick:
        clips = _few(clips)
    result = measure(
        clips,
        find_classifiers(models, runs),
        QUICK_PERTURBATIONS if quick else PERTURBATIONS,
        seed=seed,
        progress=progress,
    )
    circumstances = Circumstances(
        command=command,
        started=started.isoformat(timespec="seconds"),
        duration_s=time.perf_counter() - begun_s,
        seed=seed,
        quick=quick,
        environment=describe_environment(),
    )
    values = {
        **asdict(circumstances),
        "clips": {clip.track: clip.side for clip in result.clips},
        "left_out": list(result.left_out),
        "rows": [asdict(row) for row in result.rows],
    }
    write_file(out / "report.json", json.dumps(values, indent=1, ensure_ascii=False) + "\n")
    write_file(out / "clips.csv", _table(result))
    lines = in_short(result)
    report = write_file(out / "report.html", stress_page(result, circumstances, lines))
    return Outcome(report, lines)


def in_short(result: StressResult) -> tuple[str, ...]:
    """The findings in a few sentences: figures, and which drops are beyond chance."""
    lines = []
    for measured in result.measured:
        rows = [row for row in result.rows if row.model == measured.model]
        group = rows[0].group
        rows = [row for row in rows if row.group == group]
        unchanged, changed = rows[0], rows[1:]
        lines.append(
            f"{measured.model}: accuracy {show_interval(unchanged.accuracy)} on the "
            f"{unchanged.n_clips} clips of the group {group!r} as they are."
        )
        real = sorted((row for row in changed if row.drop.low > 0), key=lambda row: -row.drop.value)
        named = ", ".join(f"{row.perturbation} ({100 * row.drop.value:.0f} points)" for row in real)
        lines.append(
            f"Drops whose interval excludes 0: {named or 'none'} "
            f"({len(real)} of {len(changed)} changes)."
        )
        worst = min(changed, key=lambda row: row.cosine)
        lost = min(changed, key=lambda row: row.finds_itself)
        lines.append(
            f"The embedding moves most under {worst.perturbation} (mean cosine "
            f"{worst.cosine:.2f}); a clip finds its own track least often under "
            f"{lost.perturbation} ({100 * lost.finds_itself:.0f} %)."
        )
    return tuple(lines)


def _few(clips: Sequence[Clip]) -> tuple[Clip, ...]:
    """Two clips a genre, those that models were not trained on first."""
    chosen: list[Clip] = []
    for genre in dict.fromkeys(clip.genre for clip in clips):
        mine = [clip for clip in clips if clip.genre == genre]
        chosen += sorted(mine, key=lambda clip: clip.side not in HELD_OUT)[:QUICK_PER_GENRE]
    return tuple(chosen)


def _table(result: StressResult) -> str:
    """A line for each model, change and clip."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["model", "perturbation", "track", "side", "predicted", "p_true", "cosine", "rank"]
    )
    names = ["none", *(each.name for each in result.perturbations)]
    for measured in result.measured:
        for state, name in enumerate(names):
            for number, clip in enumerate(result.clips):
                writer.writerow(
                    [
                        measured.model,
                        name,
                        clip.track,
                        clip.side,
                        measured.labels[measured.predicted[state, number]],
                        f"{measured.p_true[state, number]:.4f}",
                        f"{measured.cosines[state, number]:.4f}",
                        measured.ranks[state, number],
                    ]
                )
    return text.getvalue()
