"""``soundalike data pool``."""

from __future__ import annotations

from pathlib import Path

import click

from soundalike.cli.output import echo, note, print_json
from soundalike.cli.params import PATH, ExampleCommand, json_option
from soundalike.cli.progress import work_progress
from soundalike.errors import printable
from soundalike.show.amounts import show_bytes, show_count

__all__ = ["pool"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike data pool --music ~/game-music --out pool --jobs 4", "on four cores"),
        (
            "soundalike data pool --music ~/more --without xmoto-data --no-clips --out new",
            "all packages but one, and no clips of GTZAN",
        ),
    ),
)
@click.option(
    "--music",
    type=PATH,
    metavar="DIR",
    multiple=True,
    required=True,
    help="Folder with manifest.json, which lists soundtracks with path and package; repeatable.",
)
@click.option("--out", type=PATH, metavar="DIR", required=True, help="The pool's folder.")
@click.option(
    "--without",
    multiple=True,
    metavar="PACKAGE",
    help="A package that is left out, such as one that is held out for the final figures; "
    "repeatable.",
)
@click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="GTZAN with its clips, or a folder of data sets. Default: SOUNDALIKE_DATA.",
)
@click.option(
    "--clips/--no-clips",
    default=True,
    show_default=True,
    help="Whether the clips of GTZAN's training tracks are in it.",
)
@click.option(
    "--other-speeds",
    is_flag=True,
    help="Have each recording at another speed besides, up to a fifth slower or a quarter faster.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the speeds.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes.")
@json_option
def pool(
    music: tuple[Path, ...],
    out: Path,
    without: tuple[str, ...],
    data: Path | None,
    clips: bool,
    other_speeds: bool,
    seed: int,
    jobs: int,
    as_json: bool,
) -> None:
    """Make the pool that a student network learns from.

    Decodes soundtracks and the clips of GTZAN's training tracks, and asks the teachers (musicnn,
    yamnet; `soundalike models pull` gets them) about each. If you stop it, the same command resumes
    it. Needs soundalike[research].
    """
    from soundalike.research.distill.pool import (
        at_other_speeds,
        find_clips,
        find_soundtracks,
        make_pool,
    )

    sources = [source for folder in music for source in find_soundtracks(folder, without=without)]
    sources += find_clips(data) if clips else ()
    if other_speeds:
        sources += at_other_speeds(sources, seed=seed)
    try:
        with work_progress() as progress:
            make_pool(sources, out, jobs=jobs, progress=progress)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on.")
        raise
    size = sum(path.stat().st_size for path in out.iterdir())
    if as_json:
        print_json({"pool": out, "size_bytes": size, "recordings": len(sources)})
    else:
        echo(f"{printable(out)}: {show_count(len(sources), 'recording')}, {show_bytes(size)}")
