"""Single text fields in the tags of a file, by one name in every format that can be written.

- ``GENRE``: ``TCON`` in ID3, ``\\xa9gen`` in MP4.
- ``BPM``: ``TBPM``, ``tmpo`` (whole numbers).
- ``INITIALKEY``: ``TKEY``, ``----:com.apple.iTunes:initialkey``.
- Any other: ``TXXX:NAME``, ``----:com.apple.iTunes:NAME``.

In Vorbis comments each has its own name.

mutagen reads and writes. What it would change besides is found out before (the tags must come back
byte for byte, or frame for frame), and what else the file holds can be compared afterwards:
:attr:`FieldFile.rest`. :mod:`.tag_writing` puts the file in its place.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from soundalike.audio.container import has_film, open_container
from soundalike.audio.reader import probe
from soundalike.audio.source import Source
from soundalike.audio.tag_blocks import flac_blocks, ogg_header_packets, ogg_pages_digest
from soundalike.errors import InvalidArgument, UntaggableFormat, UnwritableTags

__all__ = ["Field", "FieldFile", "open_fields", "raise_of_disk"]

_ITUNES = "----:com.apple.iTunes:"
_ID3 = {"GENRE": "TCON", "BPM": "TBPM", "INITIALKEY": "TKEY"}
_MP4 = {"GENRE": "\xa9gen", "BPM": "tmpo", "INITIALKEY": _ITUNES + "initialkey"}
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,60}")
# Behind the frames of an ID3 tag that has to grow, so that the next editor finds room.
_PADDING_BYTES = 1024
_NO_V2 = b"ID3"
# Encodings that ID3v2.3 does not have: mutagen writes UTF-16 instead, the text is the same.
_FOREIGN = re.compile(r"encoding=<Encoding\.(UTF8|UTF16BE): \d>")


@dataclass(frozen=True, slots=True)
class Field:
    """What a field holds.

    Attributes
    ----------
    values : texts, in order.
    form : how they stand in the file, so that they can be put back as they were: the number of the
        encoding in ID3, the name as it is spelt in Vorbis comments, the type of the data in MP4.
        Empty for the usual form.
    """

    values: tuple[str, ...]
    form: str = ""

    def __post_init__(self) -> None:
        for value in self.values:
            if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
                raise InvalidArgument(
                    f"{value!r} cannot be written into tags: it holds a NUL or half a character"
                )


class FieldFile(Protocol):
    """The tags of an open file.

    Attributes
    ----------
    takes_several : whether a field of this file may hold several values; where not, they are
        joined before they are set.
    """

    takes_several: bool

    def get(self, name: str) -> Field | None:
        """A field; None where the file has none of the name."""
        ...

    def put(self, changes: Mapping[str, Field | None]) -> None:
        """Set fields, in memory; None removes one."""
        ...

    def save(self, source: Path, copy: BinaryIO) -> None:
        """Write the whole file with these tags to an empty file, open for reading and writing."""
        ...

    def rest(self, without: frozenset[str]) -> object:
        """All that the file holds but for its padding and some fields, as it can be compared.

        What lies in packets of sound is not part of it, see ``digest.packet_digest``, but for what
        the format makes cheap to compare.
        """
        ...


def open_fields(path: Path) -> FieldFile:
    """Open a file's tags for reading and for writing.

    Raises
    ------
    UntaggableFormat : another format.
    UnwritableTags : tags that cannot be written without a change to others.
    UnreadableFile, UnsupportedAudio, ProtectedAudio, DamagedAudio : as ``probe``.
    OSError : it cannot be read.
    """
    import mutagen

    info = probe(path)
    kind = (info.container, info.codec)
    try:
        if info.container == "mp3":
            return _Id3(path)
        if kind == ("flac", "flac"):
            return _Flac(path)
        if kind in (("ogg", "vorbis"), ("ogg", "opus")):
            return _Ogg(path, info.codec)
        if info.container == "mov":
            with Source(path) as source, open_container(source) as container:
                if has_film(container):
                    raise UntaggableFormat(path, "it holds moving pictures")
            return _Mp4(path)
    except mutagen.MutagenError as error:
        raise_of_disk(error)
        raise UnwritableTags(path, f"its tags are damaged ({error})") from error
    raise UntaggableFormat(
        path, f"a format whose tags are not written ({info.container}, {info.codec})"
    )


def raise_of_disk(error: BaseException) -> None:
    """Raise the error of the disk that mutagen has made one of its own of, if there is one."""
    for each in (*error.args, error.__cause__, error.__context__):
        if isinstance(each, OSError):
            raise each from None


def _mutagen(module: str) -> Any:
    """A module of mutagen, whose types say little."""
    return import_module(f"mutagen.{module}")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidArgument(f"{name!r} is no name of a field: capitals, digits and _, up to 60")
    return name


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


# MP3


class _Id3:
    """ID3 before the sound of an MP3; the rest of the file is copied as it is.

    So an ID3v1 or APEv2 tag at the end keeps its bytes. The version stays, but for 2.2, which
    mutagen cannot write: it becomes 2.3. A file that has ID3v1 only gets its values in the new tag
    as well, since most players look no further than the first that they find.
    """

    def __init__(self, path: Path) -> None:
        id3 = _mutagen("id3")
        self._tags: Any = id3.ID3()
        self._old_bytes = 0
        self._v1: dict[str, str] = {}
        with path.open("rb") as file:
            head = file.read(10)
            file.seek(0)
            try:
                self._tags.load(file, translate=False, load_v1=False)
            except id3.ID3UnsupportedVersionError as error:
                raise UnwritableTags(path, "its ID3 tag is of an unknown version") from error
            except id3.ID3NoHeaderError:
                if head.startswith(_NO_V2):
                    raise
                file.seek(0)
                self._load_v1(file)
                self._version = 4
            else:
                version = self._tags.version[1]
                self._old_bytes = self._tags.size + (10 if head[5] & 0x10 and version == 4 else 0)
                file.seek(0)
                self._check_whole(path, version, file.read(self._old_bytes))
                self._version = max(version, 3)
        self.takes_several = self._version == 4

    def _load_v1(self, file: BinaryIO) -> None:
        with suppress(_mutagen("id3").ID3NoHeaderError):
            self._tags.load(file, translate=False, load_v1=True)

    def _check_whole(self, path: Path, version: int, tag: bytes) -> None:
        """Whether mutagen understood every frame: what it takes for junk, it leaves out."""
        unknown = [bytes(each) for each in self._tags.unknown_frames]
        if version == 2 and unknown:
            raise UnwritableTags(
                path, "its ID3v2.2 tag has frames that no later version has; bring it up to 2.3"
            )
        if version == 2 or tag[5] & 0x80:
            return
        known = {frame.FrameID.encode() for frame in self._tags.values()}
        known |= {each[:4] for each in unknown}
        lost = sorted(_frame_ids(tag, version) - known)
        if lost:
            raise UnwritableTags(
                path, f"its ID3 tag has a frame that cannot be read ({lost[0].decode()})"
            )

    def get(self, name: str) -> Field | None:
        key = _ID3.get(_checked(name), f"TXXX:{name}")
        frame = self._tags.get(key)
        if frame is None:
            return None
        return Field(tuple(map(str, frame.text)), str(int(frame.encoding)))

    def put(self, changes: Mapping[str, Field | None]) -> None:
        for name, field in changes.items():
            key = _ID3.get(_checked(name))
            self._tags.delall(key or f"TXXX:{name}")
            if field is None:
                continue
            encoding = int(field.form) if field.form else self._encoding(field.values)
            more = {} if key else {"desc": name}
            frame = getattr(_mutagen("id3"), key or "TXXX")
            self._tags.add(frame(encoding=encoding, text=list(field.values), **more))

    def _encoding(self, values: tuple[str, ...]) -> int:
        if all(value.isascii() for value in values):
            return 0
        return 3 if self._version == 4 else 1

    def save(self, source: Path, copy: BinaryIO) -> None:
        tag = self._rendered()
        copy.write(tag)
        with source.open("rb") as file:
            file.seek(self._old_bytes)
            shutil.copyfileobj(file, copy, 1 << 20)

    def _rendered(self) -> bytes:
        if not len(self._tags) and not self._tags.unknown_frames:
            return b""
        # With more padding than an ID3v1 tag is long, so that nothing in it looks like one.
        room = _PADDING_BYTES
        made = BytesIO()
        self._tags.save(made, v1=0, v2_version=self._version, v23_sep=None, padding=lambda _: room)
        data = made.getvalue()
        frames = data[10 : len(data) - room]
        size = len(frames) if len(frames) + 10 > self._old_bytes else self._old_bytes - 10
        if size == len(frames):
            size += room
        if size >= 1 << 28:
            raise InvalidArgument("the texts are too long for an ID3 tag: 256 MiB at most")
        coded = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
        return data[:6] + coded + frames.ljust(size, b"\0")

    def rest(self, without: frozenset[str]) -> object:
        keys = {_ID3.get(name, f"TXXX:{name}") for name in without}
        frames = {}
        for key, frame in self._tags.items():
            # Text frames without a text have no value to keep: mutagen leaves them out.
            if key not in keys and (str(frame) or not hasattr(frame, "text")):
                told = _FOREIGN.sub("", repr(frame)) if self._version == 3 else repr(frame)
                frames[key] = _digest(told.encode("utf-8", "backslashreplace"))
        return frames, [bytes(each) for each in self._tags.unknown_frames]


def _frame_ids(tag: bytes, version: int) -> set[bytes]:
    """The names of the frames of an ID3v2.3 or 2.4 tag with something in them."""
    at, found = 10, set()
    if tag[5] & 0x40 and not tag[10:14].isalnum():
        size = int.from_bytes(tag[10:14], "big")
        at += size + 4 if version == 3 else _synchsafe(tag[10:14])
    while at + 10 < len(tag):
        name = tag[at : at + 4]
        if not (name.isalnum() and name.isupper()):
            break
        size = _synchsafe(tag[at + 4 : at + 8])
        if version == 3 or not _is_frame(tag, at + 10 + size):
            # ID3v2.3, or what old versions of iTunes wrote for 2.4.
            size = int.from_bytes(tag[at + 4 : at + 8], "big")
        if size > 1:
            found.add(name)
        at += 10 + size
    return found


def _is_frame(tag: bytes, at: int) -> bool:
    return at >= len(tag) - 10 or tag[at] == 0 or tag[at : at + 4].isalnum()


def _synchsafe(data: bytes) -> int:
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value


# FLAC, Ogg Vorbis, Opus


class _Comments:
    """Vorbis comments: a list of names with values, in an order that is kept."""

    takes_several = True

    def __init__(self, path: Path, file: Any, raw: bytes) -> None:
        self._path = path
        self._file = file
        if file.tags is None:
            file.add_tags()
        elif not raw.startswith(file.tags.write(framing=False)):
            raise UnwritableTags(
                path,
                "its tags do not keep to their format (such as text that is not UTF-8), and what "
                "is odd in them would be lost",
            )

    def get(self, name: str) -> Field | None:
        _checked(name)
        found = [(key, value) for key, value in self._file.tags if key.upper() == name]
        if not found:
            return None
        spelt = found[0][0]
        return Field(tuple(value for _, value in found), "" if spelt == name else spelt)

    def put(self, changes: Mapping[str, Field | None]) -> None:
        pairs = list(self._file.tags)
        for name, field in changes.items():
            _checked(name)
            places = [n for n, (key, _) in enumerate(pairs) if key.upper() == name]
            at = places[0] if places else len(pairs)
            pairs = [each for each in pairs if each[0].upper() != name]
            if field is not None:
                pairs[at:at] = [(field.form or name, value) for value in field.values]
        self._file.tags[:] = pairs

    def save(self, source: Path, copy: BinaryIO) -> None:
        with source.open("rb") as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        copy.seek(0)
        self._save(copy)

    def _save(self, copy: BinaryIO) -> None:
        raise NotImplementedError

    def _pairs(self, without: frozenset[str]) -> object:
        tags = self._file.tags
        return tags.vendor, [(k, v) for k, v in tags if k.upper() not in without]


class _Flac(_Comments):
    def __init__(self, path: Path) -> None:
        self._blocks, self._sound = flac_blocks(path)
        comments = [data for kind, data in self._blocks if kind == 4]
        if len(comments) > 1:
            raise UnwritableTags(path, "it has its tags twice")
        super().__init__(path, _mutagen("flac").FLAC(path), comments[0] if comments else b"")

    def _save(self, copy: BinaryIO) -> None:
        self._file.save(copy, deleteid3=False)

    def rest(self, without: frozenset[str]) -> object:
        others = [(kind, _digest(data)) for kind, data in self._blocks if kind not in (1, 4)]
        return self._pairs(without), others, self._sound


class _Ogg(_Comments):
    def __init__(self, path: Path, codec: str) -> None:
        opus = codec == "opus"
        self._count = 2 if opus else 3
        made = _mutagen("oggopus").OggOpus if opus else _mutagen("oggvorbis").OggVorbis
        marker = b"OpusHead" if opus else b"\x01vorbis"
        self._packets, self._serial = ogg_header_packets(path, marker, self._count)
        head = 8 if opus else 7
        super().__init__(path, made(path), self._packets[1][head:])

    def _save(self, copy: BinaryIO) -> None:
        self._file.save(copy)

    def rest(self, without: frozenset[str]) -> object:
        others = [_digest(each) for each in (self._packets[0], *self._packets[2:])]
        sound = ogg_pages_digest(self._path, self._serial, self._count)
        return self._pairs(without), others, sound


# M4A


class _Mp4:
    takes_several = True

    def __init__(self, path: Path) -> None:
        self._file = _mutagen("mp4").MP4(path)
        if self._file.tags is None:
            self._file.add_tags()

    def get(self, name: str) -> Field | None:
        key = _MP4.get(_checked(name), _ITUNES + name)
        found = self._file.tags.get(key)
        if found is None:
            return None
        if key.startswith("----:"):
            try:
                values = tuple(bytes(value).decode("utf-8") for value in found)
            except UnicodeDecodeError:
                values = tuple(bytes(value).hex() for value in found)
                return Field(values, "hex:" + ",".join(str(int(v.dataformat)) for v in found))
            forms = [str(int(value.dataformat)) for value in found]
            return Field(values, "" if set(forms) <= {"1"} else ",".join(forms))
        return Field(tuple(map(str, found)))

    def put(self, changes: Mapping[str, Field | None]) -> None:
        tags = self._file.tags
        for name, field in changes.items():
            key = _MP4.get(_checked(name), _ITUNES + name)
            if field is None:
                tags.pop(key, None)
            elif key == "tmpo":
                tags[key] = [int(value) for value in field.values]
            elif key.startswith("----:"):
                tags[key] = list(_free_form(field))
            else:
                tags[key] = list(field.values)

    def save(self, source: Path, copy: BinaryIO) -> None:
        with source.open("rb") as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        copy.seek(0)
        self._file.save(copy)

    def rest(self, without: frozenset[str]) -> object:
        keys = {_MP4.get(name, _ITUNES + name) for name in without}
        return {
            key: [_digest(_told(value)) for value in (each if isinstance(each, list) else [each])]
            for key, each in self._file.tags.items()
            if key not in keys
        }


def _free_form(field: Field) -> Iterator[Any]:
    mp4 = _mutagen("mp4")
    is_hex = field.form.startswith("hex:")
    forms = field.form.removeprefix("hex:").split(",") if field.form else ["1"] * len(field.values)
    for value, form in zip(field.values, forms, strict=True):
        data = bytes.fromhex(value) if is_hex else value.encode("utf-8")
        yield mp4.MP4FreeForm(data, dataformat=mp4.AtomDataType(int(form)))


def _told(value: Any) -> bytes:
    """A value of an atom with its type, as bytes."""
    form = getattr(value, "dataformat", getattr(value, "imageformat", ""))
    return f"{form} {value!r}".encode("utf-8", "backslashreplace")
