"""The ``soundalike`` command: finds its subcommands, and turns errors into messages.

Exit codes:

- 0: done.
- 1: something failed: a file, a library, a model; no track that was meant; a value that the command
  line can read but that is out of range; a result that could not be written.
- 2: the command line cannot be read: an unknown command or option, a missing argument, options that
  exclude each other, a value of the wrong form.
- 130: interrupted (Ctrl-C).

An error that nobody foresaw is told in one line with its place; ``SOUNDALIKE_DEBUG=1`` shows the
traceback.
"""

from __future__ import annotations

import errno
import functools
import gc
import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TextIO

import click

from soundalike import __version__
from soundalike.cli.output import discard, echo, flush, note
from soundalike.cli.params import ExampleGroup
from soundalike.errors import SoundalikeError, with_place

__all__ = ["SECTIONS", "cli", "main"]

# Section -> command -> "module:attribute". A command's module is imported when the command runs
# (or when the help of all of them is shown), so a slow import in one never slows another.
SECTIONS: dict[str, dict[str, str]] = {
    "Your library": {
        "scan": "soundalike.cli.scan:scan",
        "similar": "soundalike.cli.similar:similar",
        "find": "soundalike.cli.find:find",
        "playlist": "soundalike.cli.make_playlist:playlist",
        "radio": "soundalike.cli.radio:radio",
        "path": "soundalike.cli.path:path",
        "passages": "soundalike.cli.passages:passages",
        "list": "soundalike.cli.list:list_tracks",
        "info": "soundalike.cli.info:info",
        "clusters": "soundalike.cli.clusters:clusters",
        "map": "soundalike.cli.map:map_command",
        "versions": "soundalike.cli.versions:versions",
        "duplicates": "soundalike.cli.duplicates:duplicates",
        "failures": "soundalike.cli.scan:failures",
        "missing": "soundalike.cli.missing:missing",
        "forget": "soundalike.cli.missing:forget",
        "tag": "soundalike.cli.tag:tag",
        "watch": "soundalike.cli.watch:watch",
        "evaluate": "soundalike.cli.evaluate:evaluate",
        "export": "soundalike.cli.exchange:export",
        "import": "soundalike.cli.exchange:import_command",
        "library": "soundalike.cli.library:library",
        "serve": "soundalike.cli.serve:serve",
    },
    "Your players": {
        "link": "soundalike.cli.link:link",
        "mpd": "soundalike.cli.mpd:mpd",
        "listenbrainz": "soundalike.cli.listenbrainz:listenbrainz",
        "subsonic": "soundalike.cli.subsonic:subsonic",
    },
    "Your taste": {
        "like": "soundalike.cli.judge:like",
        "dislike": "soundalike.cli.judge:dislike",
        "alike": "soundalike.cli.judge:alike",
        "unlike": "soundalike.cli.judge:unlike",
        "oddone": "soundalike.cli.judge:oddone",
        "taste": "soundalike.cli.taste:taste",
    },
    "Any audio files": {
        "explain": "soundalike.cli.explain:explain",
        "compare": "soundalike.cli.compare:compare",
        "genre": "soundalike.cli.genre:genre",
        "plot": "soundalike.cli.plot:plot",
    },
    "Research": {
        "reproduce": "soundalike.cli.reproduce:reproduce",
        "train": "soundalike.cli.train:train",
        "data": "soundalike.cli.data:data",
    },
    "The program": {
        "models": "soundalike.cli.models:models",
        "completion": "soundalike.cli.completion:completion",
    },
}
_COMMANDS = {name: place for section in SECTIONS.values() for name, place in section.items()}

INTERRUPTED = 130


class SoundalikeGroup(ExampleGroup):
    """Loads commands on demand; one place for errors, interrupts and closed pipes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, but in sections, in the order in which users meet the commands."""
        longest = max(map(len, _COMMANDS))
        limit = formatter.width - 6 - longest
        for title, section in SECTIONS.items():
            rows = []
            for name in section:
                command = self.get_command(ctx, name)
                assert command is not None
                rows.append((name.ljust(longest), command.get_short_help_str(limit)))
            with formatter.section(title):
                formatter.write_dl(rows)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and end with SystemExit whose code is listed at the top of this module."""
        run = functools.partial(
            super().main, args, prog_name, complete_var, standalone_mode=False, **extra
        )
        return _exit_with(run) if standalone_mode else run()


def _exit_with(run: Callable[[], Any]) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets \xNN, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        result = run()
        code = result if isinstance(result, int) else 0
        flush()
    except click.ClickException as error:
        # By way of a text: it repeats arguments, which have to be cleaned.
        words = io.StringIO()
        error.show(words)
        note(words.getvalue().removesuffix("\n"))
        code = error.exit_code
    except SoundalikeError as error:
        note(f"{type(error).__name__}: {error}")
        code = 1
    except (click.Abort, KeyboardInterrupt):
        note("Interrupted.")
        code = INTERRUPTED
    except Exception as error:
        # The reader (`| head`) that has left wants to hear nothing more.
        if not _is_closed_pipe(error):
            _tell(error)
        code = 1
    _let_go(sys.stdout)
    _let_go(sys.stderr)
    sys.exit(code)


def _tell(error: Exception) -> None:
    """Say what nobody foresaw: a fault of ours, of a library, or of the machine."""
    if os.environ.get("SOUNDALIKE_DEBUG", "0") not in ("", "0"):
        note("".join(traceback.format_exception(error)))
    # A full disk, or a folder that may not be written to, is nobody's fault.
    whose = (
        ""
        if isinstance(error, OSError)
        else "a fault of soundalike or of its dependencies, please report it; "
    )
    note(
        f"{type(error).__name__}: {with_place(error)}: "
        f"{whose}SOUNDALIKE_DEBUG=1 shows the traceback"
    )


def _is_closed_pipe(error: Exception) -> bool:
    return isinstance(error, BrokenPipeError) or getattr(error, "errno", None) == errno.EPIPE


def _let_go(stream: TextIO | None) -> None:
    """Write what is left in a stream that has failed nowhere, before Python tries and complains."""
    if stream is not None:
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    echo(f"soundalike {__version__}")
    ctx.exit()


@click.group(
    cls=SoundalikeGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=(
        ("soundalike scan ~/Music", "do this first; you can stop it at any time, and it resumes"),
        ("soundalike similar words of a title", "which tracks in ~/Music sound like that one"),
        ("soundalike COMMAND --help", "everything about a command, with examples"),
    ),
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Find the tracks in your music library that sound alike, from the audio itself."""
    if ctx.invoked_subcommand is None:
        echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> NoReturn:
    """The ``soundalike`` program; always ends with SystemExit."""
    try:
        cli.main(args, prog_name="soundalike")
    finally:
        # The process ends, and its memory with it: Python need not search that for garbage first,
        # which takes a sixth of the time that a short command takes.
        gc.freeze()
    raise AssertionError("unreachable: cli.main ends with SystemExit")
