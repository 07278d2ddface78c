"""What names in tags are compared by: artists, albums, genres, and all words of a track."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from soundalike.plain import plain

__all__ = [
    "album_key",
    "artist_key",
    "genre_key",
    "genre_keys",
    "genre_names",
    "searchable",
    "track_number_in",
]

# Names that stand for nobody in particular.
_NO_ARTIST = frozenset(
    {"various artists", "various", "va", "v a", "unknown", "unknown artist", "artist"}
)
_NO_GENRE = frozenset({"unknown", "other", "misc", "none", "genre", "undefined"})
_NO_ALBUM = frozenset({"unknown", "unknown album", "album", "untitled"})
_ID = re.compile(r"#?(\d{1,18})", re.ASCII)


def searchable(parts: Iterable[str | None]) -> str:
    """All words of some texts, each text once.

    >>> searchable(["Sigur Rós", "Ágætis byrjun", None, "sigur ros"])
    'sigur ros agaetis byrjun'
    """
    return " ".join(dict.fromkeys(plain(part) for part in parts if part))


def track_number_in(text: str) -> int | None:
    """The id of a track that a text is, as ``12`` or ``#12``; None for any other text."""
    found = _ID.fullmatch(text.strip())
    return int(found[1]) if found else None


def artist_key(artist: str | None) -> str | None:
    """An artist without case and accents; None for nobody in particular ("Various Artists")."""
    return _key(artist, _NO_ARTIST)


def album_key(album: str | None, album_artist: str | None, folder: str) -> tuple[str, str] | None:
    """An album together with the album artist, or with the folder where there is none.

    Many albums are called "Greatest Hits"; the name alone would throw them together.
    """
    key = _key(album, _NO_ALBUM)
    return None if key is None else (key, _key(album_artist, frozenset()) or folder)


def genre_key(genre: str | None) -> str | None:
    """The first genre of the tag: "Hip-Hop; Rap" counts as "hip hop"."""
    return _key(genre.split(";")[0] if genre else None, _NO_GENRE)


def genre_keys(genre: str | None) -> tuple[str, ...]:
    """All genres of the tag, without case and accents: "Hip-Hop; Rap" is "hip hop" and "rap"."""
    return tuple(genre_names(genre))


def genre_names(genre: str | None) -> dict[str, str]:
    """All genres of the tag as they are written, by what :func:`genre_keys` makes of them."""
    names: dict[str, str] = {}
    for part in (genre or "").split(";"):
        key = _key(part, frozenset())
        if key:
            names.setdefault(key, part.strip())
    return names


@lru_cache(maxsize=65_536)
def _key(text: str | None, nothing: frozenset[str]) -> str | None:
    """The text without case, accents and punctuation; None where it names nothing."""
    if not text or not text.strip():
        return None
    # Of "!!!" nothing would be left.
    word = plain(text) or text.strip().casefold()
    return None if word in nothing else word
