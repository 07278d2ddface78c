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
from soundalike.cli.ray import pool_at, ray_option
from soundalike.errors import InvalidArgument, printable
from soundalike.show.amounts import show_count
from soundalike.show.scans import scan_words
from soundalike.show.times import show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Failure, ScanReport

__all__ = ["failures", "finish_scan", "scan"]

# Of each kind, after a scan; more would push the summary off the screen. `failures` lists all.
_FAILURES_SHOWN = 3


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike scan ~/Music", "analyse what is new or has changed"),
        ("soundalike scan ~/Music /mnt/nas/albums --jobs 2", "two folders, two files at a time"),
        ("soundalike scan", "the folders that were scanned before, again"),
        (
            "soundalike scan ~/Music --fast",
            "hear six passages of each track only; scan without it later",
        ),
        ("soundalike scan ~/Music --retry", "also retry what failed before"),
        (
            "soundalike scan ~/Music --exclude Podcasts --exclude '*.wma'",
            "leave these out, now and in later scans",
        ),
        (
            "soundalike scan ~/Music --pattern '{artist}/{album}/{track} - {title}'",
            "what the paths say where tags say nothing",
        ),
        ("soundalike scan ~/Music/Kino --tag-encoding cp1251", "read old Russian tags"),
        (
            "soundalike scan ~/Music --model musicnn",
            "with another model as well",
        ),
        ("soundalike scan /nfs/music --ray auto", "on all machines of a Ray cluster"),
        ("soundalike scan --upgrade", "re-analyse the library for a new default model"),
    ),
)
@click.argument("folders", nargs=-1, type=PATH, metavar="[FOLDER...]")
@jobs_option
@ray_option
@click.option("--retry", is_flag=True, help="Also retry the files that failed before.")
@click.option(
    "--full",
    is_flag=True,
    help="Read every file for its content and tags, whatever its size and times say, and analyse "
    "again what an earlier version analysed without a fingerprint.",
)
@click.option(
    "--fast",
    is_flag=True,
    help="Hear only six short passages of what is new or has changed: it takes two fifths of the "
    "time, and eight of ten neighbours stay the same. The next scan without it hears all of them.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave this out, and remove its tracks from the library: a name ('Podcasts', '*.wma'), or "
    "a path below the folder ('Spoken/Drafts'). * ? [] as in a shell, case does not matter. Can be "
    "repeated; remembered with the folder, in place of earlier patterns.",
)
@click.option("--no-exclude", is_flag=True, help="Forget the patterns of --exclude.")
@click.option(
    "--pattern",
    metavar="PATTERN",
    help="How paths below the folder are made, such as '{artist}/{album}/{track} - {title}'; used "
    "where tags are missing. Remembered with the folder; auto: the default.",
)
@click.option(
    "--tag-encoding",
    metavar="NAME",
    help="How to read tags that do not state their encoding, such as cp1251, gbk or shift_jis. "
    "Remembered with the folder; auto: find out.",
)
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
    ray: str | None,
    gpu: bool,
    retry: bool,
    full: bool,
    fast: bool,
    exclude: tuple[str, ...],
    no_exclude: bool,
    pattern: str | None,
    tag_encoding: str | None,
    model: str | None,
    upgrade: bool,
    library: str | None,
    as_json: bool,
) -> None:
    """Analyse the music in folders and store the results.

    Without a folder, those that were scanned before are scanned again. Unchanged files are skipped,
    moved and retagged files are recognised, deleted files are marked as missing. Recycle bins,
    hidden folders, and folders with a file .nomedia are left out.

    You can stop a scan at any time, with Ctrl-C or the power switch: the next one resumes.

    When a new version of soundalike has a new default model, a scan also re-analyses the old tracks
    in its folders, after the new ones. Until all are done, answers come from the old model.

    The exit code is 1 if a file failed, 130 after Ctrl-C or SIGTERM.
    """
    from soundalike.library import Library

    given = bool(exclude or no_exclude or pattern is not None or tag_encoding is not None)
    if upgrade and folders:
        raise click.UsageError("--upgrade takes no folders; to scan folders, leave it out")
    if upgrade and (retry or full or fast or given):
        raise click.UsageError(
            "--upgrade cannot be combined with other options of a scan: run one, then the other"
        )
    if exclude and no_exclude:
        raise click.UsageError("--exclude and --no-exclude cannot be combined")
    if given and not folders:
        raise click.UsageError(
            "--exclude, --no-exclude, --pattern and --tag-encoding are remembered with a folder: "
            "name it, such as ~/Music"
        )
    with (
        Library(library, model=model, create=bool(folders), pool=pool_at(ray, gpu=gpu)) as opened,
        scan_progress() as progress,
    ):
        if upgrade:
            report = opened.reanalyse(jobs=jobs, progress=progress)
        else:
            try:
                # Without folders, those of earlier scans.
                report = opened.scan(
                    folders or None,
                    jobs=jobs,
                    retry=retry,
                    full=full,
                    fast=fast,
                    exclude=exclude if exclude or no_exclude else None,
                    pattern=pattern,
                    tag_encoding=tag_encoding,
                    progress=progress,
                )
            except InvalidArgument as error:
                if folders:
                    raise
                raise click.UsageError(str(error)) from error
    ctx.exit(finish_scan(report, as_json=as_json))


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
@ray_option
@model_option
@library_option
@json_option
@click.pass_context
def failures(
    ctx: click.Context,
    retry: bool,
    jobs: int | None,
    ray: str | None,
    gpu: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List what could not be analysed, why, and what to do.

    With --retry, the exit code is 1 if a file failed again.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False, pool=pool_at(ray, gpu=gpu)) as opened:
        if retry:
            with scan_progress() as progress:
                report = opened.retry_failures(jobs=jobs, progress=progress)
            ctx.exit(finish_scan(report, as_json=as_json))
        failed = opened.failures()
    if as_json:
        print_json(failed)
    elif failed:
        _print_failures(failed)
        n_failed = show_count(len(failed), "file")
        note(f"{n_failed} failed. Once repaired: soundalike failures --retry")
    else:
        note("No failures.")


def finish_scan(report: ScanReport, *, as_json: bool) -> int:
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
    echo(f"{scan_words(report)} in {show_duration(report.elapsed_s, on_a_clock=True)}")
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
