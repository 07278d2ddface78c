"""Take the pictures of the page, over the music that the project composes itself.

    python examples/page_pictures.py [NAME...] [--out DIR] [--library FILE]

Writes docs/images/page-NAME.png, all of them or those that are named. The library is that of
`make demo` unless another is named. It drives Debian's Chromium with Playwright (the `test` extra).
"""

from __future__ import annotations

import argparse
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from soundalike.files import write_file
from soundalike.server.running import server_of
from soundalike.server.settings import Settings

Scheme = Literal["light", "dark"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "images"
LIBRARY = ROOT / "build" / "demo" / "library.db"
CHROMIUM = "/usr/bin/chromium"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
PORT = 8431
# What is named here is composed by compose.py.
FIRST, SECOND = "Two Cents at Closing Time", "Walking the Balance"


def track(page: Page) -> None:
    """A track that plays, over what sounds like it."""
    page.goto(f"/track/{_id(page, FIRST)}")
    stage = page.get_by_role("slider", name="Place in the track")
    stage.click(position={"x": stage.evaluate("each => each.clientWidth * 0.45"), "y": 40})
    page.locator(".place-play").nth(4).wait_for()


def phone(page: Page) -> None:
    """What sounds like a track, on a phone."""
    track(page)


def map_(page: Page) -> None:
    """All tracks, with one that is selected and its true neighbours."""
    page.goto(f"/map?track={_id(page, SECOND)}")
    page.locator(".panel-row").first.wait_for()
    page.locator("#main").press("0")


def compare(page: Page) -> None:
    """Two tracks, and where they match."""
    page.goto(f"/compare/{_id(page, FIRST)}/{_id(page, SECOND)}")
    page.locator(".passage").first.wait_for()
    page.evaluate("document.querySelector('.summary').scrollIntoView()")


def playlist(page: Page) -> None:
    """A playlist that was made, with the reasons."""
    page.goto("/playlist")
    picker = page.get_by_role("combobox").first
    for title in (FIRST, SECOND):
        picker.fill(title)
        page.locator(".picker-option:visible", has_text=title).first.click()
    page.get_by_label("How many").fill("10")
    page.locator("summary", has_text="Limits").click()
    page.get_by_label("Shortest").fill("")
    page.locator("summary", has_text="Limits").click()
    page.get_by_role("button", name="Make the playlist").first.click()
    page.locator(".track-row").nth(5).wait_for()


PICTURES: dict[str, tuple[Callable[[Page], None], dict[str, Any], Scheme]] = {
    "track": (track, DESKTOP, "light"),
    "map": (map_, DESKTOP, "dark"),
    "compare": (compare, DESKTOP, "dark"),
    "playlist": (playlist, DESKTOP, "light"),
    "phone": (phone, PHONE, "light"),
}


def _id(page: Page, title: str) -> int:
    found = page.request.get("/api/v1/tracks", params={"q": title}).json()["tracks"]
    return int(next(each["track_id"] for each in found if each["title"] == title))


def _with_few_colours(picture: bytes) -> bytes:
    """The picture as a PNG of 256 colours, a third as large."""
    small = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


@contextmanager
def _served(library: Path) -> Iterator[str]:
    server = server_of(Settings(library=str(library), port=PORT))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server does not start")
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        server.handle_exit(15, None)
        thread.join(20)


def _make_map(address: str) -> None:
    httpx.post(f"{address}/api/v1/map").raise_for_status()
    while not httpx.get(f"{address}/api/v1/map").json()["is_made"]:
        time.sleep(0.2)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    parser.add_argument("--out", type=Path, default=DOCS)
    parser.add_argument("--library", type=Path, default=LIBRARY)
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(PICTURES)
    if unknown:
        parser.error(f"there is no picture {sorted(unknown)[0]!r}: choose of {', '.join(PICTURES)}")
    if not options.library.exists():
        parser.error(f"there is no {options.library}: run `make demo` first")
    with _served(options.library) as address, sync_playwright() as playwright:
        _make_map(address)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--mute-audio"]
        )
        for name in options.names or PICTURES:
            show, screen, scheme = PICTURES[name]
            context = browser.new_context(
                base_url=address, color_scheme=scheme, reduced_motion="reduce", **screen
            )
            page = context.new_page()
            show(page)
            page.wait_for_load_state("networkidle")
            # Covers and pictures of sound are drawn a moment later.
            page.wait_for_timeout(800)
            path = options.out / f"page-{name}.png"
            write_file(path, _with_few_colours(page.screenshot()))
            print(f"{path}: {path.stat().st_size // 1000} kB")
            context.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
