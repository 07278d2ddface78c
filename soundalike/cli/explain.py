"""``soundalike explain``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.compare import open_for_files, rounded
from soundalike.cli.completion import complete_track
from soundalike.cli.limits import weight_options
from soundalike.cli.missing import note_missing
from soundalike.cli.output import Column, echo, note, print_fields, print_json, print_table
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.cli.progress import decoding
from soundalike.cli.taste_options import asked_taste, note_taste, taste_option
from soundalike.cli.views import genre_words, note_upgrade
from soundalike.errors import InvalidArgument, TrackNotFound, printable
from soundalike.files import is_gone
from soundalike.show.amounts import show_count, show_percent, show_percentile
from soundalike.show.documents import explanation_document
from soundalike.show.times import show_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundalike.library import Library
    from soundalike.recommend.common import InCommon
    from soundalike.recommend.explain import Explanation, Side, Standing
    from soundalike.recommend.listen import PairSound
    from soundalike.similarity.passages import Alone

__all__ = ["explain"]

_RATIO_WORDS = {
    1.0: "the same",
    2.0: "twice as fast",
    0.5: "half as fast",
    3.0: "three times as fast",
}


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike explain 17 18", "why two tracks of the library are alike"),
        ("soundalike explain 17 18 --not 19", "and why 19, which you expected, is less so"),
        ("soundalike explain 17 18 --audio pairs.mp3", "hear the passages that match"),
        ("soundalike explain one.flac two.mp3 --plot why.png", "any files, with a picture"),
        ("soundalike explain 'so what@1:10-1:40' 18", "a passage, and a track"),
        ("soundalike explain 17 18 --weight rhythm=3", "as `similar` with that weight sees them"),
    ),
)
@click.argument("a", metavar="A", shell_complete=complete_track)
@click.argument("b", metavar="B", shell_complete=complete_track)
@click.option(
    "--not",
    "expected",
    metavar="C",
    shell_complete=complete_track,
    help="Also say why not C: where it stands, and which facet pulls it apart.",
)
@click.option(
    "--audio",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the passages that match back to back, equally loud (WAV, FLAC or MP3).",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw both tracks, what matches in them, and the facets (PNG, SVG or PDF).",
)
@weight_options
@taste_option
@model_option
@library_option
@json_option
def explain(
    a: str,
    b: str,
    expected: str | None,
    audio: Path | None,
    plot: Path | None,
    weights: dict[str, float] | None,
    use_taste: bool | None,
    model: str | None,
    library: str | None,
    as_json: bool,
) -> None:
    """Say why A and B are alike, and why C is less so.

    Shows where B stands among all that is like A, what each facet (sound, rhythm, harmony) adds to
    the similarity, what both have in common by what the model is sure of, which passages match
    best, and what one has that the other has not.

    A, B and C are audio files, or tracks in the library: an id, or words from artist and title (in
    quotes). Each may end in a passage: @1:10-1:40.

    A share is the weight of a facet times its similarity; the shares add up to the similarity.
    "Closer than" tells the share of all pairs of tracks in the library that are less alike, in that
    facet or as a whole. With --not, the differences of the shares add up to the difference of the
    two similarities; the largest is what pulls C apart. The places are those of `similar`: where
    your taste is in use, weights and similarities are its, and what you like adds to what is ranked
    by.
    """
    from soundalike.recommend.explain import explain as explain_tracks

    if audio is not None:
        from soundalike.recommend.listen import check_sound

        check_sound(audio)
    if plot is not None:
        from soundalike.show.plots import check_picture

        check_picture(plot)
    queries = [a, b] if expected is None else [a, b, expected]
    with open_for_files(library, model, *queries) as opened:
        if audio is not None:
            _check_no_track(opened, audio)
        with decoding(f"comparing {' and '.join(queries)}"):
            taste = asked_taste(opened, use_taste)
            found = explain_tracks(opened, a, b, expected=expected, weights=weights, taste=taste)
        note_upgrade(opened.upgrade())
    sides = [found.a, found.b, *([found.expected.side] if found.expected else [])]
    for side in sides:
        note_missing(side.track)
        if audio is not None:
            _check_other_file(audio, side.path)
    sound = None if audio is None else _write_sound(found, audio)
    if as_json:
        print_json(_document(found, sound))
    else:
        _print(found, sound)
        note_taste(found.taste, use_taste)
    if audio is not None and sound is not None:
        note(f"sound: {printable(audio)}, {show_time(sound.duration_s)}")
    if plot is not None:
        _draw(found, plot)


def _check_no_track(library: Library, target: Path) -> None:
    """That what is heard takes the place of no music. Earlier sound of this command may go."""
    if target.exists():
        with suppress(TrackNotFound):
            _check_other_file(target, library.track(target).path)


def _check_other_file(target: Path, track: Path) -> None:
    if target.exists() and track.exists() and target.samefile(track):
        raise InvalidArgument(
            f"{printable(target)}: this is one of your tracks; choose another file for --audio"
        )


def _write_sound(found: Explanation, target: Path) -> PairSound:
    from soundalike.recommend.listen import pair_sound, save_sound

    with decoding("decoding the passages"):
        sound = pair_sound(found.passages, found.a.path, found.b.path)
        save_sound(sound, target)
    return sound


def _draw(found: Explanation, picture: Path) -> None:
    from soundalike.show.explained import plot_explanation
    from soundalike.show.plots import save

    with decoding("drawing the picture"):
        save(plot_explanation(found, _spectrogram(found.a), _spectrogram(found.b)), picture)
    note(f"picture: {printable(picture)}")


def _spectrogram(side: Side) -> NDArray[np.float32] | None:
    """At the width of the picture, since a track may last hours; None where the file is gone."""
    from soundalike.frontends.decoded import spectrogram_of_file
    from soundalike.show.sound import fewer_columns

    if is_gone(str(side.path)):
        return None
    seed = side.seed
    made = spectrogram_of_file(side.path, start_s=side.start_s, end_s=seed.end_s)
    return fewer_columns(made.values)


def _document(found: Explanation, sound: PairSound | None) -> dict[str, object]:
    document = explanation_document(found)
    if sound is not None:
        document["audio_starts_s"] = sound.starts_s
    return document


def _print(found: Explanation, sound: PairSound | None) -> None:
    expected = found.expected
    rows = [_side_cells("A", found.a), _side_cells("B", found.b)]
    if expected is not None:
        rows.append(_side_cells("C", expected.side))
    print_table(
        [
            Column(""),
            Column("track", min_width=20),
            Column("passage", justify="right"),
            Column("length", justify="right", drop=1),
            Column("genre" if found.a.analysis.kind == "genres" else "tags", min_width=24),
        ],
        rows,
    )
    echo()
    echo(f"B: {_standing_words(found.standing)}")
    echo()
    _print_facets(found)
    echo()
    if shown := _common_fields(found):
        print_fields(shown)
        echo()
    starts_s = sound.starts_s if sound else ()
    print_table(
        [
            Column("passage of A", justify="right"),
            Column("passage of B", justify="right"),
            Column("similarity", justify="right"),
            Column("in the file", justify="right"),
        ],
        [
            [
                f"{show_time(passage.a_start_s)} - {show_time(passage.a_end_s)}",
                f"{show_time(passage.b_start_s)} - {show_time(passage.b_end_s)}",
                f"{passage.similarity:.3f}",
                show_time(starts_s[number]) if starts_s else "",
            ]
            for number, passage in enumerate(found.passages)
        ],
    )
    for own, other, alone in (("A", "B", found.alone_a), ("B", "A", found.alone_b)):
        if alone is not None:
            echo(_alone_words(own, other, alone))
    if expected is not None:
        echo()
        _print_expected(found)


def _side_cells(letter: str, side: Side) -> list[str]:
    is_whole = side.seed.is_whole
    passage = "" if is_whole else f"{show_time(side.start_s)} - {show_time(side.end_s)}"
    length = show_time(side.analysis.duration_s)
    return [letter, side.name, passage, length, genre_words(side.analysis)]


def _standing_words(standing: Standing) -> str:
    """``similarity 0.659, closer than 99.96 % of the pairs in the library; 2nd of 470 tracks``."""
    text = f"similarity {standing.similarity:.3f}"
    if standing.percentile is not None:
        text += f", closer than {show_percentile(standing.percentile)} of the pairs in the library"
    if standing.is_copy:
        return f"{text}; it holds the recording of A, so `similar` leaves it out"
    if standing.rank is None:
        return text
    text += f"; {_ordinal(standing.rank)} of {show_count(standing.among, 'track')} like A"
    if standing.rank_without_taste is None:
        return text
    return f"{text}, without your taste {_ordinal(standing.rank_without_taste)}"


def _print_facets(found: Explanation) -> None:
    """What each facet says, and what of it is in the similarity: the last column adds up to it."""
    facets, similarity = found.facets, found.similarity
    shares = rounded({each.name: each.share for each in facets}, similarity)
    liked = _liked_rows(found, found.standing)
    print_table(
        [
            Column("facet"),
            Column("similarity", justify="right"),
            Column("closer than", justify="right"),
            Column("weight", justify="right"),
            Column("share", justify="right"),
        ],
        [
            [
                each.name,
                f"{each.similarity:.3f}",
                show_percentile(each.percentile),
                show_percent(each.weight),
                shares[each.name],
            ]
            for each in facets
        ]
        + [["together", "", "", "", f"{similarity:.3f}"]]
        + [[name, "", "", "", cell] for name, cell in liked],
    )


def _liked_rows(found: Explanation, *standings: Standing) -> list[tuple[str, ...]]:
    """What is added for what is liked, and what is ranked by, of each standing; two lines that add
    up with the line above them. None where nothing is added."""
    if found.taste is None or not found.taste.liking:
        return []
    scores = [round(each.similarity, 3) + round(each.bonus, 3) for each in standings]
    return [
        ("what you like", *(f"{each.bonus:+.3f}" for each in standings)),
        ("ranked by", *(f"{score:.3f}" for score in scores)),
    ]


def _print_expected(found: Explanation) -> None:
    expected = found.expected
    assert expected is not None
    echo(f"C: {_standing_words(expected.standing)}")
    echo()
    total = sum(expected.differences.values())
    differences = rounded(expected.differences, total)
    b_shares = rounded({each.name: each.share for each in found.facets}, found.similarity)
    c_shares = rounded(
        {each.name: each.share for each in expected.facets}, expected.standing.similarity
    )
    print_table(
        [
            Column("facet"),
            Column("share of B", justify="right"),
            Column("share of C", justify="right"),
            Column("B is closer by", justify="right"),
        ],
        [[name, b_shares[name], c_shares[name], differences[name]] for name in expected.differences]
        + [
            [
                "together",
                f"{found.similarity:.3f}",
                f"{expected.standing.similarity:.3f}",
                f"{total:.3f}",
            ]
        ]
        + [
            [name, b, c, f"{float(b) - float(c):+.3f}"]
            for name, b, c in _liked_rows(found, found.standing, expected.standing)
        ],
    )
    if expected.pulled_by is None:
        echo("C is as close to A as B is, or closer.")
    elif len(found.facets) > 1:
        echo(f"What pulls C apart most is {expected.pulled_by}.")


def _common_fields(found: Explanation) -> list[tuple[str, str]]:
    common, a, b = found.common, found.a.analysis, found.b.analysis
    fields = [("both", ", ".join(common.words))]
    fields.append(("only A", ", ".join(common.only_a)))
    fields.append(("only B", ", ".join(common.only_b)))
    if common.genre is not None:
        fields.append(("genre", f"{common.genre}, both"))
    elif common.a_genre and common.b_genre:
        fields.append(("genre", f"A: {common.a_genre}, B: {common.b_genre}"))
    fields.append(("tempo", _tempo_words(common, a.tempo_bpm, b.tempo_bpm)))
    fields.append(("key", _key_words(common, a.key, b.key)))
    return [(name, text) for name, text in fields if text]


def _tempo_words(common: InCommon, a: float | None, b: float | None) -> str:
    if common.tempo is None:
        sure = [f"{side}: {bpm:.0f} BPM" for side, bpm in (("A", a), ("B", b)) if bpm is not None]
        return f"{sure[0]}, of the other it is unsure" if sure else ""
    pair = common.tempo
    both = (
        f"A: {pair.a_bpm:.0f} BPM ({_sure_words(pair.a_confidence)}), "
        f"B: {pair.b_bpm:.0f} BPM ({_sure_words(pair.b_confidence)})"
    )
    if pair.nearest is None:
        return both
    words = _RATIO_WORDS.get(pair.nearest, f"{pair.ratio:.2f} times as fast")
    return f"{both}; {words}"


def _key_words(common: InCommon, a: str | None, b: str | None) -> str:
    if common.key is None:
        sure = [f"{side}: {key}" for side, key in (("A", a), ("B", b)) if key is not None]
        return f"{sure[0]}, of the other it is unsure" if sure else ""
    pair = common.key
    both = (
        f"A: {pair.a} ({_sure_words(pair.a_confidence)}), "
        f"B: {pair.b} ({_sure_words(pair.b_confidence)})"
    )
    related = {"same": "the same", "other": ""}.get(pair.relation, pair.relation)
    return f"{both}; {related}" if related else both


def _sure_words(confidence: float | None) -> str:
    return "?" if confidence is None else show_percent(confidence)


def _alone_words(own: str, other: str, alone: Alone) -> str:
    span = f"{show_time(alone.start_s)} - {show_time(alone.end_s)}"
    return f"{other} has least of {span} of {own} (the nearest is {alone.similarity:.3f})"


def _ordinal(number: int) -> str:
    ending = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number:,}{ending}"
