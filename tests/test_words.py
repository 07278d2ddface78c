"""Words: what a query means, and how a library is ordered by it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.models.contract import Word
from soundalike.words.query import Term, parse
from soundalike.words.rank import fits, verdicts
from soundalike.words.synonyms import SYNONYMS
from soundalike.words.vocabulary import by_group

KNOWN = (
    "piano",
    "electric guitar",
    "guitar",
    "drums",
    "strings",
    "singing",
    "female vocals",
    "hip hop",
    "rock",
    "rock and roll",
    "rhythm and blues",
    "drum and bass",
    "electronic",
    "children's music",
    "60s",
    "sad",
    "background music",
)


def read(text: str) -> list[str]:
    return [str(term) for term in parse(text, KNOWN)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("piano, no vocals, sad", ["piano", "no singing", "sad"]),
        ("no drums", ["no drums"]),
        ("not electronic", ["no electronic"]),
        ("-vocals", ["no singing"]),
        ("- vocals", ["no singing"]),
        ("sad -drums piano", ["sad", "no drums", "piano"]),
        ("piano \N{EN DASH}drums", ["piano", "no drums"]),
        ("sad - piano", ["sad", "piano"]),
        ("without singing", ["no singing"]),
        ("piano and strings", ["piano", "strings"]),
        ("no drums or guitar, strings", ["no drums", "no guitar", "strings"]),
        ("neither drums nor guitar", ["no drums", "no guitar"]),
        ("no drums but a guitar", ["no drums", "guitar"]),
        ("some sad music with piano", ["sad", "piano"]),
        ("Electric  GUITAR", ["electric guitar"]),
        ("electric guitars", ["electric guitar"]),
        ("drum; string", ["drums", "strings"]),
        ("hip-hop", ["hip hop"]),
        ("rock and roll", ["rock and roll"]),
        ("rock'n'roll", ["rock and roll"]),
        ("R&B", ["rhythm and blues"]),
        ("Drum & Bass, D&B", ["drum and bass"]),
        ("female singer", ["female vocals"]),
        ("children's music", ["children's music"]),
        ("background music", ["background music"]),
        ("'60s", ["60s"]),
        ("1960s", ["60s"]),
        ("piano, piano", ["piano"]),
        ("pi\N{LATIN SMALL LETTER A WITH ACUTE}no", ["piano"]),
    ],
)
def test_a_query_is_read_as_a_listener_means_it(text: str, meant: list[str]) -> None:
    assert read(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pino", "'pino' is no word that the model knows. Did you mean 'piano'?"),
        ("femail vocals", "Did you mean 'female vocals'?"),
        ("electr", "Did you mean 'electric guitar' or 'electronic'?"),
        ("zzz", "'zzz' is no word that the model knows\nsoundalike find --words"),
        ("pino, gitar", "'gitar' is no word that the model knows. Did you mean 'guitar'?"),
        ("piano or strings", "'or' cannot be asked"),
        ("piano, no piano", "asks for 'piano' and rules it out"),
        ("", "names nothing to look for"),
        ("no", "names nothing to look for"),
        (" , and the ,", "names nothing to look for"),
    ],
)
def test_what_cannot_be_asked_is_told(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        read(text)
    assert said in str(caught.value)


def test_a_query_must_be_text() -> None:
    with pytest.raises(InvalidArgument, match="17"):
        parse(17, KNOWN)  # type: ignore[arg-type]


def test_synonyms_follow_what_the_model_has() -> None:
    assert parse("vocals", ["voice"]) == (Term("voice"),)
    assert parse("voice, hi-hat", ["vocals", "cymbals"]) == (Term("vocals"), Term("cymbals"))
    # A word of the model's own is never taken for another one.
    assert parse("rap", ["rap", "rapping"]) == (Term("rap"),)
    with pytest.raises(InvalidArgument, match="vocals"):
        parse("vocals", ["piano"])


def test_no_name_stands_for_two_things() -> None:
    names = [name for group in SYNONYMS for name in group]
    assert len(names) == len(set(names))


asked = st.lists(
    st.tuples(st.sampled_from(KNOWN), st.booleans()), min_size=1, unique_by=lambda term: term[0]
)


@given(asked)
def test_what_is_written_is_what_is_read(terms: list[tuple[str, bool]]) -> None:
    expected = tuple(Term(*term) for term in terms)
    assert parse(", ".join(map(str, expected)), KNOWN) == expected
    minus = " ".join(word if wanted else f"-{word}" for word, wanted in terms)
    if " " not in minus.replace(" -", ""):
        assert parse(minus, KNOWN) == expected


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        found = parse(text, KNOWN)
    except InvalidArgument:
        return
    assert {term.word for term in found} <= set(KNOWN)


PIANO = Word("piano", "instrument", 0.6, 0.9)
HARP = Word("harp", "instrument", 0.5, 0.8)
SAD = Word("sad", "mood", 0.3, 0.8)
VAGUE = Word("catchy", "mood", 0.5, None)
WORDS = (PIANO, HARP, SAD, VAGUE)


def table(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def order(probabilities: np.ndarray, *terms: Term) -> list[int]:
    return np.argsort(-fits(probabilities, WORDS, terms), kind="stable").tolist()


def test_a_single_word_ranks_by_its_probability() -> None:
    tracks = table((0.1, 0, 0, 0), (0.9, 0, 0, 0), (0.6, 0, 0, 0))
    assert order(tracks, Term("piano")) == [1, 2, 0]
    assert order(tracks, Term("piano", wanted=False)) == [0, 2, 1]
    assert fits(tracks, WORDS, [Term("piano")])[2] == pytest.approx(0.51, abs=1e-3)


def test_all_words_must_hold() -> None:
    # One word beyond doubt does not make up for another that is not there.
    tracks = table((0.99, 0, 0.01, 0), (0.7, 0, 0.35, 0), (0.05, 0, 0.9, 0))
    assert order(tracks, Term("piano"), Term("sad"))[0] == 1
    assert order(tracks, Term("piano"), Term("sad", wanted=False))[0] == 0


def test_a_word_that_no_track_has_does_not_drown_the_others() -> None:
    # Among harps that are none, 0.0002 is no better than 0.0001.
    tracks = table((0.9, 0.0001, 0, 0), (0.3, 0.0002, 0, 0))
    assert order(tracks, Term("piano"), Term("harp")) == [0, 1]
    # Alone it still finds the nearest.
    assert order(tracks, Term("harp")) == [1, 0]


def test_a_weak_word_is_compared_with_its_own_threshold() -> None:
    # 0.35 of a mood is a yes, 0.35 of a piano is none.
    tracks = table((0.35, 0, 0.8, 0), (0.8, 0, 0.35, 0))
    assert order(tracks, Term("piano"), Term("sad")) == [1, 0]


def test_a_word_that_is_never_sure_is_compared_with_the_library() -> None:
    tracks = table(*((0.5, 0, 0, 0.01 + number / 1000) for number in range(20)))
    assert order(tracks, Term("catchy"))[:2] == [19, 18]
    found = fits(tracks, WORDS, [Term("catchy")])
    # What one in ten reaches counts as a threshold.
    assert (found > 0.51).sum() == 2


def test_a_track_without_words_comes_last() -> None:
    tracks = table((np.nan,) * 4, (0.01, 0.01, 0.01, 0.01))
    for terms in ([Term("piano")], [Term("catchy")], [Term("piano", wanted=False)]):
        found = fits(tracks, WORDS, terms)
        assert found[0] == 0 < found[1]


@given(
    st.lists(st.tuples(*[st.floats(0, 1, width=16)] * 4), min_size=1, max_size=8),
    st.lists(
        st.builds(Term, st.sampled_from([word.word for word in WORDS]), st.booleans()),
        min_size=1,
        max_size=4,
    ),
)
def test_fits_are_shares_and_grow_with_what_is_wanted(
    rows: list[tuple[float, float, float, float]], terms: list[Term]
) -> None:
    found = fits(table(*rows), WORDS, terms)
    assert found.shape == (len(rows),)
    assert ((found > 0) & (found <= 1)).all()
    if len({term.word for term in terms}) < len(terms) or terms[0].word == VAGUE.word:
        return
    column = [word.word for word in WORDS].index(terms[0].word)
    more = table(*rows)
    more[:, column] = np.minimum(more[:, column] + 0.1, 1)
    change = fits(more, WORDS, terms) - found
    assert (change >= -1e-6).all() if terms[0].wanted else (change <= 1e-6).all()


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="shape"):
        fits(np.zeros((3, 2), np.float32), WORDS, [Term("piano")])
    with pytest.raises(InvalidArgument, match="no words"):
        fits(np.zeros((3, 4), np.float32), WORDS, [])
    with pytest.raises(InvalidArgument, match="trumpet"):
        fits(np.zeros((3, 4), np.float32), WORDS, [Term("trumpet")])


def test_a_verdict_says_when_it_does_not_know() -> None:
    values = np.array([0.6, 0.5, 0.2, np.nan], np.float32)
    assert verdicts(values, PIANO).tolist() == ["yes", "unsure", "no", "unsure"]
    assert verdicts(values, PIANO, wanted=False).tolist() == ["no", "unsure", "yes", "unsure"]
    assert set(verdicts(values, VAGUE)) == {"unsure"}


@given(st.floats(0, 1), st.floats(0.01, 0.99))
def test_a_word_is_said_where_the_model_says_it_holds(probability: float, threshold: float) -> None:
    word = Word("piano", "instrument", threshold, 0.8)
    probability = float(np.float32(probability))
    said = verdicts(np.array([probability]), word).item()
    assert (said == "yes") == word.holds(probability)


def test_words_are_shown_by_group() -> None:
    strange = Word("whatever", "era", 0.5, None)
    groups = by_group([strange, SAD, PIANO, HARP])
    assert list(groups) == ["instrument", "mood", "era"]
    assert groups["instrument"] == (HARP, PIANO)
