"""How smooth, how varied and how quick recommendations are: ``python -m benchmarks.recommend``.

python -m benchmarks.recommend LIBRARY [--draws 25] [--radios 1000] [--passages 100] [--seed 0]

LIBRARY is the database of a scanned library; it is copied, and the copy is asked. Smooth orders
stand beside the order that they were given in and beside going to the nearest each time, paths
beside the straight way and random tracks, radios beside the nearest neighbours of each seed, and
passages are cut out of the files, made quieter and encoded as MP3. Every time stands beside one
product of all embeddings with a vector. ``benchmarks.map`` and ``benchmarks.taste`` measure those.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import load_audio
from soundalike.audio.effects import change_gain, through_mp3
from soundalike.errors import AudioError, InvalidArgument
from soundalike.library import Library
from soundalike.library.limits import NO_LIMITS
from soundalike.recommend.explain import explain
from soundalike.recommend.journey import make_path
from soundalike.recommend.order import smooth_order
from soundalike.recommend.passages import find_passages
from soundalike.recommend.path import listening_path
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.radio import Radio
from soundalike.recommend.station import start_radio
from soundalike.similarity.hubness import popularity

Floats = NDArray[np.float32]

PATH_TRACKS = 12
RADIO_TRACKS = 20
TOP_SHARE = 0.01  # the tracks that come most often
PASSAGES_S = (20.0, 10.0, 5.0)
NEAR_S = 10.0  # a place that is no further off is right
CUT_DB = -6.0
CUT_KBIT = 128


def steps(embeddings: Floats, rows: Sequence[int] | NDArray[np.integer]) -> NDArray[np.floating]:
    """1 - cosine of each with the one before."""
    some = embeddings[np.asarray(rows)]
    return np.asarray(1.0 - np.einsum("ij,ij->i", some[:-1], some[1:]))


def nearest_each_time(embeddings: Floats) -> list[int]:
    """From the first on, always to the nearest that is left."""
    left = set(range(1, len(embeddings)))
    found = [0]
    while left:
        others = sorted(left)
        best = others[int(np.argmax(embeddings[others] @ embeddings[found[-1]]))]
        found.append(best)
        left.remove(best)
    return found


def orders(embeddings: Floats, draws: int, generator: np.random.Generator) -> None:
    print("| tracks | as given | nearest each time | smooth order |\n| --- | --- | --- | --- |")
    for n in (10, 25, 100):
        lengths = []
        for _ in range(draws):
            some = embeddings[generator.choice(len(embeddings), n, replace=False)]
            found = (range(n), nearest_each_time(some), smooth_order(some).order)
            lengths.append([float(steps(some, rows).mean()) for rows in found])
        cells = " | ".join(f"{each:.3f}" for each in np.mean(lengths, axis=0))
        print(f"| {n} | {cells} |")


def paths(embeddings: Floats, draws: int, generator: np.random.Generator) -> None:
    found = []
    for _ in range(draws):
        ends = generator.choice(len(embeddings), 2, replace=False).tolist()
        try:
            found.append(listening_path(embeddings, ends, PATH_TRACKS))
        except InvalidArgument as error:
            print(f"left out: {error}")
    for name in ("largest_step", "straight_largest_step", "random_largest_step", "variation"):
        print(f"{name}: {np.mean([getattr(each, name) for each in found]):.3f}")


def radios(
    embeddings: Floats, artists: NDArray[np.int64], n: int, generator: np.random.Generator
) -> None:
    seeds = generator.choice(len(embeddings), n, replace=n > len(embeddings)).tolist()
    known = popularity(embeddings)

    def artists_of(rows: Sequence[int]) -> list[frozenset[int]]:
        return [frozenset({int(artists[row])} - {0}) for row in rows]

    def nearest(seed: int) -> list[int]:
        scores = embeddings @ embeddings[seed]
        scores[seed] = -np.inf
        return [int(row) for row in np.argsort(-scores, kind="stable")[:RADIO_TRACKS]]

    def radio(number: int) -> list[int]:
        made = Radio(
            embeddings, [seeds[number]], seed=number, artists_of=artists_of, popularity=known
        )
        return [pick.row for pick in islice(made, RADIO_TRACKS)]

    print(
        "| | library reached | top 1 % of all plays | step | same artist next | artists a track |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for name, lists in (
        ("nearest neighbours", [nearest(seed) for seed in seeds]),
        ("radio", [radio(number) for number in range(n)]),
    ):
        counts = np.bincount(np.concatenate(lists), minlength=len(embeddings))
        top = np.sort(counts)[-max(1, round(TOP_SHARE * len(counts))) :].sum() / counts.sum()
        step = np.mean([steps(embeddings, rows).mean() for rows in lists])
        again = np.mean(
            [
                (artists[rows][1:] == artists[rows][:-1])[artists[rows][1:] != 0].mean()
                for rows in map(np.array, lists)
                if (artists[rows][1:] != 0).any()
            ]
        )
        different = np.mean([len(set(artists[rows].tolist())) / len(rows) for rows in lists])
        reached = (counts > 0).mean()
        print(
            f"| {name} | {reached:.1%} | {top:.1%} | {step:.3f} | {again:.1%} | {different:.2f} |"
        )


def passages(library: Library, n: int, folder: Path, generator: np.random.Generator) -> None:
    with library.view() as view:
        rows = [row for row in range(len(view)) if view.index.durations_s[row] > 60]
        chosen = generator.choice(rows, min(n, len(rows)), replace=False).tolist()
        tracks = view.tracks(chosen)
        n_tracks = len(view)
    first: dict[float, list[bool]] = {length: [] for length in PASSAGES_S}
    among: dict[float, list[bool]] = {length: [] for length in PASSAGES_S}
    placed: dict[float, list[bool]] = {length: [] for length in PASSAGES_S}
    for track in tracks:
        start_s = float(generator.uniform(0, (track.duration_s or 60.0) - 30))
        for length in PASSAGES_S:
            try:
                audio = load_audio(track.path, start_s=start_s, end_s=start_s + length)
            except AudioError as error:
                print(f"left out: {error}")
                break
            changed = through_mp3(
                change_gain(audio.samples, CUT_DB), audio.sample_rate, 1000 * CUT_KBIT
            )
            cut = write_wav(folder / "cut.wav", changed, audio.sample_rate)
            found = find_passages(library, cut, k=max(1, n_tracks // 100)).matches
            own = [
                match
                for match in found
                if match.track.track_id == track.track_id
                or track.track_id in [copy.track.track_id for copy in match.copies]
            ]
            first[length].append(bool(own) and own[0].rank == 1)
            among[length].append(bool(own))
            placed[length].append(bool(own) and abs(own[0].place.start_s - start_s) <= NEAR_S)
    print("| passage | its track first | in the first 1 % | and within 10 s of its place |")
    print("| --- | --- | --- | --- |")
    for length in PASSAGES_S:
        shares = (np.mean(each[length]) for each in (first, among, placed))
        print(f"| {length:g} s | {' | '.join(f'{share:.0%}' for share in shares)} |")


def write_wav(path: Path, samples: Floats, rate: int) -> Path:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def timed(call: Callable[[], object], repeats: int = 5) -> float:
    """Milliseconds, the median; the first call does not count."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def times(library: Library, generator: np.random.Generator) -> None:
    index = library.index()
    embeddings = np.array(index.embeddings)
    ids = generator.choice(index.track_ids, 2, replace=False).tolist()
    # Made-up tracks, as of benchmarks.library, have no file to cut a passage out of, and are short.
    cut = (0.0, 10.0) if library.analysis(ids[0]).duration_s > 20 else (None, None)
    bare = timed(lambda: embeddings @ embeddings[0], 20)
    print(f"one matrix product of {len(index):,} tracks: {bare:.2f} ms")
    for name, call in {
        "similar": lambda: library.similar(ids[0], 20),
        "playlist of 25": lambda: make_playlist(library, ids[0], tracks=25, limits=NO_LIMITS),
        "path of 12": lambda: make_path(library, ids, limits=NO_LIMITS),
        "radio, 30 tracks": lambda: start_radio(library, ids[0], limits=NO_LIMITS),
        "explain": lambda: explain(library, *ids),
        "passages": lambda: find_passages(library, ids[0], start_s=cut[0], end_s=cut[1]),
    }.items():
        try:
            took = timed(call)
        except (InvalidArgument, AudioError) as error:
            print(f"{name}: {error}")
            continue
        print(f"{name}: {took:.0f} ms, {took / bare:.0f} products")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("--draws", type=int, default=25, help="of orders and paths")
    parser.add_argument("--radios", type=int, default=1000)
    parser.add_argument("--passages", type=int, default=100, help="tracks to cut them out of")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "library.db"
        shutil.copyfile(options.library, place)
        with Library(place, create=False) as library:
            index = library.index()
            embeddings = np.array(index.embeddings)
            print(f"{len(index):,} tracks, {index.model}, seed {options.seed}\n\norders: mean step")
            orders(embeddings, options.draws, generator)
            print(f"\npaths of {PATH_TRACKS} tracks: means of {options.draws}")
            paths(embeddings, options.draws, generator)
            print(f"\n{options.radios} radios of {RADIO_TRACKS} tracks")
            radios(embeddings, index.artist_codes, options.radios, generator)
            print(f"\npassages, {CUT_DB:g} dB and MP3 at {CUT_KBIT} kbit/s")
            passages(library, options.passages, Path(temporary), generator)
            print()
            times(library, generator)


if __name__ == "__main__":
    main()
