"""The map of the page: drawn, searched, lassoed and walked along in a real browser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from browsers import PHONE, opened, serious
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from servers import Music, running

from soundalike.server.settings import Settings

TRACKS = 24
# Right of what lies over the map, and left of its buttons.
FREE = {"x": 500, "y": 10, "width": 690, "height": 690}
_FORCE_CARD = """
const asked = WebGLRenderingContext.prototype.getParameter;
WebGLRenderingContext.prototype.getParameter = function (name) {
  return name === 0x9246 || name === 0x1F01 ? 'A graphics card' : asked.call(this, name);
};"""


@pytest.fixture(scope="module")
def address(
    browser: Browser, composed: Music, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server whose map was drawn by a click."""
    copy = composed.copy(tmp_path_factory.mktemp("mapped"))
    with running(Settings(library=str(copy))) as found:
        with opened(browser, found) as page:
            page.goto("/map")
            expect(page.get_by_role("heading", level=1)).to_have_text("No map yet")
            page.get_by_role("button", name="Draw the map").click()
            expect(page.locator(".map-fidelity")).to_contain_text(f"{TRACKS} tracks")
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened(browser, address) as found:
        yield found


def go_to_map(page: Page, path: str = "/map") -> None:
    page.goto(path)
    expect(page.locator(".map-entry").first).to_be_attached()
    # Names are the last that comes.
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)


def test_it_opens_again_without_being_sent_again(page: Page) -> None:
    sent = """() => performance.getEntriesByType("resource")
      .filter(each => /map.(points|labels)/.test(each.name))
      .map(each => [each.transferSize, each.encodedBodySize])"""
    go_to_map(page)
    first = page.evaluate(sent)
    assert len(first) >= 2
    assert all(whole > body > 0 for whole, body in first)
    page.goto("/")
    go_to_map(page)
    again = page.evaluate(sent)
    assert len(again) == len(first)
    # Chromium counts 300 bytes for headers alone.
    assert all(whole <= 300 for whole, _ in again)


def coloured(page: Page) -> NDArray[np.bool_]:
    """Where the free part of the map shows a colour: points do, ground and names do not."""
    picture = Image.open(io.BytesIO(page.screenshot(clip=FREE))).convert("RGB")  # type: ignore[arg-type]
    pixels = np.asarray(picture).astype(int)
    found: NDArray[np.bool_] = np.ptp(pixels, axis=2) > 60
    return found


def a_point(page: Page) -> tuple[float, float]:
    """The middle of a point, on the page: a place with colour all around it."""
    is_point = coloured(page)
    inner = is_point.copy()
    for shift in (-2, 2):
        for axis in (0, 1):
            inner &= np.roll(is_point, shift, axis)
    rows, columns = np.nonzero(inner)
    assert len(rows)
    return FREE["x"] + float(columns[0]) + 0.5, FREE["y"] + float(rows[0]) + 0.5


def expect_playing(page: Page) -> None:
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Pause")


def test_every_track_is_a_point_and_a_click_plays_it(page: Page) -> None:
    go_to_map(page)
    assert coloured(page).sum() > TRACKS * 10
    page.mouse.click(*a_point(page))
    panel = page.locator(".panel")
    expect(panel).to_be_visible()
    expect_playing(page)
    title = panel.get_by_role("heading", level=2).text_content() or ""
    expect(page.locator(".bar-title")).to_have_text(title)
    expect(panel.locator(".panel-row")).to_have_count(10)
    assert re.search(r"/map\?track=\d+$", page.url)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert page.url.endswith("/map")


def test_the_neighbours_are_those_that_sound_most_like_it(page: Page, address: str) -> None:
    go_to_map(page, "/map?track=5")
    shown = [
        int(each.get_attribute("data-track") or 0) for each in page.locator(".panel-row").all()
    ]
    assert shown == httpx.get(f"{address}/api/v1/map/nearest/5").json()["nearest"]
    other = page.locator(".panel-row").nth(2)
    title = other.locator(".panel-title").text_content() or ""
    other.locator(".panel-pick").click()
    expect(page.locator(".panel h2")).to_have_text(title)


def test_a_graphics_card_draws_the_same_points(browser: Browser, address: str) -> None:
    """What draws with a card is driven by the emulated one here: the points lie where they lie."""
    found = []
    for script in ("", _FORCE_CARD):
        with opened(browser, address) as page:
            page.add_init_script(script)
            go_to_map(page)
            if page.evaluate("document.createElement('canvas').getContext('webgl') === null"):
                pytest.fail("the browser has no WebGL: browsers.py has to switch it on")
            found.append(coloured(page))
    soft, card = found
    near = soft.copy()
    for shift in (-1, 1):
        for axis in (0, 1):
            near |= np.roll(soft, shift, axis)
    assert card.sum() > TRACKS * 10
    assert near[card].mean() > 0.9


def test_a_lasso_makes_a_playlist(page: Page, address: str) -> None:
    go_to_map(page)
    page.get_by_role("button", name=re.compile("^Lasso")).click()
    left, top = FREE["x"], FREE["y"] + 5
    right, bottom = left + FREE["width"], top + FREE["height"] - 15
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    panel = page.locator(".panel")
    expect(panel.get_by_role("heading", level=2)).to_have_text(f"{TRACKS} tracks in the lasso")
    expect(panel.locator(".panel-row")).to_have_count(TRACKS)
    panel.get_by_role("button", name="Save as playlist").click()
    page.get_by_label("Name").fill("All/of it")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("“All/of it” is saved")
    (kept,) = httpx.get(f"{address}/api/v1/playlists").json()["playlists"]
    assert (kept["name"], kept["n_entries"]) == ("All/of it", TRACKS)
    panel.get_by_role("button", name="Save as playlist").click()
    page.get_by_label("Name").fill("all/of it")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast.error")).to_contain_text("choose another name")
    panel.get_by_role("button", name="Add to yours").click()
    expect(page.locator(".rail .count")).to_have_text(str(TRACKS))


def test_a_path_is_drawn_between_two_tracks(page: Page, address: str) -> None:
    go_to_map(page)
    tracks = httpx.get(f"{address}/api/v1/tracks?sort=path").json()["tracks"]
    ends = [tracks[0], tracks[-1]]
    page.keyboard.press("f")
    panel = page.locator(".panel")
    panel.get_by_label("As long as").select_option("6")
    for label, end in zip(("From", "To"), ends, strict=True):
        panel.get_by_role("combobox", name=label).fill(f"{end['artist']} {end['title']}")
        page.locator(".picker-option:visible").first.click()
    stops = panel.locator(".panel-row")
    expect(stops).to_have_count(6)
    ids = [int(each.get_attribute("data-track") or 0) for each in (stops.first, stops.last)]
    assert ids == [each["track_id"] for each in ends]
    page.wait_for_timeout(400)
    clear = {**FREE, "width": 350}
    picture = Image.open(io.BytesIO(page.screenshot(clip=clear))).convert("RGB")  # type: ignore[arg-type]
    accent = (np.abs(np.asarray(picture).astype(int) - (0xB9, 0x3A, 0x0B)).max(axis=2) < 8).sum()
    assert accent > 300


def test_the_keyboard_is_enough(page: Page) -> None:
    go_to_map(page)
    page.locator(".map-stage").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    page.keyboard.press("0")
    status = page.get_by_role("status").filter(has_text="In the middle")
    expect(status).to_be_attached()
    middle = (status.text_content() or "").removeprefix("In the middle: ")
    page.keyboard.press("Enter")
    expect_playing(page)
    assert (page.locator(".panel h2").text_content() or "?") in middle
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    expect(page.locator(".panel h2")).to_have_text(re.compile(rf"^{TRACKS} tracks in view"))


def test_the_legend_shows_one_artist_alone(page: Page) -> None:
    go_to_map(page)
    page.get_by_label("Colour by").select_option("artist")
    entry = page.locator(".map-entry").first
    expect(entry).to_contain_text("3")
    everything = coloured(page).sum()
    entry.click()
    expect(entry).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(300)
    alone = coloured(page).sum()
    assert 0 < alone < everything / 3
    page.keyboard.press("v")
    expect(page.locator(".panel h2")).to_have_text("3 tracks in view")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_map(browser: Browser, address: str, scheme: str) -> None:
    with opened(browser, address, color_scheme=scheme) as page:
        go_to_map(page, "/map?track=3")
        expect(page.locator(".panel")).to_be_visible()
        assert serious(page) == []


def test_a_phone_shows_map_and_panel(browser: Browser, address: str) -> None:
    with opened(browser, address, **PHONE) as page:
        go_to_map(page, "/map?track=3")
        panel = page.locator(".panel").bounding_box()
        assert panel is not None
        assert panel["width"] == 390
        assert panel["y"] > 300
        page.get_by_text("Colours", exact=True).tap()
        expect(page.get_by_label("Colour by")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert serious(page) == []
