"""``soundalike serve``."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.output import echo, note
from soundalike.cli.params import ExampleCommand, library_option, model_option
from soundalike.errors import InvalidArgument, MissingExtra
from soundalike.files import why

if TYPE_CHECKING:
    from soundalike.server.settings import Settings

__all__ = ["serve"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike serve", "then open the address that it prints"),
        ("soundalike serve --host 0.0.0.0", "for other devices, with a token that is shown once"),
        (
            "soundalike serve --name music.example.org",
            "behind a reverse proxy that is called so",
        ),
        ("soundalike serve --new-token", "make another token, and forget the one before"),
    ),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="And the port."
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="A host name by which it may be called, such as that of a reverse proxy.",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="A site whose pages may ask, such as the player https://player.example.org.",
)
@click.option("--new-token", is_flag=True, help="Make a new token, and forget the one before.")
@click.option(
    "--token/--no-token",
    "with_token",
    default=None,
    help="Whether requests need the token; by default they do, but for this computer's own.",
)
@click.option(
    "--playlists",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where playlists are kept; by default in a folder beside the library.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Files that are decoded at the same time.",
)
@click.option("--log", is_flag=True, help="Print a line for each request.")
@library_option
@model_option
def serve(
    host: str,
    port: int,
    names: tuple[str, ...],
    origins: tuple[str, ...],
    new_token: bool,
    with_token: bool | None,
    playlists: Path | None,
    jobs: int,
    log: bool,
    library: str | None,
    model: str | None,
) -> None:
    """Open a page for the library in the browser, and answer programs over HTTP.

    Only this computer can reach it by default. At any other address it asks for a token, which is
    shown once, when it is made. Ctrl-C ends it. The environment may have SOUNDALIKE_TOKEN (a token
    of your own) and SOUNDALIKE_SUBSONIC_PASSWORD (for players that speak Subsonic).
    """
    try:
        from soundalike.server.running import server_of
        from soundalike.server.settings import Settings
    except ImportError as error:
        raise MissingExtra("the server", "server") from error
    token_hash, token = _token(host, new_token, with_token)
    settings = Settings(
        library=library,
        model=model,
        host=host,
        port=port,
        token_hash=token_hash,
        names=names,
        origins=origins,
        jobs=jobs,
        playlists=playlists,
        subsonic_password=os.environ.get("SOUNDALIKE_SUBSONIC_PASSWORD") or None,
    )
    _check_free(settings)
    address = f"http://{_shown_host(host)}:{port}/"
    if token is not None:
        echo(f"token: {token}")
        note("It is shown this once, and asked for from now on; --new-token makes another.")
        address += f"#token={token}"
    echo(f"soundalike is at {address}")
    note("Ctrl-C ends it.")
    server_of(settings, log_level="debug" if log else "warning").run()


def _token(host: str, new: bool, wanted: bool | None) -> tuple[str | None, str | None]:
    """The hash of the token that is asked for, and the token itself where it was made now."""
    from soundalike.server.security import is_local
    from soundalike.server.tokens import hash_of, keep, kept_hash, new_token

    if wanted is False and not is_local(host):
        raise InvalidArgument(
            f"--no-token with --host {host}: everybody who can reach that address could read and "
            f"change the library; leave --no-token out, or listen at 127.0.0.1"
        )
    given = os.environ.get("SOUNDALIKE_TOKEN")
    if given:
        return hash_of(given), None
    is_needed = wanted or new or (wanted is None and not is_local(host))
    if not is_needed:
        return None, None
    kept = None if new else kept_hash()
    if kept is not None:
        return kept, None
    token = new_token()
    keep(token)
    return hash_of(token), token


def _check_free(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        raise InvalidArgument(
            f"cannot listen at {settings.host}, port {settings.port}: {why(error)}; choose another "
            f"with --host or --port"
        ) from error


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
