"""Analyses as people and programs read them; shared by the commands that show genres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundalike.cli.output import note
from soundalike.show.amounts import show_percent

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library import Upgrade

__all__ = [
    "FINISH_UPGRADE",
    "UNFAMILIAR",
    "analysis_json",
    "genre_words",
    "note_upgrade",
    "set_words",
]

UNFAMILIAR = "unlike any music that the model knows"

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
    found["familiarity"] = analysis.familiarity
    found["unfamiliar"] = analysis.unfamiliar
    found["notes"] = analysis.notes
    if timeline:
        found["timeline"] = analysis.timeline()
        found["labels"] = analysis.labels
        found["excerpt_starts_s"] = analysis.excerpt_starts_s
        found["excerpt_probabilities"] = analysis.excerpt_probabilities
    return found


def genre_words(analysis: Analysis) -> str:
    """``metal (91 %)``, ``metal (71 %), else rock``, ``probably metal (55 %), else rock``,
    ``unsure, perhaps metal (38 %) or rock``, or ``unsure: unlike any music that the model knows``.

    For a model with tags, the strongest: ``rock 0.41, guitar 0.22``.
    """
    if analysis.kind == "tags":
        strongest = list(analysis.genres.items())[:_TAGS_IN_A_LINE]
        return ", ".join(f"{tag} {activation:.2f}" for tag, activation in strongest)
    if analysis.unfamiliar:
        return f"unsure: {UNFAMILIAR}"
    first, second = list(analysis.genres)[:2]
    likely = f"{first} ({show_percent(analysis.confidence)})"
    if analysis.confidence < 0.5:
        return f"unsure, perhaps {likely} or {second}"
    rest = f", else {second}" if len(analysis.genre_set) > 1 else ""
    return f"probably {likely}{rest}" if analysis.unsure else f"{likely}{rest}"


def set_words(analysis: Analysis) -> str:
    """The set and, where the answer is "unsure", what makes it so."""
    found = f"genre set (right for 9 of 10 tracks): {', '.join(analysis.genre_set)}"
    if analysis.unfamiliar:
        return f"{found} (of music that the model knows)"
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
