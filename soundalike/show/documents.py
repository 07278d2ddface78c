"""Results as documents of JSON: the same from the command line and from the server."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from soundalike.errors import printable
from soundalike.show.text import escape_json

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library.playlist_records import PlaylistResolution
    from soundalike.models import ModelInfo
    from soundalike.playlists import PlaylistEntry
    from soundalike.playlists.folder import KeptPlaylist
    from soundalike.recommend.explain import Explanation
    from soundalike.recommend.records import OrderedPlaylist, RefreshedPlaylist
    from soundalike.similarity.passages import Comparison

__all__ = [
    "analysis_document",
    "as_text",
    "comparison_document",
    "entry_name",
    "explanation_document",
    "kept_document",
    "model_document",
    "order_document",
    "refresh_document",
    "to_json",
]

_COMPARED = (
    "a",
    "b",
    "a_path",
    "b_path",
    "similarity",
    "facets",
    "shares",
    "percentile",
    "passages",
)
_ORDERED = (
    "tracks",
    "steps",
    "smoother_percent",
    "total_step",
    "largest_step",
    "given_total_step",
    "given_largest_step",
    "n_too_close",
    "taste",
)


def to_json(value: Any) -> Any:
    """The value as what ``json`` can write: dataclasses by field name, unless they
    have a ``to_json`` of their own, arrays as lists."""
    if hasattr(value, "to_json"):
        return to_json(value.to_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, PurePath):
        return os.fspath(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "tolist"):  # an array or scalar of NumPy, which is not imported for this
        return to_json(value.tolist())
    if isinstance(value, float):
        return round(value, 6)
    return value


def as_text(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """The document as text, all control characters in it escaped.

    A file name that is no valid Unicode keeps its bytes as escaped surrogates (``\\udcNN``), as
    ``json.loads`` and ``os.fsencode`` of Python expect them.
    """
    text = json.dumps(to_json(value), indent=indent, ensure_ascii=ascii_only)
    # The surrogates are the one thing that UTF-8 cannot carry.
    return escape_json(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def analysis_document(analysis: Analysis, *, timeline: bool = False) -> dict[str, Any]:
    """The analysis by name: names as in ``Analysis``, without the embeddings.

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
    for name in (
        "tempo_bpm",
        "tempo_confidence",
        "tempo_alternatives",
        "key",
        "key_confidence",
        "words_that_hold",
        "words",
    ):
        found[name] = getattr(analysis, name)
    found["notes"] = analysis.notes
    found["is_fast"] = analysis.is_fast
    if timeline:
        found["timeline"] = analysis.timeline()
        found["labels"] = analysis.labels
        found["excerpt_starts_s"] = analysis.excerpt_starts_s
        found["excerpt_s"] = analysis.excerpt_s
        found["excerpt_probabilities"] = analysis.excerpt_probabilities
    return found


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """All of a comparison but the embeddings, with what is known of either side."""
    return {
        **{name: getattr(comparison, name) for name in _COMPARED},
        "a_analysis": analysis_document(comparison.a_analysis),
        "b_analysis": analysis_document(comparison.b_analysis),
        "excerpt_similarity": comparison.excerpt_similarity,
    }


def explanation_document(found: Explanation) -> dict[str, Any]:
    """All of an explanation but the arrays, with what is known of each side."""
    document: dict[str, Any] = {
        **found.to_json(),
        "similarity": found.similarity,
        "weights": found.weights,
        "a_analysis": analysis_document(found.a.analysis),
        "b_analysis": analysis_document(found.b.analysis),
    }
    if found.expected is not None:
        document["expected_analysis"] = analysis_document(found.expected.side.analysis)
    return document


def model_document(model: ModelInfo) -> dict[str, Any]:
    """What is known of a model, but its card."""
    return {"id": model.id, **to_json(model)}


def order_document(found: OrderedPlaylist) -> dict[str, Any]:
    """All of a playlist in another order but its file; what could not be placed by name."""
    whole = {name: getattr(found, name) for name in _ORDERED}
    return {**whole, "not_placed": list(map(entry_name, found.not_placed))}


def refresh_document(found: RefreshedPlaylist) -> dict[str, Any]:
    """What was made again, what came and, by name, what went."""
    return {"made": found.made, "came": found.came, "went": list(map(entry_name, found.went))}


def kept_document(kept: KeptPlaylist, found: PlaylistResolution) -> dict[str, Any]:
    """A playlist that is kept, what its entries mean, and how it was made."""
    return {
        "playlist": kept,
        "entries": [
            {
                "name": entry_name(each.entry),
                "track": each.track,
                "by": each.by,
                "reason": each.reason,
            }
            for each in found.entries
        ],
        "recipe": found.playlist.recipe,
    }


def entry_name(entry: PlaylistEntry) -> str:
    """What to call an entry of a playlist."""
    if entry.title:
        return f"{entry.artist} - {entry.title}" if entry.artist else entry.title
    return printable(entry.path or entry.location or "an entry without a name")
