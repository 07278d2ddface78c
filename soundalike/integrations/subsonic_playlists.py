"""Playlists of a Subsonic server: read, and put in place whole or not at all.

``createPlaylist`` with the id of a playlist replaces its songs, and players' links to it hold. That
is done where all songs fit one request, as a server that dies in it has then written all or
nothing; it is read back, and put back if it is not what was sent. Navidrome, Gonic, LMS and
supysonic do it so. A server has no transactions over several requests: what needs those, or goes to
a server that does not replace, is filled under a name of its own, read back and compared; only then
it gets its name, and what it takes the place of is deleted.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from soundalike.errors import InvalidArgument, ServerError
from soundalike.integrations.answers import text_of
from soundalike.integrations.refusals import GENERIC, MISSING, NOT_FOUND
from soundalike.integrations.subsonic import Subsonic
from soundalike.integrations.subsonic_songs import listed

__all__ = [
    "MARK",
    "PutPlaylist",
    "ServerPlaylist",
    "all_playlists",
    "put_playlist",
    "same_name",
    "songs_in",
]

MARK = "Made by soundalike"
"""How the comment of each playlist begins that came from here."""

_UNFINISHED = "(soundalike is writing it: "


@dataclass(frozen=True, slots=True)
class ServerPlaylist:
    """A playlist, as a server lists it.

    Attributes
    ----------
    owner : a user; None where the server does not say.
    is_public : whether others see it.
    """

    playlist_id: str
    name: str
    owner: str | None = None
    comment: str = ""
    is_public: bool = False

    @property
    def is_marked(self) -> bool:
        """Whether its comment says that it came from here."""
        return self.comment.startswith(MARK)


@dataclass(frozen=True, slots=True)
class PutPlaylist:
    """What came of putting one in place.

    Attributes
    ----------
    playlist_id : of the one that has them now.
    item_ids : its songs.
    gone : songs that the server no longer has, which are not in it.
    """

    playlist_id: str
    item_ids: tuple[str, ...]
    gone: tuple[str, ...]


def all_playlists(server: Subsonic) -> list[ServerPlaylist]:
    """Those of the user who asks; others' public ones are left out.

    Raises
    ------
    ServerError : the server cannot be reached, or refuses.
    """
    user = server.user()
    try:
        answer = server.ask("getPlaylists")
    except ServerError as refused:
        if refused.code != GENERIC:
            raise
        raise ServerError(
            f"{refused}. supysonic says so to everybody once a song of a playlist was deleted: "
            f"restart it, and delete that playlist there",
            GENERIC,
        ) from refused
    found = map(_playlist, listed(answer, "playlists", "playlist"))
    return [
        each
        for each in found
        if each is not None
        and (user is None or each.owner is None or each.owner.casefold() == user.casefold())
    ]


def songs_in(server: Subsonic, playlist_id: str) -> tuple[str, ...] | None:
    """The ids of a playlist's songs, in their order; None where there is no such playlist.

    Raises
    ------
    ServerError : as :func:`all_playlists`.
    """
    try:
        answer = server.ask("getPlaylist", {"id": playlist_id})
    except ServerError as refused:
        if refused.code == NOT_FOUND:
            return None
        raise
    entries = listed(answer, "playlist", "entry")
    return tuple(item_id for each in entries if (item_id := text_of(each.get("id"))))


def put_playlist(
    server: Subsonic,
    name: str,
    item_ids: Sequence[str],
    *,
    comment: str,
    replace: Sequence[ServerPlaylist] = (),
) -> PutPlaylist:
    """Make a playlist, in the place of others or of none.

    The first of those that it replaces keeps its id, where that can be had.

    Where it fails, what was there before is as it was, and nothing of the new one is left; where
    not even that can be had, as the server is gone, the message says what may be left there.

    Parameters
    ----------
    item_ids : in their order. Songs that the server does not have (any more) are left out.
    comment : begins with :data:`MARK`.
    replace : playlists that go; of those that others see, others see the new one as well.

    Raises
    ------
    InvalidArgument : there are no songs, or the server has none of them any more.
    ServerError : as :func:`all_playlists`; or it has other songs afterwards than it was sent.
    """
    for each in all_playlists(server):
        # What a run left behind that was killed.
        if each.name.startswith(f"{name} {_UNFINISHED}"):
            server.ask("deletePlaylist", {"id": each.playlist_id})
    if replace and len(list(server.pieces(item_ids))) == 1:
        put = _put_in_place(server, name, item_ids, comment, replace)
        if put is not None:
            return put
    return _put_anew(server, name, item_ids, comment, replace)


def same_name(a: str, b: str) -> bool:
    """Whether two names are one, whatever their accents are made of."""
    return unicodedata.normalize("NFC", a).strip() == unicodedata.normalize("NFC", b).strip()


def _playlist(found: Mapping[str, Any]) -> ServerPlaylist | None:
    playlist_id = text_of(found.get("id"))
    if playlist_id is None:
        return None
    return ServerPlaylist(
        playlist_id,
        text_of(found.get("name")) or "",
        text_of(found.get("owner")),
        text_of(found.get("comment")) or "",
        found.get("public") is True,
    )


def _put_in_place(
    server: Subsonic,
    name: str,
    item_ids: Sequence[str],
    comment: str,
    replace: Sequence[ServerPlaylist],
) -> PutPlaylist | None:
    """The first of the replaced ones with other songs; None where the server cannot do that, and
    all is as it was."""
    old = replace[0]
    before = songs_in(server, old.playlist_id)
    if before is None:
        return None  # deleted meanwhile
    try:
        there = _replaced(server, old.playlist_id, item_ids)
        if there is not None:
            is_public = any(each.is_public for each in replace)
            wanted = (name, comment, is_public)
            if wanted != (old.name, old.comment, old.is_public):
                _describe(server, old.playlist_id, *wanted)
            _check(server, old.playlist_id, name, there)
            _drop_replaced(server, replace[1:])
            return PutPlaylist(old.playlist_id, there, _missing(item_ids, there))
        if not _put_back(server, old, before):
            raise ServerError(f"{server.url}: does not replace the songs of a playlist")
    except BaseException as error:
        is_back = _put_back(server, old, before)
        if not is_back and isinstance(error, ServerError):
            raise ServerError(
                f"{error}. Whether the playlist {old.name!r} there is as it was cannot be told: "
                f"look at it, or run this again when the server answers",
                error.code,
            ) from error
        raise
    return None


def _replaced(
    server: Subsonic, playlist_id: str, item_ids: Sequence[str]
) -> tuple[str, ...] | None:
    """What a playlist has once its songs were replaced in one request; None where it has something
    else, as of a server that does not replace."""
    wanted = tuple(item_ids)
    while wanted:
        try:
            _give(server, playlist_id, wanted)
        except ServerError as refused:
            # An answer that is lost tells nothing of what the server did.
            if refused.code is None and songs_in(server, playlist_id) == wanted:
                return wanted
            gone = _gone(server, wanted, refused)
            if not gone and refused.code == MISSING:
                return None  # it knows of new playlists only, which need a name
            if not gone:
                raise
            wanted = tuple(each for each in wanted if each not in gone)
        else:
            there = songs_in(server, playlist_id) or ()
            if not there and all(_is_gone(server, each) for each in wanted):
                break
            known = set(there)
            # Some servers leave out what they do not have.
            is_so = there == tuple(each for each in wanted if each in known)
            return there if there and is_so else None
    raise _none_there(server, item_ids)


def _give(server: Subsonic, playlist_id: str, item_ids: Sequence[str]) -> None:
    """Replace the songs of a playlist."""
    first, *more = server.pieces(item_ids) if item_ids else [()]
    server.ask("createPlaylist", {"playlistId": playlist_id, "songId": list(first)})
    for piece in more:
        server.ask("updatePlaylist", {"playlistId": playlist_id, "songIdToAdd": list(piece)})


def _put_back(server: Subsonic, old: ServerPlaylist, before: Sequence[str]) -> bool:
    """Make a playlist what it was; False where it may be another."""
    own_id = old.playlist_id
    try:
        if songs_in(server, own_id) != before:
            with suppress(ServerError):
                _give(server, own_id, before)
        there = songs_in(server, own_id)
        if there != before and there is not None:
            # Of a server that adds where it should replace.
            values = {"songIndexToRemove": list(range(len(there))), "songIdToAdd": list(before)}
            server.ask("updatePlaylist", {"playlistId": own_id, **values})
        now = next((each for each in all_playlists(server) if each.playlist_id == own_id), None)
        if now != old:
            _describe(server, own_id, old.name, old.comment, old.is_public)
        return songs_in(server, own_id) == before
    except ServerError:
        return False


def _describe(server: Subsonic, playlist_id: str, name: str, comment: str, is_public: bool) -> None:
    values = {"playlistId": playlist_id, "name": name, "comment": comment}
    # To some servers, whatever is said of it makes it public, and nothing makes it private.
    server.ask("updatePlaylist", {**values, "public": "true"} if is_public else values)


def _put_anew(
    server: Subsonic,
    name: str,
    item_ids: Sequence[str],
    comment: str,
    replace: Sequence[ServerPlaylist],
) -> PutPlaylist:
    """A new playlist, and the replaced ones deleted."""
    temporary = f"{name} {_UNFINISHED}{secrets.token_hex(4)})"
    made: str | None = None
    try:
        made, there, gone = _filled(server, temporary, item_ids)
        _describe(server, made, name, comment, any(each.is_public for each in replace))
        _check(server, made, name, there)
        _drop_replaced(server, replace)
    except BaseException as error:
        is_dropped = _drop_unfinished(server, made, temporary)
        if not is_dropped and isinstance(error, ServerError):
            raise ServerError(
                f"{error}. What was there before is as it was, but a second playlist of this name "
                f"may be left there: the next run deletes it, or you do",
                error.code,
            ) from error
        raise
    return PutPlaylist(made, there, gone)


def _filled(
    server: Subsonic, name: str, item_ids: Sequence[str]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A new playlist with these songs: its id, the songs, and those that the server lacks."""
    wanted, known_gone = tuple(item_ids), set[str]()
    while wanted:
        try:
            made = _fill(server, name, wanted)
        except ServerError as refused:
            found = _gone(server, wanted, refused)
            if not found:
                raise
            _drop_unfinished(server, None, name)
        else:
            there = songs_in(server, made) or ()
            # Some servers refuse songs that they do not have, others leave them out.
            found = set(wanted) - set(there)
            left = tuple(each for each in wanted if each not in found)
            if there and there == left:
                return made, there, _missing(item_ids, there)
            if there or not found:
                raise ServerError(
                    f"{server.url}: the playlist has other songs than were sent: {len(there):,} "
                    f"instead of {len(wanted):,}; nothing was changed, try again"
                )
            _drop_unfinished(server, made, name)
        known_gone |= found
        wanted = tuple(each for each in wanted if each not in known_gone)
    raise _none_there(server, item_ids)


def _missing(item_ids: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    known = set(there)
    return tuple(each for each in item_ids if each not in known)


def _none_there(server: Subsonic, item_ids: Sequence[str]) -> InvalidArgument:
    return InvalidArgument(
        f"{server.url}: the server has none of the {len(item_ids):,} songs any more: link it again "
        f"(soundalike subsonic link)"
        if item_ids
        else f"{server.url}: there are no songs for a playlist, so nothing was changed there"
    )


def _fill(server: Subsonic, name: str, item_ids: Sequence[str]) -> str:
    pieces = server.pieces(item_ids)
    answer = server.ask("createPlaylist", {"name": name, "songId": list(next(pieces))})
    # Servers before 1.14.0 do not say what they made.
    said = answer.get("playlist")
    made = text_of(said.get("id")) if isinstance(said, dict) else None
    if made is None:
        made = next(
            (each.playlist_id for each in all_playlists(server) if same_name(each.name, name)), None
        )
    if made is None:
        raise ServerError(f"{server.url}: a playlist was made there, and cannot be found")
    for piece in pieces:
        server.ask("updatePlaylist", {"playlistId": made, "songIdToAdd": list(piece)})
    return made


def _gone(server: Subsonic, item_ids: Sequence[str], refused: ServerError) -> set[str]:
    """The songs that a server has no more, where that may be what it refused them for."""
    if refused.code not in (NOT_FOUND, GENERIC, MISSING):
        return set()
    return {each for each in dict.fromkeys(item_ids) if _is_gone(server, each)}


def _is_gone(server: Subsonic, item_id: str) -> bool:
    try:
        server.ask("getSong", {"id": item_id})
    except ServerError as refused:
        if refused.code in (NOT_FOUND, GENERIC):
            return True
        raise
    return False


def _check(server: Subsonic, playlist_id: str, name: str, item_ids: Sequence[str]) -> None:
    """Whether the finished playlist is what it should be."""
    found = next((each for each in all_playlists(server) if each.playlist_id == playlist_id), None)
    if found is None or not same_name(found.name, name):
        raise ServerError(f"{server.url}: does not take the name {name!r} for a playlist")
    if songs_in(server, playlist_id) != tuple(item_ids):
        raise ServerError(f"{server.url}: the playlist was changed meanwhile: try again")


def _drop_replaced(server: Subsonic, replaced: Sequence[ServerPlaylist]) -> None:
    for at, each in enumerate(replaced):
        try:
            server.ask("deletePlaylist", {"id": each.playlist_id})
        except ServerError as refused:
            # A timeout tells nothing of what the server did.
            if refused.code == NOT_FOUND or songs_in(server, each.playlist_id) is None:
                continue
            if at:
                # One is gone, so the new one stays.
                return
            raise


def _drop_unfinished(server: Subsonic, playlist_id: str | None, name: str) -> bool:
    """Delete what was not finished; False where it may still be there."""
    try:
        if playlist_id is None:
            ids = {each.name: each.playlist_id for each in all_playlists(server)}
            playlist_id = ids.get(name)
        if playlist_id is not None:
            server.ask("deletePlaylist", {"id": playlist_id})
    except ServerError as refused:
        return refused.code == NOT_FOUND
    return True
