"""A radio that keeps MPD's queue filled, and learns from what is skipped and what is heard."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal

from soundalike.errors import InvalidArgument, LibraryError, ServerAway, ServerError
from soundalike.integrations.mpd.address import Address
from soundalike.integrations.mpd.connection import NOT_FOUND, QUEUE_IS_FULL, SYSTEM, Mpd
from soundalike.integrations.mpd.linked import Linked, linked
from soundalike.integrations.mpd.listening import Listening, Moment, Opinion
from soundalike.integrations.mpd.queue import QUEUE_COMMANDS, add_songs, remove
from soundalike.integrations.mpd.songs import MpdSong, queue
from soundalike.integrations.mpd.watching import DATABASE, Watcher, look
from soundalike.library.library import Library
from soundalike.recommend.station import continue_radio

__all__ = ["RADIO_COMMANDS", "STOP", "MpdRadio", "RadioSettings", "RadioTotals"]

RADIO_COMMANDS: Final = (*QUEUE_COMMANDS, "currentsong", "idle", "lsinfo", "stats")
"""What MPD must allow for this."""

STOP: Final = (None, None)
"""Put among the events, it ends the radio."""

Events = SimpleQueue[tuple[Watcher | None, Any]]

# Seconds between two attempts to reach an MPD that is gone.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 60.0
# Tracks in a row that may be in the queue already before the radio gives up.
_PATIENCE = 25


@dataclass(frozen=True, slots=True)
class RadioSettings:
    """How a radio is kept.

    Attributes
    ----------
    ahead : how many songs are to stand behind the one that plays.
    teaches : whether what is learned goes to the library's taste as well.
    music_directory : as for ``linked.link``.
    """

    ahead: int = 5
    teaches: bool = False
    music_directory: str | None = None


@dataclass(slots=True)
class RadioTotals:
    """What a radio did: songs that it added, and songs that were finished or skipped."""

    added: int = 0
    finished: int = 0
    skipped: int = 0


@dataclass(slots=True)
class _Ahead:
    """A song that the radio has put into the queue, and that has not begun.

    ``before`` is the state of the radio before it was picked, ``told`` how many opinions it knew.
    """

    uri: str
    song_id: int
    before: Mapping[str, Any] = field(repr=False)
    told: int


class MpdRadio:
    """Keeps the queue of an MPD filled with what follows.

    It adds songs where fewer than wanted stand behind the one that plays, whoever put those there,
    and none that is in the queue already. A song that is finished speaks for what is like it, one
    that is skipped against it: then the songs that the radio had put ahead make room for others.
    Modes of MPD stay as they are. When MPD is gone, it waits for it, longer and longer.

    Parameters
    ----------
    library : of the radio.
    address : of MPD.
    state : of a radio (``RadioPart.state``).
    events : where :data:`STOP` may be put, from other threads and from signal handlers.
    save : called with the state whenever it has changed.
    tell : called with a line for people.
    """

    def __init__(
        self,
        library: Library,
        address: Address,
        state: Mapping[str, Any],
        events: Events,
        *,
        settings: RadioSettings,
        save: Callable[[Mapping[str, Any]], None],
        tell: Callable[[str], None],
    ) -> None:
        self._library = library
        self._address = address
        self._state = state
        self._events = events
        self._settings = settings
        self._save = save
        self._tell = tell
        self._linked: Linked | None = None
        # Whether MPD's songs are to be asked for again.
        self._is_stale = False
        self._listening = Listening()
        self._ahead: list[_Ahead] = []
        self._told: list[tuple[Literal["like", "skip"], int]] = []
        # What began to play while the radio was on.
        self._heard: set[str] = set()
        # The version of the queue for which nothing could be found that is not in it.
        self._full: int | None = None
        self._starts = False
        # Whether MPD was playing when it last said something, and that is on another connection.
        self._was_playing = self._is_new = False
        self.totals = RadioTotals()

    def keep(self, *, starts: bool) -> None:
        """Go on until somebody stops it.

        Parameters
        ----------
        starts : whether it is to play its first song where MPD is stopped.

        Raises
        ------
        ServerError : MPD refuses what it needs.
        LibraryError, OutputError : the library cannot be read, or the state not be saved.
        """
        self._starts = starts
        while True:
            watcher = Watcher(self._address, self._events.put)
            watcher.start()
            try:
                error = self._follow(watcher)
            finally:
                watcher.close()
            if error is None or not self._wait(error):
                return

    def _follow(self, watcher: Watcher) -> ServerAway | None:
        """Do what a watcher's news ask for; how it came to lose MPD, or None where it stops."""
        self._listening.lose()
        self._is_new = True
        now: Moment | None = None
        try:
            self._find_again()
            while True:
                source, event = self._events.get()
                if source is None:
                    return None
                if source is not watcher:
                    continue  # of a connection that is lost
                if isinstance(event, ServerAway):
                    return event
                if isinstance(event, Exception):
                    raise event
                if event == DATABASE:
                    self._is_stale = True
                else:
                    now = event
                    self._hear(now)
                if now is not None and self._events.empty():
                    self._fill(now)
        except ServerAway as error:
            return error

    def _wait(self, error: ServerAway) -> bool:
        """Wait until MPD is back; False where somebody stops the radio meanwhile."""
        wait_s = _FIRST_WAIT_S
        self._tell(f"MPD is gone, and is looked for again: {error}")
        while True:
            until = time.monotonic() + wait_s
            while (left_s := until - time.monotonic()) > 0:
                try:
                    source, _ = self._events.get(timeout=left_s)
                except Empty:
                    break
                if source is None:
                    return False
            try:
                with Mpd(self._address, needs=RADIO_COMMANDS):
                    self._tell("MPD is back.")
                    return True
            except ServerAway:
                wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)

    # What is heard

    def _hear(self, now: Moment) -> None:
        if self._was_playing and now.state == "stop" and now.song_id is None:
            # What was lost while it played has run out of songs.
            self._starts |= self._is_new
        stopped_at_error = self._was_playing and now.state == "stop" and now.error is not None
        self._is_new, self._was_playing = False, now.state == "play"
        # Somebody plays, or has paused it: whether it is to play is theirs to say from now on.
        self._starts &= now.state == "stop"
        opinion = self._listening.follow(now)
        if now.uri is not None and now.state != "stop":
            self._heard.add(now.uri)
        self._pass(now)
        if stopped_at_error:
            self._go_past(now.error or "")
        if opinion is not None:
            self._learn(opinion)
            # Who hears a song to its end, and nothing after it, has run out of songs.
            self._starts |= opinion.kind == "finished" and now.song_id is None

    def _pass(self, now: Moment) -> None:
        """Songs ahead that have begun, or that somebody has passed over, are not ahead any more."""
        place = next((n for n, one in enumerate(self._ahead) if one.song_id == now.song_id), None)
        if place is None:
            return
        del self._ahead[place if now.is_random else 0 : place + 1]

    def _learn(self, opinion: Opinion) -> None:
        track_id = self._songs().track_ids.get(opinion.uri)
        if track_id is None:
            return  # no track of the library
        is_liked = opinion.kind == "finished"
        if not is_liked and not self._is_readable(opinion.uri):
            self._tell(f"left out: {opinion.uri}: MPD cannot play it")
            return  # it was MPD that left it
        told: tuple[Literal["like", "skip"], int] = ("like" if is_liked else "skip", track_id)
        try:
            state = self._with(self._state, [told])
        except (InvalidArgument, LibraryError):
            return  # a track that is gone meanwhile
        self._told.append(told)
        self._state = state
        name = self._library.track(track_id).name
        self._tell(f"{'finished' if is_liked else 'skipped'}: {name}")
        if is_liked:
            self.totals.finished += 1
        else:
            self.totals.skipped += 1
            self._take_back()
        self._save(self._state)
        if self._settings.teaches:
            try:
                self._library.note_play(
                    track_id,
                    played_at_s=time.time() - opinion.heard_s,
                    share=opinion.share,
                    is_skipped=not is_liked,
                    source="mpd",
                )
            except LibraryError as error:
                self._tell(f"not noted for your taste: {error}")

    def _is_readable(self, uri: str) -> bool:
        """Whether the file of a song is there: what MPD cannot open, it passes over."""
        with self._connection() as mpd:
            try:
                mpd.ask("readcomments", uri)
            except ServerError as error:
                if error.code is None:
                    raise
                return error.code not in (NOT_FOUND, SYSTEM)
        return True

    def _with(self, state: Mapping[str, Any], told: Sequence[tuple[str, int]]) -> Mapping[str, Any]:
        """A state that has been told some opinions."""
        for kind, track_id in told:
            kinds: dict[str, Any] = {kind: [track_id]}
            part = continue_radio(
                self._library, state, tracks=0, among=self._songs().playable, **kinds
            )
            state = part.state
        return state

    def _take_back(self) -> None:
        """Take the songs that were put ahead out of the queue, for they follow what was skipped."""
        if not self._ahead:
            return
        with self._connection() as mpd:
            # Somebody may have skipped on to one of them meanwhile.
            self._pass(look(mpd))
            remove(mpd, [one.song_id for one in self._ahead])
        for first in self._ahead[:1]:
            self._state = self._with(first.before, self._told[first.told :])
        self._ahead.clear()

    def _go_past(self, error: str) -> None:
        """MPD has stopped at a song that it cannot play, such as one whose file was deleted: take
        it out of the queue and play the next. Where the outputs fail, it stays stopped."""
        with self._connection() as mpd:
            there = [(song.uri, song.song_id) for song in queue(mpd) if song.song_id is not None]
            named = [each for each in there if f"/{each[0]}" in error]
            if not named:
                return
            bad = max(named, key=lambda each: len(each[0]))
            for uri, song_id in there[there.index(bad) :]:
                try:
                    if (uri, song_id) != bad:
                        mpd.ask("playid", song_id)
                        return
                except ServerError as refused:
                    if refused.code is None:
                        raise
                self._tell(f"left out: {uri}: MPD cannot play it")
                remove(mpd, [song_id])
        # The next one is still to be found.
        self._starts = True

    # What follows

    def _fill(self, now: Moment) -> None:
        """Add as many songs as are wanted behind the one that plays."""
        is_in_order = now.position is not None and not now.is_random
        if is_in_order and self._stands_ahead(now, ()) >= self._settings.ahead:
            return
        if now.version == self._full:
            return
        with self._connection() as mpd:
            now, there = look(mpd), queue(mpd)
            ids = {song.song_id for song in there}
            self._ahead = [one for one in self._ahead if one.song_id in ids]
            wanted = self._settings.ahead - self._stands_ahead(now, there)
            song_ids = self._add(mpd, wanted, now, there) if wanted > 0 else []
            if song_ids and self._starts and now.state == "stop":
                mpd.ask("playid", song_ids[0])
                self._starts = False
            if len(song_ids) < wanted:
                self._full = look(mpd).version

    def _stands_ahead(self, now: Moment, there: Sequence[MpdSong]) -> float:
        """How many songs are still to come."""
        if self._starts and now.state == "stop":
            return 0  # it begins with its own
        if now.is_random:
            return sum(song.uri not in self._heard for song in there if song.uri != now.uri)
        if now.position is None:
            # Nothing is current: what the queue holds has come, but for what the radio put there.
            return len(self._ahead)
        return now.length - now.position - 1

    def _add(self, mpd: Mpd, wanted: float, now: Moment, there: Sequence[MpdSong]) -> list[int]:
        """Pick tracks and add their songs; the ids that these get."""
        songs = self._songs()
        here = now.position if now.position is not None and not now.is_random else 0
        in_queue = {song.uri for song in there}
        to_come = {song.uri for song in there[here:]}
        added: list[int] = []
        tries = 0
        while len(added) < wanted and tries < _PATIENCE:
            before = self._state
            part = continue_radio(self._library, before, tracks=1, among=songs.playable)
            if not part.items:
                break
            self._state = part.state
            (item,) = part.items
            uri = songs.uris[item.track.track_id]
            # When all have come they come again, but none twice in what is still to be heard.
            taken = in_queue | self._heard if item.round == 1 else to_come
            if uri in taken:
                tries += 1
                continue
            try:
                song_ids, gone = add_songs(mpd, [uri])
            except ServerError as error:
                self._state = before
                if error.code != QUEUE_IS_FULL:
                    raise
                self._tell(str(error))
                break
            for its, reason in gone:
                tries += 1
                self._is_stale = True
                self._tell(f"left out: {its}: {reason}")
            for song_id in song_ids:
                tries = 0
                to_come.add(uri)
                in_queue.add(uri)
                added.append(song_id)
                self._ahead.append(_Ahead(uri, song_id, before, len(self._told)))
                self._tell(f"next: {item.track.name}")
        self.totals.added += len(added)
        if added:
            self._save(self._state)
        return added

    # MPD

    def _connection(self) -> Mpd:
        return Mpd(self._address)

    def _songs(self) -> Linked:
        if self._linked is None or self._is_stale:
            try:
                with self._connection() as mpd:
                    self._linked = linked(
                        self._library, mpd, music_directory=self._settings.music_directory
                    )
            except (InvalidArgument, LibraryError) as error:
                # Such as while a disk is away: what MPD does not have is left out song by song.
                if self._linked is None:
                    raise
                self._tell(f"MPD's songs are those of before: {error}")
            self._is_stale = False
        return self._linked

    def _find_again(self) -> None:
        """The songs ahead by the ids that they have now: an MPD that was restarted gives others."""
        if not self._ahead:
            return
        with self._connection() as mpd:
            now, there = look(mpd), queue(mpd)
        if now.position is None and self._was_playing:
            there = []  # all of them were played meanwhile
        start = now.position + 1 if now.position is not None and not now.is_random else 0
        ids = {song.uri: song.song_id for song in reversed(there[start:])}
        found = ((one, ids.get(one.uri)) for one in self._ahead)
        self._ahead = [
            _Ahead(one.uri, song_id, one.before, one.told)
            for one, song_id in found
            if song_id is not None
        ]
