"""Stored playlists: put in place whole or not at all, and none that somebody else made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from soundalike.errors import InvalidArgument, OutputError, ServerError
from soundalike.integrations.mpd.connection import NOT_FOUND, Mpd
from soundalike.integrations.mpd.kept import Kept
from soundalike.integrations.mpd.queue import Gone

__all__ = ["PLAYLIST_COMMANDS", "PutPlaylist", "check_name", "put_playlist"]

PLAYLIST_COMMANDS: Final = ("listplaylist", "listplaylists", "playlistadd", "rename", "rm")
"""What MPD must allow for this."""

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class PutPlaylist:
    """What came of it.

    Attributes
    ----------
    songs : how many the playlist has.
    is_new : whether there was none of this name.
    gone : songs that MPD does not have any more, which are not in it.
    """

    songs: int
    is_new: bool
    gone: tuple[Gone, ...]


def put_playlist(
    mpd: Mpd, name: str, uris: Sequence[str], kept: Kept, *, replace: bool = False
) -> PutPlaylist:
    """Store a playlist at MPD.

    It is filled under another name, which it changes for its own when it is whole. What it takes
    the place of keeps a name until then, and gets its own back if that fails.

    Parameters
    ----------
    name : of the playlist.
    uris : of its songs, at least one.
    kept : knows which playlists came from here. MPD keeps nothing of a playlist but its songs, so
        that one is known by these: one that somebody has changed since is somebody else's.
    replace : whether one of this name that did not come from here is replaced, too.

    Raises
    ------
    InvalidArgument : a name that MPD does not take, or none of the songs is there any more.
    OutputError : there is one of this name that did not come from here.
    ServerError, ServerAway : MPD refuses, or is gone.
    """
    check_name(name)
    if not uris:
        raise InvalidArgument(f"{mpd.address.url}: there are no songs for the playlist {name!r}")
    with kept.locked("-playlists"):
        return _put(mpd, name, uris, kept, replace=replace)


def check_name(name: str) -> None:
    """
    Raises
    ------
    InvalidArgument : no playlist of MPD can be called so.
    """
    if not name.strip() or "/" in name or not name.isprintable():
        raise InvalidArgument(
            f"{name!r} is no name of a playlist at MPD: it may not be empty, nor have / or line "
            f"breaks in it"
        )


def _put(mpd: Mpd, name: str, uris: Sequence[str], kept: Kept, *, replace: bool) -> PutPlaylist:
    mark = hashlib.sha256(name.encode("utf-8")).hexdigest()[:12]
    new, old = f".soundalike-{mark}-new", f".soundalike-{mark}-old"
    _tidy(mpd, name, new, old)
    before = _songs(mpd, name)
    ours = dict(kept.read().get("playlists") or {})
    if before is not None and not replace and _digest(before) not in ours.get(name, ()):
        made = "has changed since soundalike made it" if name in ours else "is not by soundalike"
        raise OutputError(
            f"{mpd.address.url}: the playlist {name!r} {made}: choose another name, or replace it "
            f"(--replace)"
        )
    try:
        gone = _fill(mpd, new, uris)
        # As MPD tells it from now on, which may be by other paths.
        after = _songs(mpd, new)
        if not after:
            raise InvalidArgument(
                f"{mpd.address.url}: MPD has none of the {len(uris):,} songs any more: "
                f"`soundalike mpd` looks at its music again"
            )
        known = [_digest(after)]
        # Before and after: whichever is there when this is broken off is known.
        kept.write(playlists={**ours, name: [*ours.get(name, ()), *known]})
        _rename(mpd, name, new, old, is_there=before is not None)
    except ServerError:
        with suppress(ServerError):
            _tidy(mpd, name, new, old)
        raise
    except InvalidArgument:
        _tidy(mpd, name, new, old)
        raise
    kept.write(playlists={**ours, name: known})
    return PutPlaylist(len(after), before is None, tuple(gone))


def _rename(mpd: Mpd, name: str, new: str, old: str, *, is_there: bool) -> None:
    # One list of commands, between which nothing else happens at MPD.
    if is_there:
        mpd.ask_all([("rename", name, old), ("rename", new, name), ("rm", old)])
    else:
        mpd.ask("rename", new, name)


def _fill(mpd: Mpd, name: str, uris: Sequence[str]) -> list[Gone]:
    """Add songs to a playlist; those that MPD does not have."""
    gone: list[Gone] = []
    for start in range(0, len(uris), _AT_ONCE):
        some = list(uris[start : start + _AT_ONCE])
        n = len(_songs(mpd, name) or ())
        while some:
            try:
                mpd.ask_all([("playlistadd", name, uri) for uri in some])
                break
            except ServerError as error:
                if error.code != NOT_FOUND:
                    raise
            # The commands before the one that failed were done.
            added = len(_songs(mpd, name) or ()) - n
            n += added
            gone.append((some[added], "MPD does not have it any more"))
            some = some[added + 1 :]
    return gone


def _tidy(mpd: Mpd, name: str, new: str, old: str) -> None:
    """Put right what a program left that was broken off."""
    names = {each["playlist"] for each in mpd.ask("listplaylists")}
    if old in names:
        if name in names:
            mpd.ask("rm", old)
        else:
            mpd.ask("rename", old, name)
    if new in names:
        mpd.ask("rm", new)


def _songs(mpd: Mpd, name: str) -> list[str] | None:
    """The URIs in a playlist; None where there is none of this name."""
    try:
        return list(mpd.ask("listplaylist", name))
    except ServerError as error:
        if error.code != NOT_FOUND:
            raise
        return None


def _digest(uris: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(uris).encode("utf-8")).hexdigest()[:32]
