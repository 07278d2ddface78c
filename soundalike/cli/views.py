"""Analyses as people and programs read them; shared by the commands that show genres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soundalike.cli.output import show_percent

if TYPE_CHECKING:
    from soundalike.analyzer import Analysis

__all__ = ["analysis_json", "genre_words"]


def analysis_json(analysis: Analysis, *, timeline: bool = False) -> dict[str, Any]:
    """The analysis for ``--json``: names as in ``Analysis``, without the embeddings."""
    found: dict[str, Any] = {
        "model": analysis.model,
        "duration_s": analysis.duration_s,
        "genre": analysis.genre,
        "confidence": analysis.confidence,
        "unsure": analysis.unsure,
        "genre_set": analysis.genre_set,
        "genres": analysis.genres,
        "notes": analysis.notes,
    }
    if timeline:
        found["labels"] = analysis.labels
        found["excerpt_starts_s"] = analysis.excerpt_starts_s
        found["excerpt_probabilities"] = analysis.excerpt_probabilities
    return found


def genre_words(analysis: Analysis) -> str:
    """``metal, 91 % sure``, or ``unsure: rock, pop or country``."""
    if not analysis.unsure:
        return f"{analysis.genre}, {show_percent(analysis.confidence)} sure"
    few = list(analysis.genre_set)
    if len(few) == len(analysis.labels):
        return f"unsure: it may be any of the {len(few)} genres, {analysis.genre} first"
    if len(few) == 1:
        return f"unsure: {few[0]}, {show_percent(analysis.confidence)}"
    return f"unsure: {', '.join(few[:-1])} or {few[-1]}"
