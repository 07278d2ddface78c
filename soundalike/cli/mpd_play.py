"""``soundalike mpd play`` and ``soundalike mpd similar``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import click

from soundalike.cli.mpd_options import AskedMpd, mpd_options, note_gone
from soundalike.cli.output import note, print_json
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.progress import decoding
from soundalike.cli.reasons import print_made
from soundalike.cli.rows import paths_option
from soundalike.cli.seeds import optional_seed_options, seed_words
from soundalike.cli.similar import similar as similar_tracks
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import note_not_playlists, note_upgrade
from soundalike.cli.wishes import wish_options
from soundalike.errors import InvalidArgument
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.integrations.mpd.connection import Mpd
    from soundalike.integrations.mpd.linked import Linked
    from soundalike.library import Library, Limits
    from soundalike.recommend.wishes import Wishes

__all__ = ["play", "similar"]

_WHERE = {"replace": "in the queue", "append": "behind the queue", "next": "next in the queue"}


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike mpd play so what", "25 tracks that sound like it, in place of the queue"),
        ("soundalike mpd play", "what sounds like what is playing, which goes on"),
        ("soundalike mpd play 17 18 --minutes 60 --append", "an hour like two tracks, at the end"),
        ("soundalike mpd play ~/Music/Debut/ --tracks 5 --next", "five after this one"),
        ("soundalike mpd play so what --max-per-artist 2 --surprise 0.5", "less obvious"),
    ),
)
@optional_seed_options
@click.option("--append", is_flag=True, help="Behind what is in the queue.")
@click.option("--next", "is_next", is_flag=True, help="Next, before the rest of the queue.")
@wish_options(with_seeds=True)
@taste_option
@mpd_options
@paths_option
@model_option
@library_option
@json_option
def play(
    seeds: list[str],
    without: tuple[str, ...],
    append: bool,
    is_next: bool,
    wishes: Wishes,
    use_taste: bool | None,
    asked: AskedMpd,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Play what sounds like a track, or like several.

    TRACK is as for `soundalike playlist`, and so are the options: the list is the same, of what MPD
    has. It takes the place of the queue, and plays. With --append and --next, what plays goes on.

    Without TRACK it is what sounds like what is playing: that goes on, and the list follows.
    """
    from soundalike.integrations.mpd.linked import playing_query
    from soundalike.integrations.mpd.queue import QUEUE_COMMANDS, put_in_queue
    from soundalike.library import Library
    from soundalike.recommend.playlist import wished_playlist

    if append and is_next:
        raise click.UsageError("--append and --next contradict each other: give one of them")
    if wishes.with_seeds and not seeds:
        raise click.UsageError("--with-seeds needs a TRACK")
    how: Literal["replace", "append", "next"] = (
        "append" if append else "next" if is_next else "replace"
    )
    with (
        Library(library, model=model, create=False) as opened,
        asked.connect((*QUEUE_COMMANDS, "lsinfo", "stats")) as mpd,
    ):
        found = asked.linked(opened, mpd)
        allowed = found.within(wishes.limits)
        if how != "replace":
            allowed = _without_queue(opened, allowed, found, mpd)
        queries: list[Any] = [*seeds]
        keeps = None
        if not seeds:
            song, query = playing_query(found, mpd)
            queries, keeps = [query], song.song_id
        with decoding(f"looking for what sounds like {seed_words([*map(str, queries)])}"):
            wishes = replace(wishes, limits=allowed)
            taste = asked_taste(opened, use_taste)
            try:
                made = wished_playlist(opened, queries, wishes, without=without, taste=taste)
            except InvalidArgument as error:
                left = found.playable - (allowed.never.track_ids or frozenset())
                if how == "replace" or len(left) > len(queries):
                    raise
                # What is left are TRACKs, which come with --with-seeds alone.
                raise _nothing_to_add(mpd) from error
            upgrade = opened.upgrade()
            note_not_playlists(opened, wishes.not_playlists)
        note_upgrade(upgrade)
        items = [each.track for each in made.items]
        lacking = [each for each in items if each.track_id not in found.uris]
        uris = [found.uris[each.track_id] for each in items if each.track_id in found.uris]
        put = put_in_queue(mpd, uris, how, keeps=keeps) if uris else None
    if as_json:
        print_json(made)
    else:
        print_made(made, paths=paths, is_weighed=wishes.weights is not None)
        note_taste(made.taste, use_taste, made.weights)
    note_gone([(each.name, "MPD does not have it") for each in lacking], "the queue")
    if put is None:
        note("Nothing was put into the queue.")
        return
    note_gone(put.gone, "the queue")
    note(f"{show_count(len(put.song_ids), 'song')} {_WHERE[how]} of {mpd.address.url}")
    if put.is_random and how != "next":
        note("MPD plays its queue at random: `mpc random off` lets it keep the order.")
    if put.is_single:
        note("MPD stops after each song: `mpc single off` lets it go on.")


def _without_queue(library: Library, limits: Limits, found: Linked, mpd: Mpd) -> Limits:
    """Limits that leave out what the queue holds already, by whatever copy of it.

    Raises
    ------
    InvalidArgument : that is everything.
    """
    from soundalike.integrations.mpd.songs import queue

    ids = {found.track_ids[each.uri] for each in queue(mpd) if each.uri in found.track_ids}
    if not limits.versions:
        with library.view() as view:
            rows = [row for each in ids if (row := view.index.row_of(each)) is not None]
            same = [copy for copies in view.same_music(rows) for copy in copies]
            ids.update(view.index.track_ids[same].tolist())
    if ids >= found.playable:
        raise _nothing_to_add(mpd)
    never = limits.never
    ids |= never.track_ids or frozenset()
    return replace(limits, never=replace(never, track_ids=frozenset(ids) or None))


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike mpd similar", "ten tracks that sound like what is playing"),
        ("soundalike mpd similar -k 50 --m3u like-this.m3u8", "fifty, as a playlist"),
    ),
)
@mpd_options
def similar(asked: AskedMpd, **options: Any) -> None:
    """List the tracks that sound most like what is playing.

    As `soundalike similar` does, with the same options; whether MPD has them or not.
    """
    from soundalike.integrations.mpd.linked import playing_query
    from soundalike.library import Library

    with (
        Library(options["library"], model=options["model"], create=False) as opened,
        asked.connect(("currentsong", "lsinfo", "stats")) as mpd,
    ):
        _, query = playing_query(asked.linked(opened, mpd), mpd)
    click.get_current_context().invoke(similar_tracks, seeds=(str(query),), **options)


similar.params.extend(each for each in similar_tracks.params if each.name != "seeds")


def _nothing_to_add(mpd: Mpd) -> InvalidArgument:
    return InvalidArgument(
        f"{mpd.address.url}: nothing to add: the queue holds all that MPD has and that is "
        f"analysed, but for TRACK"
    )
