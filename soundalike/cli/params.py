"""What the commands share: times, options, and commands that carry their examples."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from soundalike.arguments import renamed
from soundalike.cli.output import echo
from soundalike.errors import InvalidArgument, printable
from soundalike.files import check_writable
from soundalike.remote import Fetcher, fetch_by, fetch_no_more_by
from soundalike.times import Span, parse_span, parse_time
from soundalike.urls import SERVER_SCHEME

__all__ = [
    "PATH",
    "DefaultGroup",
    "ExampleCommand",
    "ExampleGroup",
    "check_output",
    "is_wanted",
    "jobs_option",
    "json_option",
    "library_option",
    "model_option",
    "to_passage",
    "to_time",
    "to_weights",
    "without_password",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# What the library calls some options; of the others, the names are the same.
_ARGUMENTS = {
    "min_length_s": "--min-length",
    "max_length_s": "--max-length",
    "random_seed": "--seed",
    "tracks": "--steps",
    "start_s, end_s": "--at",
    "only.genres": "--genre",
    "never.genres": "--not-genre",
    "only.years": "--year",
    "never.years": "--not-year",
    "only.folders": "--folder",
    "never.folders": "--not-folder",
    "only.track_ids": "--only-playlist",
    "never.track_ids": "--not-playlist",
}

_SECRET = re.compile(r"[?&]\w*(password|secret)=[^&]", re.IGNORECASE)

# Not checked here: what opens it says better what is wrong with it, and may go on with the others.
PATH = click.Path(path_type=Path)


def check_output(path: str | Path, what: str) -> None:
    """Make sure, before the work is done, that a result can be written there.

    Parameters
    ----------
    what : what is to be written, for the message: "a playlist".

    Raises
    ------
    InvalidArgument : the name is one of music, which is likely to be there.
    OutputError : the file cannot be written.
    """
    from soundalike.library.scan.walk import is_audio_name

    if is_audio_name(os.path.basename(path)):
        raise InvalidArgument(
            f"{printable(path)}: the name is one of music, and {what} would take its place; "
            "choose another one"
        )
    check_writable(path)


def to_time(text: str) -> float:
    """``parse_time`` as the type of an option."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def to_passage(text: str) -> Span:
    """``parse_span`` as the type of an option such as ``--at 1:10-1:40``."""
    try:
        return parse_span(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def to_weights(text: str) -> dict[str, float]:
    """The type of an option such as ``--weights rhythm=2,sound=0.5``."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        try:
            if not (name and equals) or name in weights:
                raise ValueError
            weights[name] = float(value)
        except ValueError:
            raise click.BadParameter(
                f"{text!r} is no list of weights: name each facet once with a number, such as "
                f"rhythm=2,sound=0.5"
            ) from None
    return weights


class _Examples(click.Command):
    """Prints the examples of a command under its options, and names options in its errors.

    ``examples`` holds pairs of a command line and what it does.
    """

    def __init__(
        self, *args: Any, examples: tuple[tuple[str, str], ...] = (), **extra: Any
    ) -> None:
        super().__init__(*args, **extra)
        self.examples = examples

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but what the library says of its arguments is said of the options."""
        try:
            return super().invoke(ctx)
        except InvalidArgument as error:
            raise InvalidArgument(_with_options(str(error), self.params)) from error

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """As click does, but written by :func:`echo`, which says why it cannot be written."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _print_help
        return option

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                for line, purpose in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
                    formatter.write(f"{'':>{formatter.current_indent}}    {purpose}\n")


def _with_options(message: str, params: Sequence[click.Parameter]) -> str:
    """A message of the library, with the options of a command in place of its arguments."""
    options = {max(each.opts, key=len): each for each in params if isinstance(each, click.Option)}
    called = {name: option for name, option in _ARGUMENTS.items() if option in options}
    for option, param in options.items():
        called[str(param.name)] = called[option.lstrip("-").replace("-", "_")] = option
    return renamed(message, called)


def _print_help(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        echo(ctx.get_help())
        ctx.exit()


class ExampleCommand(_Examples):
    """A command whose help ends with examples; a test runs them through the parser."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; what only the servers of its library have can be fetched meanwhile."""
        if "library" not in ctx.params:
            return super().invoke(ctx)
        with ExitStack() as stack:

            def fetcher() -> Fetcher:
                from soundalike.cli.server_access import ask_at_terminal
                from soundalike.integrations.server_files import ServerFiles

                # It takes the place of this from now on.
                return stack.enter_context(ServerFiles(ctx.params["library"], ask_at_terminal()))

            fetch_by(SERVER_SCHEME, fetcher)
            stack.callback(fetch_no_more_by, SERVER_SCHEME, fetcher)
            return super().invoke(ctx)


class ExampleGroup(_Examples, click.Group):
    """A group of commands whose help ends with examples.

    ``what`` is what an unknown command is called.
    """

    what = "command"

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command is told with what may have been meant."""
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or self.get_command(ctx, name):
            return super().resolve_command(ctx, args)
        known = self.list_commands(ctx)
        begun = [each for each in known if each.startswith(name.lower())]
        meant = begun or get_close_matches(name.lower(), known)
        advice = (
            f"Did you mean {' or '.join(map(repr, meant))}?"
            if meant
            else f"There are: {', '.join(known)}."
        )
        raise click.UsageError(f"No such {self.what} {name!r}. {advice}", ctx)


class DefaultGroup(ExampleGroup):
    """A group with a command of its own, for arguments that begin with none of its commands.

    The help of the group is that of the command, with the others behind its options.
    """

    default: click.Command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        is_own = not args or args[0] in (*self.commands, "-h", "--help")
        own: click.Command = super() if is_own else self.default  # type: ignore[assignment]
        return own.make_context(info_name, args, parent, **extra)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with click.Context(self.default, info_name=ctx.info_name, parent=ctx.parent) as its:
            self.default.format_usage(its, formatter)
            self.default.format_help_text(its, formatter)
            self.default.format_options(its, formatter)
            self.format_commands(ctx, formatter)
            self.default.format_epilog(its, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, and what the first argument of its own may be."""
        its = self.default.make_context(ctx.info_name, [], ctx.parent, resilient_parsing=True)
        arguments = [each for each in self.default.params if isinstance(each, click.Argument)]
        found = [item for each in arguments for item in each.shell_complete(its, incomplete)]
        # Behind the mark that files may come: bash drops what stands before it.
        return [*found, *super().shell_complete(ctx, incomplete)]


def is_wanted(question: str) -> bool:
    """Whether the user says yes to a question.

    Raises
    ------
    click.UsageError : there is nobody to ask.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: add --yes if this is wanted")
    return click.confirm(question, err=True)


def jobs_option(command: Decorated) -> Decorated:
    """``--jobs``: how many processes."""
    return click.option(
        "--jobs",
        "-j",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many files at a time. Default: one per processor core.",
    )(command)


def json_option(command: Decorated) -> Decorated:
    """``--json``: the result as one JSON document, alone on standard output."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print JSON instead of text.",
    )(command)


def without_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The place of a library, as it was given.

    Raises
    ------
    InvalidArgument : it is a URL with a password, on the command line, where every program of the
        machine can read it.
    """
    is_typed = ctx.get_parameter_source(str(param.name)) == ParameterSource.COMMANDLINE
    head, scheme_end, rest = (value or "").partition("://")
    if ctx.resilient_parsing or not (is_typed and scheme_end) or head.startswith("sqlite"):
        return value
    if rest.rpartition("@")[0].partition(":")[2] or _SECRET.search(rest):
        raise InvalidArgument(
            f"{head}://...: there is a password in this URL, which every program on this machine "
            f"can read on the command line. Leave it out, and put it into ~/.pgpass or PGPASSWORD; "
            f"or set SOUNDALIKE_LIBRARY to the URL. Change the password, if others use this machine"
        )
    return value


def library_option(command: Decorated) -> Decorated:
    """``--library``: which library to use."""
    return click.option(
        "--library",
        metavar="PATH|URL",
        envvar="SOUNDALIKE_LIBRARY",
        callback=without_password,
        help="The library, a database file or URL. Also set by SOUNDALIKE_LIBRARY. Default: "
        "library.db in your data folder.",
    )(command)


def model_option(command: Decorated) -> Decorated:
    """``--model``: which model analyses, or whose analyses are used."""
    return click.option(
        "--model",
        metavar="NAME",
        envvar="SOUNDALIKE_MODEL",
        help="Use this model instead of the default (see `soundalike models`). Also set by "
        "SOUNDALIKE_MODEL.",
    )(command)
