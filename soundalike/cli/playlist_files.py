"""``soundalike playlist extend``, ``order`` and ``refresh``: playlists that are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.limits import weight_options
from soundalike.cli.output import Column, note, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.playlist import PlaylistTarget, note_left_out, playlist_options
from soundalike.cli.playlist_to import (
    ServerTarget,
    chosen_target_options,
    server_target_options,
)
from soundalike.cli.progress import decoding
from soundalike.cli.reasons import list_columns, note_made, playlist_rows
from soundalike.cli.rows import PATH_CELL, paths_option, track_cells, track_columns
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import note_not_playlists, note_upgrade
from soundalike.cli.wishes import wish_options
from soundalike.errors import printable
from soundalike.show.amounts import show_count
from soundalike.show.documents import entry_name, order_document, refresh_document

if TYPE_CHECKING:
    from soundalike.recommend.records import OrderedPlaylist, RefreshedPlaylist
    from soundalike.recommend.wishes import Wishes

__all__ = ["extend", "order", "refresh"]

_file_argument = click.argument("file", type=click.Path(dir_okay=False), metavar="FILE")
_in_place_option = click.option(
    "--in-place", is_flag=True, help="Write FILE itself; it keeps its name and what else it says."
)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike playlist extend mix.m3u8", "what would go on with it"),
        ("soundalike playlist extend mix.m3u8 --in-place", "the same, and put it behind"),
        ("soundalike playlist extend mix.xspf --minutes 30 --out long.m3u8", "as another file"),
        ("soundalike playlist extend mix.m3u8 --also 17 --without 18", "a bit elsewhere"),
    ),
)
@_file_argument
@click.option(
    "--also",
    multiple=True,
    metavar="TRACK",
    shell_complete=complete_track,
    help="What the new tracks are to be like as well; may be given several times.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="TRACK",
    shell_complete=complete_track,
    help="What the new tracks are to be unlike; may be given several times.",
)
@wish_options()
@taste_option
@_in_place_option
@playlist_options
@chosen_target_options
@paths_option
@model_option
@library_option
@json_option
def extend(
    file: str,
    also: tuple[str, ...],
    without: tuple[str, ...],
    wishes: Wishes,
    use_taste: bool | None,
    in_place: bool,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    to: str | None,
    replace: bool,
    all_tracks: bool,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Go on with a playlist in its own spirit.

    FILE is M3U8, M3U, XSPF, JSPF or JSON. Its tracks are what the new ones are like; they count for
    the limits on artists and albums, none of them comes twice, and the order goes on from the last.
    The length is that of what is added. Without --in-place or --out nothing is written.
    """
    from soundalike.library import Library
    from soundalike.playlists import read_playlist
    from soundalike.recommend.playlist_files import extended, wished_extension

    target = _target(file, in_place, m3u, relative, as_json, base)
    server = ServerTarget(to, replace, library, all_tracks=all_tracks)
    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"looking for what goes on with {printable(file)}"),
    ):
        made = wished_extension(
            opened,
            file,
            wishes,
            also=also,
            without=without,
            taste=asked_taste(opened, use_taste),
            base=base,
            among=server.playable(opened),
        )
        upgrade = opened.upgrade()
        note_not_playlists(opened, wishes.not_playlists)
    note_upgrade(upgrade)
    if as_json:
        print_json(made)
    elif not target.is_standard_output:
        before = show_count(made.before, "track")
        searched = f"{show_count(made.searched, 'track')} compared"
        note(f"{printable(file)}: goes on from {before}, {searched}")
        if made.items:
            rows = playlist_rows(made, paths=paths, nearest=True)
            print_table(list_columns(paths=paths, nearest=True), rows)
        note_made(made, is_weighed=wishes.weights is not None)
    if not as_json:
        note_taste(made.taste, use_taste, made.weights)
    whole = extended(read_playlist(file, base=base), made)
    target.put(whole)
    server.put(whole)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike playlist order mix.m3u8", "how it would be, and how much smoother"),
        ("soundalike playlist order mix.m3u8 --in-place", "the same, and write it"),
        ("soundalike playlist order mix.m3u8 --artist-gap 3 --out smooth.m3u8", "as another file"),
    ),
)
@_file_argument
@click.option(
    "--artist-gap",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Put N others between two tracks of one artist, where that can be had.",
)
@weight_options
@taste_option
@_in_place_option
@playlist_options
@server_target_options
@paths_option
@model_option
@library_option
@json_option
def order(
    file: str,
    artist_gap: int,
    weights: dict[str, float] | None,
    use_taste: bool | None,
    in_place: bool,
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
    """Put the tracks of a playlist in a smooth order.

    Each sounds like the one before it, as far as can be. No track is added or left out: what is
    not in the library stands at the end. Without --in-place or --out nothing is written.
    """
    from soundalike.library import Library
    from soundalike.recommend.playlist_files import order_playlist

    target = _target(file, in_place, m3u, relative, as_json, base)
    server = ServerTarget(to, replace, library)
    with Library(library, model=model, create=False) as opened:
        found = order_playlist(
            opened,
            file,
            artist_gap=artist_gap,
            weights=weights,
            taste=asked_taste(opened, use_taste),
            base=base,
        )
        upgrade = opened.upgrade()
    note_upgrade(upgrade)
    if as_json:
        print_json(order_document(found))
    elif not target.is_standard_output:
        _print_order(found, paths=paths)
    if not as_json:
        note_taste(found.taste, use_taste)
    target.put(found.playlist)
    server.put(found.playlist)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike playlist refresh mix.m3u8", "make it again, in place"),
        ("soundalike playlist refresh mix.m3u8 --dry-run", "only say what would come and go"),
    ),
)
@_file_argument
@click.option("--dry-run", is_flag=True, help="Leave FILE as it is.")
@click.option(
    "--base",
    nargs=2,
    metavar="FOLDER THERE",
    help="As FILE was written: what lies below FOLDER here lies below THERE in it.",
)
@click.option(
    "--taste/--no-taste",
    "use_taste",
    default=None,
    help="Go by your taste from now on, or no longer. Default: as FILE was made.",
)
@model_option
@library_option
@json_option
def refresh(
    file: str,
    dry_run: bool,
    base: tuple[str, str] | None,
    use_taste: bool | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Make a playlist again, as it was made.

    FILE is a playlist that soundalike made or extended: it says in a comment how, and is made over
    the library as it is now. It is written in
    place, and keeps its name and the way in which its paths are written. Of one that was extended,
    what stood before stays.
    """
    from soundalike.library import Library
    from soundalike.recommend.playlist_files import refresh_playlist

    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"making {printable(file)} again"),
    ):
        found = refresh_playlist(opened, file, write=not dry_run, taste=use_taste, base=base)
        upgrade = opened.upgrade()
    note_upgrade(upgrade)
    if as_json:
        print_json(refresh_document(found))
    else:
        _print_refreshed(found)
        note_taste(found.made.taste, found.made.recipe.get("taste"), found.made.weights)
    if not dry_run:
        note(f"playlist: {printable(file)}")
        note_left_out(found.left_out)


def _target(
    file: str,
    in_place: bool,
    m3u: str | None,
    relative: bool,
    as_json: bool,
    base: tuple[str, str] | None,
) -> PlaylistTarget:
    if in_place and m3u is not None:
        raise click.UsageError("--in-place and --out contradict each other: give one of them")
    if base is not None and not in_place and m3u is None:
        # Then it is of what is read.
        return PlaylistTarget(None, relative, as_json)
    return PlaylistTarget(file if in_place else m3u, relative, as_json, base=base)


def _print_order(found: OrderedPlaylist, *, paths: bool) -> None:
    steps = ["", *(f"{step:.2f}" for step in found.steps)]
    rows = [
        [str(place), *(cells if paths else cells[:PATH_CELL]), step]
        for place, (cells, step) in enumerate(
            zip(map(track_cells, found.tracks), steps, strict=True), start=1
        )
    ]
    columns = [
        Column("", justify="right", drop=4),
        *track_columns(paths=paths),
        Column("like the one before", drop=1),
    ]
    print_table(columns, rows)
    if found.not_placed:
        entries = show_count(len(found.not_placed), "entry", "entries")
        are = "is" if len(found.not_placed) == 1 else "are"
        note(f"{entries} at the end, which {are} not in the library or not analysed:")
        for entry in found.not_placed:
            note(f"  {entry_name(entry)}")
    if found.smoother_percent < 0.05:
        note("It is as smooth as can be already.")
    else:
        note(f"{found.smoother_percent:.0f} % smoother")
    note(
        f"largest step from track to track {found.largest_step:.2f}, before "
        f"{found.given_largest_step:.2f} (1 - similarity)"
    )
    if found.n_too_close:
        pairs = show_count(found.n_too_close, "pair")
        note(f"one artist comes back sooner than asked for, in {pairs}: it cannot be had otherwise")


def _print_refreshed(found: RefreshedPlaylist) -> None:
    for sign, names in (
        ("+", [track.name for track in found.came]),
        ("-", [entry_name(entry) for entry in found.went]),
    ):
        for name in names:
            note(f"{sign} {name}")
    n_stay = len(found.made.items) - len(found.came)
    if found.came or found.went:
        note(f"{len(found.came)} came, {len(found.went)} went, {n_stay} stay")
    else:
        note(f"all {show_count(n_stay, 'track')} stay")
    note_made(found.made, is_weighed=False, is_shown=False)
