"""XSPF, version 1 (https://xspf.org/spec): XML with a list of tracks.

Names in no namespace are taken for XSPF's, as old files have them. What is not known here, such as
the extensions of players, is kept as XML; only processing instructions are lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from soundalike.playlists.fragments import XML_BASE, Element, Fragments, Name, attributes_text
from soundalike.playlists.identifiers import identifiers_in, uris_of
from soundalike.playlists.locations import CannotHold, Place
from soundalike.playlists.records import (
    RECIPE_URI,
    LeftOut,
    Playlist,
    PlaylistEntry,
    Rendered,
    recipe_from_json,
    recipe_to_json,
    seconds,
)
from soundalike.playlists.source import Damaged, Source
from soundalike.playlists.target import Target

__all__ = ["parse", "render"]

_NAMESPACE = "http://xspf.org/ns/0/"
# Every character that XML 1.0 does not have.
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class _Kept:
    """Of a whole file: what its root declares and says, and the XML before and after the tracks."""

    prefixes: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Elements:
    """The XML of a track that is not known here, and that which stood before the track."""

    inside: tuple[str, ...]
    before: tuple[str, ...] = ()


def parse(source: Source) -> Playlist:
    """Read a file.

    Raises
    ------
    Damaged : it is no XML, or no XSPF, or has a document type declaration; or its recipe is no
        JSON.
    """
    reader = _Reader(source.place)
    fragments = Fragments(reader.enter, reader.leave, reader.whole, reader.comment, _NAMESPACE)
    fragments.read(source.data)
    return reader.playlist(fragments.root_prefixes)


def render(playlist: Playlist, target: Target) -> Rendered:
    """The playlist as UTF-8.

    A length is in whole milliseconds; control characters of names are left out, since XML has
    none.
    """
    kept = playlist.kept if isinstance(playlist.kept, _Kept) else _Kept()
    left_out: list[LeftOut] = []
    declared = {**kept.prefixes, "": _NAMESPACE}
    lines = _element(None, "name", "title", playlist.name, left_out)
    lines += kept.before
    if playlist.recipe is not None:
        recipe = escape(recipe_to_json(playlist.recipe))
        lines += [
            f"<extension application={quoteattr(RECIPE_URI)}>",
            f"  <recipe xmlns={quoteattr(RECIPE_URI)}>{recipe}</recipe>",
            "</extension>",
        ]
    lines.append("<trackList>")
    for entry in playlist.entries:
        try:
            lines += (f"  {line}" for line in _track(entry, target, left_out))
        except CannotHold as error:
            left_out.append(LeftOut(entry, None, str(error)))
    lines += ["</trackList>", *kept.after]
    document = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<playlist version="1"{attributes_text(declared, kept.attributes)}>',
        *(f"  {line}" for line in lines),
        "</playlist>",
    ]
    return Rendered("".join(f"{line}\n" for line in document).encode(), tuple(left_out))


def _track(entry: PlaylistEntry, target: Target, left_out: list[LeftOut]) -> list[str]:
    location = target.location_of(entry)
    if location is not None and (unfit := _NO_CHARACTER.findall(location)):
        raise CannotHold(_cannot_hold(unfit))
    own = entry.kept if isinstance(entry.kept, _Elements) else _Elements(())
    uris, no_uris = uris_of(entry)
    left_out += no_uris
    length = None if entry.duration_s is None else str(round(entry.duration_s * 1000))
    inside = [
        *_element(entry, "path", "location", location, left_out),
        *(f"<identifier>{escape(uri)}</identifier>" for uri in uris),
        *_element(entry, "title", "title", entry.title, left_out),
        *_element(entry, "artist", "creator", entry.artist, left_out),
        *_element(entry, "album", "album", entry.album, left_out),
        *_element(entry, "duration_s", "duration", length, left_out),
        *own.inside,
    ]
    return [*own.before, "<track>", *(f"  {line}" for line in inside), "</track>"]


def _element(
    entry: PlaylistEntry | None, name: str, tag: str, text: str | None, left_out: list[LeftOut]
) -> list[str]:
    """An element for a text, if there is one; what XML does not have is left out of it."""
    if text is None:
        return []
    held = _NO_CHARACTER.sub("", text)
    if held != text:
        left_out.append(LeftOut(entry, name, _cannot_hold(_NO_CHARACTER.findall(text))))
    return [f"<{tag}>{escape(held, {chr(13): '&#13;'})}</{tag}>"]


def _cannot_hold(characters: list[str]) -> str:
    return f"XML cannot hold {', '.join(sorted(set(map(ascii, characters))))}"


class _Reader:
    """Makes a playlist of the elements of a document, as they come."""

    def __init__(self, place: Place) -> None:
        self._places = [place]
        self._inside: list[str] = []
        self._attributes: dict[str, str] = {}
        self._name: str | None = None
        self._recipe: str | None = None
        self._before: list[str] = []
        self._after: list[str] = []
        self._pending: list[str] = []
        self._track = _Track()
        self._had_tracks = False
        self._entries: list[PlaylistEntry] = []

    def playlist(self, prefixes: dict[str, str]) -> Playlist:
        kept = _Kept(
            prefixes, self._attributes, tuple(self._before), (*self._pending, *self._after)
        )
        recipe = None
        if self._recipe is not None:
            try:
                recipe = recipe_from_json(self._recipe)
            except ValueError as error:
                raise Damaged(f"{error}; mend or delete the extension {RECIPE_URI}") from error
        return Playlist(self._name, tuple(self._entries), recipe, kept=kept)

    def enter(self, element: Element) -> bool:
        name = _known(element.name)
        if not self._inside:
            if name != "playlist":
                raise Damaged(f"it is XML, but no XSPF: it begins with <{element.name.qualified}>")
            own = ("version", XML_BASE)
            self._attributes = {k: v for k, v in element.attributes.items() if k not in own}
        elif [*self._inside, name] not in (_TRACK_LIST, _TRACK):
            return False
        self._inside.append(name or "")
        self._places.append(self._place_of(element))
        return True

    def leave(self) -> None:
        if self._inside == _TRACK:
            self._entries.append(self._track.entry(tuple(self._pending)))
            self._track, self._pending = _Track(), []
        elif self._inside == _TRACK_LIST:
            self._had_tracks = True
        self._inside.pop()
        self._places.pop()

    def whole(self, element: Element) -> None:
        name, text = _known(element.name), element.text.strip()
        if self._inside == _TRACK:
            self._track.add(name, text, element.xml, self._place_of(element))
        elif len(self._inside) > 1:
            self._pending.append(element.xml)
        elif name == "title" and self._name is None:
            self._name = text or None
        elif name == "extension" and element.attributes.get("application") == RECIPE_URI:
            self._recipe = text
        else:
            self._outside().append(element.xml)

    def comment(self, xml: str) -> None:
        if self._inside == _TRACK:
            self._track.others.append(xml)
        elif len(self._inside) > 1:
            self._pending.append(xml)
        else:
            self._outside().append(xml)

    def _outside(self) -> list[str]:
        return self._after if self._had_tracks else self._before

    def _place_of(self, element: Element) -> Place:
        place, base = self._places[-1], element.attributes.get(XML_BASE)
        return place if base is None else place.inside(base)


class _Track:
    """What is read of a track, until its end."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._locations: list[tuple[str, Place, str]] = []
        self._identifiers: list[tuple[str, str]] = []
        self.others: list[str] = []

    def add(self, name: str | None, text: str, xml: str, place: Place) -> None:
        if name == "location" and text:
            self._locations.append((place.absolute(text), place, xml))
        elif name == "identifier":
            self._identifiers.append((text, xml))
        elif name in ("title", "creator", "album", "duration") and name not in self._texts:
            self._texts[name] = text
        else:
            self.others.append(xml)

    def entry(self, before: tuple[str, ...]) -> PlaylistEntry:
        found = identifiers_in(text for text, _ in self._identifiers)
        others = [xml for text, xml in self._identifiers if text in found.others]
        path = location = None
        paths = [place.path_of(text, is_uri=True) for text, place, _ in self._locations]
        if paths:
            # The first that is a file here; of the others, none is needed to find it.
            first = next((at for at, path in enumerate(paths) if path is not None), 0)
            path, location = paths[first], self._locations[first][0]
            others += [xml for at, (_, _, xml) in enumerate(self._locations) if at != first]
        texts = self._texts
        return PlaylistEntry(
            path,
            title=texts.get("title") or None,
            artist=texts.get("creator") or None,
            album=texts.get("album") or None,
            duration_s=seconds(texts.get("duration"), per_s=1000),
            musicbrainz_recording_id=found.musicbrainz_recording_id,
            isrc=found.isrc,
            location=location,
            kept=_Elements((*others, *self.others), before),
        )


_TRACK_LIST = ["playlist", "trackList"]
_TRACK = [*_TRACK_LIST, "track"]


def _known(name: Name) -> str | None:
    """The name of an element of XSPF; None for one of another namespace."""
    return name.local if name.uri in ("", _NAMESPACE) else None
