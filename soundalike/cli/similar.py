"""``soundalike similar``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.missing import note_missing
from soundalike.cli.output import Column, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    PassageRange,
    json_option,
    library_option,
    model_option,
    to_passage,
)
from soundalike.cli.views import note_upgrade
from soundalike.errors import printable
from soundalike.playlists import PlaylistEntry, write_m3u8
from soundalike.show.amounts import show_percentile
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from soundalike.library import SimilarResult

__all__ = ["similar"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike similar ~/Music/piece.flac", "a file, in the library or not"),
        ("soundalike similar miles davis so what", "words from artist and title"),
        ("soundalike similar 17 -k 50 --max-per-artist 2 --m3u mix.m3u8", "a playlist"),
        ("soundalike similar 17 --min 95", "only tracks closer than 95 % of all pairs"),
        ("soundalike similar 17 --at 1:10-1:40", "what sounds like this passage of it"),
        ("soundalike similar 17 --model musicnn", "with another model, after a scan with it"),
    ),
)
@click.argument("track", nargs=-1, required=True, metavar="TRACK")
@click.option("-k", default=10, show_default=True, metavar="N", help="How many tracks.")
@click.option(
    "--at",
    "passage",
    type=to_passage,
    metavar="FROM-TO",
    help="Use only this passage of TRACK, such as 1:10-1:40.",
)
@click.option("--max-per-artist", type=int, metavar="N", help="At most N tracks by one artist.")
@click.option(
    "--min",
    "min_percentile",
    type=float,
    metavar="P",
    help="Only tracks that are closer than P % of all pairs in the library, such as 95. There may "
    "be fewer than N, or none.",
)
@click.option(
    "--m3u",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write the tracks as a playlist.",
)
@model_option
@library_option
@json_option
def similar(
    track: tuple[str, ...],
    k: int,
    passage: PassageRange | None,
    max_per_artist: int | None,
    min_percentile: float | None,
    m3u: Path | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List the tracks that sound most like a track.

    TRACK is an audio file (in the library or not), the id of a track in the library, or words
    from its artist and title. The answers come from the library.

    The similarity is a cosine: 1 is the same sound. On its own that says little, so "closer than"
    tells the share of all pairs of tracks in the library that are less alike. --min drops the
    tracks below such a share.
    """
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        result = opened.similar(
            " ".join(track),
            k,
            start_s=passage.start_s if passage else None,
            end_s=passage.end_s if passage else None,
            max_per_artist=max_per_artist,
            min_percentile=min_percentile,
        )
        note_upgrade(opened.upgrade())
    note_missing(result.query)
    if m3u is not None:
        write_m3u8(
            m3u,
            [
                PlaylistEntry(
                    path=match.track.path,
                    title=match.track.title,
                    artist=match.track.artist,
                    duration_s=match.track.duration_s,
                )
                for match in result.matches
            ],
        )
    if as_json:
        print_json(result)
    else:
        _print(result)
    if m3u is not None:
        note(f"playlist: {printable(m3u)}")


def _print(result: SimilarResult) -> None:
    name = result.query.name if result.query else printable(result.path.name)
    searched = f"{result.searched:,} tracks compared"
    note(f"{name}{_passage_words(result)}: {searched}")
    if not result.matches:
        note(_nothing_words(result))
        return
    print_table(
        [
            Column("", justify="right", drop=2),
            Column("similarity", justify="right"),
            Column("closer than", justify="right", drop=1),
            Column("artist", min_width=12),
            Column("title", min_width=16),
            Column("length", justify="right", drop=3),
            Column("id", justify="right", drop=4),
        ],
        [
            [
                str(match.rank),
                f"{match.similarity:.3f}",
                show_percentile(match.percentile),
                match.track.artist or "",
                match.track.title or printable(match.track.path.stem),
                show_time(match.track.duration_s),
                str(match.track.track_id),
            ]
            for match in result.matches
        ],
    )
    if all(match.percentile is None for match in result.matches):
        note('The library is too small to say how good a similarity is ("closer than").')
    else:
        note("closer than: share of all pairs of tracks in the library that are less alike")
    if result.cut:
        found = len(result.matches)
        rest = "the other is" if result.cut == 1 else f"the other {result.cut} are"
        note(
            f"{found} of {found + result.cut}: {rest} no closer than {result.min_percentile:g} % "
            f"of all pairs"
        )
    if result.copies:
        note(f"{result.copies} exact copies of the query's file are not listed")
    if result.not_searched:
        note(
            f"{result.not_searched:,} tracks were not compared, because {result.model} has not "
            "analysed them yet: scan their folder"
        )


def _nothing_words(result: SimilarResult) -> str:
    if result.best_cut is None:
        return "No tracks were found."
    return (
        f"No track is closer than {result.min_percentile:g} % of all pairs in the library. The "
        f"closest, {result.best_cut.track.name}, is closer than "
        f"{show_percentile(result.best_cut.percentile)} (similarity "
        f"{result.best_cut.similarity:.3f})."
    )


def _passage_words(result: SimilarResult) -> str:
    if result.start_s is None and result.end_s is None:
        return ""
    end = show_time(result.end_s) if result.end_s is not None else "the end"
    return f", {show_time(result.start_s or 0.0)} to {end}"
