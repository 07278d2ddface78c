"""Are the neighbours any good? soundalike beside its peers, on the same files, in one run.

python -m benchmarks.quality MUSIC [--packages more-validate] [--systems bliss] [--out FILE.json]

MUSIC is a folder that `python -m benchmarks.soundtracks MUSIC` has filled. The peers are installed
into an environment of their own, in the cache; each file is analysed once by each version of each
system, so that a second run takes seconds. Figures are of the files that all systems could analyse;
what a system could not, and why, is listed. --gtzan adds the genre neighbours of GTZAN's frames.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gtzan import genre_neighbours, genre_table
from benchmarks.neighbours import (
    Neighbours,
    analysed_by_all,
    failures_table,
    measure,
    neighbours_table,
)
from benchmarks.soundtracks import PACKAGE_SETS, Track, find_packages, read_manifest
from benchmarks.systems import Analyser, System, all_systems, choose, install, python_of
from benchmarks.workers import (
    Analysed,
    Failure,
    Incomparable,
    WorkerCannotStart,
    WorkerFailed,
    analyse,
    compare,
    digest,
)
from soundalike.errors import DataError, SoundalikeError
from soundalike.files import why, write_file
from soundalike.models import installed_models
from soundalike.research.datasets import gtzan
from soundalike.similarity.matrix import GivenSimilarities

__all__ = ["Collection", "Comparison", "analyse_all", "compare_all", "distinct", "main"]

CACHE = Path(__file__).parent.parent / "build" / "benchmark-quality"


@dataclass(frozen=True)
class Collection:
    """Some of the soundtracks.

    Attributes
    ----------
    name : as it was asked for: a set, or packages with commas between.
    tracks : file's digest -> track; of files with the same bytes the first alone.
    n_copies : how many were set aside as copies.
    """

    name: str
    tracks: Mapping[str, Track]
    n_copies: int


@dataclass(frozen=True)
class Comparison:
    """The systems side by side on one collection.

    Attributes
    ----------
    n_compared : how many tracks of the collection all systems could analyse: the figures are of
        those.
    neighbours, distances, cpu_s, n_failed : by system; see ``neighbours_table``.
    failures : files of the collection that a system could not analyse, and systems that don't run.
    """

    collection: Collection
    n_compared: int
    neighbours: Mapping[str, Neighbours]
    distances: Mapping[str, str]
    cpu_s: Mapping[str, float]
    n_failed: Mapping[str, int]
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it as what ``json`` can write."""
        return {
            "collection": self.collection.name,
            "packages": sorted({track.package for track in self.collection.tracks.values()}),
            "n_tracks": len(self.collection.tracks),
            "n_copies": self.collection.n_copies,
            "n_compared": self.n_compared,
            "systems": {
                name: {
                    "distance": self.distances[name],
                    "cpu_s": self.cpu_s[name],
                    "n_failed": self.n_failed[name],
                    **asdict(found),
                }
                for name, found in self.neighbours.items()
            },
            "failures": [
                {"system": f.system, "path": f.path and str(f.path), "reason": f.reason}
                for f in self.failures
            ],
        }


def distinct(name: str, tracks: Sequence[Track], digests: Mapping[Path, str]) -> Collection:
    """A collection without copies: a track that is there twice would be its own best neighbour."""
    kept: dict[str, Track] = {}
    for track in tracks:
        kept.setdefault(digests[track.path], track)
    return Collection(name, kept, len(tracks) - len(kept))


def analyse_all(
    systems: Sequence[System], collections: Sequence[Collection], cache: Path
) -> tuple[dict[str, Analysed], tuple[Failure, ...]]:
    """Have every analyser analyse every file.

    Returns
    -------
    The results by the analyser's key, of those that run; and those that don't, with the reason.
    """
    tracks = {name: track for part in collections for name, track in part.tracks.items()}
    files = {name: track.path for name, track in tracks.items()}
    durations_s = {name: track.duration_s for name, track in tracks.items()}
    analysed: dict[str, Analysed] = {}
    absent = []
    for analyser in dict.fromkeys(system.analyser for system in systems):
        if analyser.requirements:
            reason = install(analyser, _environment(cache))
            if reason is not None:
                absent.append(Failure(analyser.name, None, reason))
                continue
        try:
            found = analyse(analyser, _python(analyser, cache), files, durations_s, cache)
        except WorkerCannotStart as error:
            absent.append(Failure(analyser.name, None, str(error)))
            continue
        if found.results:
            analysed[analyser.key] = found
        else:
            # The files that all can analyse would be none: it is left out, not the others.
            reason = f"failed on all files, such as {found.failures[0].reason}"
            absent.append(Failure(analyser.name, None, reason))
    return analysed, tuple(absent)


def compare_all(
    systems: Sequence[System],
    collection: Collection,
    analysed: Mapping[str, Analysed],
    absent: Sequence[Failure],
    cache: Path,
) -> Comparison:
    """Measure the neighbours of every system that runs, on the files that all could analyse.

    Raises
    ------
    InvalidArgument : too few of those for any figure.
    """
    running = [system for system in systems if system.analyser.key in analysed]
    names = list(analysed_by_all(list(collection.tracks), list(analysed.values())))
    failures = list(absent)
    for found in analysed.values():
        in_collection = {track.path for track in collection.tracks.values()}
        failures += [failure for failure in found.failures if failure.path in in_collection]
    similarities: dict[str, GivenSimilarities] = {}
    n_lost = dict.fromkeys((system.name for system in running), 0)
    while pending := [system for system in running if system.name not in similarities]:
        system = pending[0]
        results = analysed[system.analyser.key].results
        try:
            with tempfile.TemporaryDirectory() as scratch:
                similarities[system.name] = compare(
                    system,
                    _python(system.analyser, cache),
                    [results[name] for name in names],
                    Path(scratch),
                )
        except Incomparable as error:
            for row in error.rows:
                path = collection.tracks[names[row]].path
                failures.append(Failure(system.name, path, str(error)))
            n_lost[system.name] += len(error.rows)
            # The figures are of the same tracks for all: compare again without them.
            names = [name for row, name in enumerate(names) if row not in error.rows]
            similarities.clear()
        except WorkerFailed as error:
            failures.append(Failure(system.name, None, f"cannot compare: {error}"))
            running.remove(system)
    tracks = [collection.tracks[name] for name in names]
    found_by = {system.name: analysed[system.analyser.key] for system in running}
    return Comparison(
        collection=collection,
        n_compared=len(names),
        neighbours={name: measure(found, tracks) for name, found in similarities.items()},
        distances={system.name: system.words for system in running},
        cpu_s={
            name: float(np.mean([found.cpu_s[track] for track in names]))
            for name, found in found_by.items()
        },
        n_failed={
            name: n_lost[name] + sum(track not in found.results for track in collection.tracks)
            for name, found in found_by.items()
        },
        failures=tuple(failures),
    )


def _environment(cache: Path) -> Path:
    return cache / "environment"


def _python(analyser: Analyser, cache: Path) -> Path:
    return python_of(_environment(cache)) if analyser.requirements else Path(sys.executable)


def _collections(folder: Path, asked: Sequence[str]) -> list[Collection]:
    manifest = read_manifest(folder)
    there = {track.package for track in manifest}
    packages = {name: find_packages(name, there) for name in asked}
    for name, wanted in packages.items():
        missing = [package for package in wanted if package not in there]
        if missing:
            raise DataError(
                f"{folder}: no tracks of {', '.join(missing)}; "
                f"`python -m benchmarks.soundtracks {folder} {name}` fetches them"
            )
    chosen = [track for track in manifest if any(track.package in p for p in packages.values())]
    try:
        digests = {track.path: digest(track.path) for track in chosen}
    except OSError as error:
        raise DataError(f"{error.filename}: {why(error)}; fetch the soundtracks again") from error
    return [
        distinct(name, [track for track in chosen if track.package in wanted], digests)
        for name, wanted in packages.items()
    ]


def report(comparison: Comparison, folder: Path) -> str:
    """A section of Markdown: what was compared, the table, what failed."""
    collection = comparison.collection
    packages = list(dict.fromkeys(track.package for track in collection.tracks.values()))
    parts = [
        f"### {collection.name}: {comparison.n_compared} tracks of {len(packages)} soundtracks",
        f"{', '.join(packages)}. {len(collection.tracks)} tracks, of which all systems could "
        f"analyse {comparison.n_compared}; {collection.n_copies} more are copies and were set "
        f"aside. Intervals are 95 % bootstrap intervals over tracks.",
    ]
    if comparison.neighbours:
        parts.append(
            neighbours_table(
                comparison.neighbours,
                comparison.distances,
                comparison.cpu_s,
                comparison.n_failed,
            )
        )
    parts.append(failures_table(comparison.failures, folder))
    return "\n\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("music", type=Path, help="folder of the soundtracks, with manifest.json")
    parser.add_argument(
        "--packages",
        nargs="+",
        default=["more-validate"],
        metavar="NAMES",
        help=f"one table each: {', '.join(PACKAGE_SETS)},\nor packages of the manifest "
        "with commas between\n(default: more-validate, for choosing between models)",
    )
    parser.add_argument(
        "--gtzan", choices=("valid", "test"), help="also measure our models on this split of GTZAN"
    )
    parser.add_argument("--data", help="folder of the GTZAN store (or SOUNDALIKE_DATA)")
    parser.add_argument("--systems", nargs="+", default=[], metavar="WORD", help="only these")
    parser.add_argument(
        "--analyse-only", action="store_true", help="fill the cache, show no figures"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write all figures there")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="environment of the peers, and results"
    )
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except SoundalikeError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    systems = choose(all_systems(), options.systems)
    collections = _collections(options.music, options.packages)
    # Absolute, since a worker runs in the folder of the project.
    cache = options.cache.absolute()
    analysed, absent = analyse_all(systems, collections, cache)
    if options.analyse_only:
        failures = [*absent, *(f for found in analysed.values() for f in found.failures)]
        print(failures_table(failures, options.music))
        return 1 if failures else 0
    comparisons = [
        compare_all(systems, collection, analysed, absent, cache) for collection in collections
    ]
    print("\n\n".join(report(comparison, options.music) for comparison in comparisons))
    genres = {}
    if options.gtzan is not None:
        data = gtzan.load(options.data)
        genres = genre_neighbours(list(installed_models()), data, options.gtzan)
        n_tracks = next(iter(genres.values())).n_queries
        print(
            f"\n### GTZAN, {options.gtzan} split: {n_tracks} tracks whose artist is known\n\n"
            f"{genre_table(genres)}"
        )
    if options.out is not None:
        written = {
            "machine": f"{platform.machine()}, Python {platform.python_version()}, 1 thread",
            "versions": {system.name: system.analyser.key for system in systems},
            "comparisons": [comparison.to_json() for comparison in comparisons],
            "gtzan": {
                "split": options.gtzan,
                "systems": {name: asdict(summary) for name, summary in genres.items()},
            },
        }
        write_file(options.out, json.dumps(written, indent=1), parents=True)
    return 1 if any(comparison.failures for comparison in comparisons) else 0


if __name__ == "__main__":
    sys.exit(main())
