"""``soundalike radio``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.limits import gap_limit_options, only_playlist_options, weight_options
from soundalike.cli.output import echo, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    check_output,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.playlist import PlaylistTarget, playlist_options
from soundalike.cli.playlist_to import ServerTarget, server_target_options
from soundalike.cli.progress import decoding
from soundalike.cli.reasons import list_cells, list_columns, why_words
from soundalike.cli.rows import paths_option
from soundalike.cli.seeds import to_seeds
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import note_not_playlists, note_not_searched, note_upgrade, weight_words
from soundalike.errors import InvalidArgument, printable
from soundalike.files import why, write_file
from soundalike.recommend.defaults import PLAYLIST_LIMITS, RADIO_TRACKS
from soundalike.show.amounts import show_count
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from soundalike.library import Library, Limits
    from soundalike.playlists import Playlist
    from soundalike.recommend.records import RadioPart

__all__ = ["radio", "read_state", "state_option", "write_state"]

# Tracks that an endless radio thinks of at once.
_AT_ONCE = 10
_NAMED = 4

state_option = click.option(
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Remember in FILE where the radio is; without TRACK, go on from there.",
)
"""The option of what remembers where a radio is."""


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike radio so what", "30 tracks from there on"),
        ("soundalike radio 17 --state evening.json", "the same, and remember where it is"),
        ("soundalike radio --state evening.json", "go on"),
        ("soundalike radio --state evening.json --skip 42 --like 43", "less like 42, more like 43"),
        ("soundalike radio 17 --endless --m3u - | mpv --playlist=-", "until you stop it"),
        ("soundalike radio ~/Music/Debut/ --tracks 50 --out radio.m3u8", "as a playlist"),
    ),
)
@click.argument("seeds", nargs=-1, metavar="TRACK...", shell_complete=complete_track)
@click.option(
    "--tracks",
    default=RADIO_TRACKS,
    show_default=True,
    metavar="N",
    help="How many tracks now.",
)
@click.option("--endless", is_flag=True, help="Go on until Ctrl-C, or until nobody reads on.")
@state_option
@click.option(
    "--skip",
    multiple=True,
    metavar="TRACK",
    shell_complete=complete_track,
    help="First move away from this one; its artist does not come for a while.",
)
@click.option(
    "--like",
    multiple=True,
    metavar="TRACK",
    shell_complete=complete_track,
    help="First move towards this one.",
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
@playlist_options
@server_target_options
@paths_option
@model_option
@library_option
@json_option
def radio(
    seeds: tuple[str, ...],
    tracks: int,
    endless: bool,
    state: str | None,
    skip: tuple[str, ...],
    like: tuple[str, ...],
    limits: Limits,
    only_playlists: tuple[str, ...],
    not_playlists: tuple[str, ...],
    weights: dict[str, float] | None,
    use_taste: bool | None,
    seed: int,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    to: str | None,
    replace: bool,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Play on from a track: a list without an end.

    It drifts slowly away from TRACK and is pulled back to it, goes on to what has not come yet
    rather than to what is near to everything, and lets an artist wait for a while. TRACK is as for
    `soundalike playlist`; of several, it is what lies between them.

    Where your taste is in use (`soundalike taste`), it counts; --skip and --like are for this radio
    alone. With --state it goes on where it was, with the taste of that time. Nothing comes twice
    before all that may come has come.
    """
    from soundalike.library import Library
    from soundalike.recommend.station import continue_radio, start_radio

    target = PlaylistTarget(m3u, relative, as_json, base=base)
    if endless and (as_json or (m3u is not None and not target.is_standard_output)):
        raise click.UsageError("--endless has no end to write a file or JSON at: use --m3u -")
    if endless and to is not None:
        raise click.UsageError("--endless has no end to write a playlist at: give --tracks N")
    told: dict[str, Any] = {"like": like, "skip": skip}
    known = read_state(state)
    if known is None:
        if not seeds:
            missing = f"{printable(state)} is not there yet: " if state else ""
            raise click.UsageError(f"{missing}name a TRACK to begin with")
        begun = to_seeds(seeds)
        kinds = {"limits": limits, "only_playlists": only_playlists, "weights": weights}
        kinds |= {"not_playlists": not_playlists, "random_seed": seed}

        def first(opened: Library, n: int) -> RadioPart:
            taste = asked_taste(opened, use_taste)
            return start_radio(opened, begun, tracks=n, taste=taste, **told, **kinds)  # type: ignore[arg-type]

    else:
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
        before = known

        def first(opened: Library, n: int) -> RadioPart:
            return continue_radio(opened, before, tracks=n, file=state, **told)

    if state is not None:
        check_output(state, "the state of a radio")
    server = ServerTarget(to, replace, library)
    with Library(library, model=model, create=False) as opened:
        with decoding("tuning in"):
            part = first(opened, _AT_ONCE if endless else tracks)
            upgrade = opened.upgrade()
        note_upgrade(upgrade)
        note_not_playlists(opened, not_playlists)
        if endless:
            note_taste(part.taste, use_taste, part.weights)
            _go_on(opened, part, target, state, continue_radio)
            return
    if as_json:
        print_json(part)
    elif not target.is_standard_output:
        _print(part, paths=paths, is_weighed=weights is not None)
    if not as_json:
        note_taste(part.taste, use_taste, part.weights)
    _put(part, target, is_first=True)
    server.put(_playlist(part))
    write_state(state, part.state)


def _go_on(
    opened: Library,
    part: RadioPart,
    target: PlaylistTarget,
    state: str | None,
    more: Callable[..., RadioPart],
) -> None:
    """Print part after part, until somebody stops it."""
    is_first = True
    while part.items:
        if target.is_standard_output:
            _put(part, target, is_first=is_first)
        else:
            for item in part.items:
                length = show_time(item.track.duration_s)
                reason = why_words(item.likeness, part.weights)
                echo(f"{item.place}. {item.track.name} ({length}): {reason}")
        write_state(state, part.state)
        part, is_first = more(opened, part.state, tracks=_AT_ONCE, file=state), False


def _put(part: RadioPart, target: PlaylistTarget, *, is_first: bool) -> None:
    target.put(_playlist(part), goes_on=not is_first)


def _playlist(part: RadioPart) -> Playlist:
    from soundalike.library.playlist_records import entry_of
    from soundalike.playlists import Playlist

    return Playlist(entries=tuple(entry_of(item.track) for item in part.items))


def _print(part: RadioPart, *, paths: bool, is_weighed: bool) -> None:
    named = " + ".join(part.seeds[:_NAMED])
    more = f" + {len(part.seeds) - _NAMED:,} more" if len(part.seeds) > _NAMED else ""
    note(f"from {named}{more}: {show_count(part.searched, 'track')} may come")
    rows = []
    for item in part.items:
        reason = why_words(item.likeness, part.weights)
        rows.append(list_cells(item.place, item.track, item.likeness, reason, paths=paths))
    if rows:
        print_table(list_columns(paths=paths), rows)
        note("like, why: how similar to the track before, and where most: here like there")
    if is_weighed:
        note(f"weights: {weight_words(part.weights)}")
    rounds = {item.round for item in part.items}
    if len(rounds) > 1 or max(rounds, default=1) > 1:
        first = next((item.place for item in part.items if item.round == max(rounds)), 0)
        note(f"All tracks that may come have come: from place {first} on they come again.")
    note_not_searched(part.not_searched, part.model, "compared")


def read_state(file: str | None) -> dict[str, Any] | None:
    """What a file remembers; None where there is none.

    Raises
    ------
    InvalidArgument : it cannot be read, or holds no state of a radio.
    """
    if file is None or not os.path.exists(file):
        return None
    try:
        with open(file, encoding="utf-8") as opened:
            found = json.load(opened)
    except OSError as error:
        raise InvalidArgument(f"{printable(file)}: cannot be read ({why(error)})") from error
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(
            f"{printable(file)}: no state of a radio ({error}); name another file"
        ) from error
    if not isinstance(found, dict) or "radio" not in found:
        raise InvalidArgument(f"{printable(file)}: no state of a radio; name another file")
    return found


def write_state(file: str | None, state: Mapping[str, Any]) -> None:
    """Write the state of a radio to a file, if there is to be one; raises OutputError."""
    if file is not None:
        # To the last digit, so that it goes on as if it had never stopped.
        write_file(file, json.dumps(state).encode())
