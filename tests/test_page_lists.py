"""Playlists, the radio and odd one out on the page, as somebody uses them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsers import PHONE, opened, serious
from playwright.sync_api import Browser, Locator, Page, expect
from servers import Music, running

from soundalike import Library
from soundalike.playlists import read_playlist
from soundalike.server.settings import Settings

ANY_LENGTH = {"min_length_s": None, "max_length_s": None}
SEED = 1


@pytest.fixture(scope="module")
def address(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own: what is tried here keeps playlists and judges tracks."""
    library = composed.copy(tmp_path_factory.mktemp("lists"))
    with running(Settings(library=str(library))) as found:
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with opened(browser, address) as found:
        yield found


def ids(rows: Locator) -> list[int]:
    return [int(each.get_attribute("data-track") or 0) for each in rows.all()]


def listed(page: Page) -> Locator:
    return page.locator(".playlist-list .track-row")


def title_of(address: str, track_id: int) -> str:
    return str(httpx.get(f"{address}/api/v1/tracks/{track_id}").json()["title"])


def choose_seed(page: Page, address: str, track_id: int = SEED) -> None:
    title = title_of(address, track_id)
    field = page.get_by_role("combobox", name="A seed")
    field.fill(title)
    page.get_by_role("option", name=re.compile(re.escape(title))).first.wait_for()
    field.press("Enter")
    expect(page.locator(".wish-seeds .seed")).to_have_count(1)


def as_chosen(address: str) -> Any:
    """What the browser keeps of somebody who chose the first track, ten tracks and any length."""
    track = httpx.get(f"{address}/api/v1/tracks/{SEED}").json()
    wishes = {"amount": "10", "minLength": "", "maxLength": ""}
    value = json.dumps({"seeds": [{"track": track}], "without": [], "wishes": wishes})
    kept = [{"name": "soundalike.draft.asked", "value": value}]
    return {"cookies": [], "origins": [{"origin": address, "localStorage": kept}]}


@pytest.fixture
def chosen(browser: Browser, address: str) -> Iterator[Page]:
    """A page where all is chosen, and nothing made."""
    with opened(browser, address, storage_state=as_chosen(address)) as found:
        yield found


def made(page: Page) -> list[int]:
    """A playlist, as chosen; its ids."""
    page.goto("/playlist")
    page.get_by_role("button", name="Make the playlist").first.click()
    expect(listed(page)).to_have_count(10)
    return ids(listed(page))


# ---- the builder


def test_a_playlist_is_made_with_reasons(page: Page, address: str) -> None:
    page.goto("/playlist")
    page.get_by_role("button", name="Make the playlist").click()
    expect(page.locator(".told")).to_contain_text("Choose a seed first")
    choose_seed(page, address)
    page.get_by_label("How many").fill("6")
    page.get_by_role("button", name="Make the playlist").first.click()
    # The pieces are shorter than what a playlist takes by default.
    expect(page.locator(".told")).to_contain_text("leave nothing")
    expect(page.locator(".told")).to_contain_text("length")
    page.get_by_role("button", name="Allow any length").click()
    expect(listed(page)).to_have_count(6)
    asked = {"seeds": [{"track_id": SEED}], "tracks": 6, "limits": ANY_LENGTH}
    expected = httpx.post(f"{address}/api/v1/playlists/make", json=asked).json()
    assert ids(listed(page)) == [each["track"]["track_id"] for each in expected["items"]]
    why = listed(page).first.locator("button.why-line")
    expect(why).to_contain_text(re.compile(r"Closer than \d+(\.\d+)? % · like "))
    why.click()
    details = listed(page).first.locator(".why")
    expect(details.locator("dt")).to_have_text(["Sound", "Rhythm", "Harmony"])
    similarity = expected["items"][0]["likeness"]["similarity"]
    expect(details).to_contain_text(f"Similarity {similarity:.2f} to “{title_of(address, SEED)}”")
    details.get_by_role("button", name=re.compile("^Its ")).click()
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Pause")


def test_limits_seeds_and_what_is_unwanted_are_sent(page: Page, address: str) -> None:
    page.goto("/playlist")
    choose_seed(page, address)
    page.get_by_role("button", name=re.compile("^Only a passage of")).click()
    page.get_by_label("From", exact=True).fill("0:02")
    page.get_by_label("To", exact=True).fill("nonsense")
    page.get_by_role("button", name="Use it").click()
    expect(page.get_by_role("alert")).to_contain_text("Give times such as")
    page.get_by_label("To", exact=True).fill("0:12")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator(".seed")).to_contain_text("0:02\N{EN DASH}0:12")
    page.get_by_text("But not like").click()
    away = page.get_by_role("combobox", name="Something to be unlike")
    away.fill(title_of(address, 20))
    page.locator(".picker-list:not([hidden]) [role=option]").first.wait_for()
    away.press("Enter")
    page.get_by_text("Limits", exact=True).click()
    page.get_by_label("Shortest").fill("0:05")
    page.get_by_label("Most of an artist").fill("2")
    page.get_by_text("What counts", exact=True).click()
    page.locator("#facet-rhythm").fill("90")
    page.get_by_label("Surprise").fill("50")
    page.get_by_label("Unit").select_option("minutes")
    page.get_by_label("How many").fill("2")
    with page.expect_request("**/playlists/make") as sent:
        page.get_by_role("button", name="Make the playlist").first.click()
    body = json.loads(sent.value.post_data or "")
    assert body["seeds"] == [{"track_id": SEED, "start_s": 2, "end_s": 12}]
    assert [each["track_id"] for each in body["without"]] == [20]
    assert body["minutes"] == 2
    assert "tracks" not in body
    assert body["weights"]["rhythm"] == 0.9
    assert body["surprise"] == 0.5
    assert body["limits"]["min_length_s"] == 5
    assert body["limits"]["max_per_artist"] == 2
    expect(listed(page).first).to_be_visible()
    # A time that is none is told of at its field, and nothing is asked.
    page.get_by_label("Shortest").fill("soon")
    page.get_by_role("button", name="Make the playlist").first.click()
    expect(page.get_by_label("Shortest")).to_be_focused()


def test_another_order_by_the_keyboard(chosen: Page) -> None:
    page = chosen
    before = made(page)
    name = listed(page).first.get_attribute("data-name")
    handle = page.get_by_role("button", name=f"Move {name}", exact=True)
    handle.focus()
    said = page.locator("[aria-live=assertive]")
    page.keyboard.press("Space")
    expect(said).to_have_text(re.compile(rf"lifted, 1 of {len(before)}\."))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(said).to_have_text(f"3 of {len(before)}.")
    expect(handle).to_be_focused()
    page.keyboard.press("Space")
    expect(said).to_have_text(re.compile(rf"dropped, 3 of {len(before)}\."))
    moved = [before[1], before[2], before[0], *before[3:]]
    assert ids(listed(page)) == moved
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Escape")
    expect(said).to_have_text(re.compile("is where it was, 3 of"))
    page.reload()
    expect(listed(page).first).to_be_visible()
    assert ids(listed(page)) == moved
    expect(listed(page).nth(2).locator(".track-number")).to_have_text("3")


def test_another_order_by_dragging(chosen: Page) -> None:
    page = chosen
    before = made(page)
    page.locator(".playlist-head").scroll_into_view_if_needed()
    handles = page.locator(".handle")
    start, end = handles.nth(0).bounding_box(), handles.nth(2).bounding_box()
    assert start is not None
    assert end is not None
    x = start["x"] + 10
    page.mouse.move(x, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(x, start["y"] + 40, steps=3)
    page.mouse.move(x, end["y"] + 20, steps=5)
    expect(listed(page).nth(2)).to_have_class(re.compile("is-dragged"))
    page.mouse.up()
    moved = [before[1], before[2], before[0], *before[3:]]
    assert ids(listed(page)) == moved
    page.mouse.move(x, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(x, end["y"] + 20, steps=5)
    page.keyboard.press("Escape")
    assert ids(listed(page)) == moved
    page.mouse.up()
    page.reload()
    expect(listed(page).first).to_be_visible()
    assert ids(listed(page)) == moved


def test_tracks_are_removed_put_in_order_and_added(chosen: Page, address: str) -> None:
    page = chosen
    before = made(page)
    listed(page).nth(1).get_by_role("button", name=re.compile("^Remove ")).click()
    expect(listed(page)).to_have_count(len(before) - 1)
    expect(listed(page).nth(1).locator(".track-remove")).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    assert ids(listed(page)) == before
    for _ in range(len(before) - 4):
        listed(page).nth(2).locator(".track-remove").click()
    left = ids(listed(page))
    page.get_by_role("button", name="Order smoothly").click()
    expect(page.locator(".told")).to_contain_text(re.compile("smooth"))
    ordered = ids(listed(page))
    asked = {"track_ids": left, "artist_gap": 1}
    expected = httpx.post(f"{address}/api/v1/playlists/order", json=asked).json()
    assert ordered == [each["track_id"] for each in expected["tracks"]]
    page.get_by_label("How many").fill("3")
    page.get_by_role("button", name="Go on").click()
    expect(listed(page)).to_have_count(7)
    assert ids(listed(page))[:4] == ordered
    page.get_by_role("button", name="New list").click()
    expect(listed(page)).to_have_count(0)
    page.get_by_role("button", name="Bring the old one back").click()
    expect(listed(page)).to_have_count(7)


def test_files_of_a_playlist_are_read_by_others(
    chosen: Page, composed: Music, tmp_path: Path
) -> None:
    page = chosen
    tracks = made(page)
    page.get_by_label("Name of the playlist").fill("Evening / 1")
    for kind in ("M3U8", "XSPF", "JSPF"):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=re.compile(kind)).click()
        file = tmp_path / f"taken.{kind.lower()}"
        download.value.save_as(file)
        assert download.value.suggested_filename.endswith(f".{kind.lower()}")
        found = read_playlist(file)
        assert found.name == "Evening / 1"
        with Library(composed.library) as library:
            resolved = library.resolve_playlist(found)
        assert [each.track_id for each in resolved.tracks] == tracks


def test_a_playlist_is_kept_opened_made_again_and_deleted(chosen: Page) -> None:
    page = chosen
    tracks = made(page)
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Name", exact=True).fill("Slow / evening")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator(".toast").last).to_contain_text("is saved")
    page.get_by_role("link", name="Kept playlists").click()
    page.get_by_role("link", name="Slow / evening").click()
    rows = page.locator(".track-row")
    expect(rows).to_have_count(len(tracks))
    assert ids(rows) == tracks
    page.get_by_role("button", name="Make it again").click()
    expect(page.locator(".told")).to_contain_text("It is as it was")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("Slow")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Slow")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Slow")
    page.get_by_role("button", name="Open in the builder").click()
    expect(page.get_by_label("Name of the playlist")).to_have_value("Slow")
    listed(page).first.locator(".track-remove").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast").last).to_contain_text("“Slow” is saved")
    page.goto("/playlists")
    kept = page.locator(".kept-row")
    expect(kept).to_have_count(1)
    expect(kept).to_contain_text(f"{len(tracks) - 1} tracks")
    kept.get_by_role("button", name="More for Slow").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("None is kept yet")


# ---- the radio


def coming(page: Page) -> list[int]:
    upcoming = page.get_by_role("list", name="Coming up")
    expect(upcoming.locator("li").first).to_be_visible()
    expect(upcoming).not_to_have_attribute("aria-busy", "")
    return ids(upcoming.locator("> li"))


def test_what_is_skipped_and_liked_changes_what_follows(page: Page, address: str) -> None:
    page.goto(f"/track/{SEED}")
    page.locator(".track-head").get_by_role("link", name="Radio").click()
    page.get_by_role("button", name="Allow any length").click()
    title = page.locator(".radio-title")
    expect(title).to_have_text(title_of(address, SEED))
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Pause")
    first = coming(page)
    page.get_by_role("button", name="Next track").click()
    expect(title).to_have_text(title_of(address, first[0]))
    # To leave the track it began with says nothing: what was to come comes.
    second = coming(page)
    assert second[: len(first) - 1] == first[1:]
    page.get_by_role("button", name="Skip").click()
    expect(title).to_have_text(title_of(address, first[1]))
    expect(page.locator(".said li")).to_have_text([re.compile("Skipped: ")])
    third = coming(page)
    assert third[: len(second) - 1] != second[1:]
    artist = {each: httpx.get(f"{address}/api/v1/tracks/{each}").json()["artist"] for each in first}
    now = {each: httpx.get(f"{address}/api/v1/tracks/{each}").json()["artist"] for each in third}
    assert artist[first[0]] not in [now[each] for each in third[:4]]
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.locator(".said li")).to_have_text([re.compile("Liked"), re.compile("Skipped")])
    fourth = coming(page)
    assert fourth != third
    # What was left within ten seconds counts as skipped, whatever the button.
    page.get_by_role("button", name="Next track").click()
    expect(title).to_have_text(title_of(address, fourth[0]))
    page.get_by_role("button", name="Next track").click()
    expect(page.locator(".said li")).to_have_count(3)
    upcoming = coming(page)
    queue = page.evaluate(
        "import('/static/js/player.js').then(({player}) => player.queue.slice(player.index + 1)"
        ".map(({track}) => track.track_id))"
    )
    assert queue == upcoming
    playing = title.text_content() or ""
    page.reload()
    expect(title).to_have_text(playing)
    assert coming(page) == upcoming
    page.locator(".radio-now").get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".bar-title")).to_have_text(playing)
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Pause")


# ---- odd one out


def test_ten_answers_teach_the_taste(page: Page, address: str) -> None:
    """Those of somebody who goes by rhythm, by the keyboard alone."""
    with page.expect_response("**/taste/question*") as answer:
        page.goto("/odd-one-out")
    for n in range(10):
        question: Any = answer.value.json()
        expect(page.locator(".odd-card")).to_have_count(3)
        if n == 0:
            page.keyboard.press("2")
            expect(page.locator(".bar-title")).to_have_text("Passage 2")
            page.wait_for_function(
                "from => import('/static/js/player.js').then(({player}) => player.time > from)",
                arg=question["passages"][1]["start_s"] + 0.1,
            )
        odd = question["odd_by_facet"]["rhythm"]
        page.keyboard.press(f"Shift+Digit{odd + 1}")
        expect(page.locator(".odd-said")).to_contain_text("rhythm")
        expect(page.locator(".odd-name .bar-title")).to_have_count(3)
        expect(page.locator(".odd-progress")).to_have_attribute(
            "aria-label", f"{n + 1} of 10 answered"
        )
        if n < 9:
            with page.expect_response("**/taste/question*") as answer:
                page.keyboard.press("Enter")
        else:
            page.keyboard.press("Enter")
    report = httpx.get(f"{address}/api/v1/taste").json()
    assert report["judgements"]["oddone"] == 10
    (trial,) = (each for each in report["trials"] if each["level"] == "weights")
    shares = page.locator(".weights b")
    expect(shares).to_have_text([f"{round(each * 100)} %" for each in report["weights"].values()])
    told = page.locator('.trial[data-level="weights"]')
    expect(told).to_contain_text(f"Each of {trial['n']} answers was held out")
    expect(told).to_contain_text(f"get {trial['before']:g} right, yours {trial['after']:g}")
    expect(told).to_contain_text("it is used" if trial["is_used"] else "not used")
    page.get_by_role("link", name="All that you said").click()
    expect(page.locator(".judgements li")).to_have_count(10)
    page.get_by_role("button", name="Undo").first.click()
    expect(page.locator(".judgements li")).to_have_count(9)
    page.get_by_role("button", name="Forget all").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget all").click()
    expect(page.get_by_role("heading", level=3)).to_have_text("Nothing yet")
    assert not any(httpx.get(f"{address}/api/v1/taste").json()["judgements"].values())


# ---- sizes, colours, and whoever cannot see or point


def test_they_fit_a_phone_in_the_dark_and_shut_nobody_out(browser: Browser, address: str) -> None:
    wide = "document.getElementById('main').scrollWidth > innerWidth"
    kept = {"storage_state": as_chosen(address), "color_scheme": "dark"}
    with opened(browser, address, **kept, **PHONE) as page:
        made(page)
        listed(page).first.locator("button.why-line").tap()
        for each in page.locator(".wish-part > summary").all():
            each.tap()
        expect(page.locator("#facet-rhythm")).to_be_visible()
        assert serious(page) == []
        assert not page.evaluate(wide)
        page.goto(f"/radio/{SEED}")
        page.get_by_role("button", name="Allow any length").tap()
        coming(page)
        assert serious(page) == []
        assert not page.evaluate(wide)
        page.goto("/odd-one-out")
        page.locator(".odd-card").first.wait_for()
        assert serious(page) == []
        assert not page.evaluate(wide)
        page.goto("/taste")
        page.locator(".empty").first.wait_for()
        assert serious(page) == []
