"""How long it takes to find all versions in a library: ``python -m benchmarks.version_times``.

A library of made-up tracks is written (those of ``benchmarks.library``, each with two to five
minutes of chords as its fingerprint), in which every twentieth track is a version of another, in
another key, and every twentieth a cut of one. Then some of its tracks are compared with all, as a
first run does with each; what a first run finds is put beside it, and asked for: all versions,
those of one track, and lists with and without them. Every time stands beside one product of all
embeddings with a vector.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.library import Tracks, timed, write
from soundalike.analysis import Analysis
from soundalike.descriptors.fingerprint import FRAME_RATE
from soundalike.library import Library
from soundalike.library.limits import NO_LIMITS
from soundalike.library.pairs import Pairs, pairs_file, write_pairs
from soundalike.library.pieces import found_pieces
from soundalike.library.view import View
from soundalike.models import find_model
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.station import start_radio
from soundalike.similarity.recording import Alignment
from soundalike.similarity.versions import Relation

LENGTHS_S = (120.0, 300.0)
CHORD_S = 2.0
EVERY = 20  # tracks of which the second is a version and the third a cut of the first


class Versions(Tracks):
    """Made-up tracks with fingerprints, of which some hold the music of another."""

    def analysis(self, number: int) -> Analysis:
        place = number % EVERY
        of = number - place if place in (1, 2) else number
        made = super().analysis(of)
        rng = np.random.default_rng([2, of])
        n_chords = round(rng.uniform(*LENGTHS_S) / CHORD_S)
        sounding = rng.random((n_chords, 12)).argsort(axis=1) < 4
        steps = (sounding * rng.integers(6, 16, (n_chords, 12))).astype(np.uint8)
        steps = np.roll(steps, 3 if place == 1 else 0, axis=1)
        steps = np.repeat(steps, round(CHORD_S * FRAME_RATE), axis=0)
        if place == 2:
            steps = steps[20:]
        return replace(
            made,
            duration_s=len(steps) / FRAME_RATE,
            fingerprint=np.ascontiguousarray(steps[:, ::2] | steps[:, 1::2] << 4),
        )


def first_run(view: View, n: int) -> float:
    """Milliseconds for a track, of some that are compared with all."""
    rows = np.random.default_rng(3).choice(len(view), n, replace=False).tolist()
    started = time.process_time()
    found = view.versions.of_rows(rows)
    took = 1000 * (time.process_time() - started) / n
    own = [row for row in rows if row % EVERY < 3]
    n_found = sum(
        relation.row // EVERY == row // EVERY
        for row, relations in zip(rows, found, strict=True)
        for relation in relations
    )
    n_all = sum(map(len, found))
    print(f"found {n_found} of {2 * len(own)} versions of {n} tracks, and {n_all - n_found} others")
    return took


def keep(place: Path, view: View) -> None:
    """Put beside a library what a first run finds."""
    index = view.index
    pairs = Pairs(index.position, set(index.audio_ids.tolist()))
    lies = Alignment(0.99, 3, 1.0, 0.0)
    for first in range(0, len(view) - 2, EVERY):
        a, b, c = index.audio_ids[first : first + 3].tolist()
        pairs.add(a, Relation(b, "version", 0.8, 3.0, lies))
        pairs.add(a, Relation(c, "near", 0.99, 0.9, lies))
    compared = np.array(sorted(pairs.compared), np.int64)
    write_pairs(place, index.model, pairs, found_pieces(compared, pairs.found))


def ask(place: Path, n_compared: int) -> None:
    ids = iter(np.random.default_rng(5).permutation(np.arange(1, n_compared * EVERY)).tolist())
    model = ""
    with Library(place, create=False) as library, library.view() as view:
        embeddings = np.array(view.index.embeddings)
        model = view.index.model
        bare = timed(lambda: embeddings @ embeddings[0], 20)
        print(f"one matrix product of {len(view):,} tracks: {bare:.2f} ms")
        each = first_run(view, n_compared)
        hours = each * len(view) / 3_600_000
        print(f"first run: {each:.1f} ms, {each / bare:.1f} products a track; {hours:.2f} h in all")
        keep(place, view)

    def tell(what: str, call: Callable[[], object], repeats: int = 3) -> None:
        took = timed(call, repeats)
        print(f"{what}: {took:.0f} ms, {took / bare:.0f} products")

    def lists(library: Library, name: str) -> None:
        asked: Sequence[tuple[str, Callable[[], object]]] = (
            ("similar", lambda: library.similar(next(ids), 20)),
            ("playlist of 25", lambda: make_playlist(library, next(ids), limits=NO_LIMITS)),
            ("radio, 30 tracks", lambda: start_radio(library, next(ids), limits=NO_LIMITS)),
        )
        for what, call in asked:
            tell(f"{what}, {name}", call, 15)

    with Library(place, create=False) as library:
        tell("all versions, kept", library.versions)
        tell("versions of one track", lambda: library.versions(next(ids)), 15)
        lists(library, "versions known")
        pairs_file(place, model).unlink()
        lists(library, "versions not known")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--compared", type=int, default=256, help="tracks of the first run")
    parser.add_argument("--keep", type=Path, help="folder for the libraries, made once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        for n_tracks in options.tracks:
            place = home / f"versions-{n_tracks}.db"
            if not place.exists():
                draft = home / f"versions-{n_tracks}.draft.db"
                write(draft, Versions(find_model()), 0, n_tracks)
                draft.replace(place)
            copy = Path(temporary) / "asked.db"
            shutil.copyfile(place, copy)
            ask(copy, options.compared)
            for rest in Path(temporary).glob("asked.db*"):
                rest.unlink()


if __name__ == "__main__":
    main()
