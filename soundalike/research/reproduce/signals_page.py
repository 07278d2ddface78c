"""The page of ``soundalike reproduce signals``: the values for ``signals.html.jinja``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soundalike.research.reproduce.folds import Fold
from soundalike.research.reproduce.phrase import Sound
from soundalike.show.html import Picture, Table, render

__all__ = ["signals_page"]


def signals_page(
    piece: Sound,
    pictures: Mapping[str, Picture],
    sounds: Mapping[str, bytes],
    folds: Sequence[Fold],
    *,
    is_composed: bool,
    quick: bool,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    pictures : by name, as the template asks for them.
    sounds : WAV files to play, by name.
    is_composed : the piece is no file of the user's.
    quick : fewer sample rates; the page says so.
    """
    what = (
        "A phrase that was composed for this page"
        if is_composed
        else f"{piece.duration_s:.1f} s of {piece.name}"
    )
    return render(
        "signals.html.jinja",
        warning="A quick run: three sample rates instead of five." if quick else "",
        piece=piece,
        what=what,
        pictures=pictures,
        sounds=sounds,
        folds=_fold_table(folds),
        worst_hz=max(abs(fold.expected_hz - fold.measured_hz) for fold in folds),
        lost_db=max((fold.filtered_db for fold in folds if not fold.is_kept), default=-100.0),
        change_db=max(abs(fold.filtered_db) for fold in folds if fold.is_kept),
    )


def _fold_table(folds: Sequence[Fold]) -> Table:
    rates = list(dict.fromkeys(fold.sample_rate for fold in folds))
    rows = []
    for tone_hz in dict.fromkeys(fold.tone_hz for fold in folds):
        cells = [
            f"{fold.measured_hz:,.0f}" + ("" if fold.is_kept else " (alias)")
            for fold in folds
            if fold.tone_hz == tone_hz
        ]
        rows.append([f"{tone_hz:,.0f} Hz", *cells])
    return Table(
        ["tone", *(f"at {rate:,} Hz" for rate in rates)],
        rows,
        caption="Pure tones, sampled without a filter: the frequency that was measured, Hz",
    )
