"""Tracks of a list with why they are there, as rows of a table; and the notes that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundalike.cli.limits import passed_words
from soundalike.cli.output import Column, note, print_table
from soundalike.cli.rows import PATH_CELL, copies_cell, track_cells, track_columns
from soundalike.cli.views import UNFAMILIAR, note_not_searched, weight_words
from soundalike.errors import printable
from soundalike.show.amounts import show_count
from soundalike.show.times import show_duration, show_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soundalike.library import Copy, Seed, Track
    from soundalike.recommend.records import Likeness, MadePlaylist

__all__ = [
    "list_cells",
    "list_columns",
    "note_made",
    "playlist_rows",
    "print_made",
    "seed_names",
    "why_words",
]

# Seeds that are named; a folder may be many.
_NAMED = 4
# A share of a similarity beyond a facet's weight.
_CLEARLY_MORE = 0.1


def seed_names(seeds: Sequence[Seed]) -> str:
    """What to call some seeds: ``So What, 1:10 to 1:40 + Joga``."""
    shown = [f"{seed.name}{_passage_words(seed)}" for seed in seeds[:_NAMED]]
    more = len(seeds) - len(shown)
    return " + ".join([*shown, *([f"{more:,} more"] if more else [])])


def why_words(likeness: Likeness | None, weights: Mapping[str, float]) -> str:
    """``1:29 like 0:10``: where a track is most like the other, at 1:29, as at 0:10 of that one;
    and ``, rhythm`` where that facet makes up clearly more of the similarity than its weight.

    Parameters
    ----------
    weights : the share that each facet has by its weight.
    """
    if likeness is None:
        return ""
    parts = []
    passage = likeness.passage
    if passage is not None:
        parts.append(f"{show_time(passage.b_start_s)} like {show_time(passage.a_start_s)}")
    total = sum(max(share, 0.0) for share in likeness.shares.values())
    above = {
        name: max(share, 0.0) / total - weights[name]
        for name, share in likeness.shares.items()
        if total
    }
    most = max(above, key=lambda name: above[name], default=None)
    if most is not None and above[most] >= _CLEARLY_MORE:
        parts.append(most)
    return ", ".join(parts)


def list_columns(*, paths: bool, nearest: bool = False) -> list[Column]:
    """The columns for :func:`list_cells`."""
    return [
        Column("", justify="right", drop=4),
        *track_columns(paths=paths),
        Column("like", justify="right", drop=2),
        *([Column("nearest to", min_width=8, drop=5)] if nearest else []),
        Column("why", min_width=23, drop=1),
        Column("", drop=3),
    ]


def list_cells(
    place: int,
    track: Track,
    likeness: Likeness | None,
    why: str,
    *,
    paths: bool,
    nearest: str | None = None,
    copies: Sequence[Copy] = (),
) -> list[str]:
    """A row: place, artist, title, length, id, path, similarity, nearest seed, why, copies."""
    cells = track_cells(track)
    return [
        str(place),
        *(cells if paths else cells[:PATH_CELL]),
        "" if likeness is None else f"{likeness.similarity:.2f}",
        *([] if nearest is None else [nearest]),
        why,
        copies_cell(copies),
    ]


def playlist_rows(made: MadePlaylist, *, paths: bool, nearest: bool) -> list[list[str]]:
    """The items of a playlist as rows."""
    return [
        list_cells(
            item.place,
            item.track,
            item.likeness,
            "a seed" if item.is_seed else why_words(item.likeness, made.weights),
            paths=paths,
            nearest=_short_name(made.seeds[item.seed]) if nearest else None,
            copies=item.copies,
        )
        for item in made.items
    ]


def print_made(made: MadePlaylist, *, paths: bool, is_weighed: bool) -> None:
    """A playlist that was made from seeds, as a table with all that there is to say of it."""
    several = len(made.seeds) > 1
    away = f", without {seed_names(made.without)}" if made.without else ""
    searched = f"{show_count(made.searched, 'track')} compared"
    note(f"{seed_names(made.seeds)}{away}: {searched}")
    if made.items:
        rows = playlist_rows(made, paths=paths, nearest=several)
        print_table(list_columns(paths=paths, nearest=several), rows)
    note_made(made, is_weighed=is_weighed)


def note_made(made: MadePlaylist, *, is_weighed: bool, is_shown: bool = True) -> None:
    """What there is to say of a playlist that was made, under its table.

    Parameters
    ----------
    is_shown : whether there is a table.
    """
    if is_shown and any(item.likeness and item.likeness.passage for item in made.items):
        note("like, why: how similar to the nearest seed, and where most: here like there")
    if is_weighed:
        note(f"weights: {weight_words(made.weights)}")
    if made.order == "smooth" and len(made.items) > 2:
        note(
            f"smooth order: steps of {made.mean_step:.2f} on average, {made.largest_step:.2f} at "
            f"most (1 - similarity)"
        )
    if passed := passed_words(made.passed_counts):
        note(f"passed over for the limits: {passed}")
    if made.n_too_close and "artist_gap" in made.limits:
        pairs = show_count(made.n_too_close, "pair")
        note(f"one artist comes back sooner than asked for, in {pairs}: there are no others")
    note(
        f"{show_count(len(made.items), 'track')}, {show_duration(made.duration_s)}{_why_end(made)}"
    )
    if made.outside:
        names = ", ".join(printable(seed.path) for seed in made.outside)
        note(f"not in the list, as they are no whole tracks of the library: {names}")
    for name in made.gone:
        note(f"a seed that is not there any more: {name}")
    if made.is_unfamiliar:
        note(f"The seeds are {UNFAMILIAR}: these similarities mean little.")
    if made.is_poor:
        note("Even the nearest is far away for this library: nothing in it sounds much like this.")
    note_not_searched(made.not_searched, made.model, "compared")


def _why_end(made: MadePlaylist) -> str:
    if made.stopped_by == "tracks":
        return "" if made.minutes is None else f": {made.tracks} tracks came before the minutes"
    if made.stopped_by == "minutes":
        return "" if made.tracks is None else f": {made.minutes:g} minutes came before the tracks"
    asked = f"{made.tracks} tracks" if made.tracks is not None else f"{made.minutes:g} minutes"
    why = "the limits leave" if made.stopped_by == "limits" else "there are"
    return f": {asked} were asked for, {why} no more"


def _short_name(seed: Seed) -> str:
    """The title alone, where there is one: the artist is the same for many."""
    return (seed.track.title if seed.track is not None else None) or seed.name


def _passage_words(seed: Seed) -> str:
    if seed.is_whole:
        return ""
    end = show_time(seed.end_s) if seed.end_s is not None else "the end"
    return f", {show_time(seed.start_s or 0.0)} to {end}"
