"""``soundalike mpd``: what sounds alike, in the player that you have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from soundalike.cli.mpd_options import LINKING, AskedMpd, mpd_options
from soundalike.cli.mpd_play import play, similar
from soundalike.cli.mpd_queue import queue
from soundalike.cli.mpd_stickers import stickers
from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import ExampleGroup, json_option, library_option, model_option
from soundalike.cli.progress import decoding
from soundalike.cli.server_link import MATCH_WORDS
from soundalike.errors import printable
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.integrations.mpd.linked import MpdReport

__all__ = ["mpd"]

# Songs that are listed; --all and --json have all.
_SHOWN = 20
_FROM = {"given": "as you say", "mpd": "as MPD says", "kept": "as you said before"}


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike mpd", "which MPD there is, and how many of its songs are known here"),
        ("soundalike mpd play so what", "play what sounds like a track"),
        ("soundalike mpd queue --radio", "from what is playing on, without an end"),
        ("soundalike mpd similar", "list what sounds like what is playing"),
        ("soundalike mpd stickers", "notes on songs that other clients can read"),
        ("soundalike mpd --host nas.local --music-directory /mnt/music", "an MPD elsewhere"),
    ),
)
@mpd_options
@click.option("--all", "list_all", is_flag=True, help="List all songs that are no track here.")
@model_option
@library_option
@json_option
@click.pass_context
def mpd(
    ctx: click.Context,
    asked: AskedMpd,
    list_all: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Play what sounds alike with MPD, the Music Player Daemon.

    Without a subcommand: look through MPD's database, tell which of its songs are which tracks
    here, and list the others with the reason. The commands below do so themselves where something
    has changed.

    MPD is found as its other clients find it: by MPD_HOST (also password@host, or the path of a
    socket), MPD_PORT and MPD_TIMEOUT. Its password comes from MPD_HOST, SOUNDALIKE_MPD_PASSWORD,
    the keyring, or a prompt.
    """
    if ctx.invoked_subcommand is not None:
        if asked != AskedMpd():
            raise click.UsageError(
                f"options of `mpd {ctx.invoked_subcommand}` stand behind it, not before"
            )
        return
    from soundalike.integrations.mpd.linked import link
    from soundalike.library import Library

    with (
        Library(library, model=model, create=False) as opened,
        asked.connect(("lsinfo", "stats")) as found,
        decoding(LINKING) as progress,
    ):
        report = link(
            opened,
            found,
            music_directory=asked.music_directory,
            progress=lambda done, total: progress.at(LINKING, done, total),
        )
    if as_json:
        print_json(report)
    else:
        _print(report, list_all=list_all)


def _print(report: MpdReport, *, list_all: bool) -> None:
    links = report.links
    server = links.server
    echo(f"{server.url} ({server.software})")
    if report.music_directory is None:
        echo("music folder: not known; songs are told by the end of their path, and by their tags")
    else:
        source = _FROM[report.folder_from or "given"]
        echo(f"music folder: {printable(report.music_directory)}, {source}")
    echo(f"{server.linked:,} of {show_count(server.songs, 'song')} are tracks here:")
    print_table(
        [Column("told by"), Column("songs", justify="right")],
        [[MATCH_WORDS[by], f"{count:,}"] for by, count in links.matched_by.items()],
    )
    if report.skipped:
        echo("")
        reasons = Counter(each.reason for each in report.skipped)
        for reason, count in reasons.most_common():
            echo(f"{show_count(count, 'song')} not looked for: {reason}")
        if list_all:
            for each in report.skipped:
                echo(f"  {each.song.uri}")
    if links.unlinked:
        n = len(links.unlinked)
        some = links.unlinked if list_all else links.unlinked[:_SHOWN]
        echo("")
        echo(f"{show_count(n, 'song')} without a track:")
        print_table(
            [Column("song", min_width=16), Column("why", min_width=12)],
            [[each.song.item_id, each.reason] for each in some],
        )
        if n > len(some):
            note(f"{n - len(some):,} more: --all lists them, --json has all that is known of them.")


for command in (play, queue, similar, stickers):
    mpd.add_command(command)
