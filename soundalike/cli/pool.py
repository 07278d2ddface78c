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
        ("soundalike data pool --music ~/game-music --out pool.npz --jobs 4", "on four cores"),
        (
            "soundalike data pool --music ~/game-music --package nexuiz-music --out n.npz",
            "from the soundtrack of one package, and the clips",
        ),
    ),
)
@click.option(
    "--music",
    type=PATH,
    metavar="DIR",
    required=True,
    help="Folder with manifest.json, which lists soundtracks with path and package.",
)
@click.option("--out", type=PATH, metavar="FILE.npz", required=True, help="The file to write.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="A package of the manifest; repeatable.  [default: the six that are trained on]",
)
@click.option(
    "--data",
    type=PATH,
    metavar="DIR",
    help="GTZAN with its clips, or a folder of data sets. Default: SOUNDALIKE_DATA.",
)
@click.option(
    "--teacher", type=PATH, metavar="FILE", help="musicnn as ONNX.  [default: the pulled one]"
)
@click.option("--segments", type=int, default=40_000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes.")
@click.option(
    "--soundtrack",
    type=float,
    default=0.4,
    show_default=True,
    help="Share of the segments that come from soundtracks.",
)
@click.option(
    "--clip",
    type=float,
    default=0.32,
    show_default=True,
    help="Share that come from clips; the rest are mixes.",
)
@click.option(
    "--mix-clip",
    type=float,
    default=0.6,
    show_default=True,
    help="Share of mixes whose other part is a clip.",
)
@click.option(
    "--mix-gain-db",
    type=float,
    default=8.0,
    show_default=True,
    help="The most that one part of a mix is louder or softer, dB.",
)
@click.option(
    "--varispeed",
    type=float,
    default=0.8,
    show_default=True,
    help="Share of parts played at another speed.",
)
@click.option(
    "--speed",
    type=float,
    default=0.14,
    show_default=True,
    help="The most that this speed is higher or lower, natural logarithm.",
)
@json_option
def pool(
    music: Path,
    out: Path,
    packages: tuple[str, ...],
    data: Path | None,
    teacher: Path | None,
    segments: int,
    seed: int,
    jobs: int,
    as_json: bool,
    **drawing: float,
) -> None:
    """Make the pool that a student network learns from.

    Draws segments from soundtracks and from the clips of GTZAN's training tracks, and asks the
    teacher about each. If you stop it, the same command resumes it. Needs soundalike[research].
    """
    from soundalike.research.distill.pool import (
        PACKAGES,
        find_clips,
        find_soundtracks,
        make_pool,
    )
    from soundalike.research.distill.segments import SegmentConfig
    from soundalike.research.distill.teacher import find_teacher

    try:
        with work_progress() as progress:
            make_pool(
                find_soundtracks(music, packages or PACKAGES),
                find_clips(data),
                find_teacher(teacher),
                out,
                segments=segments,
                seed=seed,
                config=SegmentConfig(**drawing),
                jobs=jobs,
                progress=progress,
            )
    except KeyboardInterrupt:
        note("Stopped. The same command goes on.")
        raise
    size = out.stat().st_size
    if as_json:
        print_json({"pool": out, "size_bytes": size, "segments": segments})
    else:
        echo(f"{printable(out)}: {show_count(segments, 'segment')}, {show_bytes(size)}")
