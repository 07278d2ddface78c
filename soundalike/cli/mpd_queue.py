"""``soundalike mpd queue``: what it holds, and a radio that keeps it filled."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from soundalike.cli.completion import complete_track
from soundalike.cli.limits import gap_limit_options, only_playlist_options, weight_options
from soundalike.cli.mpd_options import AskedMpd, mpd_options
from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    check_output,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import decoding
from soundalike.cli.radio import read_state, state_option, write_state
from soundalike.cli.seeds import to_seeds
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.errors import TrackNotFound, printable
from soundalike.recommend.defaults import PLAYLIST_LIMITS
from soundalike.show.amounts import show_count
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from soundalike.integrations.mpd.connection import Mpd
    from soundalike.integrations.mpd.linked import Linked
    from soundalike.library import Limits

__all__ = ["queue"]

_AHEAD = 5
_TYPED = ParameterSource.COMMANDLINE
# All other options are the radio's.
_OF_THE_LIST = ("host", "port", "music_directory", "model", "library", "as_json")


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike mpd queue", "what MPD's queue holds, with the ids of the tracks"),
        ("soundalike mpd queue --radio", "go on from what is playing, until you stop it"),
        ("soundalike mpd queue --radio so what --clear", "from a track on, in place of the queue"),
        ("soundalike mpd queue --radio 17 --state evening.json", "and remember where it is"),
        ("soundalike mpd queue --radio --state evening.json", "go on where it was"),
    ),
)
@click.argument("seeds", nargs=-1, metavar="[TRACK...]", shell_complete=complete_track)
@click.option("--radio", is_flag=True, help="Keep the queue filled, until Ctrl-C.")
@click.option(
    "--ahead",
    type=click.IntRange(min=1),
    default=_AHEAD,
    show_default=True,
    metavar="N",
    help="How many songs stand behind the one that plays.",
)
@click.option("--clear", is_flag=True, help="First take out what stands behind it.")
@state_option
@click.option(
    "--teach",
    is_flag=True,
    help="Note what is finished and skipped for your taste as well (`soundalike taste`).",
)
@gap_limit_options
@only_playlist_options
@weight_options
@taste_option
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Number of the draw: the same one gives the same radio again.",
)
@mpd_options
@model_option
@library_option
@json_option
def queue(
    seeds: tuple[str, ...],
    radio: bool,
    ahead: int,
    clear: bool,
    state: str | None,
    teach: bool,
    limits: Limits,
    only_playlists: tuple[str, ...],
    not_playlists: tuple[str, ...],
    weights: dict[str, float] | None,
    use_taste: bool | None,
    seed: int,
    asked: AskedMpd,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Show MPD's queue, or keep it filled with what follows.

    With --radio it adds songs wherever fewer than N stand behind the one that plays, from TRACK on,
    or from what is playing; see `soundalike radio`. None comes that is in the queue already.

    A song that you leave within its first 10 seconds counts against what is like it, one that you
    hear to its end counts for it: heard time counts, however you seek and pause. What the radio had
    put ahead of a skipped song makes room for other songs. You may add, move and delete songs, and
    set any mode. When MPD is restarted, or the connection drops, it waits for it. Where MPD is
    stopped, a new radio begins to play; one that goes on from a state waits until you play.
    """
    if not radio:
        ctx = click.get_current_context()
        for param in ctx.command.params:
            name = str(param.name)
            if name not in _OF_THE_LIST and ctx.get_parameter_source(name) == _TYPED:
                called = "TRACK" if name == "seeds" else max(param.opts, key=len)
                raise click.UsageError(f"{called} is for the radio: add --radio")
        _show(asked, model, library, as_json=as_json)
        return
    if as_json:
        raise click.UsageError("--radio has no end to print JSON at: leave --json out")
    from soundalike.integrations.mpd.linked import playing_query
    from soundalike.integrations.mpd.radio import RADIO_COMMANDS, STOP, MpdRadio, RadioSettings
    from soundalike.library import Library
    from soundalike.recommend.station import start_radio

    known = read_state(state)
    if known is not None:
        if seeds:
            raise click.UsageError(
                f"{printable(state or '')} holds a radio: leave out TRACK to go on with it, or "
                f"delete the file to begin another"
            )
        is_other = limits != PLAYLIST_LIMITS or weights or only_playlists or not_playlists or seed
        if is_other or use_taste is not None:
            raise click.UsageError(
                "limits, weights, taste and --seed are those that the radio began with: leave them "
                "out, or begin another"
            )
    if state is not None:
        check_output(state, "the state of a radio")
    events: SimpleQueue[Any] = SimpleQueue()
    with Library(library, model=model, create=False) as opened:
        with asked.connect(RADIO_COMMANDS) as mpd:
            found = asked.linked(opened, mpd)
            begun: Mapping[str, Any]
            if known is not None:
                begun = known
            else:
                queries: list[Any] = to_seeds(seeds) if seeds else [playing_query(found, mpd)[1]]
                with decoding("tuning in"):
                    part = start_radio(
                        opened,
                        queries,
                        tracks=0,
                        limits=limits,
                        only_playlists=only_playlists,
                        not_playlists=not_playlists,
                        weights=weights,
                        random_seed=seed,
                        taste=asked_taste(opened, use_taste),
                        among=found.playable,
                    )
                note_taste(part.taste, use_taste, part.weights)
                begun = part.state
            if clear:
                _clear(mpd)
            address = mpd.address
        keeper = MpdRadio(
            opened,
            address,
            begun,
            events,
            settings=RadioSettings(ahead, teach, asked.music_directory),
            save=lambda changed: write_state(state, changed),
            tell=echo,
        )
        with _stopping(events, STOP):
            note(f"radio at {address.url}, {ahead} songs ahead; Ctrl-C stops it")
            # At the start of a computer nobody wants music that nobody asked for.
            keeper.keep(starts=known is None)
    totals = keeper.totals
    kept = f"; {printable(state)} goes on from here" if state is not None else ""
    note(
        f"Stopped: {show_count(totals.added, 'song')} added, {totals.finished:,} finished, "
        f"{totals.skipped:,} skipped{kept}."
    )


@contextmanager
def _stopping(events: SimpleQueue[Any], stop: Any) -> Iterator[None]:
    """Ctrl-C, and what service managers send, end the radio after what it is at; a second one ends
    it at once."""

    def ask(number: int, _frame: Any) -> None:
        signal.signal(number, signal.default_int_handler)
        events.put(stop)

    before = {each: signal.signal(each, ask) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _clear(mpd: Mpd) -> None:
    from soundalike.integrations.mpd.queue import remove
    from soundalike.integrations.mpd.songs import playing
    from soundalike.integrations.mpd.songs import queue as songs_in_queue

    current = playing(mpd)
    here = -1 if current is None or current.position is None else current.position
    songs = songs_in_queue(mpd)[here + 1 :]
    remove(mpd, [each.song_id for each in songs if each.song_id is not None])


def _show(asked: AskedMpd, model: str | None, library: str | None, *, as_json: bool) -> None:
    from soundalike.integrations.mpd.linked import query_of
    from soundalike.integrations.mpd.songs import playing
    from soundalike.integrations.mpd.songs import queue as songs_in_queue
    from soundalike.library import Library

    with (
        Library(library, model=model, create=False) as opened,
        asked.connect(("playlistinfo", "lsinfo", "stats")) as mpd,
    ):
        found = asked.linked(opened, mpd)
        songs, current = songs_in_queue(mpd), playing(mpd)
        reasons = {each.uri: _why(each.uri, found) for each in songs}
        for each in songs:
            if each.uri not in found.track_ids:
                try:
                    query_of(each, found, mpd)
                except TrackNotFound as error:
                    reasons[each.uri] = str(error).rpartition("): ")[2]
    if as_json:
        print_json(
            [
                {
                    "song": each,
                    "track_id": found.track_ids.get(each.uri),
                    "reason": reasons[each.uri],
                    "is_current": current is not None and each.song_id == current.song_id,
                }
                for each in songs
            ]
        )
        return
    if not songs:
        note("The queue is empty: `soundalike mpd play TRACK` fills it.")
        return
    print_table(
        [
            Column("", justify="right"),
            Column("song", min_width=16),
            Column("length", justify="right", drop=2),
            Column("id", justify="right"),
            Column("", min_width=12, drop=1),
        ],
        [
            [
                f"{'>' if current and each.song_id == current.song_id else ''}{place}",
                each.name,
                show_time(each.duration_s),
                str(found.track_ids.get(each.uri, "")),
                reasons[each.uri] or "",
            ]
            for place, each in enumerate(songs, start=1)
        ],
    )


def _why(uri: str, found: Linked) -> str | None:
    return None if uri in found.track_ids else "a file that is not in the library"
