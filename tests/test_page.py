"""The page, as somebody uses it: a real browser, the real server, a small library of real files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from audio_files import chord, write_audio
from browsers import PHONE, opened, serious
from playwright.sync_api import Browser, Page, expect
from servers import Music, running

from soundalike import Library
from soundalike.server import pages
from soundalike.server.settings import Settings
from soundalike.server.tokens import hash_of, new_token

FIRST = "/track/1"
MENU = ("Similar", "Radio", "Add to", "seed", "Play next", "like this", "Not for me", "map")


def rows(page: Page) -> Any:
    return page.locator(".rows .row[data-track]")


def matches(page: Page) -> list[int]:
    """The ids of the similar tracks, as they stand."""
    expect(page.locator(".match").first).to_be_visible()
    expect(page.locator(".matches")).not_to_have_attribute("aria-busy", "true")
    return [int(each.get_attribute("data-track") or 0) for each in page.locator(".match").all()]


def seconds(page: Page) -> float:
    """Where the player is."""
    text = page.locator(".bar-position").get_attribute("aria-valuetext") or "0:00"
    minutes, rest = text.split(" ")[0].split(":")
    return int(minutes) * 60 + int(rest)


def expect_playing(page: Page) -> None:
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Pause")
    page.wait_for_function(
        "from => document.querySelector('.bar-position').getAttribute('aria-valuetext') !== from",
        arg=page.locator(".bar-position").get_attribute("aria-valuetext"),
    )


def similar_ids(client: httpx.Client, **asked: Any) -> list[int]:
    found = client.post("/api/v1/similar", json={"seeds": [{"track_id": 1}], "k": 20, **asked})
    return [each["track"]["track_id"] for each in found.json()["matches"]]


# ---- the files


def test_a_file_is_asked_for_again_only_when_it_is_another(client: httpx.Client) -> None:
    first = client.get("/static/js/main.js")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["cache-control"] == "no-cache"
    assert first.text == (pages.STATIC / "js" / "main.js").read_text(encoding="utf-8")
    again = client.get("/static/js/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.get("/static/js/main.js", headers={"if-none-match": 'W/"older"'})
    assert other.status_code == 200


def test_whoever_takes_no_gzip_gets_the_file_as_it_is(client: httpx.Client) -> None:
    plain = client.get("/static/css/base.css", headers={"accept-encoding": "identity"})
    packed = client.get("/static/css/base.css", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.content == packed.content == (pages.STATIC / "css" / "base.css").read_bytes()


def test_every_view_has_a_url_and_nothing_else_does(client: httpx.Client) -> None:
    index = (pages.STATIC / "index.html").read_text(encoding="utf-8")
    for view in pages.VIEWS:
        path = re.sub(r"\{\w+(:int)?\}", "12", view)
        assert client.get(path).text == index, path
    for path in (
        "/tracks",
        "/track/x",
        "/static/",
        "/static/js/none.js",
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/api/v1/none",
    ):
        assert client.get(path).status_code == 404, path


def test_a_browser_that_goes_nowhere_gets_the_page_which_says_so(client: httpx.Client) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    index = (pages.STATIC / "index.html").read_text(encoding="utf-8")
    answer = client.get("/no/such/view", headers={**browser, "if-none-match": "*"})
    assert (answer.status_code, answer.text) == (404, index)
    for path in ("/api/v1/none", "/static/none.js", "/rest/none"):
        assert "<html" not in client.get(path, headers=browser).text, path
    assert client.get("/no/such/view").json()["status"] == 404
    assert client.get("/api/v1/similar", headers=browser).status_code == 405


def test_the_page_needs_nothing_from_elsewhere_and_no_inline_code() -> None:
    index = (pages.STATIC / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", index)
    for path in pages.STATIC.rglob("*"):
        if path.suffix in (".js", ".css", ".html"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML", text), path


# ---- the library


def test_search_as_one_types(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Library")
    expect(rows(page).first).to_be_visible()
    total = int((page.locator(".view-head p").text_content() or "").split(" ")[0])
    assert total > 5
    title = rows(page).nth(3).locator(".row-title").text_content() or ""
    page.get_by_role("searchbox").press_sequentially(title[:6].upper(), delay=20)
    expect(rows(page).first.locator(".row-title")).to_have_text(
        re.compile(re.escape(title[:6]), re.I)
    )
    expect(page.locator(".view-head p")).to_contain_text("found")
    assert page.url.endswith(
        "?q=" + httpx.QueryParams({"q": title[:6].upper()})["q"].replace(" ", "+")
    )
    page.get_by_role("searchbox").fill("zzzz nothing")
    expect(page.get_by_role("heading", level=2)).to_contain_text("zzzz nothing")
    page.get_by_role("button", name="Clear the search").first.click()
    expect(page.locator(".view-head p")).to_have_text(f"{total} tracks")


def test_a_track_is_played_while_one_goes_elsewhere(page: Page) -> None:
    page.goto("/")
    row = rows(page).first
    row.get_by_role("button", name=re.compile("^Play")).click()
    expect_playing(page)
    expect(row).to_have_class(re.compile("is-playing"))
    row.locator(".row-title").click()
    expect(page.locator(".track-head h1")).to_be_visible()
    expect_playing(page)
    before = seconds(page)
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(200)
    assert seconds(page) >= before + 9
    page.get_by_role("button", name="Next track").click()
    expect(page.locator(".bar-title")).not_to_have_text(
        page.locator(".track-head h1").text_content() or ""
    )


def test_the_menu_of_a_row(page: Page) -> None:
    page.goto("/")
    menu_button = rows(page).nth(1).get_by_role("button", name=re.compile("^More for"))
    menu_button.click()
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitem")).to_have_text([re.compile(each) for each in MENU])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("added to your playlist")
    expect(page.locator(".rail .count")).to_have_text("1")
    menu_button.click()
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(menu_button).to_be_focused()


_LONG_LIST = """async () => {
  const { VirtualList } = await import('/static/js/list.js');
  const { el } = await import('/static/js/dom.js');
  const asked = [];
  const scroller = document.getElementById('main');
  const list = new VirtualList({
    rowHeight: 60, scroller, label: 'Many', head: null,
    fetchPage: async (offset, limit) => {
      asked.push(offset);
      const items = Array.from({ length: Math.min(limit, 100000 - offset) }, (_, i) => offset + i);
      return { total: 100000, items };
    },
    makeRow: (item) => el('div', { class: 'row', role: 'row' }, item === null ? '' : `row ${item}`),
  }, new AbortController().signal);
  scroller.replaceChildren(list.element);
  await list.reload();
  let most = 0;
  for (let step = 0; step < 60; step++) {
    scroller.scrollTop += 90000;
    await new Promise(requestAnimationFrame);
    most = Math.max(most, list.body.childElementCount);
  }
  scroller.scrollTop = 1e9;
  window.many = { list, asked, most };
  return { most, rowCount: list.element.getAttribute('aria-rowcount') };
}"""


def test_a_list_of_100000_rows_holds_only_those_that_are_seen(page: Page) -> None:
    page.goto("/")
    expect(rows(page).first).to_be_visible()
    found = page.evaluate(_LONG_LIST)
    assert found == {"most": found["most"], "rowCount": "100000"}
    assert found["most"] < 60
    last = page.get_by_text("row 99999", exact=True)
    expect(last).to_be_visible()
    expect(last).to_have_attribute("aria-rowindex", "100000")
    # What flew by was not asked for: a hundred thousand rows are many hundred questions, and a busy
    # machine, on which a frame lasts longer, stops for one now and then.
    assert page.evaluate("many.asked.length") < 50
    page.evaluate("many.list.focus(50000)")
    expect(page.get_by_text("row 50000", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("row 50001", exact=True)).to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_text("row 0", exact=True)).to_be_focused()


# ---- a track


def test_similar_tracks_with_percentile_facets_and_reason(page: Page, client: httpx.Client) -> None:
    page.goto(FIRST)
    assert matches(page) == similar_ids(client)
    first = page.locator(".match").first
    expect(first.locator(".match-percentile")).to_have_text(
        re.compile(r"closer than \d+(\.\d+)? %")
    )
    expect(first.locator("dt")).to_have_text(["Sound", "Rhythm", "Harmony"])
    found = client.post("/api/v1/similar", json={"seeds": [{"track_id": 1}], "k": 1}).json()
    sound = found["matches"][0]["facets"]["sound"]
    expect(first.locator(".facet-value").first).to_have_text(f"{sound:.2f}")
    expect(first.locator(".match-reason")).to_have_text(re.compile(r"\w.*\.$"))


def test_the_sliders_rank_anew_at_once(page: Page, client: httpx.Client) -> None:
    page.goto(FIRST)
    before = matches(page)
    for facet, value in (("sound", "0"), ("rhythm", "100"), ("harmony", "0")):
        page.locator(f"#facet-{facet}").fill(value)
    by_rhythm = similar_ids(client, weights={"sound": 0, "rhythm": 1, "harmony": 0})
    assert by_rhythm != before
    expect(page.locator(".match").first).to_have_attribute("data-track", str(by_rhythm[0]))
    assert matches(page) == by_rhythm
    expect(page.locator(".slider-share")).to_have_text(["0 %", "100 %", "0 %"])
    page.reload()
    assert matches(page) == by_rhythm
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".match").first).to_have_attribute("data-track", str(before[0]))
    assert matches(page) == before
    assert page.url.endswith(FIRST)


def test_a_click_seeks_and_a_drag_finds_a_passage(page: Page) -> None:
    page.goto(FIRST)
    stage = page.get_by_role("slider", name="Place in the track")
    length = float(stage.get_attribute("aria-valuemax") or 0)
    box = stage.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    expect_playing(page)
    assert abs(seconds(page) - length / 2) < 5
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 25, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 25, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Find this passage").click()
    expect(page).to_have_url(re.compile(r"\?from=\d+\.\d&to=\d+\.\d$"))
    expect(page.locator(".similar h2")).to_have_text(re.compile(r"^Like \d:\d\d\u2013\d:\d\d$"))
    expect(page.locator(".match-place").first).to_have_text(re.compile(r"\d:\d\d\u2013\d:\d\d"))
    page.go_back()
    expect(page.locator(".similar h2")).to_have_text("Sounds like this")
    matches(page)
    stage.dblclick(position={"x": box["width"] / 2, "y": 20})
    expect(page.locator(".similar h2")).to_have_text(re.compile("^Like "))


def test_a_file_that_is_dropped_is_searched_by(page: Page) -> None:
    page.goto(FIRST)
    matches(page)
    data = page.evaluate_handle(
        """async () => {
          const sound = await (await fetch('/api/v1/tracks/2/audio')).blob();
          const data = new DataTransfer();
          data.items.add(new File([sound], 'mine.mp3', { type: 'audio/mpeg' }));
          return data;
        }"""
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": data})
    expect(page.get_by_text("Drop it to hear what is like it")).to_be_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page).to_have_url(re.compile("/upload/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("mine")
    assert matches(page)
    page.get_by_role("button", name="Play", exact=True).first.click()
    expect_playing(page)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("mine")
    assert matches(page)


def test_a_file_that_is_no_audio_is_told_of(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp3"
    path.write_text("no music")
    page.goto("/")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Search by a file").click()
    chooser.value.set_files(path)
    expect(page.get_by_role("alert")).to_contain_text("notes.mp3")
    expect(page).to_have_url(re.compile("/$"))


# ---- URLs, keyboard, sizes, colours


def test_urls_titles_and_the_way_back(page: Page) -> None:
    page.goto("/?sort=title")
    expect(rows(page).first).to_be_visible()
    page.locator("#main").evaluate("main => { main.scrollTop = 300 }")
    row = rows(page).nth(8)
    title = row.locator(".row-title").text_content() or ""
    row.locator(".row-title").click()
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(title)
    expect(heading).to_be_focused()
    expect(page).to_have_title(re.compile(re.escape(title)))
    page.go_back()
    expect(page).to_have_title("Library · soundalike")
    expect(rows(page).first).to_be_visible()
    page.wait_for_function("document.getElementById('main').scrollTop === 300")
    page.go_forward()
    expect(heading).to_have_text(title)
    page.goto("/track/999999")
    expect(heading).to_have_text("There is nothing here")
    expect(page.locator(".empty")).to_contain_text("there is no track #999999", ignore_case=True)


def test_the_keyboard_is_enough(page: Page) -> None:
    page.goto(FIRST)
    matches(page)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows(page).first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1)).to_be_focused()
    page.keyboard.press(" ")
    expect_playing(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(rows(page).nth(1).get_by_role("button", name=re.compile("^More"))).to_be_focused()
    page.keyboard.press("Escape")
    expect(rows(page).nth(1)).to_be_focused()
    title = rows(page).nth(1).locator(".row-title").text_content() or ""
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.keyboard.press(" ")
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Play")
    matches(page)
    page.keyboard.press("s")
    expect(page.locator(".match").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    second = page.locator(".match").nth(1)
    expect(second).to_be_focused()
    name = second.locator(".row-title").text_content() or ""
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Play or pause")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_passage_by_the_keyboard(page: Page) -> None:
    page.goto(FIRST)
    matches(page)
    page.get_by_role("slider", name="Place in the track").focus()
    for key in ("ArrowRight", "[", "Enter"):
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    expect(page.locator(".similar h2")).to_have_text(re.compile("^Like "))


@pytest.mark.parametrize("path", ["/", FIRST])
def test_it_fits_a_phone(browser: Browser, client: httpx.Client, path: str) -> None:
    with opened(browser, str(client.base_url), **PHONE) as page:
        page.goto(path)
        expect(page.locator(".row[data-track], .match").first).to_be_visible()
        wide = page.evaluate(
            """[...document.querySelectorAll('#main, .bar, .tabs')]
            .filter(each => each.scrollWidth > innerWidth).map(each => each.id)"""
        )
        assert wide == []
        small = page.evaluate(
            """[...document.querySelectorAll('button, select, .tab, .button, input[type=search]')]
            .filter(each => each.offsetParent !== null && !each.closest('.row'))
            .map(each => [each.className, each.getBoundingClientRect()])
            .filter(([, box]) => box.width < 44 || box.height < 44).map(([name]) => name)"""
        )
        assert small == []
        expect(page.locator(".rail")).to_be_hidden()
        page.locator(".tabs").get_by_text("More").tap()
        expect(page.get_by_role("dialog").get_by_role("link", name="Scan")).to_be_visible()


def test_the_bar_never_jumps(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".bar-play")).to_be_visible()
    before = page.locator(".bar").bounding_box()
    rows(page).first.locator(".play-cover").click()
    expect_playing(page)
    assert page.locator(".bar").bounding_box() == before
    page.goto(FIRST)
    assert page.locator(".bar").bounding_box() == before


def test_light_and_dark(browser: Browser, client: httpx.Client) -> None:
    dark, light = "rgb(18, 19, 21)", "rgb(247, 246, 243)"
    with opened(browser, str(client.base_url), color_scheme="dark") as page:
        page.goto("/")
        ground = page.locator("body")
        expect(ground).to_have_css("background-color", dark)
        page.get_by_role("button", name="Theme: as the system").click()
        expect(ground).to_have_css("background-color", light)
        page.reload()
        expect(ground).to_have_css("background-color", light)
        page.emulate_media(color_scheme="light")
        page.get_by_role("button", name="Theme: light").click()
        expect(ground).to_have_css("background-color", dark)


def test_axe_finds_nothing_serious(page: Page) -> None:
    page.goto("/")
    expect(rows(page).first).to_be_visible()
    assert serious(page) == []
    page.goto(FIRST)
    matches(page)
    expect(page.locator(".match-reason").first).to_have_text(re.compile(r"\."))
    assert serious(page) == []
    page.locator(".match .icon-button[aria-haspopup]").first.click()
    expect(page.locator(".menu")).to_be_visible()
    assert serious(page, ".menu") == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious(page, "dialog") == []


def test_colours_can_be_told_apart_in_the_dark_on_a_phone(
    browser: Browser, client: httpx.Client
) -> None:
    with opened(browser, str(client.base_url), color_scheme="dark", **PHONE) as page:
        page.goto("/")
        rows(page).first.locator(".play-cover").tap()
        expect_playing(page)
        assert serious(page, rules=["color-contrast"]) == []
        page.goto(FIRST)
        matches(page)
        assert serious(page, rules=["color-contrast"]) == []


# ---- tags, tokens


EVIL = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"


@pytest.fixture(scope="module")
def odd_music(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a track of markup, and one that no browser plays as it is."""
    folder = tmp_path_factory.mktemp("odd")
    tags = {"title": EVIL, "artist": EVIL, "album": EVIL}
    write_audio(folder / "evil.mp3", chord(22_050, 12.0), 22_050, "mp3-cbr", metadata=tags)
    write_audio(folder / "long.aiff", chord(22_050, 60.0), 22_050, "aiff")
    with Library(folder / "library.db") as library:
        library.scan([folder], jobs=1)
    with running(Settings(library=str(folder / "library.db"))) as address:
        yield address


def test_a_tag_is_text_and_never_markup(browser: Browser, odd_music: str) -> None:
    with opened(browser, odd_music) as page:
        page.goto("/?q=bold")
        expect(rows(page).first.locator(".row-title")).to_have_text(EVIL)
        rows(page).first.locator(".play-cover").click()
        expect_playing(page)
        rows(page).first.locator(".row-title").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)
        expect(page.locator(".match")).to_have_count(1)
        assert page.locator("b:text('bold'), img[src=x]").count() == 0
        assert "taken" not in page.title().split("<")[0]


def test_what_is_encoded_while_it_is_heard_can_be_sought_in(
    browser: Browser, odd_music: str
) -> None:
    with opened(browser, odd_music) as page:
        page.goto("/?q=long")
        rows(page).first.locator(".play-cover").click()
        expect_playing(page)
        expect(page.locator(".bar-time").last).to_have_text("1:00")
        with page.expect_request(re.compile("/audio")) as asked:
            page.locator(".bar-position").fill("750")
        assert "start_s=45" in asked.value.url
        expect_playing(page)
        assert 45 <= seconds(page) < 55


def test_the_token_is_asked_for_and_taken_from_the_url(browser: Browser, composed: Music) -> None:
    token = new_token()
    settings = Settings(library=str(composed.library), token_hash=hash_of(token))
    with running(settings) as address:
        with opened(browser, address) as page:
            page.goto(FIRST)
            expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
            page.get_by_label("Token").fill("wrong")
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_contain_text("not the token")
            page.get_by_label("Token").fill(token)
            page.keyboard.press("Enter")
            assert matches(page)
            assert page.url == f"{address}{FIRST}"
        with opened(browser, address) as page:
            page.goto(f"/#token={token}")
            expect(rows(page).first).to_be_visible()
            assert token not in page.url
            assert token not in page.evaluate("document.cookie + JSON.stringify(localStorage)")
