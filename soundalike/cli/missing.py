"""``soundalike missing`` and ``soundalike forget``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import ExampleCommand, is_wanted, json_option, library_option
from soundalike.errors import printable
from soundalike.show.amounts import show_count
from soundalike.show.times import show_moment

if TYPE_CHECKING:
    from soundalike.library import Forgotten, Track

__all__ = ["forget", "missing", "note_missing"]

# Of what would be forgotten; --dry-run --json lists all.
_SHOWN = 5


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike missing", "all tracks whose files are gone, and since when"),
        ("soundalike missing ~/Music/Old", "those of a folder, which may be gone itself"),
        ("soundalike missing miles davis --json", "those with these words, as JSON"),
    ),
)
@click.argument("words", nargs=-1, metavar="[FOLDER|WORDS]")
@library_option
@json_option
def missing(words: tuple[str, ...], library: str | None, as_json: bool) -> None:
    """List the tracks whose files are gone, and since when.

    A scan of their folder found that out. If a file returns, even under another name, the next
    scan finds it again and need not analyse it. To remove them: soundalike forget --missing
    """
    from soundalike.library import Library

    with Library(library, create=False) as opened:
        found = opened.missing(" ".join(words) if words else None)
    if as_json:
        print_json(found)
        return
    if not found:
        note("No track is missing." if not words else "No such track is missing.")
        return
    print_table(
        [
            Column("missing since"),
            Column("id", justify="right"),
            Column("track", min_width=16, drop=1),
            Column("file", min_width=20),
        ],
        [
            [
                show_moment(track.missing_since) if track.missing_since else "",
                str(track.track_id),
                track.name if track.title else "",
                printable(track.path),
            ]
            for track in found
        ],
    )
    are = "is" if len(found) == 1 else "are"
    note(
        f"{show_count(len(found), 'track')} {are} missing. Files that return are found by the next "
        f"scan. To remove what is gone for good: soundalike forget --missing"
    )


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike forget --missing", "all tracks whose files are gone"),
        ("soundalike forget ~/Music/Old", "a folder with all below it, and no longer scan it"),
        ("soundalike forget --missing /mnt/usb", "what is gone of a folder"),
        ("soundalike forget 17 piece.flac --yes", "two tracks, without a question"),
        ("soundalike forget ~/Music/Old --dry-run", "only say what would go"),
    ),
)
@click.argument("what", nargs=-1, metavar="[ID|FOLDER|FILE...]")
@click.option("--missing", is_flag=True, help="Only tracks whose files are gone.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be forgotten, and change nothing.")
@library_option
@json_option
def forget(
    what: tuple[str, ...],
    missing: bool,
    yes: bool,
    dry_run: bool,
    library: str | None,
    as_json: bool,
) -> None:
    """Remove tracks from the library, and their analyses.

    No file is touched. A file that is still there comes back with the next scan of its folder; to
    keep it out, exclude it there. A scanned folder that is forgotten is no longer scanned by
    `soundalike scan` without folders.

    Asks before it does so; where nobody can be asked, it wants --yes.
    """
    from soundalike.library import Library

    if not (what or missing):
        raise click.UsageError("name a file, a folder or an id, or give --missing")
    with Library(library, create=False) as opened:
        if dry_run or not yes:
            planned = opened.forget(*what, missing=missing, dry_run=True)
            if dry_run and as_json:
                print_json(planned)
                return
            if dry_run or planned.paths or planned.folders:
                _print_plan(planned)
            if dry_run:
                return
            if (planned.paths or planned.folders) and not is_wanted("Forget this?"):
                note("Nothing was forgotten.")
                raise click.exceptions.Exit(1)
        forgotten = opened.forget(*what, missing=missing)
    if as_json:
        print_json(forgotten)
    elif forgotten.paths or forgotten.folders:
        echo(f"forgot {_amount(forgotten)}")
        if yes:
            _note_return(forgotten)
    else:
        note("There is nothing to forget.")


def note_missing(track: Track | None) -> None:
    """Say so where an answer is about a track whose file is gone."""
    if track is not None and track.absence:
        note(f"{track.name} is {track.absence}; the answer comes from its stored analysis.")


def _print_plan(planned: Forgotten) -> None:
    note(f"To be forgotten: {_amount(planned)}")
    for path in planned.paths[:_SHOWN]:
        note(f"  {printable(path)}")
    if len(planned.paths) > _SHOWN:
        note(f"  ... and {len(planned.paths) - _SHOWN:,} more")
    for folder in planned.folders:
        note(f"no longer scanned by `soundalike scan`: {printable(folder)}")
    _note_return(planned)


def _note_return(forgotten: Forgotten) -> None:
    if forgotten.there:
        files = show_count(forgotten.there, "file")
        comes, its = ("comes", "its") if forgotten.there == 1 else ("come", "their")
        note(f"{files} still there {comes} back with the next scan of {its} folder.")


def _amount(forgotten: Forgotten) -> str:
    """``12 tracks (3 missing) and 1 scanned folder``."""
    words = show_count(len(forgotten.paths), "track")
    if forgotten.missing:
        words += f" ({forgotten.missing:,} missing)"
    if forgotten.folders:
        words += f" and {show_count(len(forgotten.folders), 'scanned folder')}"
    return words
