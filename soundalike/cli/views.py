"""Analyses as people and programs read them; shared by the commands that show genres."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from soundalike.cli.output import note
from soundalike.errors import printable
from soundalike.show.amounts import show_count, show_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soundalike.analysis import Analysis
    from soundalike.library import Library, Upgrade

__all__ = [
    "FINISH_UPGRADE",
    "UNFAMILIAR",
    "genre_words",
    "music_words",
    "note_not_playlists",
    "note_not_searched",
    "note_upgrade",
    "set_words",
    "weight_words",
]

UNFAMILIAR = "unlike any music that the model knows"

FINISH_UPGRADE = "soundalike scan --upgrade"

# More tags than this say little in one line.
_TAGS_IN_A_LINE = 3


def genre_words(analysis: Analysis) -> str:
    """``metal (91 %)``, ``metal (71 %), else rock``, ``probably metal (55 %), else rock``,
    ``unsure, perhaps metal (38 %) or rock``, or ``unsure: unlike any music that the model knows``.

    For a model with tags, the strongest: ``rock 0.41, guitar 0.22``.
    """
    if analysis.kind == "tags":
        strongest = list(analysis.genres.items())[:_TAGS_IN_A_LINE]
        return ", ".join(f"{tag} {activation:.2f}" for tag, activation in strongest)
    if analysis.unfamiliar:
        return f"unsure: {UNFAMILIAR}"
    first, second = list(analysis.genres)[:2]
    likely = f"{first} ({show_percent(analysis.confidence)})"
    if analysis.confidence < 0.5:
        return f"unsure, perhaps {likely} or {second}"
    rest = f", else {second}" if len(analysis.genre_set) > 1 else ""
    return f"probably {likely}{rest}" if analysis.unsure else f"{likely}{rest}"


def weight_words(weights: Mapping[str, float]) -> str:
    """``sound 60 %, rhythm 25 %, harmony 15 %``."""
    return ", ".join(f"{name} {show_percent(share)}" for name, share in weights.items())


def music_words(analysis: Analysis) -> list[tuple[str, str]]:
    """Tempo, key and words as named fields, such as ``("tempo", "120 BPM, or counted as 60")``;
    empty where the model does not tell."""
    tempo = key = ""
    if analysis.tempo_bpm is not None:
        others = " or ".join(f"{bpm:.0f}" for bpm in analysis.tempo_alternatives)
        tempo = f"{analysis.tempo_bpm:.0f} BPM" + (f", or counted as {others}" if others else "")
    elif analysis.tempo_confidence is not None:
        tempo = "unsure"
    if analysis.key is not None:
        key = analysis.key
    elif analysis.key_confidence is not None:
        key = "unsure"
    words = ", ".join(analysis.words_that_hold)
    return [("tempo", tempo), ("key", key), ("words", words)]


def set_words(analysis: Analysis) -> str:
    """The set and, where the answer is "unsure", what makes it so."""
    found = f"genre set (right for 9 of 10 tracks): {', '.join(analysis.genre_set)}"
    if analysis.unfamiliar:
        return f"{found} (of music that the model knows)"
    if not analysis.unsure:
        return found
    if analysis.confidence < 0.5:
        return f"{found} (no genre has half of the probability)"
    return f"{found} (too many genres to be sure)"


def note_not_playlists(library: Library, files: Sequence[str | os.PathLike[str]]) -> None:
    """Say which playlists of ``--not-playlist`` take nothing away."""
    from soundalike.recommend.seeds import playlist_ids

    for file in files:
        if not playlist_ids(library, [file], may_lack=True):
            note(f"--not-playlist {printable(file)}: none of its tracks is in the library")


def note_upgrade(upgrade: Upgrade | None) -> None:
    """During an upgrade to a new default model: say which model the answers come from."""
    if upgrade is None:
        return
    if not upgrade.remaining:
        former = " and ".join(upgrade.former)
        note(
            f"Answers come from {upgrade.query_model}, which has analysed all tracks; the next "
            f"scan deletes the analyses by {former}."
        )
        return
    note(
        f"Answers come from {upgrade.query_model} until all tracks are re-analysed for "
        f"{upgrade.model}: {upgrade.done:,} of {upgrade.done + upgrade.remaining:,} are. "
        f"To continue: {FINISH_UPGRADE}"
    )


def note_not_searched(number: int, model: str, done: str) -> None:
    """Say how many tracks an answer leaves out, because the model has not analysed them yet.

    Parameters
    ----------
    done : what was done to the others, such as "compared".
    """
    if number:
        was, it, its = ("was", "it", "its") if number == 1 else ("were", "them", "their")
        note(
            f"{show_count(number, 'track')} {was} not {done}, because {model} has not analysed "
            f"{it} yet: scan {its} folder"
        )
