"""What a fast analysis saves, and what it loses: of music of your own.

    python -m benchmarks.fast DIR... [--tracks 24] [--whole LIBRARY --fast LIBRARY]

CPU seconds, of tracks drawn at random among those of which passages are heard: bare decoding with
PyAV, the whole analysis, the fast one, and what a scan does with every file besides (the hash of
its content and of its audio, its format and tags). In each round the candidates take turns on one
track; the least of the rounds counts. Then the folders are scanned into two libraries under
build/, whole and fast (or those of --whole and --fast are taken, scanned before), and compared:
how many of the ten nearest tracks are the same, and whether tempo, key and genre are.
`soundalike evaluate --library` measures either library.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# One core is what is measured; BLAS reads this when NumPy is imported.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from soundalike.analysis import Analysis  # noqa: E402
from soundalike.analyzer import Analyzer  # noqa: E402
from soundalike.audio import audio_digest, probe, read_tags  # noqa: E402
from soundalike.audio.container import open_container  # noqa: E402
from soundalike.audio.source import Source  # noqa: E402
from soundalike.files import content_digest  # noqa: E402
from soundalike.library import Library  # noqa: E402

ROUNDS = 3
K = 10
BUILD = Path(__file__).parent.parent / "build" / "benchmark-fast"


def decode(path: Path) -> None:
    """With PyAV alone."""
    with Source(path) as source, open_container(source) as container:
        container.streams.audio[0].codec_context.thread_count = 1
        for _ in container.decode(audio=0):
            pass


def times(paths: Sequence[Path]) -> dict[str, float]:
    """Mean CPU seconds of a track, by what is done."""
    analyzer = Analyzer()
    candidates: dict[str, Callable[[Path], object]] = {
        "bare decoding (PyAV)": decode,
        "whole analysis": analyzer.from_file,
        "fast analysis": lambda path: analyzer.from_file(path, fast=True),
        "hash of the content": lambda path: content_digest(str(path), lambda: None),
        "hash of the audio": audio_digest,
        "format and tags": lambda path: (probe(path), read_tags(path)),
    }
    taken = {name: np.zeros((ROUNDS, len(paths))) for name in candidates}
    for i in range(ROUNDS):
        for j, path in enumerate(paths):
            for name, run in candidates.items():
                start = time.process_time()
                run(path)
                taken[name][i, j] = time.process_time() - start
    return {name: float(values.min(axis=0).mean()) for name, values in taken.items()}


def print_times(paths: Sequence[Path]) -> None:
    mean_s = np.mean([probe(path).duration_s or 0.0 for path in paths])
    print(f"{len(paths)} tracks of {mean_s:.0f} s on average; load {os.getloadavg()[0]:.1f}")
    found = times(paths)
    beside = sum(found[name] for name in list(found)[3:])
    found["a scan, whole"] = found["whole analysis"] + beside
    found["a scan, fast"] = found["fast analysis"] + beside
    print(f"{'CPU seconds a track':24} {'':>7} {'of whole':>9} {'of decoding':>12}")
    for name, value in found.items():
        of = value / found["whole analysis"], value / found["bare decoding (PyAV)"]
        print(f"{name:24} {value:7.3f} {of[0]:9.2f} {of[1]:12.2f}")


def analyses_of(library: Library) -> dict[Path, Analysis]:
    """The analysed tracks by path."""
    tracks = [track for track in library.tracks() if track.status == "analysed"]
    return {track.path: library.analysis(track.track_id) for track in tracks}


def nearest(embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
    """The K nearest rows of each row, (n, K)."""
    scores = embeddings @ embeddings.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1, kind="stable")[:, :K]


def print_agreement(whole: dict[Path, Analysis], fast: dict[Path, Analysis]) -> None:
    paths = sorted(whole.keys() & fast.keys())
    pairs = [(whole[path], fast[path]) for path in paths]
    a, b = (nearest(np.stack([pair[side].embedding for pair in pairs])) for side in (0, 1))
    common = np.array([len(set(x) & set(y)) / K for x, y in zip(a, b, strict=True)])
    first = np.array([x[0] in y for x, y in zip(a, b, strict=True)])
    is_fast = np.array([pair[1].is_fast for pair in pairs])
    cosines = np.array([float(one.embedding @ other.embedding) for one, other in pairs])
    for name, rows in (("all tracks", is_fast | True), ("those heard in passages", is_fast)):
        some = [pair for pair, is_in in zip(pairs, rows, strict=True) if is_in]
        print(f"{name}: {len(some)}")
        print(f"  of the {K} nearest in common: {common[rows].mean():.3f}")
        print(f"  the nearest is still among the {K} nearest: {first[rows].mean():.3f}")
        print(
            f"  cosine of the track to itself: {cosines[rows].mean():.3f}, "
            f"of one in 20 below {np.quantile(cosines[rows], 0.05):.3f}"
        )
        print(f"  same genre: {np.mean([x.genre == y.genre for x, y in some]):.3f}")
        print_told("tempo", [(x.tempo_bpm, y.tempo_bpm) for x, y in some])
        print_told("key", [(x.key, y.key) for x, y in some])


def print_told(name: str, pairs: Sequence[tuple[object, object]]) -> None:
    """How often a value is told, and is the same where both tell one; tempi within 4 %."""
    both = [(x, y) for x, y in pairs if x is not None and y is not None]
    same = [
        abs(x - y) <= 0.04 * x if isinstance(x, float) and isinstance(y, float) else x == y
        for x, y in both
    ]
    told = [sum(pair[side] is not None for pair in pairs) for side in (0, 1)]
    print(f"  {name}: told of {told[0]} (whole) and {told[1]} (fast); the same {np.mean(same):.3f}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--tracks", type=int, default=24, help="how many are timed")
    parser.add_argument("--whole", type=Path, help="a library that was scanned")
    parser.add_argument("--fast", type=Path, help="one that was scanned with --fast")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    BUILD.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in ("whole", "fast"):
        place = getattr(options, name)
        with Library(place or BUILD / f"{name}.db") as library:
            if place is None:
                library.scan(options.folders, fast=name == "fast")
            found[name] = analyses_of(library)
    heard = sorted(path for path, analysis in found["fast"].items() if analysis.is_fast)
    if not heard:
        print("of no track passages are heard: all are too short", file=sys.stderr)
        return 1
    random.Random(options.seed).shuffle(heard)
    print_times(heard[: options.tracks])
    print()
    print_agreement(found["whole"], found["fast"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
