"""``soundalike serve``."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from soundalike.cli.output import echo, note
from soundalike.cli.params import ExampleCommand, library_option, model_option
from soundalike.errors import InvalidArgument, MissingExtra

__all__ = ["Token", "asked_for", "serve"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike serve", "then open the address that it prints"),
        ("soundalike serve --open", "or have it opened"),
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
    help="Whether requests need the token; by default they do, unless only this computer asks.",
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
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
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
    opens: bool,
    log: bool,
    library: str | None,
    model: str | None,
) -> None:
    """Serve a page for the library, and answer programs over HTTP.

    Only this computer can reach it by default. At any other address, or with --name, it asks for a
    token, which is shown once, when it is made. Ctrl-C ends it. The environment may have
    SOUNDALIKE_TOKEN (a token of your own) and SOUNDALIKE_SUBSONIC_PASSWORD (for players that speak
    Subsonic).
    """
    try:
        from soundalike.server.running import listening, server_of
        from soundalike.server.settings import Settings
    except ImportError as error:
        raise MissingExtra("the server", "server") from error
    if new_token and with_token is False:
        raise click.UsageError("--new-token and --no-token cannot be combined")
    if not host.strip():
        raise click.UsageError("--host is empty: give an address, such as 0.0.0.0 for all")
    with listening(Settings(host=host, port=port)) as listener:
        token = asked_for(host, new=new_token, wanted=with_token, is_named=bool(names))
        port = listener.getsockname()[1]
        settings = Settings(
            library=library,
            model=model,
            host=host,
            port=port,
            token_hash=token.hash,
            names=names,
            origins=tuple(_origin(each) for each in origins),
            jobs=jobs,
            playlists=playlists,
            subsonic_password=os.environ.get("SOUNDALIKE_SUBSONIC_PASSWORD") or None,
        )
        address = f"http://{_shown_host(host)}:{port}/"

        def tell() -> None:
            echo(f"soundalike is at {address}")
            if token.new is not None:
                echo(f"token: {token.new}")
                note("It is shown this once, and asked for from now on; --new-token makes another.")
            elif token.hash is not None:
                note(f"It asks for {token.source}.")
            note("Ctrl-C ends it.")
            if opens:
                click.launch(f"{address}#token={token.new}" if token.new else address)

        server_of(settings, log_level="debug" if log else "warning", on_start=tell).run([listener])


@dataclass(frozen=True)
class Token:
    """The token that is asked for.

    Attributes
    ----------
    hash : None where none is asked for.
    new : itself, where it was made now.
    source : where the user has it from.
    """

    hash: str | None = None
    new: str | None = None
    source: str = ""


def asked_for(host: str, *, new: bool, wanted: bool | None, is_named: bool = False) -> Token:
    """The token that requests need.

    Parameters
    ----------
    host : where the server listens.
    new : whether another one is to be made.
    wanted : whether there is to be one; None for wherever others can reach the server.
    is_named : whether it is called by a name of its own, as behind a reverse proxy, which whoever
        reaches the proxy can reach.

    Raises
    ------
    InvalidArgument : there would be none where others can reach it, or it is no good one.
    OutputError : a new one cannot be kept.
    """
    from soundalike.server.security import is_local
    from soundalike.server.tokens import checked, hash_of, keep, kept_hash, new_token

    if wanted is False:
        if not is_local(host):
            raise InvalidArgument(
                f"--no-token with --host {host}: everybody who can reach that address could read "
                f"and change the library; leave --no-token out, or listen at 127.0.0.1"
            )
        return Token()
    given = os.environ.get("SOUNDALIKE_TOKEN")
    if given:
        if new:
            raise click.UsageError("--new-token cannot be combined with SOUNDALIKE_TOKEN: unset it")
        return Token(hash_of(checked("SOUNDALIKE_TOKEN", given)), None, "SOUNDALIKE_TOKEN")
    if not (wanted or new or is_named or not is_local(host)):
        return Token()
    kept = None if new else kept_hash()
    if kept is not None:
        source = "the token that was shown when it was made; --new-token makes another"
        return Token(kept, None, source)
    token = new_token()
    keep(token)
    return Token(hash_of(token), token)


def _origin(text: str) -> str:
    """An origin as browsers send it.

    Raises
    ------
    UsageError : it is none.
    """
    try:
        apart = urlsplit(text.strip().lower())
        is_origin = apart.scheme in ("http", "https") and bool(apart.hostname)
        is_origin = is_origin and apart.path in ("", "/") and "@" not in apart.netloc
        is_origin = is_origin and not (apart.query or apart.fragment) and apart.port != -1
    except ValueError:
        is_origin = False
    if not is_origin:
        raise click.UsageError(
            f"--allow-origin {text!r} is no origin: give the scheme, the host and perhaps the "
            f"port, such as https://player.example.org"
        )
    return f"{apart.scheme}://{apart.netloc}"


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
