"""``soundalike listenbrainz``: listens in, playlists out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from soundalike.cli.listenbrainz_target import connect, put_playlist, url_option
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    ExampleGroup,
    check_output,
    json_option,
    library_option,
)
from soundalike.cli.progress import decoding
from soundalike.cli.taste import tell_import, unmatched_option

__all__ = ["listenbrainz"]


@click.group(
    cls=ExampleGroup,
    examples=(
        ("soundalike listenbrainz listens", "what you listened to and love, as taste"),
        ("soundalike listenbrainz post mix.m3u8", "a playlist of yours there"),
    ),
)
def listenbrainz() -> None:
    """Take listens from ListenBrainz, and put playlists there.

    Your token comes from SOUNDALIKE_LISTENBRAINZ_TOKEN, from the keyring (`keyring set soundalike
    https://api.listenbrainz.org`), or from a prompt. It is kept nowhere.

    An export of ListenBrainz is read by `soundalike taste import`, and a playlist as a JSPF file
    written by `soundalike playlist --out mix.jspf`: neither needs a token.
    """


@listenbrainz.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike listenbrainz listens", "all of yours"),
        ("soundalike listenbrainz listens --user rob --since 2026-01-01", "of somebody, this year"),
    ),
)
@click.option("--user", metavar="NAME", help="Whose; by default those of your token.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Only listens since then."
)
@unmatched_option
@url_option
@library_option
@json_option
@click.pass_context
def listens(
    ctx: click.Context,
    user: str | None,
    since: datetime | None,
    unmatched: Path | None,
    url: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Import what you listened to, love and hate, as taste.

    Listens that are known already are not counted again; old ones count less. Tracks are told by
    the MusicBrainz id of the recording, or by artist and title.
    """
    from soundalike.library import Library
    from soundalike.library.listens import listens_in

    if unmatched is not None:
        check_output(unmatched, "a table")
    after = since.replace(tzinfo=UTC).timestamp() if since else 0.0
    with Library(library, create=False) as opened:
        with connect(url, needs_token=user is None) as client:
            name = user or client.user()

            def items() -> Iterator[tuple[str, Mapping[str, Any]]]:
                words = f"asking {client.url} for what {name} listened to"
                with decoding(words) as progress:
                    for number, each in enumerate(client.listens(name, after), 1):
                        progress.at(f"{words}: {number:,}")
                        yield f"listen {number:,}", each
                    for number, each in enumerate(client.feedback(name), 1):
                        yield f"feedback {number:,}", each

            read = listens_in(items())
        found = opened.import_listens(read)
    tell_import(ctx, found, unmatched, as_json=as_json)


@listenbrainz.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike listenbrainz post mix.m3u8", "a playlist of the same name, for you alone"),
        ("soundalike listenbrainz post mix.jspf --name Evening --public", "for all to see"),
    ),
)
@click.argument("file", type=PATH)
@click.option("--name", metavar="TEXT", help="What to call it; by default as the file does.")
@click.option("--public", is_flag=True, help="Let all see it.")
@url_option
@library_option
def post(file: Path, name: str | None, public: bool, url: str | None, library: str | None) -> None:
    """Put a playlist FILE there, of any format.

    It takes the place of the one that soundalike put there by this name. What has no MusicBrainz
    id, in the file or in the tags of its track, is left out and listed.
    """
    from dataclasses import replace

    from soundalike.library import Library
    from soundalike.playlists import read_playlist

    playlist = read_playlist(file)
    with Library(library, create=False) as opened:
        found = opened.resolve_playlist(playlist)
    entries = []
    for each in found.entries:
        mine = each.track.tags.musicbrainz_recording_id if each.track else None
        known = each.entry.musicbrainz_recording_id or mine
        entries.append(replace(each.entry, musicbrainz_recording_id=known))
    called = name or playlist.name or file.stem
    with connect(url) as client:
        user = client.user()
        whole = replace(playlist, entries=tuple(entries))
        put_playlist(client, called, whole, user=user, is_public=public)
