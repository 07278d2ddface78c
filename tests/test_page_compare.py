"""Two tracks side by side on the page, in a real browser."""

from __future__ import annotations

import re

import httpx
import pytest
from browsers import PHONE, opened, serious
from playwright.sync_api import Browser, Page, expect

PAIR = "/compare/1/4"


def explained(client: httpx.Client, **more: object) -> dict[str, object]:
    body = {"a": {"track_id": 1}, "b": {"track_id": 4}, **more}
    found: dict[str, object] = client.post("/api/v1/explain", json=body).json()
    return found


def title_of(client: httpx.Client, track_id: int) -> str:
    return str(client.get(f"/api/v1/tracks/{track_id}").json()["title"])


def seconds(page: Page) -> float:
    text = page.locator(".bar-position").get_attribute("aria-valuetext") or "0:00"
    minutes, rest = text.split(" ")[0].split(":")
    return int(minutes) * 60 + int(rest)


def test_a_passage_is_heard_in_one_track_and_then_in_the_other(
    page: Page, client: httpx.Client
) -> None:
    best = explained(client)["passages"][0]  # type: ignore[index]
    page.goto(PAIR)
    page.get_by_role("list", name="Matching passages").get_by_role("button").first.click()
    expect(page.locator(".bar-play")).to_have_attribute("aria-label", "Pause")
    expect(page.locator(".bar-title")).to_have_text(title_of(client, 1))
    page.wait_for_timeout(300)
    assert best["a_start_s"] - 1 <= seconds(page) <= best["a_end_s"]
    # To the end of it, in steps of ten seconds.
    while page.locator(".bar-title").text_content() == title_of(client, 1):
        page.keyboard.press("Shift+ArrowRight")
        page.wait_for_timeout(250)
    expect(page.locator(".bar-title")).to_have_text(title_of(client, 4))
    assert best["b_start_s"] - 1 <= seconds(page) <= best["b_end_s"]


def test_a_band_joins_each_passage_and_can_be_clicked(page: Page, client: httpx.Client) -> None:
    passages = explained(client)["passages"]
    page.goto(PAIR)
    expect(page.locator(".band")).to_have_count(len(passages))  # type: ignore[arg-type]
    page.locator(".band").last.dispatch_event("click")
    expect(page.locator(".bar-title")).to_have_text(title_of(client, 1))


def test_what_the_facets_add_is_the_similarity(page: Page, client: httpx.Client) -> None:
    found = explained(client)
    page.goto(PAIR)
    expect(page.locator(".sum tfoot td").first).to_be_visible()
    added = [
        float((each.text_content() or "").removeprefix("= "))
        for each in page.locator(".sum tbody td:nth-child(4)").all()
    ]
    assert added == [round(each["share"], 2) for each in found["facets"]]  # type: ignore[attr-defined]
    total = float(page.locator(".sum tfoot td").first.text_content() or "")
    assert total == round(float(found["similarity"]), 2)  # type: ignore[arg-type]
    assert abs(sum(added) - total) <= 0.02


def test_the_matrix_says_and_plays_two_moments(page: Page, client: httpx.Client) -> None:
    body = {"a": {"track_id": 1}, "b": {"track_id": 4}}
    matrix = client.post("/api/v1/compare", json=body).json()["excerpt_similarity"]
    page.goto(PAIR)
    stage = page.locator(".matrix-stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    row, column = len(matrix) - 1, 1
    page.mouse.move(
        box["x"] + box["width"] * (column + 0.5) / len(matrix[0]),
        box["y"] + box["height"] * (row + 0.5) / len(matrix),
    )
    said = page.locator(".matrix-said")
    expect(said.locator("b")).to_have_text(f"{matrix[row][column]:.2f}")
    stage.focus()
    page.keyboard.press("ArrowUp")
    expect(said.locator("b")).to_have_text(f"{matrix[row - 1][column]:.2f}")
    page.keyboard.press("Enter")
    expect(page.locator(".bar-title")).to_have_text(title_of(client, 1))


def test_why_not_a_third(page: Page, client: httpx.Client) -> None:
    found = explained(client, expected={"track_id": 20})
    third = client.get("/api/v1/tracks/20").json()
    page.goto(PAIR)
    page.get_by_role("combobox", name="Why not this track?").fill(
        f"{third['artist']} {third['title']}"
    )
    page.locator(".picker-option:visible").first.click()
    answer = page.locator(".why-not")
    expect(answer).to_contain_text(third["title"])
    differences = found["expected"]["differences"]  # type: ignore[index]
    shown = [f"{value:+.2f}" if value else "0.00" for value in differences.values()]
    expect(answer.locator("dd .number")).to_have_text(
        ["0.00" if each == "-0.00" else each for each in shown]
    )


def test_two_are_chosen_swapped_and_changed(page: Page, client: httpx.Client) -> None:
    page.goto("/compare?a=1")
    expect(page.get_by_role("combobox", name="Track B")).to_be_focused()
    page.keyboard.type(title_of(client, 4))
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/compare/1/4$"))
    page.get_by_role("button", name="Swap").click()
    expect(page).to_have_url(re.compile(r"/compare/4/1$"))
    expect(page.locator(".side-title").first).to_contain_text(title_of(client, 4))
    page.goto("/compare/4/4")
    expect(page.locator(".notice")).to_contain_text("one and the same")
    page.goto("/compare/1/99999")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_compare(browser: Browser, client: httpx.Client, scheme: str) -> None:
    with opened(browser, str(client.base_url), color_scheme=scheme) as page:
        page.goto(PAIR)
        expect(page.locator(".matrix-said")).to_be_visible()
        assert serious(page) == []


def test_a_phone_shows_one_below_the_other(browser: Browser, client: httpx.Client) -> None:
    with opened(browser, str(client.base_url), **PHONE) as page:
        page.goto(PAIR)
        expect(page.locator(".side")).to_have_count(2)
        first, second = (each.bounding_box() for each in page.locator(".side").all())
        assert first is not None
        assert second is not None
        assert second["y"] > first["y"]
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert serious(page) == []
