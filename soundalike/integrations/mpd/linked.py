"""Which songs of an MPD are which tracks: linked in the library, as those of other servers are.

Songs are told by their path where MPD's music folder is known, else by the end of it, and by what
the tags say; see ``library.matching``. Nothing is asked twice: as long as neither MPD's database
nor the library has changed, the links are those of the last time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from soundalike.errors import InvalidArgument, ServerError, TrackNotFound
from soundalike.integrations.mpd.connection import Mpd
from soundalike.integrations.mpd.kept import Kept
from soundalike.integrations.mpd.songs import MpdSong, all_songs, mounts, playing, why_no_file
from soundalike.library.library import Library
from soundalike.library.limits import Limits
from soundalike.library.link_records import LinkReport, ServerFacts
from soundalike.library.links import Links, server_links

__all__ = [
    "FolderFrom",
    "Linked",
    "MpdReport",
    "Skipped",
    "link",
    "linked",
    "playing_query",
    "query_of",
]

FolderFrom = Literal["given", "mpd", "kept"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A song of MPD that is no file of its own below the music folder.

    Attributes
    ----------
    reason : why, for people.
    """

    song: MpdSong
    reason: str


@dataclass(frozen=True, slots=True)
class MpdReport:
    """What came of linking an MPD.

    Attributes
    ----------
    links : how the songs were told, and which were not.
    skipped : songs that were not looked for.
    music_directory : where MPD's music lies here; None where it is not known, and songs are told
        by the end of their path.
    folder_from : who says so: somebody, MPD itself, or somebody earlier.
    """

    links: LinkReport
    skipped: tuple[Skipped, ...]
    music_directory: str | None
    folder_from: FolderFrom | None


@dataclass(frozen=True, eq=False)
class Linked:
    """The tracks that an MPD can play.

    Attributes
    ----------
    server : what the MPD is called in the library.
    track_ids : by the URI of a song.
    uris : by the id of a track; of several songs that are one track, the first.
    unheard : songs that are linked to music which cannot be found now: missing, or not analysed.
    music_directory : where MPD's music lies here; None where that is not known.
    """

    server: str
    track_ids: Mapping[str, int] = field(repr=False)
    uris: Mapping[int, str] = field(repr=False)
    unheard: frozenset[str] = field(repr=False)
    music_directory: str | None = None

    @cached_property
    def playable(self) -> frozenset[int]:
        """The ids of the tracks."""
        return frozenset(self.uris)

    def within(self, limits: Limits) -> Limits:
        """Limits that leave only these tracks.

        Raises
        ------
        InvalidArgument : that leaves nothing.
        """
        only = limits.only
        ids = self.playable if only.track_ids is None else self.playable & only.track_ids
        if not ids:
            raise InvalidArgument(
                f"{self.server}: none of its songs is linked to a track that is analysed; "
                f"`soundalike mpd` lists why"
            )
        return replace(limits, only=replace(only, track_ids=ids))


def link(
    library: Library,
    mpd: Mpd,
    *,
    music_directory: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> MpdReport:
    """Link the songs of an MPD to the tracks that they are.

    Parameters
    ----------
    music_directory : where MPD's music lies here. By default what MPD says, which it does on a
        local socket alone, else what was given the last time.
    progress : told how many songs MPD has told, and how many it has.

    Raises
    ------
    InvalidArgument : a folder that is none, no songs, or none that is in the library.
    ServerError : MPD refuses, or is gone. What was linked before stays.
    LibraryError, OutputError : the library, or what is kept beside it, cannot be written.
    """
    url = mpd.address.url
    kept = Kept(library.keeping, url)
    if not len(library.index()):
        raise InvalidArgument(
            f"{library.location}: no track is analysed yet: scan the folder that MPD plays from "
            f"first (soundalike scan FOLDER)"
        )
    folder, folder_from = _music_directory(mpd, music_directory, kept)
    state = _state(library, mpd, folder)
    mounted = mounts(mpd)
    skipped, songs = [], []
    for song in all_songs(mpd, progress):
        reason = why_no_file(song, mounted)
        if reason is not None:
            skipped.append(Skipped(song, reason))
        else:
            path = song.uri if folder is None else os.path.join(folder, song.uri)
            songs.append(song.as_server_song(path))
    if not songs:
        raise InvalidArgument(
            f"{url}: MPD's database has no songs{' that are files' if skipped else ''}: let it "
            f"look through its music folder first (mpc update)"
        )
    facts = ServerFacts(kind="mpd", url=url, software=f"MPD {mpd.version}")
    try:
        report = library.link(mpd.address.name, facts, songs)
    except InvalidArgument as error:
        where = (
            f"its music would lie in {folder}" if folder else "where its music lies is not known"
        )
        raise InvalidArgument(
            f"{error}; {where}: --music-directory DIR tells another folder"
        ) from error
    kept.write(state=state, music_directory=folder if folder_from != "mpd" else None)
    return MpdReport(report, tuple(skipped), folder, folder_from)


def linked(
    library: Library,
    mpd: Mpd,
    *,
    music_directory: str | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Linked:
    """The tracks that an MPD can play; linked again only where something has changed.

    Raises
    ------
    As :func:`link`; or none of the songs can be found.
    """
    kept = Kept(library.keeping, mpd.address.url)
    folder, _ = _music_directory(mpd, music_directory, kept)
    found: Links | None = None
    if kept.read().get("state") == _state(library, mpd, folder):
        try:
            found = _links(library, mpd)
        except TrackNotFound:
            found = None  # somebody has forgotten the server
    if found is None:
        link(library, mpd, music_directory=music_directory, progress=progress)
        found = _links(library, mpd)
    ids = library.index().track_ids
    made = Linked(
        server=found.server,
        track_ids={uri: int(ids[row]) for uri, row in found.rows.items()},
        uris=found.items,
        unheard=found.unheard,
        music_directory=folder,
    )
    made.within(Limits())
    return made


def query_of(song: MpdSong, found: Linked, mpd: Mpd) -> int | str:
    """What means a song of MPD to the library: the id of its track, or its file where it is none.

    Raises
    ------
    TrackNotFound : neither, with the reason.
    """
    track_id = found.track_ids.get(song.uri)
    if track_id is not None:
        return track_id
    reason = why_no_file(song, mounts(mpd))
    if reason is None and found.music_directory is not None:
        file = os.path.join(found.music_directory, song.uri)
        if os.path.isfile(file):
            return file
    if reason is None and song.uri in found.unheard:
        reason = "its track is missing, or not analysed yet: scan its folder"
    reason = reason or "it is no track of the library: `soundalike mpd --all` says why"
    raise TrackNotFound(f"{song.name} ({song.uri}): {reason}")


def playing_query(found: Linked, mpd: Mpd) -> tuple[MpdSong, int | str]:
    """The song that MPD plays, and what means it to the library.

    Raises
    ------
    TrackNotFound : nothing is played, or what is played is no track.
    """
    song = playing(mpd)
    if song is None:
        raise TrackNotFound(f"{mpd.address.url}: nothing is playing there: name a TRACK")
    return song, query_of(song, found, mpd)


def _links(library: Library, mpd: Mpd) -> Links:
    with library.view() as view:
        return server_links(view, mpd.address.name)


def _music_directory(
    mpd: Mpd, given: str | None, kept: Kept
) -> tuple[str | None, FolderFrom | None]:
    """Where MPD's music lies here, and who says so.

    Raises
    ------
    InvalidArgument : what is given is no folder.
    """
    if given is not None:
        folder = os.path.abspath(os.path.expanduser(given))
        if not os.path.isdir(folder):
            raise InvalidArgument(f"--music-directory {given}: there is no such folder here")
        return folder, "given"
    if mpd.address.port is None:
        try:
            said = mpd.ask("config")
        except ServerError as error:
            if error.code is None:
                raise
            said = {}  # older ones do not tell, and some are not allowed to
        folder = said.get("music_directory")
        # Such as nfs://..., or a folder of the container that it runs in.
        if isinstance(folder, str) and os.path.isdir(folder):
            return folder, "mpd"
    before = kept.read().get("music_directory")
    return (before, "kept") if isinstance(before, str) else (None, None)


def _state(library: Library, mpd: Mpd, folder: str | None) -> list[Any]:
    """What is other as soon as MPD's database, or the library, has changed."""
    found = mpd.ask("stats")
    position = library.index().position
    return [
        found.get("db_update"),
        found.get("songs"),
        folder,
        library.index().model,
        position.last_id,
        position.token,
    ]
