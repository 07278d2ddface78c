"""``soundalike playlist``: one from seeds; its subcommands are in ``cli.playlist_files``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.missing import note_missing
from soundalike.cli.output import print_json
from soundalike.cli.params import (
    DefaultGroup,
    ExampleCommand,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.playlist import PlaylistTarget, playlist_options
from soundalike.cli.playlist_files import extend, order, refresh
from soundalike.cli.playlist_to import ServerTarget, chosen_target_options
from soundalike.cli.progress import decoding
from soundalike.cli.reasons import print_made
from soundalike.cli.rows import paths_option
from soundalike.cli.seeds import seed_options, seed_words
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import note_not_playlists, note_upgrade
from soundalike.cli.wishes import wish_options

if TYPE_CHECKING:
    from soundalike.recommend.wishes import Wishes

__all__ = ["playlist"]

_EXAMPLES = (
    ("soundalike playlist miles davis so what", "25 tracks that sound like it, as a table"),
    ("soundalike playlist 17 18 --minutes 60 --out mix.m3u8", "an hour like two tracks, as a file"),
    ("soundalike playlist so what@1:10-1:40 --tracks 10", "like a passage of it"),
    ("soundalike playlist ~/Music/Debut/ --without 19", "like a folder, unlike a track"),
    ("soundalike playlist mix.m3u8 --max-per-artist 2", "like an existing playlist"),
    ("soundalike playlist 17 --only-playlist favourites.m3u8", "among your favourites only"),
    ("soundalike playlist 17 --surprise 0.5 --seed 7", "less obvious, and 7 gives it again"),
    ("soundalike playlist 17 --to mpd:Evening", "as a stored playlist of your MPD"),
    ("soundalike playlist 17 --to subsonic:Evening", "on a music server, for all your players"),
    ("soundalike playlist extend mix.m3u8 --in-place", "go on with a playlist"),
    ("soundalike playlist refresh mix.m3u8", "make it again over the library as it is now"),
)


@click.command(cls=ExampleCommand, examples=_EXAMPLES)
@seed_options
@wish_options(with_seeds=True)
@taste_option
@playlist_options
@chosen_target_options
@click.option("--name", metavar="TEXT", help="The name of the playlist, for players.")
@paths_option
@model_option
@library_option
@json_option
def make(
    seeds: list[str],
    without: tuple[str, ...],
    wishes: Wishes,
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
    """Make a playlist of what sounds like one track, or several.

    TRACK is an audio file (in the library or not), a folder, the file of a playlist, the id of a
    track, or words from its artist and title, and may end in a passage: @1:10-1:40. Put + between
    several; files, folders, ids and names in quotes need none. A track that is called like one of
    the commands below is named by its id or path.

    It is chosen by the similarity to the nearest of several TRACKs, less what is too near to
    --without, and stands in a smooth order: each track close to the next, the first nearest to
    TRACK. Of several versions of a recording, one comes. Where your taste is in use (`soundalike
    taste`), it counts.

    A playlist that is written to a file remembers how it was made; refresh makes it again. So does
    `soundalike subsonic refresh` with those on servers.
    """
    from soundalike.library import Library
    from soundalike.recommend.playlist import wished_playlist
    from soundalike.recommend.playlist_files import as_playlist

    target = PlaylistTarget(m3u, relative, as_json, base=base)
    if name is not None and m3u is None:
        raise click.UsageError("--name needs --out FILE")
    server = ServerTarget(to, replace, library, all_tracks=all_tracks)
    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"looking for what sounds like {seed_words(seeds)}"),
    ):
        made = wished_playlist(
            opened,
            seeds,
            wishes,
            without=without,
            taste=asked_taste(opened, use_taste),
            among=server.playable(opened),
        )
        upgrade = opened.upgrade()
        note_not_playlists(opened, wishes.not_playlists)
    note_upgrade(upgrade)
    for each in (*made.seeds, *made.without):
        note_missing(each.track)
    if as_json:
        print_json(made)
    elif not target.is_standard_output:
        print_made(made, paths=paths, is_weighed=wishes.weights is not None)
    if not as_json:
        note_taste(made.taste, use_taste, made.weights)
    target.put(as_playlist(made, name))
    server.put(as_playlist(made))


@click.group(cls=DefaultGroup, examples=_EXAMPLES, help=make.help)
def playlist() -> None:
    pass


assert isinstance(playlist, DefaultGroup)
playlist.default = make
for command in (extend, order, refresh):
    playlist.add_command(command)
