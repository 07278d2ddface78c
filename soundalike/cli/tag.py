"""``soundalike tag``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.app import INTERRUPTED
from soundalike.cli.completion import complete_track
from soundalike.cli.limits import filter_options
from soundalike.cli.output import Column, bold, echo, note, print_json, print_table
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import work_progress
from soundalike.cli.seeds import to_seeds
from soundalike.errors import printable
from soundalike.library.limits import NO_LIMITS
from soundalike.library.tag_names import OWN_FIELDS
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from soundalike.library.limits import Limits
    from soundalike.library.tag_records import SkippedFile, TagReport

__all__ = ["tag"]

_ALSO = {"genre": "GENRE", "bpm": "BPM", "key": "INITIALKEY"}
# Of each reason; --json lists all.
_SHOWN = 3


class _FieldName(click.Choice[str]):
    """In any case; told as it is written."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(str(value).upper(), param, ctx)


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike tag ~/Music/Jazz --dry-run", "what would be written into which file"),
        ("soundalike tag ~/Music/Jazz", "write all SOUNDALIKE_* fields"),
        (
            "soundalike tag --all --field SOUNDALIKE_BPM --field SOUNDALIKE_KEY",
            "two of them, into all files",
        ),
        (
            "soundalike tag --all --also genre",
            "and GENRE, where a file has none and the model is sure",
        ),
        ("soundalike tag 17 so what + 18 --also bpm --also key", "a few tracks"),
        ("soundalike tag ~/Music/Jazz --remove", "take the fields away"),
        ("soundalike tag --undo undo.jsonl", "put everything back as it was"),
    ),
)
@click.argument("what", nargs=-1, metavar="[TRACK|FOLDER...]", shell_complete=complete_track)
@click.option("--all", "everything", is_flag=True, help="All tracks of the library.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    type=_FieldName(OWN_FIELDS),
    metavar="NAME",
    help="Only this field; may be given several times. Default: all of SOUNDALIKE_GENRE, "
    "SOUNDALIKE_GENRE_CONFIDENCE, SOUNDALIKE_WORDS, SOUNDALIKE_BPM, SOUNDALIKE_KEY and "
    "SOUNDALIKE_MODEL.",
)
@click.option(
    "--also",
    multiple=True,
    type=click.Choice(list(_ALSO)),
    help="Also the standard field (GENRE, BPM, INITIALKEY), where the model is sure and the file "
    "has none.",
)
@click.option("--overwrite", is_flag=True, help="With --also: even where a file has one.")
@click.option("--remove", is_flag=True, help="Remove the SOUNDALIKE_* fields instead.")
@click.option(
    "--keep-mtime",
    is_flag=True,
    help="Leave the files' times of modification. Players and backups may not notice the change.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written, and change nothing.")
@click.option("--undo", type=PATH, metavar="FILE", help="Put back what this file remembers.")
@click.option(
    "--undo-file",
    type=PATH,
    metavar="FILE",
    help="Where to remember the old values. Default: a new file in the folder tag-undo beside the "
    "library.",
)
@filter_options
@model_option
@library_option
@json_option
@click.pass_context
def tag(
    ctx: click.Context,
    what: tuple[str, ...],
    everything: bool,
    fields: tuple[str, ...],
    also: tuple[str, ...],
    overwrite: bool,
    remove: bool,
    keep_mtime: bool,
    dry_run: bool,
    undo: Path | None,
    undo_file: Path | None,
    limits: Limits,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Write what the library knows into the tags of files.

    TRACK is an id, a file, or words; a + stands between two of them. FOLDER stands for all tracks
    below it. MP3, FLAC, Ogg Vorbis, Opus and M4A are written.

    The sound and all other tags stay as they are, which is checked before a file takes the place of
    the old one. The old values are kept in a file, for --undo. The library knows the new files:
    the next scan does not analyse them again.

    The exit code is 1 if a file that should have been written was not, 130 after Ctrl-C or SIGTERM.
    """
    from soundalike.library import Library

    others = (what, everything, fields, also, overwrite, remove, undo_file, limits != NO_LIMITS)
    if undo is not None and any(others):
        raise click.UsageError("--undo goes with --dry-run and --keep-mtime only")
    if undo is None and bool(what) == everything:
        raise click.UsageError("name tracks or folders, or give --all")
    if remove and (also or overwrite):
        raise click.UsageError("--remove removes SOUNDALIKE_* fields: leave --also out")
    if overwrite and not also:
        raise click.UsageError("--overwrite is about standard fields: name some with --also")
    with (
        Library(library, model=model, create=False) as opened,
        work_progress("files") as show,
    ):

        def progress(done: int, total: int, _path: Path) -> None:
            show("looking" if dry_run else "writing tags", done, total)

        if undo is not None:
            report = opened.untag(undo, keep_mtime=keep_mtime, dry_run=dry_run, progress=progress)
        else:
            report = opened.tag(
                None if everything else to_seeds(what),
                fields=(*(fields or OWN_FIELDS), *(_ALSO[each] for each in also)),
                limits=limits,
                overwrite=overwrite,
                remove=remove,
                keep_mtime=keep_mtime,
                dry_run=dry_run,
                undo_file=undo_file,
                progress=progress,
            )
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.interrupted:
        note("Interrupted. The files that were written are whole, and so are the others.")
        ctx.exit(INTERRUPTED)
    ctx.exit(1 if any(each.failed for each in report.skipped) else 0)


def _print_report(report: TagReport) -> None:
    if report.dry_run and report.files:
        print_table(
            [
                Column("file", min_width=20),
                Column("field"),
                Column("now", min_width=8, drop=1),
                Column("then", min_width=8),
            ],
            [
                [
                    printable(file.path) if number == 0 else "",
                    change.name,
                    _shown(change.old),
                    _shown(change.new),
                ]
                for file in report.files
                for number, change in enumerate(file.changes)
            ],
        )
    failed = sum(each.failed for each in report.skipped)
    would = "to be written" if report.dry_run else "written"
    echo(
        f"{show_count(len(report.files), 'file')} {would}, {report.unchanged:,} unchanged, "
        f"{len(report.skipped):,} skipped" + (f" ({failed:,} of them failed)" if failed else "")
    )
    if report.skipped:
        _print_skipped(report.skipped)
    parted = sum(each.parted for each in report.files)
    if parted:
        were = "had another name" if parted == 1 else "had other names"
        note(f"{show_count(parted, 'file')} {were} (hard links), which keep the old tags.")
    if report.undo_file is not None:
        note(f"To take it back: soundalike tag --undo '{printable(report.undo_file)}'")


def _print_skipped(skipped: Sequence[SkippedFile]) -> None:
    """Files of one reason below each other, some of each."""
    kinds: dict[tuple[str, str], list[SkippedFile]] = {}
    for each in skipped:
        kinds.setdefault((each.reason, each.advice), []).append(each)
    for (reason, advice), group in kinds.items():
        count = f" ({len(group):,})" if len(group) > 1 else ""
        echo(bold(reason), f"{count}: {advice}")
        for each in group[:_SHOWN]:
            echo(f"  {printable(each.path)}")
        if len(group) > _SHOWN:
            echo(f"  ... and {len(group) - _SHOWN:,} more")


def _shown(values: tuple[str, ...] | None) -> str:
    return "-" if values is None else "; ".join(values)
