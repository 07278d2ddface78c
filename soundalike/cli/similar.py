"""``soundalike similar``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

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
from soundalike.cli.playlist import PlaylistTarget, playlist_options, with_query_option
from soundalike.cli.progress import decoding
from soundalike.cli.reasons import seed_names
from soundalike.cli.rows import (
    PATH_CELL,
    copies_cell,
    paths_option,
    track_cells,
    track_columns,
)
from soundalike.cli.seeds import seed_options, seed_words
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import UNFAMILIAR, note_not_searched, note_upgrade, weight_words
from soundalike.errors import printable
from soundalike.show.amounts import COPY_WORDS, show_count, show_percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import Copy, Limits, SimilarResult
    from soundalike.times import Span

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
        ("soundalike similar 17 --weight rhythm=2 --weight harmony=0", "above all its rhythm"),
        ("soundalike similar 17 --at 1:10-1:40", "what sounds like this passage of it"),
        ("soundalike similar 17 18 --without 19", "like two of them, unlike another"),
        ("soundalike similar so what@1:10-1:40 + ~/Music/Debut/", "a passage, and a folder"),
        ("soundalike similar 17 --genre jazz --year 1955-1969 --max-length 15:00", "of a kind"),
        ("soundalike similar 17 --no-taste", "as the model has it, whatever you like"),
        ("soundalike similar 17 --in-database", "searched by the server of a PostgreSQL library"),
        ("soundalike similar 17 --model musicnn", "with another model, after a scan with it"),
    ),
)
@seed_options
@click.option("-k", default=10, show_default=True, metavar="N", help="How many tracks.")
@click.option(
    "--at",
    "passage",
    type=to_passage,
    metavar="FROM-TO",
    help="Use only this passage of TRACK, such as 1:10-1:40.",
)
@click.option(
    "--min",
    "min_percentile",
    type=float,
    metavar="P",
    help="Only tracks that are closer than P % of all pairs in the library, such as 95. There may "
    "be fewer than N, or none.",
)
@weight_options
@limit_options
@click.option("--facets", is_flag=True, help="Also show how alike each facet is.")
@taste_option
@playlist_options
@with_query_option
@paths_option
@click.option("--copies", is_flag=True, help="Also list the copies of each track.")
@click.option(
    "--in-database",
    is_flag=True,
    help="Let the PostgreSQL server search, rather than read all embeddings once and keep them "
    "here; without percentiles and taste.",
)
@click.option(
    "--approximate",
    is_flag=True,
    help="The same by an index that `soundalike library index` made: quicker, nearly as good.",
)
@model_option
@library_option
@json_option
def similar(
    seeds: list[str],
    without: tuple[str, ...],
    k: int,
    passage: Span | None,
    min_percentile: float | None,
    weights: dict[str, float] | None,
    limits: Limits,
    facets: bool,
    use_taste: bool | None,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    with_query: bool,
    paths: bool,
    copies: bool,
    in_database: bool,
    approximate: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List the tracks that sound most like one, or several.

    TRACK is an audio file (in the library or not), a folder, the id of a track in the library, or
    words from its artist and title, and may end in a passage: @1:10-1:40. Put + between several;
    files, folders, ids and names in quotes need none. The answers come from the library.

    The similarity is a cosine: 1 is the same sound. On its own that says little, so "closer than"
    tells the share of all pairs of tracks in the library that are less alike. --min drops the
    tracks below such a share. With several TRACKs it is that to the nearest of them.

    A model with facets compares tracks in several respects, such as sound, rhythm and harmony. A
    similarity is the weighted mean of theirs; --weight weighs them as you like, without another
    scan. Where your judgements say how you weigh them, tracks are ranked by that: see `soundalike
    taste`, and --no-taste.

    Of copies (the same bytes, the same audio with other tags, another encoding) one is listed,
    with how many others there are; --copies lists them. So it is with other versions, once
    `soundalike versions` has found them. Copies and versions of TRACK are left out. Where tags
    are missing, folders stand in for artist and title.
    """
    from soundalike.library import Library

    is_remote = in_database or approximate
    if is_remote and (len(seeds) > 1 or without or min_percentile is not None or use_taste):
        raise click.UsageError(
            "a search in the database is for one TRACK: without --without, --min and --taste"
        )
    playlist = PlaylistTarget(m3u, relative, as_json, with_query, base)
    with (
        Library(library, model=model, create=False) as opened,
        decoding(f"looking for what sounds like {seed_words(seeds)}"),
    ):
        start_s, end_s = (passage.start_s, passage.end_s) if passage else (None, None)
        if is_remote:
            result = opened.similar_in_database(
                seeds[0],
                k,
                start_s=start_s,
                end_s=end_s,
                weights=weights,
                limits=limits,
                approximate=approximate,
            )
        else:
            result = opened.similar(
                seeds,
                k,
                start_s=start_s,
                end_s=end_s,
                without=without,
                min_percentile=min_percentile,
                weights=weights,
                limits=limits,
                taste=asked_taste(opened, use_taste),
            )
        upgrade = opened.upgrade()
    note_upgrade(upgrade)
    if use_taste and result.taste is None:
        note_taste(None, use_taste)
    for seed in (*result.seeds, *result.without):
        note_missing(seed.track)
    if as_json:
        print_json(result)
    elif not (playlist.is_standard_output and result.matches):
        _print(
            result,
            k,
            paths=paths,
            copies=copies,
            facets=facets,
            is_weighed=weights is not None,
            is_remote=is_remote,
        )
    playlist.write(
        [match.track for match in result.matches],
        [seed.track or seed.path for seed in result.seeds],
    )


def _print(
    result: SimilarResult,
    k: int,
    *,
    paths: bool,
    copies: bool,
    facets: bool,
    is_weighed: bool,
    is_remote: bool,
) -> None:
    several = len(result.seeds) > 1
    away = f", without {seed_names(result.without)}" if result.without else ""
    searched = f"{show_count(result.searched, 'track')} compared"
    note(f"{seed_names(result.seeds)}{away}: {searched}")
    if not result.matches:
        note(_nothing_words(result))
        return
    shown = list(result.weights) if facets and len(result.weights) > 1 else []
    before = 4 + len(shown) + several
    rows = []
    for match in result.matches:
        rows.append(
            [
                str(match.rank),
                f"{match.similarity:.3f}",
                show_percentile(match.percentile),
                "" if match.rank_without_taste is None else str(match.rank_without_taste),
                *(f"{match.facets[name]:.3f}" for name in shown),
                *([result.seeds[match.seed].name] if several else []),
                *track_cells(match.track),
                copies_cell(match.copies),
            ]
        )
        if copies:
            rows += _copy_rows(match.copies, before=before)
    path_cell = before + PATH_CELL
    print_table(
        [
            Column("", justify="right", drop=3),
            Column("similarity", justify="right"),
            Column("closer than", justify="right", drop=1),
            Column("without taste", justify="right", drop=5),
            *(Column(name, justify="right") for name in shown),
            *([Column("nearest to", min_width=8, drop=4)] if several else []),
            *track_columns(paths=paths),
            Column("", drop=2),
        ],
        [[cell for n, cell in enumerate(row) if n != path_cell or paths] for row in rows],
    )
    if is_remote:
        note("searched by the server, which does not say how good a similarity is here")
    elif all(match.percentile is None for match in result.matches):
        note('The library is too small to say how good a similarity is ("closer than").')
    else:
        note("closer than: share of all pairs of tracks in the library that are less alike")
    if result.taste is not None:
        note_taste(result.taste, None)
    if shown or is_weighed or (result.taste is not None and result.taste.weights):
        note(f"weights: {weight_words(result.weights)}")
    elif facets:
        note(f"{result.model} has no facets: the similarity is all that it tells.")
    if several or result.without:
        note("ranked by all of these together; the similarity is that to the nearest")
    if passed := passed_words(result.passed_counts):
        note(f"passed over for the limits: {passed}")
    if len(result.matches) + result.cut < k:
        most = len(result.matches) + result.cut
        note(f"{k} were asked for: {'the limits leave' if result.limits else 'there are'} {most}.")
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
            f"{copies_cell(result.copies).lstrip('+')} of the query "
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
