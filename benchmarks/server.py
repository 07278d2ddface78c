"""How quickly the server answers: ``python -m benchmarks.server``, or ``make bench-server``.

Libraries of 10,000 and 100,000 tracks are made up as in ``benchmarks.library``. A real server
listens on this machine's own address; 1, 16 and 64 clients ask it, each one question after the
other, for the ten tracks most like a random one. Beside it stands the same question in this
process, through ``Library.similar``. Everything shares the cores: clients, server and what else
the machine does, so the load is printed, too, and the CPU time of the server for each answer, which
hangs less on it.

``--soak 10`` asks for so many minutes and says how the memory of the server grows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.library import Tracks, timed, write
from soundalike.library import Library
from soundalike.models.lineage import default_lineage

CLIENTS = (1, 16, 64)
K = 10
_HEAD = re.compile(rb"HTTP/1\.1 (\d+).*?content-length: (\d+)", re.DOTALL | re.IGNORECASE)


class Client:
    """One connection that is kept; it costs little, since it shares the cores with the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def similar(self, track_id: int) -> int:
        """Ask; the status of the answer."""
        request = f"GET /api/v1/tracks/{track_id}/similar?k={K} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        self._writer.write(request.encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        found = _HEAD.search(head)
        if found is None:
            raise RuntimeError(f"no answer that is understood: {head[:200]!r}")
        await self._reader.readexactly(int(found[2]))
        return int(found[1])

    def close(self) -> None:
        self._writer.close()


async def load(port: int, clients: int, seconds: float, n_tracks: int) -> dict[str, float]:
    """Ask with so many clients for so long.

    Returns
    -------
    Questions answered, and how many a second, the median and the 99th percentile of the time of one
    (ms), and how many were refused.
    """
    times: list[float] = []
    refused = 0
    until = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        nonlocal refused
        draw = random.Random(number)
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        try:
            while time.perf_counter() < until:
                began = time.perf_counter()
                status = await client.similar(draw.randint(1, n_tracks))
                times.append(time.perf_counter() - began)
                refused += status != 200
        finally:
            client.close()

    began = time.perf_counter()
    await asyncio.gather(*map(ask, range(clients)))
    elapsed = time.perf_counter() - began
    return {
        "answers": len(times),
        "per_s": len(times) / elapsed,
        "median_ms": 1000 * statistics.median(times),
        "p99_ms": 1000 * float(np.percentile(times, 99)),
        "refused": refused,
    }


@contextmanager
def serving(library: Path) -> Iterator[tuple[int, int]]:
    """A server in a process of its own; yields its port and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = (sys.executable, "-m", "soundalike", "serve", "--port", str(port))
    with subprocess.Popen(
        [*command, "--library", str(library)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            _wait_for(port)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server does not start")


def memory_mb(process_id: int) -> float:
    """What the process has in memory now, in MB (10^6 bytes)."""
    text = Path(f"/proc/{process_id}/status").read_text("ascii", "replace")
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def cpu_s(process_id: int) -> float:
    """The CPU seconds that the process has used so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text("ascii", "replace").rpartition(")")[2]
    # The name, which may have spaces, is left out: utime and stime are the 14th and 15th.
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def in_process(place: Path, n_tracks: int) -> float:
    """Milliseconds of one question, through ``Library.similar``, in this process."""
    draw = random.Random(0)
    with Library(place) as library:
        library.similar(1, K)
        return timed(lambda: library.similar(draw.randint(1, n_tracks), K), repeats=30)


def measure(place: Path, n_tracks: int, seconds: float) -> dict[str, object]:
    """Everything about a library of so many tracks."""
    alone_ms = in_process(place, n_tracks)
    found: dict[str, object] = {"tracks": n_tracks, "in_process_ms": alone_ms}
    print(f"\n{n_tracks:,} tracks; in process {alone_ms:.1f} ms")
    with serving(place) as (port, process_id):
        asyncio.run(load(port, 4, min(seconds, 3.0), n_tracks))  # until it is warm
        print("clients  per second  median ms    p99 ms  x in process  CPU ms  refused  load")
        for clients in CLIENTS:
            used_s = cpu_s(process_id)
            got = asyncio.run(load(port, clients, seconds, n_tracks))
            got["cpu_ms"] = 1000 * (cpu_s(process_id) - used_s) / got["answers"]
            ratio = got["median_ms"] / alone_ms
            print(
                f"{clients:7d} {got['per_s']:11.0f} {got['median_ms']:10.1f} {got['p99_ms']:9.1f} "
                f"{ratio:13.2f} {got['cpu_ms']:7.1f} {got['refused']:8.0f}  "
                f"{os.getloadavg()[0]:.1f}"
            )
            found[f"clients_{clients}"] = got
        found["memory_mb"] = memory_mb(process_id)
        print(f"memory of the server: {memory_mb(process_id):.0f} MB")
    return found


def soak(place: Path, n_tracks: int, minutes: float) -> list[float]:
    """The memory of the server (MB) once a half minute, while 16 clients ask all the time."""
    with serving(place) as (port, process_id):
        asyncio.run(load(port, 16, 10.0, n_tracks))
        found = [memory_mb(process_id)]
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            asyncio.run(load(port, 16, 30.0, n_tracks))
            found.append(memory_mb(process_id))
            print(f"{found[-1]:.0f} MB", flush=True)
    print(
        f"memory over {minutes:g} minutes: {found[0]:.0f} MB at first, {found[-1]:.0f} MB at last"
    )
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Time the answers of the server.")
    parser.add_argument("--tracks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each number of clients")
    parser.add_argument("--soak", type=float, default=0.0, metavar="MINUTES")
    parser.add_argument("--keep", type=Path, help="a folder for the made-up libraries")
    parser.add_argument("--out", type=Path, help="a file for the figures, as JSON")
    arguments = parser.parse_args()
    model = default_lineage().current
    figures: list[object] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for n_tracks in arguments.tracks:
            place = folder / f"{n_tracks}.db"
            if not place.exists():
                write(place, Tracks(model), 0, n_tracks)
            figures.append(measure(place, n_tracks, arguments.seconds))
            if arguments.soak:
                figures.append(soak(place, n_tracks, arguments.soak))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
