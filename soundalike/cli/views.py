"""Analyses as people and programs read them; shared by the commands that show genres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundalike.cli.output import show_percent

if TYPE_CHECKING:
    from soundalike.analyzer import Analysis

__all__ = ["analysis_json", "genre_words"]

# More than these few tags of a track say little in one line.
_TAGS_IN_A_LINE = 3


def analysis_json(analysis: Analysis, *, timeline: bool = False) -> dict[str, Any]:
    """The analysis for ``--json``: names as in ``Analysis``, without the embeddings.

    A model of tags has ``tags``, their activations, in place of all that is said of genres.
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
    """``metal, 91 % sure``, or ``unsure: rock, pop or country``, or ``rock 0.41, guitar 0.22``."""
    if analysis.kind == "tags":
        strongest = list(analysis.genres.items())[:_TAGS_IN_A_LINE]
        return ", ".join(f"{tag} {activation:.2f}" for tag, activation in strongest)
    if not analysis.unsure:
        return f"{analysis.genre}, {show_percent(analysis.confidence)} sure"
    few = list(analysis.genre_set)
    if len(few) == len(analysis.labels):
        return f"unsure: it may be any of the {len(few)} genres, {analysis.genre} first"
    if len(few) == 1:
        return f"unsure: {few[0]}, {show_percent(analysis.confidence)}"
    return f"unsure: {', '.join(few[:-1])} or {few[-1]}"
