"""Pages are filled in by templates: escaped whatever they show, and whole without a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import jinja2
import numpy as np
import pytest
from html_pages import HOSTILE, SHOWN, Page, assert_harmless

from soundalike.audio.tags import Tags
from soundalike.evaluate.duplicates import Duplicate
from soundalike.evaluate.intervals import Interval
from soundalike.evaluate.page import evaluation_page
from soundalike.evaluate.pictures import histograms
from soundalike.evaluate.records import Answer, BaselineComparison, HubFigures, LibraryEvaluation
from soundalike.evaluate.retrieval import RetrievalFigure, RetrievalSummary
from soundalike.evaluate.robustness import CHANGES, Robustness
from soundalike.library.records import Track
from soundalike.library.scan_records import Failure
from soundalike.show.amounts import show_number, show_percent
from soundalike.show.html import render
from soundalike.workers.calls import Refused

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def track(text: str) -> Track:
    # A folder's name cannot hold the byte 0, and a slash would make two of it.
    path = Path("/music") / text.replace("\x00", "").replace("/", "|")
    tags = Tags(text, text, text, text, text, 2000, 1)
    return Track(1, path, tags, 9.0, 8000, 1, "flac", 9, "", "analysed")


def evaluation(text: str) -> LibraryEvaluation:
    """With all that an evaluation can have, and the text wherever one comes from outside."""
    figure = RetrievalFigure(0.6, 0.5, 0.7, 0.1, 0.9)
    figures = RetrievalSummary(10, 55, figure, figure, figure, figure)
    gain = Interval(0.1, -0.05, 0.2)
    answers = (
        Answer(
            *("same album", "Are they?", 9, 0, figures, figures, None),
            BaselineComparison(60, figures, replace(figures, n_queries=50), gain),
            None,
        ),
        Answer("same genre", "Are they?", 0, 60, None, None, text, None, text),
    )
    hubs = tuple(
        HubFigures(method, 1.2, track(text), 31, 0.004, (20, 30, 0, 10))
        for method in ("as it is", "local scaling", "mutual proximity")
    )
    copies = tuple(
        Robustness(name, words, 8, Interval(0.9, 0.6, 1.0), gain, 1.5, 0.98, 0.02, 0.2)
        for name, words in CHANGES.items()
    )
    song = track(text)
    return LibraryEvaluation(
        location=f"/music/{text}".replace("\x00", ""),
        model=text,
        k=10,
        seed=0,
        n_tracks=1060,
        n_stand_ins=3,
        duplicates=(Duplicate(song, song, "near", 0.99), Duplicate(song, song, "copy", 1.0)),
        answers=answers,
        hubness=hubs,
        hubness_reason=None,
        robustness=copies,
        robustness_reason=None,
        failed=(Failure(1, song.path, "DamagedAudio", text, text, 1, NOW, None),),
        missing=(song,),
        n_pending=3,
        unreadable=(Refused(song.path, "UnreadableFile", text),) * 60,
        started=NOW,
        elapsed_s=12.0,
    )


def nothing_measured(text: str) -> LibraryEvaluation:
    """An evaluation that has reasons instead of figures."""
    return replace(
        evaluation(text),
        answers=evaluation(text).answers[1:],
        hubness=(),
        hubness_reason=text,
        robustness=(),
        robustness_reason=text,
    )


@pytest.mark.parametrize("make", [evaluation, nothing_measured])
def test_the_page_of_an_evaluation_cannot_be_broken_by_tags_and_names(
    make: Callable[[str], LibraryEvaluation],
) -> None:
    assert_harmless(evaluation_page(make(HOSTILE)), evaluation_page(make("plain")))


def test_attributes_are_escaped() -> None:
    page = Page(evaluation_page(replace(evaluation("plain"), hubness=evaluation(HOSTILE).hubness)))
    assert SHOWN in page.text
    answers = (replace(evaluation("plain").answers[0], question=HOSTILE),)
    page = Page(evaluation_page(replace(evaluation("plain"), answers=answers)))
    assert f"{SHOWN}: 60 %" in page.values  # the label of the strip


def test_a_page_lists_its_sections_and_needs_no_network() -> None:
    page = Page(evaluation_page(evaluation("plain")))
    tags = [tag for tag, *_ in page.tags]
    assert tags.count("section") == 6
    for number, value in enumerate(page.values):
        if value.startswith("#") and len(value) > 1:
            assert page.values.count(value[1:]) == 1, number  # the id that the link leads to
    assert not {"script", "link", "iframe", "object"} & set(tags)
    assert "(the first 50)" in page.text
    assert "<1 % of the tracks are nobody's neighbour" in " ".join(page.text.split())


def test_every_tag_is_closed_where_it_should_be() -> None:
    open_tags: list[str] = []
    for tag, *_ in Page(evaluation_page(evaluation("plain"))).tags:
        if tag.startswith("/"):
            assert open_tags.pop() == tag[1:]
        elif tag not in ("meta", "img", "source"):
            open_tags.append(tag)
    assert open_tags == []


def test_what_a_template_asks_for_must_be_there() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'plain' is undefined"):
        render("cifar10.html.jinja")


def test_no_template_marks_a_value_as_safe() -> None:
    folder = resources.files("soundalike.show").joinpath("templates")
    templates = [path for path in folder.iterdir() if path.name.endswith(".jinja")]
    assert len(templates) >= 9
    for path in templates:
        text = path.read_text("utf-8")
        assert "safe" not in text, path.name
        assert "autoescape" not in text, path.name


def test_histograms_to_compare_have_the_same_axes() -> None:
    counts = [[5] * 130, [1] * 100]
    wide, narrow = histograms(counts, ["a", "b"], ["", ""], unit="times")
    assert (wide.width, narrow.width) == (3, 3)
    assert (sum(wide.counts), sum(narrow.counts)) == (650, 100)
    assert len(wide.counts) == len(narrow.counts) == 44
    assert wide.tallest == narrow.tallest == 15
    assert (wide.values_of(0), wide.values_of(43)) == ("0 to 2", "129 to 131")
    assert wide.last_value == 131
    (single,) = histograms([[3, 2]], ["a"], [""], unit="times")
    assert (single.values_of(1), single.last_value) == ("1", 1)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (0.001, "<1 %"),
        (0.5, "50 %"),
        (0.944, "94 %"),
        (0.949, "94.9 %"),
        (0.986, "98.6 %"),
        (0.9994, ">99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_that_is_not_zero_never_shows_as_zero(share: float, shown: str) -> None:
    assert show_percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.1234567, "0.1235"), (1e6, "1,000,000"), (12.5, "12.5"), (1e-7, "1e-07")]
)
def test_numbers_have_four_digits(value: float, shown: str) -> None:
    assert show_number(value) == shown
    assert show_number(float(np.float64(value))) == shown
