"""JSPF (https://xspf.org/jspf): XSPF as JSON, as ListenBrainz has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from soundalike.playlists.identifiers import identifiers_in, uris_of
from soundalike.playlists.json_text import listed, object_in, text_in, to_bytes
from soundalike.playlists.locations import CannotHold
from soundalike.playlists.records import (
    RECIPE_URI,
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


@dataclass(frozen=True)
class _Kept:
    """What is not known here, by name: of the playlist or of a track."""

    values: dict[str, Any] = field(default_factory=dict)
    extension: dict[str, Any] = field(default_factory=dict)
    locations: tuple[Any, ...] = ()
    identifiers: tuple[Any, ...] = ()


def parse(source: Source) -> Playlist:
    """Read a file.

    Raises
    ------
    Damaged : it is no JSON, or no JSPF.
    """
    document = object_in(source.data)
    found = document.get("playlist") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not isinstance(found.get("track", []), list):
        raise Damaged('it is JSON, but no JSPF: {"playlist": {"track": [...]}}')
    values = dict(found)
    tracks, name = values.pop("track", []), text_in(values.pop("title", None))
    extension = _extension(values)
    recipe = None
    if RECIPE_URI in extension:
        recipe = next(iter(listed(extension.pop(RECIPE_URI))), None)
        if not isinstance(recipe, dict):
            raise Damaged(f"its recipe is no JSON object; delete the extension {RECIPE_URI}")
    entries = tuple(_entry(track, number, source) for number, track in enumerate(tracks, start=1))
    return Playlist(name, entries, recipe, kept=_Kept(values, extension))


def render(playlist: Playlist, target: Target) -> Rendered:
    """The playlist as UTF-8. A length is in whole milliseconds."""
    kept = playlist.kept if isinstance(playlist.kept, _Kept) else _Kept()
    left_out: list[LeftOut] = []
    extension = dict(kept.extension)
    if playlist.recipe is not None:
        recipe_to_json(playlist.recipe)
        extension[RECIPE_URI] = [playlist.recipe]
    tracks = []
    for entry in playlist.entries:
        try:
            tracks.append(_track(entry, target, left_out))
        except CannotHold as error:
            left_out.append(LeftOut(entry, None, str(error)))
    values = {"title": playlist.name, **kept.values, "extension": extension, "track": tracks}
    document = {
        "playlist": {key: value for key, value in values.items() if value not in (None, {})}
    }
    return Rendered(to_bytes(document), tuple(left_out))


def _entry(track: Any, number: int, source: Source) -> PlaylistEntry:
    if not isinstance(track, dict):
        raise Damaged(f"track {number:,} is no JSON object")
    values = dict(track)
    extension = _extension(values)
    given = listed(values.pop("location", None))
    locations = [text for each in given if (text := text_in(each)) is not None]
    paths = [source.place.path_of(text, is_uri=True) for text in locations]
    first = next((at for at, path in enumerate(paths) if path is not None), 0)
    uris = listed(values.pop("identifier", None))
    found = identifiers_in(uri for uri in uris if isinstance(uri, str))
    return PlaylistEntry(
        paths[first] if paths else None,
        title=text_in(values.pop("title", None)),
        artist=text_in(values.pop("creator", None)),
        album=text_in(values.pop("album", None)),
        duration_s=seconds(values.pop("duration", None), per_s=1000),
        musicbrainz_recording_id=found.musicbrainz_recording_id,
        isrc=found.isrc,
        location=locations[first] if locations else None,
        kept=_Kept(
            values,
            extension,
            tuple(text for at, text in enumerate(locations) if at != first),
            found.others,
        ),
    )


def _track(entry: PlaylistEntry, target: Target, left_out: list[LeftOut]) -> dict[str, Any]:
    location = target.location_of(entry)
    kept = entry.kept if isinstance(entry.kept, _Kept) else _Kept()
    uris, no_uris = uris_of(entry)
    left_out += no_uris
    values = {
        "location": [*([] if location is None else [location]), *kept.locations],
        "identifier": [*uris, *kept.identifiers],
        "title": entry.title,
        "creator": entry.artist,
        "album": entry.album,
        "duration": None if entry.duration_s is None else round(entry.duration_s * 1000),
        **kept.values,
        "extension": kept.extension,
    }
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def _extension(values: dict[str, Any]) -> dict[str, Any]:
    """Take the extensions out of some values."""
    found = values.get("extension")
    if not isinstance(found, dict):
        return {}
    del values["extension"]
    return dict(found)
