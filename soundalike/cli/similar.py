"""``soundalike similar``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.missing import note_missing
from soundalike.cli.output import Column, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    PassageRange,
    json_option,
    library_option,
    model_option,
    to_passage,
    to_weights,
)
from soundalike.cli.playlist import PlaylistTarget, playlist_options, with_query_option
from soundalike.cli.progress import decoding
from soundalike.cli.rows import (
    PATH_CELL,
    copies_cell,
    paths_option,
    track_cells,
    track_columns,
)
from soundalike.cli.views import UNFAMILIAR, note_not_searched, note_upgrade, weight_words
from soundalike.errors import printable
from soundalike.show.amounts import COPY_WORDS, show_count, show_percentile
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Copy, SimilarResult

__all__ = ["similar"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike similar ~/Music/piece.flac", "a file, in the library or not"),
        ("soundalike similar miles davis so what", "words from artist and title"),
        ("soundalike similar 17 -k 50 --max-per-artist 2 --m3u mix.m3u8", "a playlist"),
        ("soundalike similar 17 --with-query --m3u -", "one for a pipe, with 17 itself first"),
        ("soundalike similar 17 --copies --paths", "with their files, and all copies of each"),
        ("soundalike similar 17 --min 95", "only tracks closer than 95 % of all pairs"),
        ("soundalike similar 17 --weights rhythm=2,harmony=0", "above all its rhythm"),
        ("soundalike similar 17 --at 1:10-1:40", "what sounds like this passage of it"),
        ("soundalike similar 17 --model musicnn", "with another model, after a scan with it"),
    ),
)
@click.argument("track", nargs=-1, required=True, metavar="TRACK", shell_complete=complete_track)
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
    "--weights",
    type=to_weights,
    metavar="FACET=N[,FACET=N]",
    help="What counts how much, such as rhythm=2,sound=0.5; a facet that is not named keeps its "
    "weight. `soundalike info` shows the facets.",
)
@click.option("--facets", is_flag=True, help="Also show how alike each facet is.")
@playlist_options
@with_query_option
@paths_option
@click.option("--copies", is_flag=True, help="Also list the copies of each track.")
@model_option
@library_option
@json_option
def similar(
    track: tuple[str, ...],
    k: int,
    passage: PassageRange | None,
    max_per_artist: int | None,
    min_percentile: float | None,
    weights: dict[str, float] | None,
    facets: bool,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    with_query: bool,
    paths: bool,
    copies: bool,
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

    A model with facets compares tracks in several respects, such as sound, rhythm and harmony. A
    similarity is the weighted mean of theirs; --weights weighs them as you like, without another
    scan.

    Of copies (the same bytes, the same audio with other tags, another encoding) one is listed,
    with how many others there are; --copies lists them. Copies of TRACK are left out. Where tags
    are missing, folders stand in for artist and title.
    """
    from soundalike.library import Library

    playlist = PlaylistTarget(m3u, relative, as_json, with_query, base)
    query = " ".join(track)
    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"looking for what sounds like {query}"),
    ):
        result = opened.similar(
            query,
            k,
            start_s=passage.start_s if passage else None,
            end_s=passage.end_s if passage else None,
            max_per_artist=max_per_artist,
            min_percentile=min_percentile,
            weights=weights,
        )
        upgrade = opened.upgrade()
    note_upgrade(upgrade)
    note_missing(result.query)
    if as_json:
        print_json(result)
    elif not (playlist.is_standard_output and result.matches):
        _print(result, paths=paths, copies=copies, facets=facets, is_weighed=weights is not None)
    playlist.write([match.track for match in result.matches], result.query or result.path)


def _print(
    result: SimilarResult, *, paths: bool, copies: bool, facets: bool, is_weighed: bool
) -> None:
    name = result.query.name if result.query else printable(result.path.name)
    searched = f"{show_count(result.searched, 'track')} compared"
    note(f"{name}{_passage_words(result)}: {searched}")
    if not result.matches:
        note(_nothing_words(result))
        return
    shown = list(result.weights) if facets and len(result.weights) > 1 else []
    rows = []
    for match in result.matches:
        rows.append(
            [
                str(match.rank),
                f"{match.similarity:.3f}",
                show_percentile(match.percentile),
                *(f"{match.facets[name]:.3f}" for name in shown),
                *track_cells(match.track),
                copies_cell(len(match.copies)),
            ]
        )
        if copies:
            rows += _copy_rows(match.copies, before=3 + len(shown))
    path_cell = 3 + len(shown) + PATH_CELL
    print_table(
        [
            Column("", justify="right", drop=3),
            Column("similarity", justify="right"),
            Column("closer than", justify="right", drop=1),
            *(Column(name, justify="right") for name in shown),
            *track_columns(paths=paths),
            Column("", drop=2),
        ],
        [[cell for n, cell in enumerate(row) if n != path_cell or paths] for row in rows],
    )
    if all(match.percentile is None for match in result.matches):
        note('The library is too small to say how good a similarity is ("closer than").')
    else:
        note("closer than: share of all pairs of tracks in the library that are less alike")
    if shown or is_weighed:
        note(f"weights: {weight_words(result.weights)}")
    elif facets:
        note(f"{result.model} has no facets: the similarity is all that it tells.")
    if result.cut:
        found = len(result.matches)
        rest = "the other is" if result.cut == 1 else f"the other {result.cut} are"
        note(
            f"{found} of {found + result.cut}: {rest} no closer than {result.min_percentile:g} % "
            f"of all pairs"
        )
    if result.is_unfamiliar:
        note(f"The query is {UNFAMILIAR}: these similarities mean little.")
    if result.is_poor:
        note("Even the closest is far away for this library: nothing in it sounds much like this.")
    if result.copies:
        are = "is" if len(result.copies) == 1 else "are"
        note(
            f"{show_count(len(result.copies), 'copy', 'copies')} of the query "
            f"{are} not listed{_named(result.copies) if copies else ''}"
        )
    note_not_searched(result.not_searched, result.model, "compared")


def _copy_rows(copies: Sequence[Copy], *, before: int) -> list[list[str]]:
    """A row for each copy, with so many empty cells before the track's."""
    empty = [""] * before
    return [[*empty, *track_cells(copy.track), COPY_WORDS[copy.kind]] for copy in copies]


def _named(copies: Sequence[Copy]) -> str:
    lines = (
        f"  #{copy.track.track_id}  {printable(copy.track.path)}  ({COPY_WORDS[copy.kind]})"
        for copy in copies
    )
    return "\n".join([":", *lines])


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
