"""``soundalike scan`` and ``soundalike failures``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.app import INTERRUPTED
from soundalike.cli.output import bold, echo, note, print_json
from soundalike.cli.params import (
    PATH,
    ExampleCommand,
    jobs_option,
    json_option,
    library_option,
    model_option,
)
from soundalike.cli.progress import scan_progress
from soundalike.errors import printable
from soundalike.show.amounts import show_count
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Failure, ScanReport

__all__ = ["failures", "scan"]

# Of each kind, after a scan; more would push the summary off the screen. `failures` lists all.
_FAILURES_SHOWN = 3


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike scan ~/Music", "analyse what is new or has changed"),
        ("soundalike scan ~/Music /mnt/nas/albums --jobs 2", "two folders, two files at a time"),
        ("soundalike scan ~/Music --retry", "also retry what failed before"),
        (
            "soundalike scan ~/Music --model musicnn",
            "with another model as well",
        ),
        ("soundalike scan --upgrade", "re-analyse the library for a new default model"),
    ),
)
@click.argument("folders", nargs=-1, type=PATH, metavar="FOLDER...")
@jobs_option
@click.option("--retry", is_flag=True, help="Also retry the files that failed before.")
@model_option
@click.option(
    "--upgrade",
    is_flag=True,
    help="Re-analyse the whole library for a new default model, and do nothing else.",
)
@library_option
@json_option
@click.pass_context
def scan(
    ctx: click.Context,
    folders: tuple[Path, ...],
    jobs: int | None,
    retry: bool,
    model: str | None,
    upgrade: bool,
    library: str | None,
    as_json: bool,
) -> None:
    """Analyse the music in folders and store the results.

    Unchanged files are skipped, moved files are recognised, deleted files are marked as missing.
    You can stop a scan at any time, with Ctrl-C or the power switch: the next one resumes.

    When a new version of soundalike has a new default model, a scan also re-analyses the old tracks
    in its folders, after the new ones. Until all are done, answers come from the old model.

    The exit code is 1 if a file failed, 130 after Ctrl-C.
    """
    from soundalike.library import Library

    if upgrade == bool(folders):
        raise click.UsageError(
            "--upgrade takes no folders; to scan folders, leave it out"
            if folders
            else "name at least one folder, such as ~/Music, or give --upgrade"
        )
    if upgrade and retry:
        raise click.UsageError("--upgrade and --retry cannot be combined: run one, then the other")
    with Library(library, model=model, create=not upgrade) as opened, scan_progress() as progress:
        if upgrade:
            report = opened.reanalyse(jobs=jobs, progress=progress)
        else:
            report = opened.scan(folders, jobs=jobs, retry=retry, progress=progress)
    ctx.exit(_finish(report, as_json=as_json))


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike failures", "what failed, why, and what to do"),
        ("soundalike failures --retry", "retry these files, and nothing else"),
        ("soundalike failures --json", "as JSON"),
    ),
)
@click.option("--retry", is_flag=True, help="Retry these files now.")
@jobs_option
@model_option
@library_option
@json_option
@click.pass_context
def failures(
    ctx: click.Context,
    retry: bool,
    jobs: int | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List what could not be analysed, why, and what to do.

    With --retry, the exit code is 1 if a file failed again.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        if retry:
            with scan_progress() as progress:
                report = opened.retry_failures(jobs=jobs, progress=progress)
            ctx.exit(_finish(report, as_json=as_json))
        failed = opened.failures()
    if as_json:
        print_json(failed)
    elif failed:
        _print_failures(failed)
        n_failed = show_count(len(failed), "file")
        note(f"{n_failed} failed. Once repaired: soundalike failures --retry")
    else:
        note("No failures.")


def _finish(report: ScanReport, *, as_json: bool) -> int:
    """Print the report of a scan; its exit code."""
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if report.interrupted:
        note("Interrupted. Nothing is lost: run the same command again to resume.")
        return INTERRUPTED
    return 1 if report.failed else 0


def _print_report(report: ScanReport) -> None:
    counts = {
        "analysed": report.analysed,
        "re-analysed": report.reanalysed,
        "unchanged": report.unchanged,
        "moved": report.moved,
        "copied": report.copied,
        "returned": report.returned,
        "missing": report.missing,
        "failed": len(report.failed),
        "still failing": report.still_failing,
        "not audio": report.ignored,
    }
    # Zeros are left out, except for the two that answer "did it do anything, did it go well?".
    shown = [
        f"{count:,} {name}"
        for name, count in counts.items()
        if count or name in ("analysed", "failed")
    ]
    echo(f"{', '.join(shown)} in {show_duration(report.elapsed_s, on_a_clock=True)}")
    for remark in report.notes:
        echo(f"note: {remark}")
    if report.failed:
        echo()
        _print_failures(report.failed, most=_FAILURES_SHOWN)
    if report.failed or report.still_failing:
        note("To list all failures: soundalike failures")


def _print_failures(failed: Sequence[Failure], *, most: int | None = None) -> None:
    """Failures of one kind below each other, at most ``most`` of each, with the advice once."""
    kinds: dict[tuple[str, str], list[Failure]] = {}
    for failure in sorted(failed, key=lambda failure: (failure.kind, failure.path)):
        kinds.setdefault((failure.kind, failure.advice), []).append(failure)
    for (kind, advice), group in kinds.items():
        count = f" ({len(group):,})" if len(group) > 1 else ""
        echo(bold(kind), f"{count}: {advice}")
        for failure in group[:most]:
            echo(f"  {printable(failure.path)}: {failure.reason}")
        if most is not None and len(group) > most:
            echo(f"  ... and {len(group) - most:,} more")
