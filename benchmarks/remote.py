"""What reading from servers costs: the same files from a disk, S3 (moto) and HTTP, all here.

    python -m benchmarks.remote FOLDER --rounds 3

"Read" fetches each file and hashes it; "scan" scans all of them with two workers into a new
library. Both begin without copies of the files. The servers are processes of their own on this
machine, so they take its cores too; their CPU time is told apart.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.cpu_clock import CpuClock
from benchmarks.ray import scan, show
from soundalike import remote
from soundalike.files import content_digest

_KEYS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}


@contextmanager
def _process(command: list[str], port: int) -> Iterator[int]:
    """A server that listens; its process id."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            while process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _http(folder: Path) -> Iterator[tuple[str, int]]:
    port = _free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with _process([*command, "--directory", str(folder)], port) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def _s3(folder: Path) -> Iterator[tuple[str, int]]:
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    os.environ.update(_KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    with _process(command, port) as pid:
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket="music")
        for path in folder.iterdir():
            client.upload_file(str(path), "music", path.name)
        yield "s3://music", pid


@contextmanager
def _disk(folder: Path) -> Iterator[tuple[str, int]]:
    yield str(folder), 0


SERVERS = {"disk": _disk, "s3": _s3, "http": _http}


@contextmanager
def _no_copies() -> Iterator[None]:
    remote.forget_connections()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SOUNDALIKE_CACHE"] = folder
        yield
    remote.forget_connections()


def _read(place: str, names: list[str], n_bytes: int, server: int) -> float:
    """Fetch and hash each file; MB (10^6 bytes) a second."""
    with _no_copies(), CpuClock(without=[server]) as clock:
        started = time.monotonic()
        for name in names:
            content_digest(f"{place}/{name}")
        wall_s = time.monotonic() - started
    rate = n_bytes / 1e6 / wall_s
    print(f"  read: {rate:.0f} MB/s, {1e9 * clock.seconds / n_bytes:.2f} CPU s a GB", flush=True)
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as home:
        # No names that need encoding, no folders: what is compared is the way to the bytes.
        folder = Path(home) / "music"
        folder.mkdir()
        files = sorted(path for path in given.folder.rglob("*") if path.is_file())
        names = [f"{number:04d}{path.suffix}" for number, path in enumerate(files)]
        for name, path in zip(names, files, strict=True):
            shutil.copyfile(path, folder / name)
        n_bytes = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{len(names)} files, {n_bytes / 1e6:.1f} MB")
        for kind in given.servers:
            with SERVERS[kind](folder) as (place, server):
                print(kind, flush=True)
                rates = [_read(place, names, n_bytes, server) for _ in range(given.rounds)]
                scans = []
                for _ in range(given.rounds):
                    with _no_copies():
                        scans.append(scan(place, clock=CpuClock(without=[server])))
                    show("  scan", scans[-1])
                cpu_s = statistics.median(each.cpu_s / each.n_tracks for each in scans)
                per_s = statistics.median(each.n_tracks / each.wall_s for each in scans)
                print(
                    f"  medians: read {statistics.median(rates):.0f} MB/s, scan "
                    f"{per_s:.2f} tracks/s, {cpu_s:.3f} CPU s a track"
                )
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
