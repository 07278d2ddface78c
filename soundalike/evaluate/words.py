"""The figures of an evaluation in plain words, and what they cannot say."""

from __future__ import annotations

from soundalike.evaluate.records import Answer, BaselineComparison, LibraryEvaluation

__all__ = ["CANNOT_SAY", "answer_words", "baseline_words", "left_out_words", "untagged_words"]

CANNOT_SAY = (
    "Tags and folders stand in for your ears. A neighbour from another album may sound just as "
    "you wish, and count as wrong; two tracks of one album may sound nothing alike, and count as "
    "right.",
    "Wrong tags make every figure worse, those of other systems, too. Figures of two libraries "
    "cannot be compared, those of two models on one library can.",
    "The intervals say how much a figure depends on which of these tracks were asked. They do not "
    "say what it would be for other music.",
    "Robustness is measured on a sample of tracks and on changes that a machine makes: it says "
    "nothing of live versions, covers and remasters.",
)


def answer_words(answer: Answer, k: int) -> str:
    """What precision@k means for the list that a listener sees."""
    if answer.figures is None:
        return answer.reason or ""
    figure = answer.figures.precision
    return (
        f"of {k} neighbours {k * figure.value:.1f} on average ({k * figure.low:.1f} to "
        f"{k * figure.high:.1f}); chance brings {k * figure.chance:.1f}, a perfect order "
        f"{k * figure.best:.1f}"
    )


def baseline_words(comparison: BaselineComparison) -> str:
    """Which of the two is better, if that can be told."""
    if comparison.gain.low > 0:
        return "better than the baseline"
    if comparison.gain.high < 0:
        return "worse than the baseline"
    return "no clear difference"


def untagged_words(evaluation: LibraryEvaluation) -> str | None:
    """What can be measured in a library without tags; None where there are tags."""
    by_tags = [answer for answer in evaluation.answers if answer.question != "same folder"]
    if any(answer.n_unlabelled < evaluation.n_tracks for answer in by_tags):
        return None
    return (
        "No track has an artist, an album or a genre in its tags. What can be measured without: "
        "folders, hubs and changed copies."
    )


def left_out_words(evaluation: LibraryEvaluation) -> list[str]:
    """What is in no figure, and why, one line a reason."""
    copies = sum(duplicate.kind == "copy" for duplicate in evaluation.duplicates)
    near = len(evaluation.duplicates) - copies
    lines = {
        "exact copies of another file, set aside": copies,
        "near-duplicates, the same recording in another file, set aside": near,
        "files or folders that could not be analysed: soundalike failures": len(evaluation.failed),
        "tracks whose files are gone since the last scan": len(evaluation.missing),
        f"tracks not analysed with {evaluation.model} yet: scan their folder": (
            evaluation.n_pending
        ),
        "files that could not be read for this evaluation": len(evaluation.unreadable),
    }
    return [f"{count:,} {words}" for words, count in lines.items() if count]
