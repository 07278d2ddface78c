"""Playlists as plain JSON, for programs: paths as text, lengths in seconds.

::

    {
     "format": "soundalike playlist",
     "version": 1,
     "name": "Evening",
     "recipe": {"seeds": [17]},
     "tracks": [{"location": "/music/a.flac", "title": "A", "artist": "B", "duration_s": 201.5}]
    }

A plain list of such tracks, or of paths, is read as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from soundalike.playlists.json_text import object_in, text_in, to_bytes
from soundalike.playlists.locations import CannotHold
from soundalike.playlists.records import (
    LeftOut,
    Playlist,
    PlaylistEntry,
    Rendered,
    recipe_to_json,
    seconds,
)
from soundalike.playlists.source import Damaged, Source
from soundalike.playlists.target import Target

__all__ = ["parse", "render"]

_FORMAT, _VERSION = "soundalike playlist", 1
_TEXTS = ("title", "artist", "album", "musicbrainz_recording_id", "isrc")


@dataclass(frozen=True)
class _Kept:
    """What is not known here, by name."""

    values: dict[str, Any] = field(default_factory=dict)


def parse(source: Source) -> Playlist:
    """Read a file.

    Raises
    ------
    Damaged : it is no JSON, or none that is a playlist, or one of a later version.
    """
    document = object_in(source.data)
    if isinstance(document, list):
        document = {"tracks": document}
    if isinstance(document, dict) and "playlist" in document:
        raise Damaged("it is JSPF: call it .jspf (in Python: format='jspf')")
    if not isinstance(document, dict) or not isinstance(document.get("tracks"), list):
        raise Damaged('it is JSON, but no playlist: {"tracks": [{"location": "..."}]}')
    values = dict(document)
    values.pop("format", None)
    version = values.pop("version", _VERSION)
    if version != _VERSION:
        raise Damaged(f"its version is {version!r}, and this soundalike reads {_VERSION}")
    recipe = values.pop("recipe", None)
    if not isinstance(recipe, dict | None):
        raise Damaged("its recipe is no JSON object; mend or delete it")
    entries = tuple(
        _entry(track, number, source) for number, track in enumerate(values.pop("tracks"), start=1)
    )
    return Playlist(text_in(values.pop("name", None)), entries, recipe, kept=_Kept(values))


def render(playlist: Playlist, target: Target) -> Rendered:
    """The playlist as UTF-8."""
    kept = playlist.kept if isinstance(playlist.kept, _Kept) else _Kept()
    left_out = []
    document: dict[str, Any] = {"format": _FORMAT, "version": _VERSION}
    if playlist.name is not None:
        document["name"] = playlist.name
    if playlist.recipe is not None:
        recipe_to_json(playlist.recipe)
        document["recipe"] = playlist.recipe
    document |= kept.values
    document["tracks"] = tracks = []
    for entry in playlist.entries:
        try:
            tracks.append(_track(entry, target.location_of(entry)))
        except CannotHold as error:
            left_out.append(LeftOut(entry, None, str(error)))
    return Rendered(to_bytes(document), tuple(left_out))


def _entry(track: Any, number: int, source: Source) -> PlaylistEntry:
    if isinstance(track, str):
        track = {"location": track}
    if not isinstance(track, dict):
        raise Damaged(f"track {number:,} is no JSON object")
    values = dict(track)
    location = values.pop("location", None)
    if not isinstance(location, str | None):
        raise Damaged(f"track {number:,}: its location is no text")
    texts = {name: text_in(values.pop(name, None)) for name in _TEXTS}
    return PlaylistEntry(
        source.place.path_of(location, is_uri=False) if location else None,
        duration_s=seconds(values.pop("duration_s", None)),
        location=location,
        kept=_Kept(values),
        **texts,
    )


def _track(entry: PlaylistEntry, location: str | None) -> dict[str, Any]:
    values = {
        "location": location,
        **{name: getattr(entry, name) for name in _TEXTS},
        "duration_s": entry.duration_s,
    }
    kept = entry.kept.values if isinstance(entry.kept, _Kept) else {}
    return {name: value for name, value in values.items() if value is not None} | kept
