"""How many frames a second the map of the page draws without a graphics card.

python -m benchmarks.map_page [--tracks 100000] [--seconds 5] [--keep FOLDER] [--out FILE]

A library of made-up tracks is written and its map is made (some minutes for 100,000; --keep has
them the next time), a real server serves it, and Debian's Chromium without a graphics card shows
/map at 1280 x 800. The map is dragged and zoomed without a pause. Beside it stands a bare canvas of
the same size that is cleared for each frame: what the browser alone takes. The processor time is
that of all processes of the browser, and the load is that of the whole machine: where other
programs take the processors, frames a second say more of them than of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.library import Tracks, write
from soundalike.files import write_file
from soundalike.library import Library
from soundalike.models.lineage import default_lineage
from soundalike.recommend.map import map_file, map_of
from soundalike.server.running import listening, server_of
from soundalike.server.settings import Settings

EXECUTABLE = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--mute-audio",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
SIZE = {"width": 1280, "height": 800}
READY_MS = 180_000

# Runs `move(t)` for each frame, t in seconds.
_MEASURE = """async (seconds, move) => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const times = [];
  const began = await frame();
  let last = began;
  while (last - began < seconds * 1000) {
    move((last - began) / 1000);
    const now = await frame();
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor(share * (times.length - 1))];
  const perSecond = (1000 * times.length) / (last - began);
  return { frames: times.length, perSecond, median: at(0.5), slow: at(0.95) };
}"""

_STAGE = """
  const stage = document.querySelector('.map-stage');
  const { left, top, width, height } = stage.getBoundingClientRect();
  const [cx, cy] = [left + width * 0.6, top + height / 2];
  const said = { pointerId: 1, pointerType: 'mouse', button: 0, bubbles: true, cancelable: true };
  const fire = (Kind, name, x, y, more = {}) =>
    stage.dispatchEvent(new Kind(name, { ...said, clientX: x, clientY: y, ...more }));
  stage.setPointerCapture = () => {};
"""

_DRAG = f"""async (seconds) => {{
  {_STAGE}
  fire(PointerEvent, 'pointerdown', cx, cy);
  const found = await ({_MEASURE})(seconds, (t) =>
    fire(PointerEvent, 'pointermove', cx + 160 * Math.sin(2 * t), cy + 90 * Math.sin(3 * t)));
  fire(PointerEvent, 'pointerup', cx + 200, cy);
  return found;
}}"""

_ZOOM = f"""async (seconds) => {{
  {_STAGE}
  return ({_MEASURE})(seconds, (t) =>
    fire(WheelEvent, 'wheel', cx, cy, {{ deltaY: Math.sin(1.5 * t) > 0 ? -25 : 25 }}));
}}"""

_BARE = f"""async (seconds) => {{
  const {{ width, height }} = document.querySelector('.map-stage').getBoundingClientRect();
  const canvas = Object.assign(document.createElement('canvas'), {{ width, height }});
  document.body.replaceChildren(canvas);
  const gl = canvas.getContext('webgl', {{ alpha: false, antialias: false, depth: false }});
  return ({_MEASURE})(seconds, (t) => {{
    gl.clearColor(Math.abs(Math.sin(t)), 0, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }});
}}"""

_RENDERER = """() => {
  const gl = document.createElement('canvas').getContext('webgl');
  const known = gl?.getExtension('WEBGL_debug_renderer_info');
  return gl ? gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : 'no WebGL';
}"""


def prepare(place: Path, n_tracks: int) -> None:
    """The library and its map, if they are not there."""
    model = default_lineage().current
    if not place.exists():
        print(f"writing {n_tracks:,} tracks ...", flush=True)
        draft = place.with_suffix(".draft")
        write(draft, Tracks(model), 0, n_tracks)
        draft.replace(place)
    with Library(place) as library:
        if not map_file(place, library.index().model).exists():
            print("making the map ...", flush=True)
            map_of(library.index(), place, again=True)


@contextmanager
def serving(place: Path) -> Iterator[str]:
    """A server of the library, at a free port of this computer."""
    settings = Settings(library=str(place), port=0)
    with listening(settings) as listener:
        server = server_of(settings, log_level="error")
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.handle_exit(15, None)
            thread.join(20)


def processor_ms() -> float:
    """Of all processes that this one has started, and those that they have."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    total, left = 0, list(children.get(os.getpid(), []))
    while left:
        process = left.pop()
        total += ticks.get(process, 0)
        left += children.get(process, [])
    return 1000.0 * total / os.sysconf("SC_CLK_TCK")


def measured(page: Page, name: str, script: str, seconds: float) -> dict[str, Any]:
    before = processor_ms()
    found: dict[str, Any] = page.evaluate(script, seconds)
    found["processor"] = (processor_ms() - before) / found["frames"]
    found["load"] = os.getloadavg()[0]
    print(
        f"  {name:<12} {found['perSecond']:5.1f} frames a second, median {found['median']:.0f} ms, "
        f"95 % within {found['slow']:.0f} ms, {found['processor']:.0f} ms of processor a frame "
        f"(load {found['load']:.1f})",
        flush=True,
    )
    return found


def measure(address: str, seconds: float) -> dict[str, dict[str, Any]]:
    """Frames while the map is dragged and zoomed, and of a bare canvas."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        page = browser.new_page(base_url=address, viewport=SIZE)  # type: ignore[arg-type]
        started = time.perf_counter()
        page.goto("/map")
        page.locator(".map-entry").first.wait_for(timeout=READY_MS)
        took = time.perf_counter() - started
        print(page.evaluate(_RENDERER))
        print(f"{os.cpu_count()} cores; the map is there after {took:.1f} s")
        page.wait_for_timeout(2000)
        found = {
            name: measured(page, name, script, seconds)
            for name, script in (("dragged", _DRAG), ("zoomed", _ZOOM), ("bare canvas", _BARE))
        }
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--keep", type=Path, help="folder for the library, made once")
    parser.add_argument("--out", type=Path, help="write the figures as JSON, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        place = home / f"{options.tracks}.db"
        prepare(place, options.tracks)
        with serving(place) as address:
            figures = measure(address, options.seconds)
    if options.out:
        write_file(options.out, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
