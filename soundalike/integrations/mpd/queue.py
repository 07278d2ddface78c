"""Songs into MPD's queue: all of them or, where MPD is gone meanwhile, what can be told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from soundalike.errors import ServerError
from soundalike.integrations.mpd.connection import NOT_FOUND, QUEUE_IS_FULL, Mpd
from soundalike.integrations.mpd.songs import queue

__all__ = ["QUEUE_COMMANDS", "Gone", "How", "PutInQueue", "add_songs", "put_in_queue", "remove"]

QUEUE_COMMANDS: Final = ("addid", "deleteid", "playid", "playlistinfo", "status")
"""What MPD must allow for this."""

How = Literal["replace", "append", "next"]
Gone = tuple[str, str]
"""The URI of a song that could not be added, and why."""

# Commands that are sent at a time: far below max_command_list_size (2 MiB).
_AT_ONCE = 200
_HIGHEST_PRIORITY = 255


@dataclass(frozen=True, slots=True)
class PutInQueue:
    """What came of it.

    Attributes
    ----------
    song_ids : that MPD gave to the songs, in their order.
    gone : songs that MPD does not have any more.
    is_random, is_single : modes in which MPD does not play the queue as it is.
    """

    song_ids: tuple[int, ...]
    gone: tuple[Gone, ...]
    is_random: bool
    is_single: bool


def put_in_queue(
    mpd: Mpd, uris: Sequence[str], how: How, *, keeps: int | None = None
) -> PutInQueue:
    """Put songs into the queue, and play.

    What is to be replaced goes when everything else is there, so that a failure leaves the queue
    as it was. Where something plays it goes on, unless it is replaced.

    Parameters
    ----------
    uris : at least one.
    how : in the place of what is there, behind it, or next.
    keeps : the id of a song that goes on playing, though the others are replaced.

    Raises
    ------
    ServerError : MPD refuses; the queue is as it was.
    ServerAway : it is gone: what was added by then may be in the queue.
    """
    status = mpd.ask("status")
    is_playing = status["state"] == "play"
    is_random = status.get("random") == "1"
    here = int(status["song"]) if "song" in status else None
    before = [song.song_id for song in queue(mpd) if song.song_id is not None]
    at = here + 1 if how == "next" and here is not None else None
    song_ids, gone = add_songs(mpd, uris, at=at)
    if song_ids and how == "next" and is_random:
        # At random the place in the queue says nothing, but the priority does.
        for place, song_id in enumerate(song_ids):
            mpd.ask("prioid", max(1, _HIGHEST_PRIORITY - place), song_id)
    if song_ids and how == "replace":
        if keeps is None:
            mpd.ask("playid", song_ids[0])
        remove(mpd, [each for each in before if each != keeps])
    elif song_ids and not is_playing and status["state"] != "pause":
        mpd.ask("playid", song_ids[0])
    return PutInQueue(tuple(song_ids), tuple(gone), is_random, status.get("single", "0") != "0")


def add_songs(
    mpd: Mpd, uris: Iterable[str], *, at: int | None = None
) -> tuple[list[int], list[Gone]]:
    """Add songs one by one; the ids that they get, and those that MPD does not have.

    Parameters
    ----------
    at : the place of the first; by default the end.

    Raises
    ------
    ServerError : MPD refuses one for another reason, such as a queue that is full. Those that were
        added before are taken out again.
    """
    song_ids: list[int] = []
    gone: list[Gone] = []
    for uri in uris:
        place = () if at is None else (at + len(song_ids),)
        try:
            song_ids.append(int(mpd.ask("addid", uri, *place)))
        except ServerError as error:
            if error.code == NOT_FOUND:
                gone.append((uri, "MPD does not have it any more"))
                continue
            if error.code is not None:
                remove(mpd, song_ids)
            if error.code == QUEUE_IS_FULL:
                raise ServerError(
                    f"{mpd.address.url}: the queue is full (max_playlist_length): clear it, or let "
                    f"MPD remove what was played (mpc consume on)",
                    error.code,
                ) from None
            raise
    return song_ids, gone


def remove(mpd: Mpd, song_ids: Sequence[int]) -> None:
    """Take songs out of the queue; those that are gone already are gone."""
    for start in range(0, len(song_ids), _AT_ONCE):
        some = song_ids[start : start + _AT_ONCE]
        try:
            mpd.ask_all([("deleteid", each) for each in some])
        except ServerError as error:
            if error.code != NOT_FOUND:
                raise
            if len(some) > 1:
                for each in some:
                    remove(mpd, [each])
