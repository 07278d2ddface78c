"""``soundalike path``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.limits import gap_limit_options, only_playlist_options, weight_options
from soundalike.cli.output import note, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.playlist import PlaylistTarget, playlist_options
from soundalike.cli.playlist_to import ServerTarget, chosen_target_options
from soundalike.cli.progress import decoding
from soundalike.cli.reasons import list_cells, list_columns, seed_names, why_words
from soundalike.cli.rows import paths_option
from soundalike.cli.seeds import to_seeds
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import note_not_playlists, note_not_searched, note_upgrade, weight_words
from soundalike.errors import printable
from soundalike.recommend.defaults import PATH_TRACKS
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library import Limits
    from soundalike.recommend.records import MadePath

__all__ = ["path"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike path 17 42", "12 tracks from the one to the other"),
        ("soundalike path blue in green + so what --steps 8", "words, with + between two tracks"),
        ("soundalike path 17 42 99 --steps 20 --out way.m3u8", "by way of another, as a playlist"),
        ("soundalike path 17 42 --artist-gap 3 --max-length 6:00", "with limits"),
    ),
)
@click.argument(
    "waypoints", nargs=-1, required=True, metavar="TRACK...", shell_complete=complete_track
)
@click.option(
    "--steps",
    default=PATH_TRACKS,
    show_default=True,
    metavar="N",
    help="How many tracks, those that are named among them.",
)
@gap_limit_options
@only_playlist_options
@weight_options
@taste_option
@playlist_options
@chosen_target_options
@click.option("--name", metavar="TEXT", help="The name of the playlist, for players.")
@paths_option
@model_option
@library_option
@json_option
def path(
    waypoints: tuple[str, ...],
    steps: int,
    limits: Limits,
    only_playlists: tuple[str, ...],
    not_playlists: tuple[str, ...],
    weights: dict[str, float] | None,
    use_taste: bool | None,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    to: str | None,
    replace: bool,
    all_tracks: bool,
    name: str | None,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Find a way from one track to another, in small steps.

    It begins with the first TRACK, ends with the last, and goes through those between in their
    order. Each track is close to the one before it, and nearer to where it goes. TRACK is an audio
    file (in the library or not), the id of a track, or words from its artist and title, and may end
    in a passage: @1:10-1:40. Put + between words of several. Where your taste is in use
    (`soundalike taste`), it counts.
    """
    from soundalike.library import Library
    from soundalike.library.playlist_records import entry_of
    from soundalike.playlists import Playlist, PlaylistEntry
    from soundalike.recommend.journey import make_path

    target = PlaylistTarget(m3u, relative, as_json, base=base)
    if name is not None and m3u is None:
        raise click.UsageError("--name needs --out FILE")
    seeds = to_seeds(waypoints)
    if len(seeds) < 2:
        raise click.UsageError(
            f"a path needs two tracks, and there is one: {seeds[0]}. Put a + between words of two"
        )
    server = ServerTarget(to, replace, library, all_tracks=all_tracks)
    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"looking for a way from {seeds[0]} to {seeds[-1]}"),
    ):
        made = make_path(
            opened,
            seeds,
            tracks=steps,
            limits=limits,
            only_playlists=only_playlists,
            not_playlists=not_playlists,
            weights=weights,
            taste=asked_taste(opened, use_taste),
            among=server.playable(opened),
        )
        upgrade = opened.upgrade()
        note_not_playlists(opened, not_playlists)
    note_upgrade(upgrade)
    if as_json:
        print_json(made)
    elif not target.is_standard_output:
        _print(made, paths=paths, is_weighed=weights is not None)
    if not as_json:
        note_taste(made.taste, use_taste, made.weights)
    entries = [
        PlaylistEntry(made.waypoints[stop.waypoint or 0].path)
        if stop.track is None
        else entry_of(stop.track)
        for stop in made.stops
    ]
    target.put(Playlist(name, tuple(entries)))
    server.put(Playlist(entries=tuple(entries)))


def _print(made: MadePath, *, paths: bool, is_weighed: bool) -> None:
    searched = f"{show_count(made.searched, 'track')} might come between"
    note(f"{seed_names(made.waypoints)}: {searched}")
    rows = []
    for stop in made.stops:
        if stop.track is not None:
            reason = why_words(stop.likeness, made.weights)
            cells = list_cells(stop.place, stop.track, stop.likeness, reason, paths=paths)
        else:
            seed = made.waypoints[stop.waypoint or 0]
            like = "" if stop.likeness is None else f"{stop.likeness.similarity:.2f}"
            path = [printable(seed.path)] if paths else []
            reason = why_words(stop.likeness, made.weights)
            cells = [str(stop.place), "", seed.name, "", "", *path, like, reason, ""]
        rows.append(cells)
    print_table(list_columns(paths=paths), rows)
    note("like, why: how similar to the track before, and where most: here like there")
    note(
        f"largest step {made.largest_step:.2f} (1 - similarity); on a straight way "
        f"{made.straight_largest_step:.2f}, at random {made.random_largest_step:.2f}"
    )
    if is_weighed:
        note(f"weights: {weight_words(made.weights)}")
    if made.n_too_close and "artist_gap" in made.limits:
        pairs = show_count(made.n_too_close, "pair")
        note(f"one artist comes back sooner than asked for, in {pairs}: no other way was found")
    note_not_searched(made.not_searched, made.model, "compared")
