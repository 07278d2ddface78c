"""``soundalike passages``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.limits import limit_options, passed_words, weight_options
from soundalike.cli.missing import note_missing
from soundalike.cli.output import Column, note, print_json, print_table
from soundalike.cli.params import (
    ExampleCommand,
    json_option,
    library_option,
    model_option,
    to_passage,
)
from soundalike.cli.playlist import PlaylistTarget, playlist_options
from soundalike.cli.progress import decoding
from soundalike.cli.rows import PATH_CELL, copies_cell, paths_option, track_cells, track_columns
from soundalike.cli.views import UNFAMILIAR, note_not_searched, note_upgrade, weight_words
from soundalike.show.amounts import show_count, show_percentile
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Limits
    from soundalike.recommend.passages import PassageResult, Place
    from soundalike.times import Span

__all__ = ["passages"]

# A passage that is this much shorter than asked for was cut off by the end of the track.
_SHORTER_S = 0.5


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike passages piece.flac --at 0:45-1:05", "where else such a passage comes"),
        ("soundalike passages so what@1:10-1:20", "a passage of a track in the library"),
        ("soundalike passages heard.mp3", "all of a short file: which piece is it from?"),
        ("soundalike passages 17 --at 45-65 --weight harmony=3", "above all the same chords"),
        ("soundalike passages 17 --at 45-65 --max-per-artist 1 -k 30", "thirty artists"),
    ),
)
@click.argument("words", nargs=-1, required=True, metavar="TRACK", shell_complete=complete_track)
@click.option(
    "--at",
    "passage",
    type=to_passage,
    metavar="FROM-TO",
    help="The passage of TRACK, such as 0:45-1:05; 3 s to 2 minutes long.",
)
@click.option("-k", default=10, show_default=True, metavar="N", help="How many tracks.")
@weight_options
@limit_options
@click.option("--facets", is_flag=True, help="Also show how alike each facet is.")
@playlist_options
@paths_option
@model_option
@library_option
@json_option
def passages(
    words: tuple[str, ...],
    passage: Span | None,
    k: int,
    weights: dict[str, float] | None,
    limits: Limits,
    facets: bool,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List the tracks that contain a passage, and where.

    TRACK is an audio file (in the library or not), the id of a track in the library, or words from
    its artist and title. It may end in the passage: @0:45-1:05. A short file may be the passage as
    a whole.

    Unlike `similar`, which compares tracks as wholes, it compares the passage with every stretch of
    every track: a quiet minute in a loud track is found. "at" is where the passage begins and ends
    there, mostly right within 2 seconds for a passage of 20, within 10 for a shorter one. A
    passage of less than 10 seconds lies somewhere in the 10 seconds that are shown.

    "closer than" tells the share of pairs of passages of the library, as long as this one, that are
    less alike.
    """
    from soundalike.library import Library
    from soundalike.recommend.passages import find_passages

    playlist = PlaylistTarget(m3u, relative, as_json, base=base)
    query = " ".join(words)
    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"looking for passages like {query}"),
    ):
        result = find_passages(
            opened,
            query,
            k,
            start_s=passage.start_s if passage else None,
            end_s=passage.end_s if passage else None,
            weights=weights,
            limits=limits,
        )
        upgrade = opened.upgrade()
    note_upgrade(upgrade)
    note_missing(result.query.track)
    if as_json:
        print_json(result)
    elif not (playlist.is_standard_output and result.matches):
        _print(result, k, paths=paths, facets=facets, is_weighed=weights is not None)
    playlist.write([match.track for match in result.matches], [result.query.path])


def _print(result: PassageResult, k: int, *, paths: bool, facets: bool, is_weighed: bool) -> None:
    begin_s = result.query.start_s or 0.0
    end_s = begin_s + result.duration_s
    searched = f"{show_count(result.searched, 'track')} looked through"
    note(f"{result.query.name}, {show_time(begin_s)} to {show_time(end_s)}: {searched}")
    asked_s = result.query.end_s
    if asked_s is not None and end_s < asked_s - _SHORTER_S:
        note(f"The track ends at {show_time(end_s)}, before {show_time(asked_s)}.")
    if result.elsewhere:
        note(f"Most like it in the track itself: {_place_words(result.elsewhere)}")
    if not result.matches:
        note("No other track has excerpts to compare.")
        return
    shown = list(result.weights) if facets and len(result.weights) > 1 else []
    rows = [
        [
            str(match.rank),
            f"{match.similarity:.3f}",
            show_percentile(match.percentile),
            *(f"{match.facets[name]:.3f}" for name in shown),
            _span_words(match.place),
            *track_cells(match.track),
            copies_cell(match.copies),
            _more_words(match.others),
        ]
        for match in result.matches
    ]
    path_cell = 4 + len(shown) + PATH_CELL
    print_table(
        [
            Column("", justify="right", drop=4),
            Column("similarity", justify="right"),
            Column("closer than", justify="right", drop=1),
            *(Column(name, justify="right") for name in shown),
            Column("at", justify="right"),
            *track_columns(paths=paths),
            Column("", drop=3),
            Column("also at", drop=3),
        ],
        [[cell for n, cell in enumerate(row) if n != path_cell or paths] for row in rows],
    )
    if all(match.percentile is None for match in result.matches):
        note('The library is too small to say how good a similarity is ("closer than").')
    else:
        note("closer than: share of pairs of passages as long as this one that are less alike")
    if shown or is_weighed:
        note(f"weights: {weight_words(result.weights)}")
    if passed := passed_words(result.passed_counts):
        note(f"passed over for the limits: {passed}")
    if len(result.matches) < k:
        there = "the limits leave" if result.limits else "there are"
        note(f"{k} were asked for: {there} {len(result.matches)}.")
    if result.is_unfamiliar:
        note(f"The passage is {UNFAMILIAR}: these similarities mean little.")
    if result.heard_in_part:
        tracks = show_count(result.heard_in_part, "track")
        were = "was" if result.heard_in_part == 1 else "were"
        note(
            f"{tracks} {were} scanned with --fast: what lies between the passages that were heard "
            "is not found. To hear all: soundalike scan"
        )
    note_not_searched(result.not_searched, result.model, "looked through")


def _span_words(place: Place) -> str:
    return f"{show_time(place.start_s)} - {show_time(place.end_s)}"


def _place_words(places: Sequence[Place]) -> str:
    return ", ".join(f"{_span_words(each)} ({each.similarity:.3f})" for each in places)


def _more_words(places: Sequence[Place]) -> str:
    return ", ".join(show_time(each.start_s) for each in places)
