"""Fixtures for real data, and the rule that nothing is skipped in silence."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import httpx
    from playwright.sync_api import Browser, Page
    from servers import Music

# One thread each, before NumPy and torch are loaded: the tests themselves run side by side, threads
# of several processes that wait for each other burn most of the time, and sums have one order.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

pytest_plugins = ["postgresql_server"]

# No test hangs on how fast the machine is, or on what else it does.
settings.register_profile("soundalike", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("soundalike")

_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

# A shell starts what it puts into the background with Ctrl-C ignored, and children inherit that:
# the tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the library of its user, the models that were pulled, or what is cached."""
    with pytest.MonkeyPatch.context() as patch:
        data = tmp_path_factory.mktemp("data")
        patch.setenv("SOUNDALIKE_LIBRARY", str(data / "none.db"))
        patch.setenv("XDG_DATA_HOME", str(data))
        patch.setenv("SOUNDALIKE_CACHE", str(tmp_path_factory.mktemp("cache") / "none"))
        patch.setenv("SOUNDALIKE_MODELS", str(tmp_path_factory.mktemp("models") / "none"))
        patch.delenv("SOUNDALIKE_MODEL", raising=False)
        yield


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn but come out as one dot: to render them takes half of a small training."""

    def write_dot(_canvas: object, target: IO[bytes], **_: object) -> None:
        target.write(_DOT)

    monkeypatch.setattr("matplotlib.backends.backend_agg.FigureCanvasAgg.print_figure", write_dot)


@pytest.fixture(scope="session")
def musicnn_wheel(pytestconfig: pytest.Config) -> Path:
    """The published wheel of musicnn, downloaded by pip once and kept in pytest's cache."""
    folder = Path(pytestconfig.cache.mkdir("musicnn"))
    wheel = folder / "musicnn-0.1.0-py3-none-any.whl"
    if not wheel.exists():
        # Into a folder of this process first: tests run in several.
        with tempfile.TemporaryDirectory(dir=folder) as part:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "musicnn==0.1.0"]
            ran = subprocess.run(
                [*command, "--dest", part], capture_output=True, text=True, check=False
            )
            if ran.returncode != 0:
                pytest.skip(f"pip cannot download musicnn 0.1.0: {ran.stderr.strip()[-300:]}")
            (Path(part) / wheel.name).replace(wheel)
    return wheel


@pytest.fixture(scope="session")
def gtzan() -> Path:
    """The folder with the GTZAN store, clips and splits: ``$SOUNDALIKE_DATA/gtzan``."""
    return _real_data("SOUNDALIKE_DATA", "gtzan", "the GTZAN frames and clips")


@pytest.fixture(scope="session")
def yamnet_tflite() -> Path:
    """YAMNet as Google publishes it: ``$SOUNDALIKE_DATA/teachers/yamnet.tflite``."""
    root = os.environ.get("SOUNDALIKE_DATA")
    if not root:
        pytest.skip("SOUNDALIKE_DATA is not set: it names the folder with teachers/yamnet.tflite")
    path = Path(root) / "teachers" / "yamnet.tflite"
    if not path.is_file():
        pytest.skip(f"there is no file {path}")
    return path


def _real_data(variable: str, folder: str, what: str) -> Path:
    root = os.environ.get(variable)
    if not root:
        pytest.skip(f"{variable} is not set: it names the folder with {what}")
    path = Path(root) / folder
    if not path.is_dir():
        pytest.fail(f"{variable} is set, but there is no folder {path}")
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Where SOUNDALIKE_NO_SKIP is set, as in CI, a test that is skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("SOUNDALIKE_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which SOUNDALIKE_NO_SKIP forbids: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Music:
    """A small library of real files, which no test may change."""
    from servers import make_music

    shared = tmp_path_factory.getbasetemp()
    # With xdist each process has a folder of its own in one that all of them share.
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    return make_music(shared / "composed")


@pytest.fixture(scope="session")
def client(composed: Music) -> Iterator[httpx.Client]:
    """A client of a server that all tests share; what changes the library has one of its own."""
    from servers import client_of

    from soundalike.server.settings import Settings

    with client_of(Settings(library=str(composed.library))) as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What drives a browser is told apart by that alone."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.page)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for all tests of a process."""
    from browsers import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """A page of the server that all tests share, at the size of a desktop."""
    from browsers import opened

    with opened(browser, str(client.base_url)) as found:
        yield found
