"""The words of ``beet soundalike``: its commands and their options."""

from __future__ import annotations

import optparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.ui import UserError  # type: ignore[attr-defined]  # not in its __all__

from soundalike.arguments import renamed
from soundalike.errors import InvalidArgument, SoundalikeError
from soundalike.times import parse_length

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

# What the library calls some options; of the others, the names are the same.
_ARGUMENTS = {
    "k": "--limit",
    "min_length_s": "--min-length",
    "max_length_s": "--max-length",
    "random_seed": "--seed",
}


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
        _check(command.parser, options)
        options.run, options.called = command.func, _called(command.parser)
        return options, query

    @staticmethod
    def _run(lib: BeetsLibrary, options: Any, query: list[str]) -> None:
        try:
            options.run(lib, options, query)
        except InvalidArgument as error:
            raise UserError(renamed(str(error), options.called)) from error
        except SoundalikeError as error:
            raise UserError(str(error)) from error

    def print_help(self) -> None:
        lines = ["Usage: beet soundalike COMMAND [ARGS...]", "", "Commands:"]
        lines += [f"  {name:<10} {each.help}" for name, each in self._commands.items()]
        ui.print_("\n".join([*lines, "", "`beet soundalike COMMAND --help` tells the options."]))


def _called(parser: optparse.OptionParser) -> Mapping[str, str]:
    """The options of a command, by what the library calls them."""
    options = {option: each.dest for each in parser.option_list for option in each._long_opts}
    special = {name: option for name, option in _ARGUMENTS.items() if option in options}
    return special | {dest: option for option, dest in options.items() if dest is not None}


def _check(parser: optparse.OptionParser, options: Any) -> None:
    """Lengths as seconds; ends with a message where options make no sense together."""
    for name in ("min_length", "max_length"):
        text = getattr(options, name, None)
        if text is not None:
            try:
                setattr(options, name, parse_length(text))
            except ValueError as error:
                parser.error(f"option --{name.replace('_', '-')}: {error}")
    file = next((each for each in ("--out", "--playlist") if parser.has_option(each)), None)
    if file is not None and options.file is None:
        for option in ("--relative", "--name"):
            if getattr(options, option[2:]):
                parser.error(f"{option} needs {file} FILE")


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
    from soundalike.library.limits import NO_LIMITS

    parser.add_option(
        "-l", "--limit", type=int, default=10, metavar="N", help="how many items (default: 10)"
    )
    parser.set_defaults(min_length=None, max_length=None, limits_by_default=NO_LIMITS)


def length_options(parser: ui.CommonOptionsParser) -> None:
    from soundalike.recommend.defaults import PLAYLIST_LIMITS, PLAYLIST_TRACKS

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
    for option, text in (
        ("--min-length", "only tracks that last as long (default: 1:00; 0 for all)"),
        ("--max-length", "only tracks that last no longer (default: 15:00; 24h for all)"),
    ):
        parser.add_option(option, metavar="TIME", help=text)
    parser.set_defaults(limits_by_default=PLAYLIST_LIMITS)


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
    from soundalike.recommend.defaults import lengths

    return Limits(
        max_per_artist=options.max_per_artist,
        max_per_album=options.max_per_album,
        artist_gap=options.artist_gap,
        **lengths(options.min_length, options.max_length, options.limits_by_default),
    )
