"""What an analysis says, as the texts of tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from soundalike.errors import InvalidArgument
from soundalike.library.tag_names import OWN_FIELDS, STANDARD_FIELDS

if TYPE_CHECKING:
    from soundalike.analysis import Analysis

__all__ = ["checked_fields", "tag_values"]

# How tags of genres are usually written, where that is not the label with a capital.
_GENRES = {"hiphop": "Hip-Hop", "hip-hop": "Hip-Hop", "r&b": "R&B"}


def checked_fields(fields: Any) -> tuple[str, ...]:
    """Names of fields as they are written.

    Raises
    ------
    InvalidArgument : one that is not known, or none at all.
    """
    given: Iterable[Any] = [fields] if isinstance(fields, str) else fields
    known = (*OWN_FIELDS, *STANDARD_FIELDS)
    names = dict.fromkeys(str(each).upper() for each in given)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        what = f"fields has {unknown[0]!r}" if unknown else "fields is empty"
        raise InvalidArgument(f"{what}: give some of {', '.join(known)}")
    return tuple(names)


def tag_values(analysis: Analysis) -> dict[str, tuple[str, ...]]:
    """The values of all fields for which there are some.

    The genre is that of a model that tells genres, where it is not unsure; ``GENRE`` only where one
    genre alone is in the set that holds the right one nine times in ten. Tempo and key are None in
    an analysis that is not sure of them.
    """
    found: dict[str, tuple[str, ...]] = {"SOUNDALIKE_MODEL": (analysis.model,)}
    if analysis.kind == "genres" and not analysis.unsure:
        found["SOUNDALIKE_GENRE"] = (analysis.genre,)
        found["SOUNDALIKE_GENRE_CONFIDENCE"] = (f"{analysis.confidence:.2f}",)
        if len(analysis.genre_set) == 1:
            genre = analysis.genre
            found["GENRE"] = (_GENRES.get(genre.lower(), genre.title()),)
    if analysis.words_that_hold:
        found["SOUNDALIKE_WORDS"] = analysis.words_that_hold
    if analysis.tempo_bpm is not None:
        found["SOUNDALIKE_BPM"] = (f"{analysis.tempo_bpm:.1f}",)
        found["BPM"] = (str(round(analysis.tempo_bpm)),)
    if analysis.key is not None:
        found["SOUNDALIKE_KEY"] = (analysis.key,)
        found["INITIALKEY"] = (_short_key(analysis.key),)
    return found


def _short_key(key: str) -> str:
    """``A minor`` as ``Am``, ``Eb major`` as ``Eb``: three characters at most, as ID3 has it."""
    tonic, _, mode = key.partition(" ")
    return tonic + ("m" if mode == "minor" else "")
