"""Playlists of a library on a Subsonic server: put there, known again, and made again.

A playlist that was put there is kept as a file beside the library, with its recipe:
``library.db.sent/SERVER/ID.json``. That, or the comment that it has on the server, tells that it
came from here; any other of the same name is somebody's own, and stays unless it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

from soundalike.errors import (
    Busy,
    InvalidArgument,
    PlaylistError,
    ServerError,
    SoundalikeError,
)
from soundalike.files import output_folder
from soundalike.integrations.subsonic import Subsonic
from soundalike.integrations.subsonic_playlists import (
    MARK,
    ServerPlaylist,
    all_playlists,
    put_playlist,
    same_name,
    songs_in,
)
from soundalike.library.library import Library
from soundalike.library.location import kept_of
from soundalike.locks import lock_file
from soundalike.playlists import Playlist, PlaylistEntry, read_playlist, write_playlist
from soundalike.recommend.playlist_files import refresh_playlist
from soundalike.show.documents import entry_name

__all__ = ["KeptPlaylist", "NotSent", "Sender", "SentPlaylist", "failed_server", "kept_playlists"]

_WAIT_S = 60.0
_CAN_REFRESH = f"{MARK}; `soundalike subsonic refresh` makes it again, whatever is changed here."
_CANNOT = f"{MARK}."

Outcome = Literal["made", "replaced", "unchanged", "deleted", "no recipe", "failed"]


@dataclass(frozen=True, slots=True)
class NotSent:
    """An entry that is not in the playlist on the server."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class SentPlaylist:
    """What became of a playlist on a server.

    Attributes
    ----------
    outcome : "made" where none was there, "replaced", or "unchanged" where it was there as it is;
        of one that is made again also "deleted", by somebody at the server, so that it is left out
        from now on, "no recipe", as of a path, which stays as it is, and "failed".
    songs : how many it has.
    not_sent : what it lacks.
    problem : why it failed.
    """

    server: str
    name: str
    outcome: Outcome
    playlist_id: str | None = None
    songs: int = 0
    not_sent: tuple[NotSent, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class KeptPlaylist:
    """A playlist that was put on a server, as it was then.

    Attributes
    ----------
    playlist_id : on the server.
    file : that keeps it here.
    playlist : None where the file cannot be read, for which ``problem`` tells why.
    """

    server: str
    playlist_id: str
    file: Path
    playlist: Playlist | None
    problem: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        return (self.playlist and self.playlist.name) or self.playlist_id


def failed_server(server: str, error: SoundalikeError) -> SentPlaylist:
    """Of a server of which none could be made again."""
    return SentPlaylist(server, "all playlists", "failed", problem=str(error))


def kept_playlists(library: Library, server: str | None = None) -> tuple[KeptPlaylist, ...]:
    """What was put on a server, or on all of them, by name."""
    folder = _folder(library)
    if folder is None or not folder.is_dir():
        return ()
    names = [server] if server is not None else sorted(each.name for each in folder.iterdir())
    found = []
    for name in names:
        for file in sorted((folder / name).glob("*.json")):
            playlist, problem = None, None
            try:
                playlist = read_playlist(file)
            except PlaylistError as error:
                problem = str(error)
            found.append(KeptPlaylist(name, unquote(file.stem), file, playlist, problem))
    return tuple(sorted(found, key=lambda each: (each.server, each.name)))


class Sender:
    """Puts playlists of a library on a server that it is linked to.

    Parameters
    ----------
    server : its name in the library.
    client : open as long as this is used.
    """

    def __init__(self, library: Library, server: str, client: Subsonic) -> None:
        self._library = library
        self._server = server
        self._client = client

    def send(self, playlist: Playlist, *, replace: bool = False) -> SentPlaylist:
        """Make the playlist there, in the place of the one with its name that came from here.

        Parameters
        ----------
        playlist : with a name. Entries that are no track here, or no song there, are left out.
        replace : also in the place of one that did not come from here.

        Raises
        ------
        InvalidArgument : it has no name or no song that the server has; or the server has one of
            this name that did not come from here, or several of them.
        ServerError : the server cannot be reached, or refuses: what was there is as it was.
        OutputError : it cannot be kept here.
        Busy : another program is at it.
        """
        name = " ".join((playlist.name or "").split())
        if not name:
            raise InvalidArgument("a playlist on a server needs a name")
        with self._alone():
            there = all_playlists(self._client)
            kept = {each.playlist_id for each in kept_playlists(self._library, self._server)}
            same = [each for each in there if same_name(each.name, name)]
            own = [each for each in same if each.is_marked or each.playlist_id in kept]
            # Of several, the one that is known here keeps its id.
            own.sort(key=lambda each: each.playlist_id not in kept)
            if not own and same:
                if not replace:
                    raise InvalidArgument(
                        f"{self._server} has a playlist {name!r} that soundalike did not make: "
                        f"choose another name, or have it replaced (--replace)"
                    )
                if len(same) > 1:
                    raise InvalidArgument(
                        f"{self._server} has {len(same)} playlists {name!r} that soundalike did "
                        f"not make: rename those there that are to stay"
                    )
            return self._put(playlist, name, own or same)

    def refresh(self, kept: KeptPlaylist) -> SentPlaylist:
        """Make a playlist again by its recipe, of what the server has now, and put it there.

        One that was renamed at the server keeps that name. What fails is told, and nothing of it
        has changed then.

        Raises
        ------
        ServerError : the server cannot be reached any more (``code`` is None).
        OutputError, Busy : as for :meth:`send`.
        """
        if kept.playlist is None:
            return SentPlaylist(self._server, kept.name, "failed", problem=kept.problem)
        try:
            with self._alone():
                there = all_playlists(self._client)
                own = [each for each in there if each.playlist_id == kept.playlist_id] or [
                    each for each in there if each.is_marked and same_name(each.name, kept.name)
                ]
                if not own:
                    return self._forget(kept)
                if not kept.playlist.recipe:
                    return SentPlaylist(self._server, kept.name, "no recipe", kept.playlist_id)
                among = self._library.tracks_on(self._server)
                found = refresh_playlist(self._library, kept.file, write=False, among=among)
                made = found.playlist
                return self._put(made, own[0].name, own)
        except SoundalikeError as error:
            if isinstance(error, ServerError) and error.code is None:
                raise
            return SentPlaylist(self._server, kept.name, "failed", problem=str(error))

    def _put(
        self, playlist: Playlist, name: str, instead: Sequence[ServerPlaylist]
    ) -> SentPlaylist:
        item_ids, entries, not_sent = self._songs(playlist)
        if not item_ids:
            reasons = "; ".join(dict.fromkeys(each.reason for each in not_sent[:3]))
            raise InvalidArgument(
                f"{self._server} has no song for the playlist {name!r}, so nothing was changed "
                f"there: {reasons or 'it is empty'}"
            )
        folder = self._own_folder()
        outcome: Outcome = "replaced" if instead else "made"
        playlist_id, there = None, tuple(item_ids)
        if len(instead) == 1 and songs_in(self._client, instead[0].playlist_id) == there:
            playlist_id, outcome = instead[0].playlist_id, "unchanged"
        else:
            comment = _CAN_REFRESH if playlist.recipe else _CANNOT
            put = put_playlist(self._client, name, item_ids, comment=comment, replace=instead)
            playlist_id, there = put.playlist_id, put.item_ids
            gone = set(put.gone)
            not_sent += [
                NotSent(entry_name(entry), f"{self._server} no longer has its song: link it again")
                for item_id, entry in zip(item_ids, entries, strict=True)
                if item_id in gone
            ]
        if folder is not None:
            write_playlist(_file_in(folder, playlist_id), replace(playlist, name=name))
            for each in instead:
                if each.playlist_id != playlist_id:
                    _file_in(folder, each.playlist_id).unlink(missing_ok=True)
        return SentPlaylist(self._server, name, outcome, playlist_id, len(there), tuple(not_sent))

    def _forget(self, kept: KeptPlaylist) -> SentPlaylist:
        """Of one that this user does not have at the server."""
        if songs_in(self._client, kept.playlist_id) is not None:
            raise InvalidArgument(
                f"{self._server}: it belongs to another user there: link the server as that one"
            )
        kept.file.unlink(missing_ok=True)
        return SentPlaylist(self._server, kept.name, "deleted")

    def _songs(self, playlist: Playlist) -> tuple[list[str], list[PlaylistEntry], list[NotSent]]:
        """The songs of a playlist on the server with their entries, and what has none."""
        found = self._library.resolve_playlist(playlist).entries
        ids = sorted({each.track.track_id for each in found if each.track is not None})
        songs = self._library.songs_of(self._server, ids)
        item_ids, entries, not_sent = [], [], []
        for each in found:
            if each.track is None:
                not_sent.append(NotSent(entry_name(each.entry), each.reason or "no track fits"))
            elif each.track.track_id not in songs:
                not_sent.append(
                    NotSent(each.track.name, f"no song of {self._server} is linked to this track")
                )
            else:
                item_ids.append(songs[each.track.track_id])
                entries.append(each.entry)
        return item_ids, entries, not_sent

    def _own_folder(self) -> Path | None:
        folder = _folder(self._library)
        return None if folder is None else output_folder(folder / self._server)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self._own_folder()
        if folder is None:
            yield
            return
        try:
            with lock_file(folder / ".lock", timeout_s=_WAIT_S):
                yield
        except TimeoutError as error:
            raise Busy(
                f"another soundalike is writing playlists to {self._server}: wait for it to end",
                _WAIT_S,
            ) from error
        finally:
            with suppress(OSError):
                folder.rmdir()  # nothing was put there
                folder.parent.rmdir()


def _folder(library: Library) -> Path | None:
    """Where a library keeps what it has put on servers; None for one in memory."""
    return kept_of(library.keeping, "sent")


def _file_in(folder: Path, playlist_id: str) -> Path:
    return folder / f"{quote(playlist_id, safe='')}.json"
