"""``soundalike find``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import click

from soundalike.cli.output import Column, note, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.playlist import PlaylistTarget, playlist_options
from soundalike.cli.rows import (
    PATH_CELL,
    copies_cell,
    paths_option,
    track_cells,
    track_columns,
)
from soundalike.cli.views import note_not_searched, note_upgrade
from soundalike.show.amounts import show_count, show_percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.library import FindMatch, FindResult, KnownWord, WordOfTrack

__all__ = ["find"]

# What each verdict is called, and what it means.
_VERDICTS: dict[Literal["yes", "unsure", "no"], tuple[str, str]] = {
    "yes": ("sure", "above what the word needs"),
    "unsure": ("perhaps", "below that"),
    "no": ("hardly", "probably not"),
}


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike find piano, no vocals, sad", "all of it, as well as the library has it"),
        ("soundalike find electric guitar without drums", "the same in other words"),
        ("soundalike find strings and harp --sure --m3u harps.m3u8", "only what surely has both"),
        ("soundalike find --words", "what can be asked for, and how sure that is"),
    ),
)
@click.argument("query", nargs=-1, metavar="[QUERY]")
@click.option("-k", default=10, show_default=True, metavar="N", help="How many tracks.")
@click.option("--max-per-artist", type=int, metavar="N", help="At most N tracks by one artist.")
@click.option(
    "--sure",
    is_flag=True,
    help="Only tracks that surely are as asked, in every word. There may be fewer than N, or none.",
)
@click.option("--words", "list_words", is_flag=True, help="List the words instead, by group.")
@playlist_options
@paths_option
@model_option
@library_option
@json_option
def find(
    query: tuple[str, ...],
    k: int,
    max_per_artist: int | None,
    sure: bool,
    list_words: bool,
    m3u: str | None,
    relative: bool,
    base: tuple[str, str] | None,
    paths: bool,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """List the tracks that have what words ask for.

    QUERY names instruments, voices, styles and moods, such as: piano, no vocals, sad. All of it
    must hold. "no", "not" and "without" rule out what follows, up to a comma, "but" or "with". The
    words are heard in the audio; tags are not looked at.

    For each word the table tells whether the model is sure that the track is as asked, or whether
    it is so perhaps, or hardly; and how probable it holds that. From which probability on it is
    sure depends on the word: 46 % is much for one and little for another. --words tells how often
    it was right where it was sure, by the measure of the large models that it learned from.
    """
    playlist = PlaylistTarget(m3u, relative, as_json, base=base)
    if list_words == bool(query):
        raise click.UsageError(
            "give either words to look for, such as: piano, no drums; or --words"
        )
    if list_words and m3u is not None:
        raise click.UsageError("--words lists no tracks: leave --m3u out")
    from soundalike.library import Library

    with Library(library, model=model, create=False) as opened:
        upgrade = opened.upgrade()
        if list_words:
            words = opened.words()
        else:
            result = opened.find(" ".join(query), k, max_per_artist=max_per_artist, sure=sure)
    note_upgrade(upgrade)
    if list_words:
        print_json(words) if as_json else _print_words(words)
        return
    if as_json:
        print_json(result)
    elif not (playlist.is_standard_output and result.matches):
        _print(result, paths=paths, only_sure=sure)
    playlist.write([match.track for match in result.matches])


def _print(result: FindResult, *, paths: bool, only_sure: bool) -> None:
    asked = ", ".join(map(str, result.asked))
    note(f"{asked}: {show_count(result.searched, 'track')} searched, {_sure_words(result)}")
    if result.matches:
        columns = [
            Column("", justify="right", drop=3),
            *(Column(str(word), justify="right", drop=1) for word in result.asked),
            *track_columns(paths=paths),
            Column("", drop=2),
        ]
        print_table(columns, [_row(match, paths=paths) for match in result.matches])
    elif only_sure:
        note("Without --sure the nearest are listed.")
    else:
        note("No tracks were found.")
    verdicts = Counter(word.verdict for match in result.matches for word in match.words)
    shown = {name: words for name, words in _VERDICTS.items() if verdicts[name]}
    if shown:
        kinds = ", ".join(f"{word}: {meaning}" for word, meaning in shown.values())
        note(f"{kinds}; % is what the model gives it, and each word has a bound of its own")
    for word in result.asked:
        if not word.is_ever_sure:
            note(f"The model is never sure of {word.word!r}: it only ranks by it.")
        elif not word.tracks and result.searched:
            nearest = ": these come nearest" if result.matches else ""
            has = f"has {word.word!r}" if word.wanted else f"is without {word.word!r}"
            note(f"No track here surely {has}{nearest}.")
    note_not_searched(result.not_searched, result.model, "searched")


def _sure_words(result: FindResult) -> str:
    if not result.sure:
        return "none is surely like this"
    return f"{result.sure:,} {'is' if result.sure == 1 else 'are'} surely like this"


def _row(match: FindMatch, *, paths: bool) -> list[str]:
    cells = track_cells(match.track)
    return [
        str(match.rank),
        *map(_word_cell, match.words),
        *(cell for n, cell in enumerate(cells) if n != PATH_CELL or paths),
        copies_cell(match.copies),
    ]


def _word_cell(word: WordOfTrack) -> str:
    share = show_percent(word.probability if word.wanted else 1 - word.probability)
    return f"{_VERDICTS[word.verdict][0]} {share}"


def _print_words(words: Sequence[KnownWord]) -> None:
    from soundalike.words.vocabulary import by_group

    print_table(
        [
            Column("group"),
            Column("word", min_width=8),
            Column("tracks", justify="right"),
            Column("right", justify="right"),
        ],
        [
            [
                group if first else "",
                word.word,
                f"{word.tracks:,}" if word.precision is not None else "",
                "only ranks" if word.precision is None else show_percent(word.precision),
            ]
            for group, some in by_group(words).items()
            for first, word in ((each is some[0], each) for each in some)
        ],
    )
    note(
        "tracks: that surely have it. right: share of such tracks, of music for validation, of "
        "which the large models that this one learned from say it, too"
    )
