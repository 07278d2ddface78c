"""``soundalike mpd stickers``."""

from __future__ import annotations

import click

from soundalike.cli.mpd_options import AskedMpd, mpd_options, note_gone
from soundalike.cli.output import echo, print_json
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.progress import work_progress
from soundalike.show.amounts import show_count

__all__ = ["stickers"]

_NEAREST = 10


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike mpd stickers", "write those that have changed"),
        ("soundalike mpd stickers -k 25", "with more similar songs each"),
        ("soundalike mpd stickers --remove", "take all of them away again"),
    ),
)
@click.option(
    "-k",
    type=click.IntRange(1, 100),
    default=_NEAREST,
    show_default=True,
    metavar="N",
    help="How many similar songs each song names.",
)
@click.option("--remove", is_flag=True, help="Remove all that this command has written.")
@mpd_options
@model_option
@library_option
@json_option
def stickers(
    k: int,
    remove: bool,
    asked: AskedMpd,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Write what sounds alike into MPD's database, as stickers on songs.

    Other clients of MPD can read them: soundalike:similar, soundalike:genre and soundalike:version.
    docs/integrations/mpd.md says what is in them. Run it again after a scan: only what has changed
    is written.
    """
    from soundalike.integrations.mpd.stickers import (
        remove_stickers,
        stickers_for,
        write_stickers,
    )
    from soundalike.library import Library

    with asked.connect(("sticker", "lsinfo", "stats")) as mpd:
        if remove:
            with work_progress("songs") as progress:
                report = remove_stickers(mpd, progress=progress)
        else:
            with Library(library, model=model, create=False) as opened:
                found = asked.linked(opened, mpd)
                with work_progress("songs") as progress:
                    wanted = stickers_for(opened, found, k=k, progress=progress)
                    report = write_stickers(mpd, wanted, progress=progress)
    if as_json:
        print_json(report)
        return
    if remove:
        echo(f"removed the stickers of {show_count(report.removed, 'song')}")
        return
    gone = [(uri, "MPD does not have it any more") for uri in report.gone]
    echo(
        f"{show_count(report.songs, 'song')} with stickers: {report.written:,} new or changed, "
        f"{report.removed:,} removed"
    )
    note_gone(gone, "it")
