"""Analyses as people and programs read them; shared by the commands that show genres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundalike.cli.output import note
from soundalike.show.amounts import show_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.analysis import Analysis
    from soundalike.library import Upgrade

__all__ = ["FINISH_UPGRADE", "analysis_json", "genre_words", "note_upgrade", "set_words"]

FINISH_UPGRADE = "soundalike scan --upgrade"

# More tags than this say little in one line.
_TAGS_IN_A_LINE = 3


def analysis_json(analysis: Analysis, *, timeline: bool = False) -> dict[str, Any]:
    """The analysis for ``--json``: names as in ``Analysis``, without the embeddings.

    A model with tags has ``tags``, with their activations, instead of the fields about genres.
    """
    found: dict[str, Any] = {
        "model": analysis.model,
        "duration_s": analysis.duration_s,
        "kind": analysis.kind,
    }
    if analysis.kind == "tags":
        found["tags"] = analysis.genres
    else:
        found["genre"] = analysis.genre
        found["confidence"] = analysis.confidence
        found["unsure"] = analysis.unsure
        found["genre_set"] = analysis.genre_set
        found["genres"] = analysis.genres
    found["notes"] = analysis.notes
    if timeline:
        found["labels"] = analysis.labels
        found["excerpt_starts_s"] = analysis.excerpt_starts_s
        found["excerpt_probabilities"] = analysis.excerpt_probabilities
    return found


def genre_words(analysis: Analysis) -> str:
    """``metal, 91 % sure``, ``jazz, 62 % sure (or blues)``, or ``unsure: rock or country``.

    For a model with tags, the strongest: ``rock 0.41, guitar 0.22``.
    """
    if analysis.kind == "tags":
        strongest = list(analysis.genres.items())[:_TAGS_IN_A_LINE]
        return ", ".join(f"{tag} {activation:.2f}" for tag, activation in strongest)
    few = list(analysis.genre_set)
    if not analysis.unsure:
        rest = f" (or {_either(few[1:])})" if few[1:] else ""
        return f"{analysis.genre}, {show_percent(analysis.confidence)} sure{rest}"
    if len(few) == len(analysis.labels):
        return f"unsure: any of the {len(few)} genres, most likely {analysis.genre}"
    if len(few) == 1:
        return f"unsure: {few[0]}, {show_percent(analysis.confidence)}"
    return f"unsure: {_either(few)}"


def _either(labels: Sequence[str]) -> str:
    """``rock``, ``rock or pop``, ``rock, pop or country``."""
    return " or ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))


def set_words(analysis: Analysis) -> str:
    """The set and, where the answer is "unsure", what makes it so."""
    found = f"genre set (right for 9 of 10 tracks): {', '.join(analysis.genre_set)}"
    if not analysis.unsure:
        return found
    if analysis.confidence < 0.5:
        return f"{found} (no genre has half of the probability)"
    return f"{found} (too many genres to be sure)"


def note_upgrade(upgrade: Upgrade | None) -> None:
    """During an upgrade to a new default model: say which model the answers come from."""
    if upgrade is None:
        return
    if not upgrade.remaining:
        former = " and ".join(upgrade.former)
        note(
            f"Answers come from {upgrade.query_model}, which has analysed all tracks; the next "
            f"scan deletes the analyses by {former}."
        )
        return
    note(
        f"Answers come from {upgrade.query_model} until all tracks are re-analysed for "
        f"{upgrade.model}: {upgrade.done:,} of {upgrade.done + upgrade.remaining:,} are. "
        f"To continue: {FINISH_UPGRADE}"
    )
