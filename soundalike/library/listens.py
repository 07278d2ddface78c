"""Plays and opinions from files: CSV, and JSON as ListenBrainz gives it.

*CSV* has a header row; columns may be called as other programs call them (``_COLUMNS``). Times are
ISO 8601 (UTC where they don't say) or seconds since 1970.

*ListenBrainz*: the archive that "Export my data" makes (``listens/2026/11.jsonl`` and so on, with
``feedback.jsonl``), one of its files, a list of listens, or an answer of the API (``{"payload":
{"listens": [...]}}``, ``{"feedback": [...]}``). It does not say how much of a track was heard: only
what was heard for the most part is a listen there.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from soundalike.errors import InvalidArgument, UnreadableFile, printable
from soundalike.files import why
from soundalike.library.taste_records import Music

__all__ = ["Listen", "ListenFile", "Opinion", "listens_in", "read_listens"]

CSV, LISTENBRAINZ = "csv", "listenbrainz"

_COLUMNS = {
    "path": ("path", "file", "filename", "location"),
    "artist": ("artist", "artist name", "creator"),
    "title": ("title", "track", "track name", "name"),
    "album": ("album", "release", "release name"),
    "recording_id": (
        "recording mbid",
        "mbid",
        "musicbrainz recording id",
        "musicbrainz trackid",
        "track mbid",
    ),
    "played_at": ("played at", "listened at", "timestamp", "uts", "time", "date", "utc time"),
    "share": ("share", "listened share", "share heard"),
    "listened_s": ("listened", "listened s", "seconds listened", "seconds"),
    "duration_s": ("duration", "duration s", "length"),
    "skipped": ("skipped", "is skipped", "skip"),
}
_YES = frozenset({"1", "true", "yes", "y", "x"})
_NO = frozenset({"", "0", "false", "no", "n"})
# Seconds since 1970 that are more than this are milliseconds.
_MILLISECONDS = 1e11
# A time without a zone may be ahead of UTC; what is later than this is no time of a play.
_AHEAD_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Listen:
    """One play.

    Attributes
    ----------
    played_at : seconds since 1970, whole.
    share : how much was heard, 0 to 1; None where that is not said.
    """

    music: Music
    played_at: float
    share: float | None = None
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """A like or a dislike."""

    music: Music
    is_liked: bool
    said_at: float


@dataclass
class ListenFile:
    """What a file says.

    Attributes
    ----------
    source : "csv" or "listenbrainz".
    unreadable : lines that could not be read, each with its place and what is wrong with it.
    """

    source: str
    listens: list[Listen] = field(default_factory=list)
    opinions: list[Opinion] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def read_listens(path: str | os.PathLike[str]) -> ListenFile:
    """Read a file of plays.

    Raises
    ------
    UnreadableFile : it is not there, or cannot be read.
    InvalidArgument : it is neither CSV with the columns that are needed, nor JSON of ListenBrainz.
    """
    name = printable(os.path.basename(path))
    try:
        if zipfile.is_zipfile(path):
            return _read_archive(path, name)
        with open(path, "rb") as file:
            data = file.read()
        # The end of a zip archive says that it is one: a download that broke off has no end.
        if data.startswith(b"PK\x03\x04"):
            raise InvalidArgument(f"{name}: an archive that is cut off; download it again")
        text = _text(data, name)
    except OSError as error:
        raise UnreadableFile(path, why(error)) from error
    if text.lstrip()[:1] in ("{", "["):
        return _listenbrainz([(name, text)], name)
    return _csv(text, name)


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{name}: not UTF-8 ({error.reason}); save it as UTF-8") from error


# ListenBrainz


def _read_archive(path: str | os.PathLike[str], name: str) -> ListenFile:
    try:
        with zipfile.ZipFile(path) as archive:
            # Listens first: feedback may know its track by them alone.
            inside = sorted(
                (each for each in archive.namelist() if _is_read(each)),
                key=lambda each: ("feedback" in each, each),
            )
            if not inside:
                raise InvalidArgument(
                    f"{name}: an archive without listens; give what ListenBrainz exports"
                )
            texts = ((each, _text(archive.read(each), each)) for each in inside)
            return _listenbrainz(texts, name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidArgument(f"{name}: a damaged archive ({error}); export it again") from error


def _is_read(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return last.endswith((".jsonl", ".json")) and (
        "listens" in name.split("/") or last.startswith(("listens", "feedback"))
    )


def listens_in(items: Iterable[tuple[str, Any]]) -> ListenFile:
    """What listens and feedback say, as ListenBrainz gives them, listens first.

    Parameters
    ----------
    items : each with where it stands, for what is told of one that cannot be read.
    """
    found = ListenFile(LISTENBRAINZ)
    _add_all(items, found)
    return found


def _add_all(items: Iterable[tuple[str, Any]], found: ListenFile) -> bool:
    """Take over listens and opinions; whether there are any."""
    by_msid: dict[str, Music] = {}
    is_known = False
    for place, item in items:
        try:
            is_known |= _add(item, found, by_msid)
        except (ValueError, TypeError, AttributeError) as error:
            found.unreadable.append(f"{place}: {error}")
    return is_known


def _listenbrainz(
    files: Iterator[tuple[str, str]] | Sequence[tuple[str, str]], source: str
) -> ListenFile:
    found = ListenFile(LISTENBRAINZ)
    items = (item for name, text in files for item in _items(name, text, found))
    if not _add_all(items, found) and not found.unreadable:
        raise InvalidArgument(
            f"{source}: no listens and no feedback of ListenBrainz in it: give its export (a .zip "
            'or .jsonl), or an answer of its API ({"payload": {"listens": [...]}})'
        )
    return found


def _items(name: str, text: str, found: ListenFile) -> Iterator[tuple[str, Any]]:
    """The objects of a file: of one document, or one a line."""
    try:
        document = json.loads(text)
    except ValueError:
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    yield f"{name}:{number}", json.loads(line)
                except ValueError:
                    found.unreadable.append(f"{name}:{number}: no JSON")
        return
    for number, item in enumerate(_listed(document), start=1):
        yield f"{name}, {number}", item


def _listed(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        for key in ("payload", "listens", "feedback"):
            if isinstance(document.get(key), (dict, list)):
                return _listed(document[key])
    return [document]


def _add(item: Any, found: ListenFile, by_msid: dict[str, Music]) -> bool:
    """Take over a listen or an opinion; False for anything else.

    Raises
    ------
    ValueError, TypeError, AttributeError : it lacks something.
    """
    if not isinstance(item, Mapping):
        raise ValueError("neither a listen nor feedback")
    said = item.get("track_metadata") or {}
    music = _music(item, said)
    msid = item.get("recording_msid") or said.get("recording_msid")
    if "score" in item:
        music = music if music.recording_ids or music.title else by_msid.get(msid or "", music)
        if item["score"] in (1, -1):
            said_at = _time(item.get("created"))
            found.opinions.append(Opinion(_named(music), item["score"] == 1, said_at))
        return True
    if "listened_at" not in item:
        return False
    found.listens.append(Listen(_named(music), _time(item["listened_at"])))
    if msid:
        by_msid[msid] = music
    return True


def _music(item: Mapping[str, Any], said: Mapping[str, Any]) -> Music:
    more, mapped = said.get("additional_info") or {}, said.get("mbid_mapping") or {}
    ids = (item.get("recording_mbid"), more.get("recording_mbid"), mapped.get("recording_mbid"))
    return Music(
        artist=_word(said.get("artist_name")),
        title=_word(said.get("track_name")),
        album=_word(said.get("release_name")),
        recording_ids=tuple(dict.fromkeys(each.lower() for each in ids if each)),
    )


def _word(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{value!r} is no name")
    return (value or "").strip() or None


def _named(music: Music) -> Music:
    if not (music.path or music.recording_ids or (music.artist and music.title)):
        raise ValueError("neither artist and title, nor a recording of MusicBrainz, nor a path")
    return music


def _time(value: Any) -> float:
    """Seconds since 1970, whole.

    Raises
    ------
    ValueError : neither a number nor ISO 8601, or in the future.
    """
    try:
        seconds = float(value)
        if seconds > _MILLISECONDS:
            seconds /= 1000
    except (TypeError, ValueError):
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise ValueError(f"{value!r} is no time") from None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{value!r} is no time after 1970")
    if seconds > time.time() + _AHEAD_S:
        raise ValueError(f"{value!r} is in the future: it does not count")
    return float(math.floor(seconds))


# CSV


def _csv(text: str, name: str) -> ListenFile:
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="more")
    try:
        columns = _columns(reader.fieldnames or ())
        has_music = "path" in columns or "recording_id" in columns or "title" in columns
        if "played_at" not in columns or not has_music:
            raise InvalidArgument(
                f"{name}: columns are missing: the first line must name played_at, and path, or "
                f"artist and title, or recording_mbid; it is {head.strip()[:200]!r}"
            )
        found = ListenFile(CSV)
        for row in reader:
            try:
                said = {key: (row[column] or "").strip() for key, column in columns.items()}
                found.listens.append(_listen(said))
            except ValueError as error:
                found.unreadable.append(f"{name}:{reader.line_num}: {error}")
    except csv.Error as error:
        raise InvalidArgument(f"{name}:{reader.line_num}: no CSV ({error})") from error
    return found


def _columns(header: Sequence[str]) -> dict[str, str]:
    """Our names of the columns that are there, with theirs."""
    theirs: dict[str, str] = {}
    for each in header:
        theirs.setdefault(" ".join(each.strip().lower().replace("_", " ").split()), each)
    return {
        own: theirs[name]
        for own, names in _COLUMNS.items()
        if (name := next((each for each in names if each in theirs), None)) is not None
    }


def _listen(said: Mapping[str, str]) -> Listen:
    recording = said.get("recording_id")
    music = Music(
        artist=said.get("artist") or None,
        title=said.get("title") or None,
        album=said.get("album") or None,
        recording_ids=(recording.lower(),) if recording else (),
        path=said.get("path") or None,
    )
    skipped = said.get("skipped", "").lower()
    if skipped not in _YES | _NO:
        raise ValueError(f"skipped is {skipped!r}: write 1 or 0")
    return Listen(_named(music), _time(said["played_at"]), _share(said), skipped in _YES)


def _share(said: Mapping[str, str]) -> float | None:
    if said.get("share"):
        share = _number("share", said["share"])
        if share > 1:
            raise ValueError(f"share is {said['share']}: it must be from 0 to 1")
        return share
    if said.get("listened_s") and said.get("duration_s"):
        duration_s = _number("duration", said["duration_s"])
        if duration_s > 0:
            return min(1.0, _number("listened", said["listened_s"]) / duration_s)
    return None


def _number(name: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}: it must be a number") from None
    if not (math.isfinite(found) and found >= 0):
        raise ValueError(f"{name} is {text}: it must not be below 0")
    return found
