"""The fields of tags that results are written into."""

from __future__ import annotations

__all__ = ["OWN_FIELDS", "STANDARD_FIELDS"]

OWN_FIELDS = (
    "SOUNDALIKE_GENRE",
    "SOUNDALIKE_GENRE_CONFIDENCE",
    "SOUNDALIKE_WORDS",
    "SOUNDALIKE_BPM",
    "SOUNDALIKE_KEY",
    "SOUNDALIKE_MODEL",
)
"""Fields that nobody else fills."""

STANDARD_FIELDS = ("GENRE", "BPM", "INITIALKEY")
"""Fields that every player reads."""
