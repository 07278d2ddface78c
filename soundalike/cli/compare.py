"""``soundalike compare``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.completion import complete_track
from soundalike.cli.missing import note_missing
from soundalike.cli.output import Column, echo, note, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.progress import decoding
from soundalike.cli.views import genre_words, note_upgrade
from soundalike.errors import LibraryError, printable
from soundalike.files import is_gone
from soundalike.show.amounts import show_percent, show_percentile
from soundalike.show.documents import comparison_document
from soundalike.show.times import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soundalike.library import Library
    from soundalike.similarity.passages import Comparison

__all__ = ["compare", "open_for_files", "rounded"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike compare one.flac two.mp3", "any two audio files"),
        ("soundalike compare 17 'words of a title'", "two tracks of the library"),
        ("soundalike compare one.flac two.mp3 --plot match.png", "also draw what matches"),
    ),
)
@click.argument("a", metavar="A", shell_complete=complete_track)
@click.argument("b", metavar="B", shell_complete=complete_track)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw both mel spectrograms and the similarity of all their excerpts (PNG, SVG or PDF).",
)
@model_option
@library_option
@json_option
def compare(
    a: str, b: str, plot: Path | None, model: str | None, library: str | None, as_json: bool
) -> None:
    """Compare two tracks, and find the passages that match.

    Shows how alike they are, their genres, and which passages sound most alike. Where the model
    compares several facets, such as sound, rhythm and harmony, it tells what each adds to the
    similarity.

    A and B are audio files, or tracks in the library: an id, or words from artist and title.
    """
    if plot is not None:
        from soundalike.show.plots import check_picture

        check_picture(plot)
    with open_for_files(library, model, a, b) as opened:
        with decoding(f"comparing {a} and {b}"):
            comparison = opened.compare(a, b)
        note_upgrade(opened.upgrade())
        for path in (comparison.a_path, comparison.b_path):
            # Of a file that is gone, the library knows the analysis that was compared.
            if path is not None and is_gone(str(path)):
                note_missing(opened.track(path))
    if as_json:
        print_json(comparison_document(comparison))
    else:
        _print(comparison)
    if plot is not None:
        _plot(comparison, plot)


def _plot(comparison: Comparison, picture: Path) -> None:
    from soundalike.frontends.decoded import spectrogram_of_file
    from soundalike.show.plots import plot_comparison, save
    from soundalike.show.sound import fewer_columns

    assert comparison.a_path is not None  # Library.compare always knows the files
    assert comparison.b_path is not None
    with decoding("drawing the picture"):
        # One after the other, at the width of the picture: a track may last hours.
        a, b = (
            fewer_columns(spectrogram_of_file(path).values)
            for path in (comparison.a_path, comparison.b_path)
        )
        save(plot_comparison(comparison, a, b), picture)
    note(f"picture: {printable(picture)}")


def open_for_files(library: str | None, model: str | None, *queries: str) -> Library:
    """The library; where there is none, and only files are asked about, an empty one in memory."""
    from soundalike.library import Library

    try:
        return Library(library, model=model, create=False)
    except LibraryError as error:
        if not all(Path(query).is_file() for query in queries):
            raise
        note(f"No percentile: {error}")
        return Library("sqlite://", model=model)


def _print(comparison: Comparison) -> None:
    heard = "genre" if comparison.a_analysis.kind == "genres" else "tags"
    print_table(
        [
            Column(""),
            Column("track", min_width=20),
            Column("length", justify="right", drop=1),
            Column(heard, min_width=24),
        ],
        [
            ["A", comparison.a, *_facts(comparison, "a")],
            ["B", comparison.b, *_facts(comparison, "b")],
        ],
    )
    echo()
    closer = (
        f", closer than {show_percentile(comparison.percentile)} of the pairs in the library"
        if comparison.percentile is not None
        else ""
    )
    echo(f"similarity {comparison.similarity:.3f}{closer}")
    echo()
    if len(comparison.facets) > 1:
        _print_facets(comparison)
        echo()
    print_table(
        [
            Column("passage of A", justify="right"),
            Column("passage of B", justify="right"),
            Column("similarity", justify="right"),
        ],
        [
            [
                f"{show_time(passage.a_start_s)} - {show_time(passage.a_end_s)}",
                f"{show_time(passage.b_start_s)} - {show_time(passage.b_end_s)}",
                f"{passage.similarity:.3f}",
            ]
            for passage in comparison.passages
        ],
    )


def _print_facets(comparison: Comparison) -> None:
    """What each facet says, and what of it is in the similarity: the last column adds up to it."""
    weights = comparison.a_analysis.layout.weights()
    shares = rounded(comparison.shares, comparison.similarity)
    rows = [
        [name, f"{cosine:.3f}", show_percent(weights[name]), shares[name]]
        for name, cosine in comparison.facets.items()
    ]
    print_table(
        [
            Column("facet"),
            Column("similarity", justify="right"),
            Column("weight", justify="right"),
            Column("share", justify="right"),
        ],
        [*rows, ["together", "", "", f"{comparison.similarity:.3f}"]],
    )


def rounded(shares: Mapping[str, float], total: float) -> dict[str, str]:
    """The shares with three decimals, so that they sum to the total with three: what rounding has
    left goes to those that it changes least."""
    units = {name: 1000 * share for name, share in shares.items()}
    found = {name: math.floor(each) for name, each in units.items()}
    missing = round(1000 * total) - sum(found.values())
    for name in sorted(found, key=lambda name: found[name] - units[name])[:missing]:
        found[name] += 1
    return {name: f"{each / 1000:.3f}" for name, each in found.items()}


def _facts(comparison: Comparison, side: str) -> list[str]:
    analysis = comparison.a_analysis if side == "a" else comparison.b_analysis
    return [show_time(analysis.duration_s), genre_words(analysis)]
