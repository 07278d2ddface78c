"""How quickly libraries of up to a million tracks are searched, beside other programs' indexes.

    python -m benchmarks.search [--tracks 10000 100000] [--around LIBRARY] [--keep FOLDER]
    python -m benchmarks.search --tracks 1000000 --peers --around LIBRARY --keep FOLDER

Libraries are made up (``benchmarks.bulk``): a million tracks take five minutes of processor time
and 4 GB of disk. Every time is wall time, median and 99th percentile; the load of the machine is
printed, for beside other work they say little. The denominator is one product of all embeddings in
single precision with a query. ``--peers`` measures what is installed of faiss-cpu, hnswlib,
voyager, usearch and sqlite-vec on the same embeddings, in this process, with two threads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.bulk import write_all
from benchmarks.library import Tracks, write, writing
from benchmarks.peer_indexes import peers
from soundalike.files import write_file
from soundalike.library import Library
from soundalike.library.limits import Filter, Limits
from soundalike.models.lineage import default_lineage
from soundalike.similarity.best import best_first
from soundalike.similarity.codes import estimate

K = 20
QUESTIONS = 100
# Between questions while another process writes a track each 30 ms.
_PAUSE_S = 0.03

Figures = dict[str, float]


def quantiles(ask: Callable[[], object], n: int = QUESTIONS) -> tuple[float, float]:
    """Milliseconds of the median and the 99th percentile of n questions."""
    found = []
    for _ in range(n):
        began = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - began))
    return float(np.percentile(found, 50)), float(np.percentile(found, 99))


def memory_mb() -> float:
    """What this process has in memory now, in MB (10^6 bytes)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def make(place: Path, made: Tracks, n: int) -> Figures:
    """A library of n tracks, and what that took."""
    began = time.process_time()
    draft = place.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    write_all(draft, made, n)
    draft.replace(place)
    return {"written in bulk, tracks a CPU second": n / (time.process_time() - began)}


def of_scan(folder: Path, made: Tracks) -> Figures:
    """How many tracks a second a scan's own statements write."""
    place = folder / "scan.db"
    write(place, made, 0, 1000)
    began = time.perf_counter()
    write(place, made, 1000, 3000)
    found = {
        "written by a scan's statements, tracks a second": 2000 / (time.perf_counter() - began)
    }
    for each in folder.glob("scan.db*"):
        each.unlink()
    return found


def ask(place: Path, n: int) -> Figures:
    """Everything about the answers of a library of n tracks."""
    found: Figures = {"database, MB": place.stat().st_size / 1e6}
    for each in place.parent.glob(f"{place.name}.*.index"):
        each.unlink()
    found["index made from the database, s"] = _in_process(place, "made")["s"]
    (index_file,) = place.parent.glob(f"{place.name}.*.index")
    found["index file, MB"] = index_file.stat().st_size / 1e6
    found["index opened from its file, ms"] = 1000 * _in_process(place, "opened")["s"]
    found["first answer of a new process, ms"] = 1000 * _in_process(place, "first")["s"]
    alone = _in_process(place, "asked")
    found |= {name: alone[name] for name in alone if name != "s"}
    walls, cpus = zip(*[_shell(place) for _ in range(5)], strict=True)
    found["soundalike similar ID, process, s"] = float(np.median(walls))
    found["soundalike similar ID, process, CPU s"] = float(np.median(cpus))
    return found


def asked(place: Path) -> Figures:
    """Times of questions in this process."""
    found: Figures = {}
    draw = random.Random(5)
    with Library(place) as library:
        index = library.index()
        n = len(index)

        def query() -> int:
            return draw.randint(1, n)

        library.similar(query(), K)
        for name, limits in (
            ("similar", {}),
            ("similar, 1 an artist", {"max_per_artist": 1}),
            ("similar, a tenth of the folders", {"limits": _some_folders(n)}),
            ("similar, one genre of 16", {"limits": _genre(library)}),
        ):
            found[f"{name}, ms"], found[f"{name}, p99 ms"] = quantiles(
                lambda limits=limits: library.similar(query(), K, **limits)  # type: ignore[misc]
            )
        found["memory after these, MB"] = memory_mb()
        embeddings, codes = index.embeddings, index.encoded

        def exact() -> object:
            estimates = estimate(index.pick([query() - 1])[0], codes, embeddings, index.pick)
            estimates.settle_best(K)
            return best_first(estimates.scores, K)

        exact()
        found["exact top 20 alone, ms"], found["exact top 20 alone, p99 ms"] = quantiles(exact)
        found["memory after these too, MB"] = memory_mb()
        with writing(place, n):

            def after_a_write() -> None:
                time.sleep(_PAUSE_S)
                library.similar(query(), K)

            median, _ = quantiles(after_a_write, 30)
            found["similar, while a scan writes, ms"] = median - 1000 * _PAUSE_S
        whole = np.array(embeddings)
        found["one matrix product, ms"], _ = quantiles(lambda: whole @ whole[query() - 1], 20)
    return found


def added(place: Path, made: Tracks, n: int) -> Figures:
    """What the first question after 100 new tracks costs more than others."""
    with Library(place) as library:
        library.similar(1, K)
        usual, _ = quantiles(lambda: library.similar(1, K), 20)
        # Others each time: a library that is kept has those of before.
        first = 5_000_000 + len(library.index())
        write(place, made, first, first + 100)
        began = time.perf_counter()
        library.similar(1, K)
        return {"100 tracks added, ms": 1000 * (time.perf_counter() - began) - usual}


def _some_folders(n: int) -> Limits:
    return Limits(only=Filter(folders=tuple(f"/music/{i}" for i in range(max(1, n // 10_000)))))


def _genre(library: Library) -> Limits:
    return Limits(only=Filter(genres=(library.genres()[0].genre,)))


def _in_process(place: Path, what: str) -> Figures:
    """What a new process says of the library."""
    command = [sys.executable, "-m", "benchmarks.search", "--one", what, "--library", str(place)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    found: Figures = json.loads(ran.stdout.splitlines()[-1])
    return found


def _shell(place: Path) -> tuple[float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "soundalike", "similar", "17", "--library", str(place)]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def _one(what: str, place: Path) -> Figures:
    with _clock() as figures:
        if what == "asked":
            figures |= asked(place)
        else:
            with Library(place) as library:
                # ``similar`` writes the index file where there is none.
                library.index() if what == "opened" else library.similar(17, K)
    return figures


@contextmanager
def _clock() -> Iterator[Figures]:
    figures: Figures = {}
    began = time.perf_counter()
    yield figures
    figures["s"] = time.perf_counter() - began


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--around", type=Path, help="a library of real tracks to draw around")
    parser.add_argument("--keep", type=Path, help="folder for the libraries, made once")
    parser.add_argument("--peers", action="store_true", help="measure other indexes as well")
    parser.add_argument("--out", type=Path, help="write the figures as JSON, too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--library", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_one(options.one, options.library)))
        return
    figures: dict[str, Figures] = {}
    made = Tracks(default_lineage().current, around=options.around)
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        for n in options.tracks:
            place = home / f"{n}.db"
            own = {} if place.exists() else make(place, made, n)
            own |= of_scan(home, made) | ask(place, n) | added(place, made, n)
            if options.peers:
                with Library(place) as library:
                    own |= peers(np.array(library.index().embeddings), K)
            figures[f"{n:,} tracks"] = own
            print(f"\n{n:,} tracks, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
            for name, value in own.items():
                print(f"  {name:48} {value:12.2f}", flush=True)
    if options.out:
        write_file(options.out, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
