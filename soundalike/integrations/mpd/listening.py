"""How much of each song was heard, and what that says: from what MPD tells whenever it changes.

MPD tells where in a song it is, not how much of it was heard: somebody may have sought there, or
left it paused for an hour. So the time counts in which it played.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["SKIPPED_WITHIN_S", "Listening", "Moment", "Opinion"]

SKIPPED_WITHIN_S: Final = 10.0
"""A song that is left before so much of it was heard counts as skipped."""

# A song that MPD leaves so near to its end has come to it: what it says is rounded, and its outputs
# are ahead of it. Of a short song it is less.
_NEAR_END_S, _NEAR_END_SHARE = 3.0, 0.1
# Of a song that came to its end so much must have been heard: whoever seeks may have left it out.
_LEAST_SHARE = 0.5
# So much later than it happens a change is told, on a busy machine.
_LATEST_S = 3.0
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Moment:
    """What MPD says at one moment.

    Attributes
    ----------
    at_s : when, by a clock that only goes on.
    state : "play", "pause" or "stop".
    song_id, uri, position : of the song that is current, also where it is stopped; None for none.
    elapsed_s : where in it MPD is.
    duration_s : of it; None where that is not known, as of a stream.
    crossfade_s : how long before its end MPD goes on to the next.
    length, version : of the queue; the version changes with it.
    is_random : whether the order of the queue says nothing.
    error : what MPD says went wrong, such as with the song at which it stopped.
    """

    at_s: float
    state: Literal["play", "pause", "stop"]
    song_id: int | None = None
    uri: str | None = None
    position: int | None = None
    elapsed_s: float = 0.0
    duration_s: float | None = None
    crossfade_s: float = 0.0
    length: int = 0
    version: int = 0
    is_random: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the way a song was left says.

    Attributes
    ----------
    kind : "finished" speaks for it, "skipped" against it.
    heard_s : how much of it was heard, in seconds.
    share : the same as a share of it, 0 to 1.
    """

    kind: Literal["finished", "skipped"]
    uri: str
    heard_s: float
    share: float


class Listening:
    """Follows what MPD says, and tells what the way in which songs are left says of them.

    A song is *finished* if MPD came to its end by itself, and half of it was heard. It is *skipped*
    if less than ten seconds of it were heard when another took its place. Whoever stops, goes back
    to a song before, or leaves one later says nothing.
    """

    def __init__(self) -> None:
        self._last: Moment | None = None
        self._heard_s = 0.0
        self._before: deque[int] = deque(maxlen=_REMEMBERED)

    def lose(self) -> None:
        """What comes next does not follow from what came before, as after a lost connection."""
        self._last = None
        self._before.clear()

    def follow(self, now: Moment) -> Opinion | None:
        """What MPD says next; an opinion where it says that a song was left."""
        last, self._last = self._last, now
        if last is None or last.song_id is None or last.uri is None or last.state == "stop":
            # What was heard before anybody looked was heard.
            self._heard_s = now.elapsed_s if last is None else _into(now, last)
            return None
        passed_s = now.at_s - last.at_s if last.state == "play" else 0.0
        is_same = now.song_id == last.song_id and now.state != "stop"
        began_again = is_same and _began_again(last, now, passed_s)
        if is_same and not began_again:
            self._heard_s += passed_s
            return None
        into_s = _into(now, last)
        heard_s = self._heard_s + max(0.0, passed_s - into_s)
        reached_s = last.elapsed_s + max(0.0, passed_s - into_s)
        self._heard_s = into_s
        is_back = now.song_id in self._before and not began_again
        self._before.append(last.song_id)
        ended = last.state == "play" and _is_end(last, reached_s)
        share = min(1.0, heard_s / last.duration_s) if last.duration_s else 0.0
        if ended:
            if share < _LEAST_SHARE:
                return None
            return Opinion("finished", last.uri, heard_s, share)
        moved_on = now.state != "stop" and now.song_id is not None and not is_back
        if moved_on and heard_s < SKIPPED_WITHIN_S:
            return Opinion("skipped", last.uri, heard_s, share)
        return None


def _into(now: Moment, last: Moment) -> float:
    """How long a song that has just become current has been heard. MPD tells that at once: where it
    is further in, somebody began there."""
    if now.state == "stop" or now.elapsed_s > min(_LATEST_S, now.at_s - last.at_s):
        return 0.0
    return now.elapsed_s


def _is_end(song: Moment, reached_s: float) -> bool:
    if not song.duration_s:
        return False
    near_s = min(_NEAR_END_S, _NEAR_END_SHARE * song.duration_s + 0.5)
    return reached_s >= song.duration_s - near_s - song.crossfade_s


def _began_again(last: Moment, now: Moment, passed_s: float) -> bool:
    """Whether a song that is repeated came to its end meanwhile; else somebody sought back."""
    reached_s = last.elapsed_s + passed_s
    return (
        last.state == "play"
        and now.elapsed_s <= passed_s
        and _is_end(last, reached_s - now.elapsed_s)
    )
