"""Tags of an audio file, whatever they are called in its format.

A new tag is a field of :class:`Tags` and a row of ``_NAMES``; everything else takes the record as
a whole.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from soundalike.audio.codepages import Decode

__all__ = ["Found", "Tags", "mended", "read_with_mutagen", "tags_from_mapping"]

_REPLACED = "\ufffd"


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of itself; None, or an empty tuple, where it says nothing.

    Attributes
    ----------
    title, artist, album, album_artist, genre : text; several values are joined by ``"; "``.
    year, track_number, disc_number : numbers.
    artists, genres : the values one by one, where there are several.
    isrc : International Standard Recording Code.
    musicbrainz_recording_id, musicbrainz_release_id : UUIDs of MusicBrainz.
    musicbrainz_artist_ids : one for each artist.
    """

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    track_number: int | None = None
    disc_number: int | None = None
    artists: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    isrc: str | None = None
    musicbrainz_recording_id: str | None = None
    musicbrainz_release_id: str | None = None
    musicbrainz_artist_ids: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """What is there, by name, as ``json`` can write it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value not in (None, ())
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Tags:
        """What :meth:`to_json` gave; names that this version does not know are left out."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if value is not None and name in cls.__dataclass_fields__
        }
        return cls(**known)


class _Names(NamedTuple):
    """Where a field stands: ID3 frames, MP4 atoms, and the keys of Vorbis comments, APEv2, ASF and
    FFmpeg, in lower case. The first that is there wins. ``read`` makes the field of the texts.
    """

    read: Callable[[list[str]], Any]
    id3: tuple[str, ...]
    mp4: tuple[str, ...]
    named: tuple[str, ...]


def _joined(texts: list[str]) -> str:
    return "; ".join(texts)


def _first(texts: list[str]) -> str:
    return texts[0]


def _several(texts: list[str]) -> tuple[str, ...]:
    return tuple(texts) if len(texts) > 1 else ()


def _year(texts: list[str]) -> int | None:
    year = re.search(r"(?<!\d)[12]\d{3}(?!\d)", texts[0]) or re.match(r"[12]\d{3}", texts[0])
    return int(year[0]) if year else None


def _number(texts: list[str]) -> int | None:
    number = re.match(r"\d{1,6}", texts[0])
    return (int(number[0]) or None) if number else None


_ITUNES = "----:com.apple.iTunes:"
_NAMES = {
    "title": _Names(_joined, ("TIT2",), ("\xa9nam",), ("title",)),
    "artist": _Names(_joined, ("TPE1",), ("\xa9ART",), ("artist", "author")),
    "album": _Names(_joined, ("TALB",), ("\xa9alb",), ("album", "wm/albumtitle")),
    "album_artist": _Names(
        _joined,
        ("TPE2",),
        ("aART",),
        ("albumartist", "album artist", "album_artist", "wm/albumartist"),
    ),
    "genre": _Names(_joined, ("TCON",), ("\xa9gen",), ("genre", "wm/genre")),
    "year": _Names(
        _year, ("TDRC", "TDOR", "TYER"), ("\xa9day",), ("date", "year", "wm/year", "originaldate")
    ),
    "track_number": _Names(
        _number, ("TRCK",), ("trkn",), ("tracknumber", "track", "wm/tracknumber")
    ),
    "disc_number": _Names(
        _number, ("TPOS",), ("disk",), ("discnumber", "disc", "disk", "wm/partofset")
    ),
    # Files that have the artists one by one keep one line of them as well, with "feat." in it.
    "artists": _Names(
        _several,
        ("TXXX:ARTISTS", "TXXX:Artists", "TPE1"),
        (_ITUNES + "ARTISTS", "\xa9ART"),
        ("artists", "wm/artists", "artist", "author"),
    ),
    "genres": _Names(_several, ("TCON",), ("\xa9gen",), ("genre", "wm/genre")),
    "isrc": _Names(_first, ("TSRC",), (_ITUNES + "ISRC",), ("isrc", "tsrc", "wm/isrc")),
    "musicbrainz_recording_id": _Names(
        _first,
        ("UFID:http://musicbrainz.org",),
        (_ITUNES + "MusicBrainz Track Id",),
        ("musicbrainz_trackid", "musicbrainz/track id", "musicbrainz track id"),
    ),
    "musicbrainz_release_id": _Names(
        _first,
        ("TXXX:MusicBrainz Album Id",),
        (_ITUNES + "MusicBrainz Album Id",),
        ("musicbrainz_albumid", "musicbrainz/album id", "musicbrainz album id"),
    ),
    "musicbrainz_artist_ids": _Names(
        tuple,
        ("TXXX:MusicBrainz Artist Id",),
        (_ITUNES + "MusicBrainz Artist Id",),
        ("musicbrainz_artistid", "musicbrainz/artist id", "musicbrainz artist id"),
    ),
}


class Found(NamedTuple):
    """What mutagen read; ``is_whole`` is False where it could not make text of some bytes."""

    tags: Tags
    is_whole: bool


def read_with_mutagen(path: str, *, is_mpeg: bool, encoding: str | None = None) -> Found:
    """Read the tags of a file with mutagen; broken ones count as none.

    Parameters
    ----------
    path : a regular file.
    is_mpeg : whether APEv2 tags may be at the end of a format in which mutagen reads ID3.
    encoding : of text that states Latin-1; by default it is judged, see :mod:`.codepages`.

    Raises
    ------
    OSError : the file cannot be read.
    """
    # Here, so that the record of a track costs nobody the import of a tag reader.
    import mutagen
    from mutagen.apev2 import APEv2

    # mutagen raises these on structures that lie about their sizes, besides its own class.
    broken_tags = (
        mutagen.MutagenError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
    )
    readers: list[Callable[[str], Any]] = [lambda name: getattr(mutagen.File(name), "tags", None)]
    if is_mpeg:
        readers.append(APEv2)
    for read in readers:
        try:
            found = _found(read(path), encoding)
        except broken_tags as error:
            # mutagen wraps the errors of the disk, too.
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            continue
        if found.tags != Tags():
            return found
    return Found(Tags(), is_whole=False)


def _found(tags: Any, encoding: str | None) -> Found:
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    if tags is None:
        return Found(Tags(), is_whole=False)
    if isinstance(tags, ID3):
        return Found(_fields({key: _id3_values(tags, key) for key in tags}, "id3", encoding), True)
    if isinstance(tags, MP4Tags):
        values = {key: _as_list(tags[key]) for key in tags}
        # An atom that is not UTF-8 is kept for writing it back, and not shown.
        return Found(_fields(values, "mp4"), not getattr(tags, "_failed_atoms", None))
    values = {str(key).lower(): _as_list(tags[key]) for key in set(tags.keys())}
    return Found(_fields(values, "named"), not any(_REPLACED in str(v) for v in values.values()))


def tags_from_mapping(
    values: Mapping[str, str], encoding: str | None = None, *, like: Tags | None = None
) -> Tags:
    """Tags from FFmpeg's names for them; bytes that are not UTF-8 come as lone surrogates.

    Parameters
    ----------
    encoding : of text that is not UTF-8; by default it is judged, see :mod:`.codepages`.
    like : what else is known of the same tags. FFmpeg joins several artists or genres by ";":
        where as many as are known here come out, they are taken apart.
    """
    raw: dict[str, list[Any]] = {}
    for key, value in values.items():
        raw[key.lower()] = [value.encode("utf-8", "surrogateescape")]
    for key, known in (("artist", like and like.artists), ("genre", like and like.genres)):
        parts = [part for text in raw.get(key, []) for part in text.split(b";")]
        if known and len(parts) == len(known):
            raw[key] = parts
    return _fields(raw, "named", encoding)


def mended(tags: Tags, others: Tags) -> Tags:
    """The tags; from the others what these lack, or hold with replaced characters."""
    bad = {
        field.name: getattr(others, field.name)
        for field in fields(Tags)
        if (value := getattr(tags, field.name)) in (None, ())
        or _REPLACED in "".join(_strings(value))
    }
    return replace(tags, **{name: value for name, value in bad.items() if value not in (None, ())})


def _strings(value: Any) -> Iterable[str]:
    return map(str, value if isinstance(value, tuple) else [value])


def _id3_values(tags: Any, key: str) -> list[Any]:
    frame = tags[key]
    if key.startswith("UFID:"):
        return [frame.data]
    # A genre may be a number of a list from 1996: mutagen knows their names.
    texts = map(str, frame.genres if key == "TCON" else getattr(frame, "text", ()))
    # What is said to be Latin-1 may be anything.
    is_latin = getattr(frame, "encoding", None) == 0
    return [text.encode("latin-1") if is_latin else text for text in texts]


def _as_list(value: Any) -> list[Any]:
    return (
        list(value)
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes))
        else [value]
    )


def _fields(values: Mapping[str, list[Any]], form: str, encoding: str | None = None) -> Tags:
    from soundalike.audio.codepages import decoder_of

    keys_of: dict[str, tuple[str, ...]] = {n: getattr(row, form) for n, row in _NAMES.items()}
    wanted = {key for keys in keys_of.values() for key in keys}
    unsure = [v for key in sorted(wanted & set(values)) for v in values[key]]
    decode = decoder_of([value for value in unsure if isinstance(value, bytes)], encoding)
    found: dict[str, Any] = {}
    for name, keys in keys_of.items():
        texts = next((t for key in keys if (t := _texts(values.get(key, []), decode))), [])
        if texts:
            found[name] = _NAMES[name].read(texts)
    return Tags(**found)


def _texts(values: Iterable[Any], decode: Decode) -> list[str]:
    """Values as clean text, without repetitions: NULs and blanks go, surrogates are replaced."""
    texts: dict[str, None] = {}
    for value in values:
        if isinstance(value, tuple):  # MP4: number and total
            value = value[0] if value else ""
        if isinstance(value, bytes):
            value = decode(value)
        # ID3v2.4 separates the values of one frame by NULs.
        for part in str(value).split("\0"):
            text = " ".join(part.encode("utf-8", "replace").decode("utf-8").split())
            if text:
                texts[text] = None
    return list(texts)
