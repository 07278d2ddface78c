"""The page's part for whoever keeps the library: scan, failures, evaluation, versions, models."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from audio_files import chord, write_audio
from browsers import PHONE, opened, serious
from playwright.sync_api import Browser, Page, expect
from servers import Music, running

from soundalike import Library
from soundalike.library.compared import not_compared
from soundalike.locks import lock_file
from soundalike.server.settings import Settings


def few(composed: Music, folder: Path, count: int) -> Path:
    """A folder with some of the composed pieces."""
    folder.mkdir()
    for source in sorted(composed.folder.rglob("*.mp3"))[:count]:
        shutil.copy(source, folder)
    return folder


def heading(page: Page) -> Any:
    return page.get_by_role("heading", level=1)


@pytest.fixture
def own(browser: Browser, composed: Music, tmp_path: Path) -> Iterator[Page]:
    """A page of a copy of the library, which may be changed."""
    settings = Settings(library=str(composed.copy(tmp_path)))
    with running(settings) as address, opened(browser, address) as found:
        yield found


# ---- scan


def test_from_an_empty_library_to_a_list_of_tracks(
    browser: Browser, composed: Music, tmp_path: Path
) -> None:
    music = few(composed, tmp_path / "music", 2)
    (music / "broken.ogg").write_bytes(b"OggS" + bytes(500))
    settings = Settings(library=str(tmp_path / "library.db"))
    with running(settings) as address, opened(browser, address) as page:
        page.goto("/")
        expect(page.locator(".empty")).to_contain_text("Where is your music?")
        page.get_by_role("link", name="Choose a folder").click()
        expect(heading(page)).to_have_text("Where is your music?")
        field = page.get_by_role("textbox", name="Folder", exact=True)
        expect(field).to_be_focused()
        assert serious(page) == []

        # The keyboard is enough; a wrong path is told of, and nothing is lost.
        page.keyboard.type(str(tmp_path / "nowhere"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="nowhere")).to_contain_text(
            "no such file or directory"
        )
        field.fill(str(music))
        page.keyboard.press("Enter")
        bar = page.get_by_role("progressbar", name="Scan")
        expect(bar).to_be_visible()
        expect(bar).to_have_attribute("aria-valuetext", re.compile(r"of 3$"))
        expect(page.locator(".job-path")).to_contain_text(str(music))

        report = page.locator(".report")
        expect(report.locator(".tile")).to_have_text(["2analysed", "1failed"])
        expect(bar).to_be_hidden()
        failure = page.locator(".failure-group")
        expect(failure.locator("summary")).to_contain_text("Damaged audio")
        expect(failure).to_contain_text("broken.ogg")
        expect(failure).to_contain_text("tried once")

        # A retry after the file was put right finds it.
        page.get_by_role("button", name="Try all again").click()
        expect(failure).to_contain_text("tried 2 times")
        shutil.copy(sorted(composed.folder.rglob("*.ogg"))[0], music / "broken.ogg")
        page.get_by_role("button", name="Try all again").click()
        expect(failure).to_have_count(0)
        expect(report.locator(".tile").first).to_have_text("1analysed")

        report.get_by_role("link", name="See the library").click()
        expect(page.locator(".rows .row[data-track]")).to_have_count(3)
        page.go_back()
        expect(page.locator(".folder")).to_contain_text("3 tracks")


def test_the_settings_of_a_folder_and_what_is_missing(
    browser: Browser, composed: Music, tmp_path: Path
) -> None:
    music = few(composed, tmp_path / "music", 3)
    database = tmp_path / "library.db"
    with Library(database) as library:
        library.scan([music], jobs=1, exclude=["Podcasts"])
    gone, left_out, _ = sorted(music.iterdir())
    gone.unlink()
    with running(Settings(library=str(database))) as address, opened(browser, address) as page:
        page.goto("/scan")
        expect(page.locator(".folder .chip")).to_have_text("without Podcasts")
        page.get_by_role("button", name=re.compile("^Settings of")).click()
        expect(page.get_by_label("Leave out")).to_have_value("Podcasts")
        page.get_by_label("Leave out").fill(left_out.name)
        page.get_by_role("button", name="Scan it").click()
        expect(page.locator(".report .tile")).to_have_text(["1missing", "1left out", "1unchanged"])
        expect(page.locator(".folder .chip")).to_have_text(f"without {left_out.name}")
        expect(page.locator(".card", has_text="1 file is missing")).to_contain_text(gone.name)
        page.reload()
        expect(page.locator(".report")).to_be_visible()


def test_a_fast_scan_and_what_it_says_of_a_track(
    browser: Browser, composed: Music, tmp_path: Path
) -> None:
    music = few(composed, tmp_path / "music", 1)
    long = np.tile(chord(8_000, 12.0), 10)
    write_audio(music / "long.wav", long, 8_000, "wav")
    settings = Settings(library=str(tmp_path / "library.db"))
    with running(settings) as address, opened(browser, address) as page:
        page.goto("/scan")
        page.get_by_role("textbox", name="Folder", exact=True).fill(str(music))
        page.get_by_text("Options").click()
        page.get_by_label(re.compile("^Fast")).check()
        page.get_by_role("button", name="Scan this folder").click()
        tiles = page.locator(".report .tile")
        expect(tiles).to_have_text(["2analysed", "1of them heard in passages"])
        expect(page.locator("main")).to_contain_text("1 heard in passages only")
        with Library(tmp_path / "library.db") as library:
            track_id = library.track("long").track_id
        page.goto(f"/track/{track_id}")
        expect(page.locator("main")).to_contain_text("Only some passages of it were heard")
        page.goto("/scan")
        page.get_by_role("button", name="Scan for changes").click()
        expect(tiles).to_have_text(["1analysed anew", "2unchanged"])


def test_a_scan_of_another_program_is_told_of(own: Page) -> None:
    own.goto("/scan")
    own.get_by_role("button", name="Scan for changes").wait_for()
    lock = own.evaluate("fetch('/api/v1/library').then(a => a.json())")["location"] + ".scan-lock"
    with lock_file(Path(lock), timeout_s=0.0):
        own.get_by_role("button", name="Scan for changes").click()
        expect(own.get_by_role("alert").filter(has_text="another scan")).to_be_visible()
    own.get_by_role("button", name="Scan for changes").click()
    expect(own.locator(".report .tile")).to_have_text(re.compile("unchanged"))


def test_a_server_that_is_gone_and_comes_back(page: Page) -> None:
    page.goto("/models")
    expect(heading(page)).to_have_text("Models")
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("link", name="Evaluation").first.click()
    expect(page.locator(".lost")).to_contain_text("The server does not answer")
    expect(heading(page)).to_have_text("That did not work")
    page.unroute("**/api/**")
    expect(page.locator(".toast")).to_contain_text("The server is back")
    expect(page.locator(".lost")).to_have_count(0)
    expect(heading(page)).to_have_text("Evaluation")


# ---- evaluation, versions, models


def test_the_figures_of_an_evaluation_are_those_of_the_library(own: Page) -> None:
    own.goto("/evaluation")
    own.get_by_label("Quick").check()
    own.get_by_role("button", name="Measure this library").click()
    rows = own.locator(".scale-row")
    expect(rows.first).to_be_visible()
    state = own.evaluate("fetch('/api/v1/evaluation').then(answer => answer.json())")
    measured = [each for each in state["result"]["answers"] if each["figures"]]
    assert len(measured) >= 2
    names = [each["question"].capitalize() for each in measured]
    expect(rows.locator("h3")).to_have_text(names)
    for row, answer in zip(rows.all(), measured, strict=True):
        figure = answer["figures"]["precision"]
        expect(row.locator(".scale-value b")).to_have_text(f"{round(figure['value'] * 100)} %")
        spread = f"{round(figure['low'] * 100)} % to {round(figure['high'] * 100)} %"
        expect(row.locator(".scale-value span")).to_have_text(spread)
        dot = row.locator(".scale-mark.main").evaluate("mark => mark.style.left")
        assert float(dot.rstrip("%")) == pytest.approx(figure["value"] * 100)
    # What there is no figure of has a reason; and what no figure can say is said.
    reasons = [each["reason"] for each in state["result"]["answers"] if each["reason"]]
    reasons += [state["result"]["hubness_reason"], state["result"]["robustness_reason"]]
    for text in [*reasons, *state["result"]["cannot_say"]]:
        expect(own.locator("main")).to_contain_text(text, ignore_case=True)
    link = own.get_by_role("link", name="Full report").get_attribute("href")
    assert link == "/api/v1/evaluation/page"
    assert serious(own) == []
    own.reload()
    expect(rows).to_have_count(len(measured))


def test_pieces_that_are_there_several_times(
    browser: Browser, composed: Music, tmp_path: Path
) -> None:
    music = few(composed, tmp_path / "music", 3)
    first = sorted(music.iterdir())[0]
    shutil.copy(first, music / f"again {first.name}")
    database = tmp_path / "library.db"
    with Library(database) as library:
        library.scan([music], jobs=1)
    with running(Settings(library=str(database))) as address, opened(browser, address) as page:
        page.goto("/versions")
        group = page.locator(".version-group")
        expect(group).to_have_count(1)
        expect(group.locator(".version")).to_have_count(2)
        expect(group.locator(".chip").first).to_contain_text("best")
        expect(group.locator(".version").nth(1)).to_contain_text("the same bytes")
        page.get_by_label("Other version").check()
        expect(group).to_have_count(0)
        assert page.url.endswith("?kind=version")
        page.reload()
        expect(page.locator(".empty")).to_contain_text("Nothing of this kind")
        page.get_by_label("Other version").uncheck()
        expect(group.locator(".version")).to_have_count(2)
        link = group.get_by_role("link", name=re.compile("^Compare"))
        ids = [each.get_attribute("data-track") for each in group.locator(".version").all()]
        expect(link).to_have_attribute("href", f"/compare/{ids[0]}/{ids[1]}")


def test_a_first_comparison_is_done_when_it_is_asked_for(
    own: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.server.api.versions._MOST_AT_ONCE", 0)
    own.goto("/versions")
    database = own.evaluate("fetch('/api/v1/library').then(a => a.json())")["location"]
    with Library(database) as library:
        assert not_compared(library) > 20
        own.get_by_role("button", name="Compare all tracks").click()
        expect(own.locator(".empty")).to_contain_text("no two hold the same music")
        assert not_compared(library) == 0


def test_the_models_and_what_they_know(page: Page, client: httpx.Client) -> None:
    page.goto("/models")
    answers = client.get("/api/v1/library").json()
    cards = page.locator(".model")
    expect(cards).to_have_count(len(client.get("/api/v1/models").json()))
    first = cards.first
    expect(first.get_by_role("heading", level=2)).to_contain_text("answers")
    expect(first.locator(".job-facts dd").first).to_have_text(str(answers["analysed"]))
    for facet, share in answers["facets"].items():
        expect(first.locator(".legend")).to_contain_text(f"{facet.capitalize()} {share:.0%}"[:-1])
    model = client.get(f"/api/v1/models/{answers['model']}").json()
    said = [each for each in model["words"] if each["precision"] is not None]
    expect(first.locator(".word-groups .chip")).to_have_count(len(said))
    first.locator("summary").click()
    expect(first.locator(".model-card")).to_contain_text(model["card"][:40].splitlines()[0])
    assert serious(page) == []


@pytest.mark.parametrize("path", ["/scan", "/evaluation", "/versions", "/models"])
def test_the_views_fit_a_phone_in_the_dark(
    browser: Browser, client: httpx.Client, path: str
) -> None:
    with opened(browser, str(client.base_url), **PHONE, color_scheme="dark") as page:
        page.goto(path)
        expect(page.locator("main .card:visible, main .empty:visible").first).to_be_visible()
        wide = page.evaluate("document.getElementById('main').scrollWidth > innerWidth")
        assert not wide
        assert serious(page) == []
