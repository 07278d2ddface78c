"""Where things stand on the page: what somebody came for is seen at once, whatever is in the tags,
and where something is missing the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from audio_files import chord, write_audio
from browsers import DESKTOP, PHONE, opened, serious
from playwright.sync_api import Browser, Page, expect
from servers import running

from soundalike import Library
from soundalike.server.settings import Settings

LARGE: dict[str, Any] = {"viewport": {"width": 1920, "height": 1080}}
# One word that no line holds.
LONG = "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
FIRST, GONE = "/track/1", "/track/2"
NEEDS_TRACKS = ("/map", "/playlist", "/radio", "/compare", "/evaluation", "/versions")


def seen(page: Page) -> int:
    """How many similar tracks are seen as a whole, without scrolling."""
    expect(page.locator(".match-reason").first).to_have_text(re.compile(r"\."))
    found: int = page.evaluate(
        """() => {
          const end = document.getElementById('main').getBoundingClientRect().bottom;
          return [...document.querySelectorAll('.match')]
            .filter(each => each.getBoundingClientRect().bottom <= end).length;
        }"""
    )
    return found


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with names that are too long, and a track whose file is gone."""
    folder = tmp_path_factory.mktemp("odd")
    tags = dict.fromkeys(("title", "artist", "album"), LONG)
    # As long as the radio wants them, and none the same music as another.
    for number, step in enumerate((1, 2, -1)):
        sound = chord(22_050, 61.0 * abs(step))[::step].copy()
        write_audio(folder / f"{number}.flac", sound, 22_050, "flac", metadata=tags)
    with Library(folder / "library.db") as library:
        library.scan([folder], jobs=1)
        (folder / "1.flac").unlink()
        library.scan([folder], jobs=1)
    with running(Settings(library=str(folder / "library.db"))) as address:
        yield address


@pytest.mark.parametrize(("size", "least"), [(DESKTOP, 3), (LARGE, 4), (PHONE, 1)])
def test_similar_tracks_are_seen_at_once(
    browser: Browser, client: httpx.Client, size: dict[str, Any], least: int
) -> None:
    with opened(browser, str(client.base_url), **size) as page:
        page.goto(FIRST)
        assert seen(page) >= least


def test_the_spectrogram_comes_when_it_is_wanted_and_stays(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(FIRST)
    button = page.get_by_role("button", name="Spectrogram")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(page.locator(".mel")).to_be_hidden()
    expect(page.locator(".match").first).to_be_visible()
    assert not [each for each in asked if "mel.png" in each]
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".mel")).to_be_visible()
    page.reload()
    expect(page.locator(".mel")).to_be_visible()
    assert serious(page) == []


def test_weights_are_folded_on_a_phone_and_open_by_touch(
    browser: Browser, client: httpx.Client
) -> None:
    with opened(browser, str(client.base_url), **PHONE) as page:
        page.goto(FIRST)
        expect(page.locator(".match").first).to_be_visible()
        expect(page.locator("#facet-sound")).to_be_hidden()
        summary = page.locator("summary", has_text="What counts")
        box = summary.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        summary.tap()
        expect(page.locator("#facet-sound")).to_be_visible()
        assert serious(page) == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_long_names_leave_room_for_the_rest(
    browser: Browser, odd: str, size: dict[str, Any]
) -> None:
    with opened(browser, odd, **size) as page:
        for path in ("/", FIRST, "/radio/1", "/compare/1/3"):
            page.goto(path)
            expect(
                page.locator(".row[data-track], .match, .radio-now, .sides").first
            ).to_be_visible()
            assert page.evaluate("document.getElementById('main').scrollWidth <= innerWidth"), path
        page.goto(FIRST)
        expect(page.locator(".match .row-title")).to_be_in_viewport()
        heading = page.get_by_role("heading", level=1)
        # Whoever hears the page, or points there, has all of it.
        expect(heading).to_have_text(LONG)
        expect(heading).to_have_attribute("title", LONG)
        box = heading.bounding_box()
        assert box is not None
        assert box["height"] < 80


def test_a_file_that_is_missing_is_told_of(browser: Browser, odd: str) -> None:
    with opened(browser, odd) as page:
        page.goto(GONE)
        expect(page.locator(".notice").first).to_contain_text(
            re.compile(r"missing since .*1\.flac")
        )
        expect(page.locator(".track-head .button.primary")).to_be_disabled()
        # What was heard in it is known still.
        expect(page.locator(".match")).to_have_count(2)
        assert serious(page) == []


def test_an_empty_library_says_what_to_do_first(browser: Browser, tmp_path: Path) -> None:
    with (
        running(Settings(library=str(tmp_path / "empty.db"))) as address,
        opened(browser, address) as page,
    ):
        for path in NEEDS_TRACKS:
            page.goto(path)
            expect(page.locator(".empty")).to_contain_text("Where is your music?")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(page.get_by_role("link", name="Choose a folder")).to_be_visible()
