"""What recordings are called by others: the URIs of MusicBrainz ids and ISRCs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from soundalike.playlists.records import LeftOut, PlaylistEntry

__all__ = ["Identifiers", "identifiers_in", "plain_isrc", "uris_of"]

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_RECORDING = "https://musicbrainz.org/recording/"
_BY_ISRC = "https://musicbrainz.org/isrc/"
_IS_RECORDING = re.compile(r"https?://(?:www\.)?musicbrainz\.org/recording/([^/?#]+)/?")
_IS_ISRC = re.compile(
    r"(?:https?://(?:www\.)?musicbrainz\.org/isrc/|(?:urn:)?isrc:)([^/?#]+)/?", re.IGNORECASE
)


class Identifiers(NamedTuple):
    """``others`` are the URIs that mean neither."""

    musicbrainz_recording_id: str | None
    isrc: str | None
    others: tuple[str, ...]


def plain_isrc(text: str) -> str:
    """The code without the hyphens that some write, in capitals."""
    return text.replace("-", "").strip().upper()


def identifiers_in(uris: Iterable[str]) -> Identifiers:
    """What some URIs of one recording say; of two of a kind, the first counts."""
    recording = isrc = None
    others = []
    for uri in uris:
        found = _IS_RECORDING.fullmatch(uri)
        code = _IS_ISRC.fullmatch(uri)
        if found and recording is None and _UUID.fullmatch(found[1].lower()):
            recording = found[1].lower()
        elif code and isrc is None and _ISRC.fullmatch(plain_isrc(code[1])):
            isrc = plain_isrc(code[1])
        else:
            others.append(uri)
    return Identifiers(recording, isrc, tuple(others))


def uris_of(entry: PlaylistEntry) -> tuple[list[str], list[LeftOut]]:
    """The URIs of an entry, and which of its identifiers are none."""
    uris, left_out = [], []
    for name, value, form, start in (
        ("musicbrainz_recording_id", entry.musicbrainz_recording_id, _UUID, _RECORDING),
        ("isrc", entry.isrc, _ISRC, _BY_ISRC),
    ):
        if value is None:
            continue
        text = plain_isrc(value) if name == "isrc" else value.strip().lower()
        if form.fullmatch(text):
            uris.append(start + text)
        else:
            left_out.append(LeftOut(entry, name, f"{value!r} is no identifier of that kind"))
    return uris, left_out
