"""``soundalike taste``: what is known of a listener's taste, and whether it is used."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from soundalike.cli.judge import judgement_words
from soundalike.cli.output import Column, echo, note, print_fields, print_json, print_table
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    ExampleGroup,
    check_output,
    is_wanted,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.views import weight_words
from soundalike.errors import InvalidArgument, printable
from soundalike.show.amounts import show_count, show_percent
from soundalike.show.times import show_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soundalike.library import ListenImport, TasteCounts
    from soundalike.recommend.taste import TasteReport, Trial

__all__ = ["taste", "tell_import", "unmatched_option"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# Lines of a file that are named; --json has all.
_SHOWN = 5
_KINDS = {
    "oddone": ("odd one", None),
    "alike": ("alike", "alike"),
    "unlike": ("unlike", "unlike"),
    "like": ("like", None),
    "dislike": ("dislike", None),
}
_LEVELS = {"weights": "weights", "metric": "finer metric", "liking": "likes"}


def unmatched_option(command: Decorated) -> Decorated:
    """``--unmatched``: where what the library does not have is written."""
    return click.option(
        "--unmatched",
        type=PATH,
        metavar="FILE",
        help="Write what the library does not have to this file, as CSV.",
    )(command)


@click.group(
    cls=ExampleGroup,
    invoke_without_command=True,
    examples=(
        ("soundalike taste", "how many judgements there are, what follows, whether it is used"),
        ("soundalike taste import listens.zip", "when you listened to what, from ListenBrainz"),
        ("soundalike taste --reset", "delete all judgements and plays"),
    ),
)
@click.option("--reset", is_flag=True, help="Delete all judgements and plays.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@model_option
@library_option
@json_option
@click.pass_context
def taste(
    ctx: click.Context,
    reset: bool,
    yes: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Show what your judgements say, and whether it is used.

    You judge with `soundalike like`, `dislike`, `alike`, `unlike` and `oddone`. Weights of the
    facets, then a finer metric, are fitted to what you call alike, and a liking to what you like
    and play. Each is used, as by `soundalike similar`, only where it predicts judgements that it
    has not seen better than the model does, by more than chance.
    """
    if ctx.invoked_subcommand is not None:
        given = [name for name in ctx.params if _is_given(ctx, name)]
        if given:
            raise click.UsageError(
                f"options of `taste {ctx.invoked_subcommand}` stand behind it, not before"
            )
        return
    if yes and not reset:
        raise click.UsageError("--yes answers the question of --reset: give both")
    from soundalike.library import Library
    from soundalike.recommend.taste import taste_of

    with Library(library, model=model, create=False) as opened:
        if reset:
            there = opened.taste_counts()
            if there and not yes:
                note(f"To be deleted: {_amount(there)}")
                if not is_wanted("Delete this?"):
                    note("Nothing was deleted.")
                    raise click.exceptions.Exit(1)
            gone = opened.reset_taste()
            if as_json:
                print_json(gone)
            elif gone:
                echo(f"deleted {_amount(gone)}")
            else:
                note("There is nothing to delete.")
            return
        report = taste_of(opened)
    if as_json:
        print_json(report)
    else:
        _print_report(report)


@taste.command(
    "import",
    cls=ExampleCommand,
    examples=(
        ("soundalike taste import listenbrainz_me.zip", "what ListenBrainz exports"),
        ("soundalike taste import plays.csv --unmatched missing.csv", "what the library lacks"),
    ),
)
@click.argument("file", type=PATH)
@unmatched_option
@library_option
@json_option
@click.pass_context
def import_file(
    ctx: click.Context, file: Path, unmatched: Path | None, library: str | None, as_json: bool
) -> None:
    """Import when you listened to what, and how much of it.

    FILE is what ListenBrainz exports (a zip archive, or a part of it), an answer of its API, or
    CSV with a header row: played_at, and path, or artist and title (and album), or recording_mbid;
    and, where known, skipped, and share (0 to 1) or listened and duration (seconds).

    Plays that are known already are not counted again. Old plays count less, skipped ones against.
    """
    from soundalike.library import Library

    if unmatched is not None:
        check_output(unmatched, "a table")
        if file.exists() and unmatched.exists() and file.samefile(unmatched):
            raise InvalidArgument(
                f"{printable(unmatched)}: it is what is imported; choose another --unmatched"
            )
    with Library(library, create=False) as opened:
        found = opened.import_listens(file)
    tell_import(ctx, found, unmatched, as_json=as_json)


@taste.command(
    "list",
    cls=ExampleCommand,
    examples=(("soundalike taste list", "all that you said, with numbers for `taste undo`"),),
)
@library_option
@json_option
def list_judgements(library: str | None, as_json: bool) -> None:
    """List your judgements, the oldest first."""
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        found = opened.judgements()
    if as_json:
        print_json(found)
        return
    if not found:
        note("There are no judgements.")
        return
    print_table(
        [
            Column("number", justify="right"),
            Column("said", drop=2),
            Column("judgement", min_width=20),
            Column("", drop=1),
        ],
        [
            [
                str(each.judgement_id),
                show_moment(each.judged_at),
                judgement_words(each),
                "replaced by a later one"
                if each.is_replaced
                else ""
                if all(piece.track for piece in each.pieces)
                else "not in the library now",
            ]
            for each in found
        ],
    )


@taste.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike taste undo", "take the last judgement back"),
        ("soundalike taste undo 12", "take judgement 12 of `taste list` back"),
    ),
)
@click.argument("number", type=int, required=False)
@library_option
@json_option
def undo(number: int | None, library: str | None, as_json: bool) -> None:
    """Take a judgement back: the last one, or that with a number.

    If it had replaced an earlier one, that one counts again.
    """
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        gone = opened.undo_judgement(number)
    if as_json:
        print_json(gone)
    else:
        echo(f"taken back: {judgement_words(gone)}")


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _judgement_amount(counts: Mapping[str, int]) -> str:
    """``12 odd ones, 1 like``."""
    named = ((kind, *names) for kind, names in _KINDS.items())
    return ", ".join(
        show_count(counts[kind], noun, nouns) for kind, noun, nouns in named if counts.get(kind)
    )


def _amount(counts: TasteCounts) -> str:
    parts = [_judgement_amount(counts.judgements)]
    if counts.plays:
        parts.append(f"{show_count(counts.plays, 'play')} of {show_count(counts.played, 'piece')}")
    return ", ".join(part for part in parts if part)


def _print_report(report: TasteReport) -> None:
    n = sum(report.judgements.values())
    fields = [("model", report.model)]
    if n:
        fields.append(("judgements", f"{n:,}: {_judgement_amount(report.judgements)}"))
    if report.not_counted:
        gone = f"{report.not_counted:,} of music that is not in the library, or not analysed"
        fields.append(("  not counted", gone))
    if report.plays:
        plays = show_count(report.plays, "play")
        fields.append(("plays", f"{plays} of {show_count(report.played, 'piece')}"))
    for trial in report.trials:
        fields.append((_LEVELS[trial.level], _trial_words(trial)))
        if trial.level == "weights":
            fields.append(("  yours", weight_words(report.weights)))
            fields.append(("  the model's", weight_words(report.default_weights)))
    print_fields(fields)
    if not (n or report.plays):
        note(
            "There are no judgements. To judge: soundalike like, dislike, alike, unlike, oddone; "
            "to import what you listened to: soundalike taste import FILE"
        )
    elif not report.taste:
        note("Nothing of this is used yet: tracks are ranked as the model has it.")


def _trial_words(trial: Trial) -> str:
    """``in use: of 32 held-out judgements they predict 26, the model's 18``."""
    from soundalike.recommend.taste import FEWEST

    used = "in use" if trial.is_used else "not used"
    if trial.level == "liking":
        if trial.chance is None:
            return f"not used: tracks of at least {FEWEST['liking']} artists are needed"
        shown = (
            f"what you like goes before {show_percent(trial.after / max(trial.n, 1))} of other "
            f"tracks when it is held out, 50 % by chance"
        )
    elif trial.chance is None:
        return (
            f"not used: at least {FEWEST[trial.level]} judgements are needed, {trial.n} are there"
        )
    else:
        before = "the model's" if trial.level == "weights" else "what is used without it"
        shown = (
            f"of {trial.n:,} judgements, held out, yours predict {trial.after:.0f}, {before} "
            f"{trial.before:.0f}"
        )
    if trial.is_used:
        return f"{used}: {shown} (by chance in {show_percent(trial.chance)} of cases)"
    return f"{used}: {shown}; by chance in {show_percent(trial.chance)} of cases"


def tell_import(
    ctx: click.Context, found: ListenImport, unmatched: Path | None, *, as_json: bool
) -> None:
    """Say what came of an import, and write what the library lacks where that is wanted; ends the
    program with 1 where something could not be read."""
    if unmatched is not None:
        _write_unmatched(found, unmatched)
    if as_json:
        print_json(found)
    else:
        _print_import(found, unmatched)
    if found.unreadable:
        ctx.exit(1)


def _print_import(found: ListenImport, unmatched: Path | None) -> None:
    """Say what came of an import, and where what the library lacks was written."""
    parts = [
        f"{show_count(number, noun)}, {new:,} new"
        for number, noun, new in (
            (found.plays, "play", found.added_plays),
            (found.opinions, "opinion", found.added_opinions),
        )
        if number
    ]
    echo("; ".join(parts) or "nothing in it")
    if found.unmatched:
        plays = show_count(found.unmatched_plays, "play")
        where = f"in {unmatched}" if unmatched else "--unmatched FILE lists them"
        note(
            f"{plays} of {show_count(len(found.unmatched), 'piece')} that the library does not "
            f"have; {where}"
        )
    for line in found.unreadable[:_SHOWN]:
        note(f"not read: {line}")
    if len(found.unreadable) > _SHOWN:
        note(f"... and {len(found.unreadable) - _SHOWN:,} more lines that were not read")


def _write_unmatched(found: ListenImport, path: Path) -> None:
    """Write what the library does not have, as CSV."""
    from soundalike.files import write_file

    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["artist", "title", "album", "recording_mbid", "path", "plays", "opinions"])
    for each in found.unmatched:
        music = each.music
        recording = music.recording_ids[0] if music.recording_ids else None
        names = (music.artist, music.title, music.album, recording, music.path)
        writer.writerow([*(name or "" for name in names), each.plays, each.opinions])
    write_file(path, text.getvalue())
