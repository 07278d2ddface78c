"""The words of ``beet soundalike``: its commands and their options."""

from __future__ import annotations

import optparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.ui import UserError

from soundalike.errors import SoundalikeError

if TYPE_CHECKING:
    from beets.library import Library as BeetsLibrary

    from soundalike.library import Limits

__all__ = [
    "Commands",
    "choice_options",
    "command",
    "jobs_option",
    "length_options",
    "limits_of",
    "playlist_options",
    "pretend_option",
    "scan_options",
    "similar_options",
]


class Commands(ui.Subcommand):
    """``beet soundalike``: commands of its own."""

    def __init__(self, *commands: ui.Subcommand) -> None:
        super().__init__("soundalike", help="find what sounds alike")
        self._commands = {command.name: command for command in commands}
        self.func = self._run

    def parse_args(self, args: list[str]) -> tuple[optparse.Values, list[str]]:
        name, *rest = args or ["--help"]
        if name in ("-h", "--help"):
            self.print_help()
            raise SystemExit(0)
        if name not in self._commands:
            known = ", ".join(self._commands)
            raise UserError(f"there is no `beet soundalike {name}`: it is one of {known}")
        command = self._commands[name]
        options, query = command.parse_args(rest)
        options.run = command.func
        return options, query

    @staticmethod
    def _run(lib: BeetsLibrary, options: Any, query: list[str]) -> None:
        try:
            options.run(lib, options, query)
        except SoundalikeError as error:
            raise UserError(str(error)) from error

    def print_help(self) -> None:
        lines = ["Usage: beet soundalike COMMAND [ARGS...]", "", "Commands:"]
        lines += [f"  {name:<10} {each.help}" for name, each in self._commands.items()]
        ui.print_("\n".join([*lines, "", "`beet soundalike COMMAND --help` tells the options."]))


def command(
    name: str,
    run: Callable[[BeetsLibrary, Any, list[str]], None],
    query: str,
    text: str,
    *add_options: Callable[[ui.CommonOptionsParser], object],
) -> ui.Subcommand:
    parser = ui.CommonOptionsParser(
        prog=f"beet soundalike {name}", usage=f"%prog [options] {query}", description=text
    )
    for add in add_options:
        add(parser)
    command = ui.Subcommand(name, parser, help=text)
    command.func = run
    return command


def pretend_option(parser: ui.CommonOptionsParser) -> None:
    parser.add_option(
        "--pretend", action="store_true", default=False, help="write nothing, only tell"
    )


def jobs_option(parser: ui.CommonOptionsParser) -> None:
    parser.add_option(
        "-j", "--jobs", type=int, metavar="N", help="processes; by default one a core"
    )


def scan_options(parser: ui.CommonOptionsParser) -> None:
    parser.add_option("--retry", action="store_true", default=False, help="also what failed before")
    parser.add_option(
        "--fast",
        action="store_true",
        default=False,
        help="hear six passages of each track only; the next scan without it hears all",
    )


def similar_options(parser: ui.CommonOptionsParser) -> None:
    parser.add_option(
        "-l", "--limit", type=int, default=10, metavar="N", help="how many items (default: 10)"
    )
    parser.set_defaults(min_length=None, max_length=None)


def length_options(parser: ui.CommonOptionsParser) -> None:
    from soundalike.recommend.defaults import PLAYLIST_LIMITS, PLAYLIST_TRACKS

    low, high = PLAYLIST_LIMITS.min_length_s, PLAYLIST_LIMITS.max_length_s
    for option, kind, metavar, text in (
        ("--tracks", int, "N", f"how many tracks (default: {PLAYLIST_TRACKS})"),
        ("--minutes", float, "N", "how long it is"),
    ):
        parser.add_option(option, type=kind, metavar=metavar, help=text)
    parser.add_option("--without", metavar="QUERY", help="unlike the items that match this")
    parser.add_option(
        "--surprise", type=float, default=0.0, metavar="X", help="from 0, the most alike, to 1"
    )
    parser.add_option(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the surprise: the same N, the same list",
    )
    parser.add_option(
        "--with-seeds", action="store_true", default=False, help="put the items of QUERY first"
    )
    for option, default, text in (
        ("--min-length", low, "only tracks that last as long (default: 60)"),
        ("--max-length", high, "only tracks that last no longer (default: 900)"),
    ):
        parser.add_option(option, type=float, default=default, metavar="SECONDS", help=text)


def choice_options(parser: ui.CommonOptionsParser) -> None:
    parser.add_option(
        "--within", default="", metavar="QUERY", help="only items that match this, too"
    )
    for option, text in (
        ("--max-per-artist", "at most N tracks by one artist"),
        ("--max-per-album", "at most N tracks of one album"),
        ("--artist-gap", "none of the last N tracks is by an artist of the next"),
    ):
        parser.add_option(option, type=int, metavar="N", help=text)
    parser.add_option(
        "--not-same-album",
        action="store_true",
        default=False,
        help="nothing from the albums of the items of QUERY",
    )
    parser.add_option(
        "--no-taste", action="store_true", default=False, help="as the model has it alone"
    )


def playlist_options(option: str) -> Callable[[ui.CommonOptionsParser], None]:
    def add(parser: ui.CommonOptionsParser) -> None:
        parser.add_option(
            option,
            dest="file",
            metavar="FILE",
            help="also write them as a playlist: .m3u, .m3u8, .xspf, .jspf or .json",
        )
        parser.add_option(
            "--relative", action="store_true", default=False, help="paths relative to FILE's folder"
        )
        parser.add_option("--name", metavar="TEXT", help="the name of the playlist, for players")

    return add


def limits_of(options: Any) -> Limits:
    """What the options say of how much of what may come."""
    from soundalike.library.limits import Limits

    return Limits(
        max_per_artist=options.max_per_artist,
        max_per_album=options.max_per_album,
        artist_gap=options.artist_gap,
        min_length_s=options.min_length,
        max_length_s=options.max_length,
    )
