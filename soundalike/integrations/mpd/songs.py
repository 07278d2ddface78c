"""What MPD plays, what its queue holds and what its database has, as songs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from soundalike.errors import ServerError
from soundalike.integrations.mpd.connection import NOT_FOUND, Mpd
from soundalike.library.link_records import ServerSong

__all__ = ["MpdSong", "all_songs", "mounts", "playing", "queue", "why_no_file"]


@dataclass(frozen=True, slots=True)
class MpdSong:
    """A song, as MPD tells it.

    Attributes
    ----------
    uri : its file below the music folder, or where a stream comes from.
    duration_s : seconds; None for a stream.
    is_part : whether it is a part of a file, as of a CUE sheet.
    song_id, position : in the queue; None outside it.
    """

    uri: str
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None
    recording_id: str | None = None
    is_part: bool = False
    song_id: int | None = None
    position: int | None = None

    @property
    def name(self) -> str:
        """For people."""
        title = self.title or self.uri
        return f"{self.artist} - {title}" if self.artist else title

    def as_server_song(self, path: str) -> ServerSong:
        """The same in the words of the library."""
        return ServerSong(
            item_id=self.uri,
            path=path,
            title=self.title,
            artist=self.artist,
            album=self.album,
            duration_s=self.duration_s,
            recording_ids=() if self.recording_id is None else (self.recording_id,),
        )


def playing(mpd: Mpd) -> MpdSong | None:
    """The song that is played or paused, or was when MPD was stopped; None for none."""
    found = mpd.ask("currentsong")
    return _song(found) if found.get("file") else None


def queue(mpd: Mpd) -> list[MpdSong]:
    """All songs of the queue, in its order."""
    return [_song(each) for each in mpd.ask("playlistinfo") if each.get("file")]


def mounts(mpd: Mpd) -> tuple[str, ...]:
    """Where other storages are mounted in the music folder."""
    if not mpd.allows("listmounts"):
        return ()
    try:
        found = mpd.ask("listmounts")
    except ServerError as error:
        if error.code is None:
            raise
        return ()  # it has no database of its own
    return tuple(each["mount"] for each in found if each.get("mount"))


def all_songs(mpd: Mpd, progress: Callable[[int], None] = lambda _: None) -> Iterator[MpdSong]:
    """The songs of MPD's database, folder by folder: an answer with all of them might be longer
    than MPD sends (max_output_buffer_size, 8 MiB).

    Parameters
    ----------
    progress : told how many songs were found.

    Raises
    ------
    ServerError : MPD has no database, or is gone.
    """
    folders, n = [""], 0
    while folders:
        for found in _listing(mpd, folders.pop()):
            if "directory" in found:
                folders.append(str(found["directory"]))
            elif "file" in found:
                n += 1
                yield _song(found)
        progress(n)


def why_no_file(song: MpdSong, mounted: tuple[str, ...]) -> str | None:
    """Why a song cannot be one of the library's tracks; None where it may be."""
    if "://" in song.uri:
        return "a stream, not a file below the music folder"
    if song.is_part:
        return "a part of a larger file, by a CUE sheet or within it"
    for mount in mounted:
        if song.uri.startswith(f"{mount}/"):
            return f"on another storage, which is mounted at {mount}"
    return None


def _listing(mpd: Mpd, folder: str) -> list[Mapping[str, Any]]:
    """What lies in a folder; nothing where it is gone meanwhile."""
    try:
        return list(mpd.ask("lsinfo", folder))
    except ServerError as error:
        if error.code != NOT_FOUND or not folder:
            raise
        return []


def _song(found: Mapping[str, Any]) -> MpdSong:
    return MpdSong(
        uri=str(found["file"]),
        title=_text(found.get("title")),
        artist=_text(found.get("artist")) or _text(found.get("albumartist")),
        album=_text(found.get("album")),
        duration_s=_number(found.get("duration") or found.get("time")),
        # MPD calls so what MusicBrainz calls a recording.
        recording_id=_text(found.get("musicbrainz_trackid")),
        is_part="range" in found,
        song_id=_whole(found.get("id")),
        position=_whole(found.get("pos")),
    )


def _text(value: Any) -> str | None:
    """A tag; of several with one name all, as the library reads such."""
    if isinstance(value, list):
        return "; ".join(map(str, value)) or None
    return str(value) if value else None


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if 0 < found < 1e9 else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, str) and value.isdecimal() else None
