"""Passages on the page: what is shown can be searched for, in tracks and in one's own file."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, expect

PASSAGE = re.compile(r"/track/\d+\?from=\d+\.\d&to=\d+\.\d$")


def test_where_a_track_is_most_alike_can_be_played_and_searched_for(
    page: Page, client: httpx.Client
) -> None:
    missing: list[str] = []
    page.on("response", lambda each: missing.append(each.url) if each.status >= 400 else None)
    page.goto("/track/1")
    row = page.locator(".match").first
    asked = {"a": {"track_id": 1}, "b": {"track_id": int(row.get_attribute("data-track") or 0)}}
    best = client.post("/api/v1/explain", json=asked).json()["passages"][0]
    places = row.locator(".match-place a")
    expect(places).to_have_count(2)
    row.locator(".place-play").click()
    expect(page.locator(".bar-what")).to_contain_text("A 0:")
    places.nth(1).click()
    expect(page).to_have_url(PASSAGE)
    track, start, end = re.findall(r"[\d.]+", page.url.split("/track/")[1])
    assert int(track) == asked["b"]["track_id"]
    assert (float(start), float(end)) == pytest.approx(
        (best["b_start_s"], best["b_end_s"]), abs=0.1
    )
    expect(page.locator(".similar h2")).to_have_text(re.compile("^Like "))
    expect(page.locator(".similar h2")).to_be_focused()
    page.locator(".match .match-place a").first.click()
    expect(page).to_have_url(PASSAGE)
    page.go_back()
    expect(page).to_have_url(re.compile(rf"/track/{track}\?from={start}&to={end}$"))
    # A track without a cover is no error, either.
    assert missing == []


def test_a_passage_of_two_that_are_compared_is_searched_for(page: Page) -> None:
    page.goto("/compare/1/4")
    passages = page.get_by_role("list", name="Matching passages")
    passages.get_by_role("button", name="Find this passage").first.click()
    entry = page.get_by_role("menuitem", name="What sounds like B")
    expect(entry).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/track/4\?from=.*&to="))


_DROP = """async () => {
  const sound = await (await fetch('/api/v1/tracks/2/audio')).blob();
  const data = new DataTransfer();
  data.items.add(new File([sound], 'mine.mp3', { type: 'audio/mpeg' }));
  return data;
}"""


def test_a_passage_of_a_file_that_was_dropped_is_searched_for(page: Page) -> None:
    page.goto("/")
    page.dispatch_event("body", "drop", {"dataTransfer": page.evaluate_handle(_DROP)})
    expect(page.get_by_role("heading", level=1)).to_have_text("mine")
    expect(page.locator(".match").first).to_be_visible()
    whole = page.url
    stage = page.get_by_role("slider", name="Place in the track")
    stage.focus()
    page.keyboard.press("[")
    page.get_by_role("button", name="Find this passage").click()
    expect(page).to_have_url(re.compile(r"/upload/[\w-]+\?from=0\.0&to=9\.9&heard=[\w-]+$"))
    expect(page.locator(".similar h2")).to_have_text("Like 0:00\u20130:09")
    expect(page.locator(".match-place a").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("mine")
    expect(page.locator(".match-place a").first).to_be_visible()
    page.get_by_role("button", name="The whole track").click()
    expect(page).to_have_url(whole)
    expect(page.locator(".similar h2")).to_have_text("Sounds like this")


def test_genres_and_folders_are_suggested(page: Page, client: httpx.Client) -> None:
    genres = client.get("/api/v1/genres").json()["genres"]
    counts = [each["tracks"] for each in genres]
    assert counts
    assert counts == sorted(counts, reverse=True)
    first = genres[0]["genre"]
    page.goto("/playlist")
    page.locator("summary", has_text="Which tracks").click()
    options = page.locator("#genres-0 option")
    expect(options).to_have_count(len(genres))
    expect(options.first).to_have_attribute("value", first)
    page.get_by_label("Only genres").fill(f"{first}, ")
    expect(options).to_have_count(len(genres) - 1)
    if len(genres) > 1:
        expect(options.first).to_have_attribute("value", f"{first}, {genres[1]['genre']}")
    folder = client.get("/api/v1/library").json()["folders"][0]["path"]
    page.locator(".suggested button").first.click()
    expect(page.get_by_label("Only below folders")).to_have_value(folder)
