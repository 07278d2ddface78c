"""``soundalike subsonic``: music servers such as Navidrome; its ``link`` is in ``server_link``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    ExampleGroup,
    jobs_option,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import decoding, scan_progress
from soundalike.cli.scan import finish_scan
from soundalike.cli.server_access import (
    ask_at_terminal,
    client_of,
    name_of,
    only_server,
    server_named,
    subsonic_servers,
)
from soundalike.cli.server_link import link_server, print_link_report
from soundalike.cli.subsonic_target import note_not_sent
from soundalike.errors import InvalidArgument, SoundalikeError
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from soundalike.integrations.sending import SentPlaylist
    from soundalike.integrations.subsonic import Subsonic
    from soundalike.library import Library
    from soundalike.library.link_records import LinkedServer, LinkReport, ServerSong
    from soundalike.library.taste_records import ServerTaste

__all__ = ["subsonic"]

_SHOWN = 5


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike subsonic link https://music.example.org --user me", "do this first"),
        ("soundalike subsonic taste", "what you gave stars to and played becomes your taste"),
        ("soundalike subsonic refresh", "make the playlists there again, as from cron"),
    ),
)
@library_option
@json_option
@click.pass_context
def subsonic(ctx: click.Context, library: str | None, as_json: bool) -> None:
    """Work with Navidrome, and others that speak Subsonic.

    `soundalike playlist TRACK --to subsonic:NAME` puts a playlist there; so does --to with
    `playlist extend`, `playlist order`, `path` and `radio`. Without a subcommand, those are listed
    that were put on servers.
    """
    if ctx.invoked_subcommand is not None:
        return
    from soundalike.integrations.sending import kept_playlists
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        kept = kept_playlists(opened)
    rows = [
        {
            "server": each.server,
            "name": each.name,
            "playlist_id": each.playlist_id,
            "entries": len(each.playlist.entries) if each.playlist else None,
            "can_refresh": bool(each.playlist and each.playlist.recipe),
            "problem": each.problem,
        }
        for each in kept
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        note("No playlist was put on a server: soundalike playlist TRACK --to subsonic:NAME")
    else:
        print_table(
            [
                Column("server", drop=1),
                Column("playlist", min_width=12),
                Column("tracks", justify="right"),
                Column("is made again"),
            ],
            [
                [
                    str(each["server"]),
                    str(each["name"]),
                    f"{each['entries'] or 0:,}",
                    str(each["problem"] or ("yes" if each["can_refresh"] else "no")),
                ]
                for each in rows
            ],
        )


@subsonic.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike subsonic scan navidrome", "analyse what only the server has"),
        ("soundalike subsonic scan https://music.example.org --user me", "with no file here"),
        ("soundalike subsonic scan navidrome --retry", "try again what failed before"),
    ),
)
@click.argument("url", metavar="URL|NAME")
@click.option("--name", help="What to call it; by default its host.")
@click.option("--user", help="Who asks; by default as the last time.")
@jobs_option
@click.option("--retry", is_flag=True, help="Try again what failed before.")
@model_option
@library_option
@json_option
@click.pass_context
def scan(
    ctx: click.Context,
    url: str,
    name: str | None,
    user: str | None,
    jobs: int | None,
    retry: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Analyse the songs that only a music server has.

    What fits no track of the library is fetched as the server has it, without transcoding, a few
    files at a time, and deleted when it is analysed. Such a song is a track as others are; where
    its sound is needed, as on the page, it is fetched again. The server is linked with it.

    It can be stopped at any time, and resumes. The exit code is 1 if a song failed.
    """
    from soundalike.integrations.credentials import find
    from soundalike.integrations.subsonic import Subsonic
    from soundalike.library import Library
    from soundalike.library.linking import check_server_name

    with Library(library, model=model) as opened:
        address, again = server_named(opened, url, name)
        name = name or (again.name if again is not None else name_of(address))
        check_server_name(name)
        known = again.user if again is not None else None
        with Subsonic(address, find(address, user or known, ask_at_terminal())) as client:
            with decoding(f"asking {address} for its songs"):
                songs = list(client.songs())
            with scan_progress() as progress:
                report = opened.scan_songs(
                    name, songs, _fetch(client), jobs=jobs, retry=retry, progress=progress
                )
            if not report.interrupted:
                with decoding(f"matching {len(songs):,} songs"):
                    linked = opened.link(name, client.facts(), songs)
    if not (report.interrupted or as_json):
        print_link_report(linked, list_all=False)
    ctx.exit(finish_scan(report, as_json=as_json))


def _fetch(client: Subsonic) -> Callable[[ServerSong, Path, Callable[[int], None]], object]:
    def fetch(song: ServerSong, file: Path, on_read: Callable[[int], None]) -> object:
        return client.download(song.item_id, file, size_bytes=song.size_bytes, on_read=on_read)

    return fetch


@subsonic.command(
    cls=ExampleCommand,
    examples=(("soundalike subsonic taste", "what you gave stars to, rated and played there"),),
)
@click.argument("name", required=False)
@library_option
@json_option
def taste(name: str | None, library: str | None, as_json: bool) -> None:
    """Take stars and plays of a linked server as your taste.

    A star, or a rating of 4 or 5, is a `like`; 1 or 2 is a `dislike`. What you take back there is
    taken back here. Plays count as those of `soundalike taste import` do, old ones less. Run it
    again: only what is new is added.
    """
    from soundalike.integrations.subsonic_taste import songs_with_stars
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        server = only_server(opened, name)
        with client_of(server) as client, decoding(f"asking {server.url} for its songs"):
            songs = songs_with_stars(client)
        found = opened.import_server_taste(server.name, songs)
    if as_json:
        print_json(found)
    else:
        _print_taste(found)


def _print_taste(found: ServerTaste) -> None:
    opinions = f"{show_count(found.stars, 'star')}, {show_count(found.ratings, 'rating')}"
    removed = f", {found.removed_opinions:,} taken back" if found.removed_opinions else ""
    plays = f"{show_count(found.plays, 'play')}, {found.added_plays:,} new"
    echo(f"{found.server}: {opinions}: {found.added_opinions:,} new{removed}; {plays}")
    if found.undated_plays:
        note(
            f"{show_count(found.undated_plays, 'play')} not counted: the server does not say when "
            f"they were"
        )
    if found.unmatched:
        songs = show_count(len(found.unmatched), "song")
        note(f"{songs} with a star, a rating or plays, linked to no track:")
        for each in found.unmatched[:_SHOWN]:
            music = each.music
            named = " - ".join(part for part in (music.artist, music.title) if part)
            note(f"  {named or music.path or 'without a name'}")
        if len(found.unmatched) > _SHOWN:
            note(f"  and {len(found.unmatched) - _SHOWN:,} more; --json has all")


@subsonic.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike subsonic refresh", "all servers: links, taste, and their playlists"),
        ("soundalike subsonic refresh navidrome --no-taste", "one, by its sound alone"),
    ),
)
@click.argument("name", required=False)
@click.option(
    "--taste/--no-taste",
    "with_taste",
    default=True,
    show_default=True,
    help="Take over stars and play counts first.",
)
@model_option
@library_option
@json_option
@click.pass_context
def refresh(
    ctx: click.Context,
    name: str | None,
    with_taste: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Make the playlists on the servers again, as they were made.

    The links are renewed, what you gave stars to and played is taken over, and each playlist that
    came from here is made again by its recipe and put in the place of the old one. One that you
    deleted at the server does not come back.

    It asks nothing where no terminal is: run it from cron or a systemd timer. The exit code is 1 if
    anything failed; the playlists that it failed for are as they were.
    """
    from soundalike.integrations.sending import failed_server
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        linked = [only_server(opened, name)] if name is not None else subsonic_servers(opened)
        if not linked:
            only_server(opened, None)  # raises
        _check_credentials(linked)
        sent: list[SentPlaylist] = []
        for server in linked:
            try:
                sent += _refresh(opened, server, with_taste=with_taste, quiet=as_json)
            except SoundalikeError as error:
                # The others may be there.
                sent.append(failed_server(server.name, error))
                note(f"{type(error).__name__}: {error}")
    if as_json:
        print_json(sent)
    ctx.exit(1 if any(each.outcome == "failed" for each in sent) else 0)


def _check_credentials(linked: list[LinkedServer]) -> None:
    from soundalike.integrations.credentials import PASSWORD_VARIABLE, are_in_environment

    if len(linked) > 1 and are_in_environment():
        names = ", ".join(each.name for each in linked)
        raise InvalidArgument(
            f"{PASSWORD_VARIABLE} has the password of one server: name it (linked are {names}), or "
            f"put the passwords in the keyring"
        )


def _refresh(
    opened: Library, server: LinkedServer, *, with_taste: bool, quiet: bool
) -> list[SentPlaylist]:
    from soundalike.integrations.sending import Sender, kept_playlists
    from soundalike.integrations.subsonic_taste import songs_with_stars

    with client_of(server) as client:
        with decoding(f"asking {server.url} for its songs"):
            songs = songs_with_stars(client) if with_taste else list(client.songs())
        with decoding(f"matching {len(songs):,} songs"):
            links = opened.link(server.name, client.facts(), songs)
        found = opened.import_server_taste(server.name, songs) if with_taste else None
        if not quiet:
            _print_renewed(links, found)
        sender, sent = Sender(opened, server.name, client), []
        kept = kept_playlists(opened, server.name)
        with decoding() as progress:
            for number, each in enumerate(kept):
                progress.at(f"making {each.name} again", number, len(kept))
                sent.append(sender.refresh(each))
                progress.hide()
                if not quiet:
                    _print_sent(sent[-1])
    if not (quiet or sent):
        note("No playlist was put there: soundalike playlist TRACK --to subsonic:NAME")
    return sent


def _print_renewed(links: LinkReport, found: ServerTaste | None) -> None:
    server = links.server
    echo(f"{server.name}: {server.linked:,} of {show_count(server.songs, 'song')} are linked")
    if found is not None:
        _print_taste(found)


def _print_sent(sent: SentPlaylist) -> None:
    if sent.outcome == "failed":
        note(f"{sent.name}: failed, and is as it was: {sent.problem}")
    elif sent.outcome == "deleted":
        echo(f"{sent.name}: was deleted at the server, and is not made again")
    elif sent.outcome == "no recipe":
        echo(f"{sent.name}: stays as it is, as it has no recipe")
    else:
        echo(f"{sent.name}: {show_count(sent.songs, 'song')}, {sent.outcome}")
    note_not_sent(sent)


subsonic.add_command(link_server)
