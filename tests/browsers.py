"""A real browser, Debian's Chromium, that is driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

__all__ = ["DESKTOP", "PHONE", "chromium", "opened", "serious"]

EXECUTABLE = Path("/usr/bin/chromium")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}
# The machine may be busy with other tests.
_PATIENCE_MS = 20_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; fails, and never skips, where it is not installed."""
    if not EXECUTABLE.exists():
        pytest.fail(f"there is no {EXECUTABLE}: apt-get install chromium, as .ci/run does")
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=EXECUTABLE, args=["--no-sandbox", "--mute-audio"]
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page with cookies and storage of its own; at the end it must have had no error.

    Parameters
    ----------
    address : of the server; ``page.goto("/track/1")`` is enough then.
    options : of ``Browser.new_context``, such as ``**PHONE``, ``color_scheme="dark"``.
    """
    # Movement is for people: a test would only wait for its end.
    settings = {**DESKTOP, "reduced_motion": "reduce", **options}
    context = browser.new_context(base_url=address, **settings)
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if _is_error(line) else None)
    try:
        yield page
        assert errors == []
    finally:
        context.close()


def _is_error(line: Any) -> bool:
    # A cover that is not there, or an answer that a test wants to be a problem, is no fault.
    return line.type == "error" and "Failed to load resource" not in line.text


def serious(page: Page, within: str = "html", rules: Sequence[str] = ()) -> list[str]:
    """What axe finds that keeps people out: its rule, and the elements.

    Parameters
    ----------
    within : the part of the page that is looked at.
    rules : those alone; all where none are named.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = Axe().run(page, within, options).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
