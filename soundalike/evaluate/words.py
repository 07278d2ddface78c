"""The figures of an evaluation in plain words, and what they cannot say."""

from __future__ import annotations

from typing import Any

from soundalike.evaluate.records import Answer, BaselineComparison, LibraryEvaluation
from soundalike.show.documents import to_json

__all__ = [
    "CANNOT_SAY",
    "answer_words",
    "baseline_words",
    "evaluation_document",
    "left_out_words",
    "untagged_words",
]

CANNOT_SAY = (
    "Tags and folders stand in for your ears. A neighbour from another album may sound just right "
    "and count as wrong; two tracks of one album may sound nothing alike and count as right.",
    "Wrong tags lower every figure, for every program. Do not compare figures of two libraries; "
    "compare two models on one library.",
    "The intervals say how much a figure depends on which of these tracks were queries, not what "
    "it would be on other music.",
    "Changed copies are a sample, and changed by a machine. They say nothing about live versions, "
    "covers and remasters.",
)


def evaluation_document(evaluation: LibraryEvaluation) -> dict[str, Any]:
    """All figures by name, and in words what they cannot say."""
    return {**to_json(evaluation), "cannot_say": list(CANNOT_SAY)}


def answer_words(answer: Answer, k: int) -> str:
    """What precision@k means for the list that a listener sees."""
    if answer.figures is None:
        return answer.reason or ""
    figure = answer.figures.precision
    return (
        f"{k * figure.value:.1f} of {k} neighbours on average ({k * figure.low:.1f} to "
        f"{k * figure.high:.1f}); by chance {k * figure.chance:.1f}, at best "
        f"{k * figure.best:.1f}"
    )


def baseline_words(comparison: BaselineComparison) -> str:
    """Which of the two is better, if that can be said."""
    # An end at 0 may miss it by a rounding error.
    if comparison.gain.low > 1e-9:
        return "better than the baseline"
    if comparison.gain.high < -1e-9:
        return "worse than the baseline"
    return "no clear difference"


def untagged_words(evaluation: LibraryEvaluation) -> str | None:
    """What artist and album are in a library without tags; None if there are tags."""
    if evaluation.n_stand_ins < evaluation.n_tracks:
        return None
    return (
        "No track has an artist and an album in its tags: folders stand in for them, and mean as "
        "much as you put into them. Hubs and changed copies need no tags."
    )


def left_out_words(evaluation: LibraryEvaluation) -> list[str]:
    """What is left out of all figures, and why; one line per reason."""
    copies = sum(duplicate.kind == "copy" for duplicate in evaluation.duplicates)
    retagged = sum(duplicate.kind == "audio" for duplicate in evaluation.duplicates)
    near = len(evaluation.duplicates) - copies - retagged
    pending = f" that {evaluation.model} has not analysed yet: scan their folder"
    lines = (
        (copies, "exact copy of another file", "exact copies of other files", ""),
        (retagged, "file", "files", " with the audio of another file and other tags"),
        (near, "near-duplicate", "near-duplicates", ", the same recording again"),
        (
            len(evaluation.failed),
            "file",
            "files",
            " that could not be analysed: soundalike failures",
        ),
        (len(evaluation.missing), "track", "tracks", " whose file was gone at the last scan"),
        (evaluation.n_pending, "track", "tracks", pending),
        (len(evaluation.unreadable), "file", "files", " that this evaluation could not read"),
    )
    return [
        f"{count:,} {one if count == 1 else many}{rest}"
        for count, one, many, rest in lines
        if count
    ]
