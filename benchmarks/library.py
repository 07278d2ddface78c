"""How quickly a library answers: ``python -m benchmarks.library``, or ``make bench-library``.

A library of many tracks is written through the scan's own statements: embeddings are drawn around
those of real analyses (the demo's composed music), with made-up artists and albums. Then it is
asked, in this process, in new ones, and while another process writes to it.
Every time stands beside a bare operation of the same run: one product of the matrix of embeddings
with a vector, or a walk over the files with ``stat``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from soundalike.analysis import Analysis, unit
from soundalike.audio.tags import Tags
from soundalike.files import Stamp, replaced_at_once, write_file
from soundalike.library import Library
from soundalike.library.scan.store import Store
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import FoundFile
from soundalike.library.storage.database import Database
from soundalike.models import ModelInfo, ModelKey, find_model
from soundalike.models.lineage import default_lineage
from soundalike.similarity.rank import rank
from soundalike.workers.jobs import Facts

COMPOSE = Path(__file__).parents[1] / "examples" / "compose.py"
SEEDS = user_cache_path("soundalike", appauthor=False) / "benchmarks"
"""Where the analyses of the composed music are kept, by model."""

BATCH = 1000
TRACKS_PER_ARTIST = 20
SPREAD = 0.6  # length of what is added to a real embedding of length 1


class Tracks:
    """Made-up tracks around real embeddings.

    Parameters
    ----------
    seed : of the draws; track ``i`` is the same in every run.
    around : a library whose tracks of a minute and more are the real ones; None for the demo's
        composed music.
    """

    def __init__(self, model: ModelInfo, seed: int = 0, around: Path | None = None) -> None:
        self.model = model
        self._seed = seed
        if around is not None:
            self.real, self.words = _of_library(around, model)
            return
        path = SEEDS / f"{model.id}.npz"
        if not path.is_file():
            _analyse_composed(model, path)
        with np.load(path) as stored:
            self.real, self.words = stored["embeddings"], stored["words"]

    def analysis(self, number: int) -> Analysis:
        rng = np.random.default_rng([self._seed, number])
        dim = self.model.embedding_dim
        noise = unit(rng.normal(size=(2, dim)).astype(np.float32)) * np.float32(SPREAD)
        place = rng.integers(len(self.real))
        excerpts = unit(self.real[place] + noise)
        probabilities = rng.dirichlet(np.ones(len(self.model.labels)), 2).astype(np.float32)
        words = np.clip(self.words[place] * rng.uniform(0.5, 1.5), 0, 1).astype(np.float32)
        return Analysis(
            model=self.model.id,
            duration_s=float(length_s(rng)),
            labels=self.model.labels,
            probabilities=probabilities.mean(axis=0),
            embedding=unit(excerpts.mean(axis=0)),
            excerpt_embeddings=excerpts,
            excerpt_probabilities=probabilities,
            excerpt_starts_s=np.array([0.0, 9.94]),
            genre_set=self.model.labels[:2],
            vocabulary=self.model.words,
            word_probabilities=words,
        )

    def facts(self, number: int) -> Facts:
        artist = number // TRACKS_PER_ARTIST
        name = f"{_word(artist)} {_word(artist * 7 + 1)}"
        album = f"{_word(artist + 3)} {number // 10 % 2 + 1}"
        title = f"{_word(number)} {_word(number * 31 + 5)}"
        return Facts(44_100, 2, "mp3", Tags(title=title, artist=name, album=album))


def _of_library(place: Path, model: ModelInfo) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The embeddings and words of a library's tracks."""
    with Library(place, model=model, create=False) as library:
        tracks = [each for each in library.tracks("analysed") if (each.duration_s or 0) >= 60]
        analyses = [library.analysis(track.track_id) for track in tracks]
    return (
        np.stack([each.embedding for each in analyses]),
        np.stack([each.word_probabilities for each in analyses]),
    )


def length_s(rng: np.random.Generator, n: int | None = None) -> NDArray[np.float64]:
    """Lengths as those of music: half of them from 2:30 to 4:30, few under 1:10 or over 10:00."""
    return np.clip(np.exp(rng.normal(5.3, 0.45, n)), 30, 1800)


def _analyse_composed(model: ModelInfo, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        music = Path(folder) / "music"
        subprocess.run([sys.executable, COMPOSE, music], check=True, capture_output=True)
        with Library(Path(folder) / "library.db", model=model) as library:
            library.scan([music])
            analyses = [library.analysis(track.track_id) for track in library.tracks("analysed")]
    with replaced_at_once(path, parents=True) as file:
        np.savez(
            file,
            embeddings=np.stack([each.embedding for each in analyses]),
            words=np.stack([each.word_probabilities for each in analyses]),
        )


def _word(number: int) -> str:
    """A pronounceable word, another for nearly every number."""
    rng = np.random.default_rng([1, number])
    return "".join(rng.choice(list(letters)) for letters in ["bdfgklmnprstv", "aeiou"] * 3)


def write(place: Path | str, tracks: Tracks, first: int, stop: int) -> None:
    """Put tracks into a library, as a scan does: new file, its content, its analysis."""
    database = Database(place)
    transactions = Transactions(database, tracks.model, default_lineage())
    for start in range(first, stop, BATCH):
        numbers = range(start, min(start + BATCH, stop))
        files = [FoundFile(f"/music/{n // 100}/{n}.mp3", Stamp(4_000_000 + n, n)) for n in numbers]
        with transactions.writing() as store:
            ids = store.add(files)
            for n, file in zip(numbers, files, strict=True):
                _write_one(store, transactions, tracks, n, ids[file.path], file)
    database.close()


def _write_one(
    store: Store, transactions: Transactions, tracks: Tracks, n: int, track_id: int, file: FoundFile
) -> None:
    content = store.content(n.to_bytes(32, "big"))
    assert file.stamp is not None
    track = store.known_id(track_id)
    assert track is not None
    store.set_content(track, content, file.stamp)
    by_model = {transactions.model_ids[tracks.model.id]: tracks.analysis(n)}
    store.put_analyses(content.content_id, tracks.facts(n), by_model)


def timed(call: Callable[[], object], repeats: int = 15, *, pause_s: float = 0.0) -> float:
    """Milliseconds, the median; the first call does not count, nor does the pause before each."""
    call()
    times = []
    for _ in range(repeats):
        time.sleep(pause_s)
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def ask(place: Path, n_tracks: int) -> dict[str, float]:
    """Times of one library, in milliseconds."""
    found: dict[str, float] = {}
    queries = iter(np.random.default_rng(5).integers(1, n_tracks, 10_000).tolist())
    with Library(place) as library:
        index = library.index()
        embeddings = np.array(index.embeddings)
        vector = np.array(embeddings[17])
        found["one matrix product"] = timed(lambda: embeddings @ vector)
        found["rank, k=20"] = timed(lambda: rank(vector, embeddings, k=20))
        found["rank, 1 per artist"] = timed(
            lambda: rank(vector, embeddings, k=20, artists=index.artist_codes, max_per_artist=1)
        )
        found["similar, warm"] = timed(lambda: library.similar(next(queries), 20))
        found["similar, 1 per artist"] = timed(
            lambda: library.similar(next(queries), 20, max_per_artist=1)
        )
        with writing(place, n_tracks):
            # Each question finds what was written since the last one.
            found["similar, while a scan writes"] = timed(
                lambda: library.similar(next(queries), 20), 40, pause_s=0.03
            )
        found["a name"] = timed(lambda: _by_name(library))
        vocabulary = [word.word for word in library.model.words]
        found["find, one word"] = timed(lambda: library.find(vocabulary[0], 20), 5)
        asked = ", ".join([*vocabulary[1:3], f"no {vocabulary[3]}"])
        found["find, three words"] = timed(lambda: library.find(asked, 20), 5)
    found["open from the file, first answer"] = statistics.median(
        float(_python(_FIRST_ANSWER, place)) for _ in range(5)
    )
    for name, command in (
        ("soundalike similar ID", ["similar", "#17"]),
        ("soundalike info", ["info"]),
    ):
        found[name + ", process"] = timed(lambda c=command: _shell(place, *c), 5)  # type: ignore[misc]
    return found


_FIRST_ANSWER = """
import sys, time
import soundalike.library.library, soundalike.similarity.passages
started = time.perf_counter()
with soundalike.library.library.Library(sys.argv[1]) as library:
    library.similar(17, 20)
    print(1000 * (time.perf_counter() - started))
"""


def _by_name(library: Library) -> None:
    facts = library.track(1242)
    assert library.track(f"{facts.artist} {facts.title}").title == facts.title


def _python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _shell(place: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "soundalike", *arguments, "--library", str(place)]
    subprocess.run(command, capture_output=True, check=True)


@contextmanager
def writing(place: Path, n_tracks: int) -> Iterator[None]:
    """While another process adds tracks, one every 30 ms, as a scan on two cores does."""
    code = "import sys; from benchmarks.library import keep_writing; keep_writing(*sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(place), str(n_tracks)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def keep_writing(place: str, n_tracks: str) -> None:
    tracks = Tracks(find_model())
    database = Database(place)
    transactions = Transactions(database, tracks.model, default_lineage())
    first = int(n_tracks) + 1_000_000 + os.getpid() * 1000
    for n in range(first, first + 100_000):
        file = FoundFile(f"/new/{n}.mp3", Stamp(4_000_000 + n, n))
        with transactions.writing() as store:
            ids = store.add([file])
            _write_one(store, transactions, tracks, n, ids[file.path], file)
        if n == first:
            print("writing", flush=True)
        time.sleep(0.03)


class Sampled:
    """An analyzer that listens to nothing: what it says follows from the name of the file."""

    def __init__(self, _key: ModelKey) -> None:
        self._tracks = Tracks(find_model())

    def from_file(
        self, path: str | os.PathLike[str], *, start_s: float = 0.0, end_s: float | None = None
    ) -> Analysis:
        return self._tracks.analysis(int(Path(path).stem))


def scan_files(folder: Path, n_files: int, n_contents: int) -> dict[str, float]:
    """Times of scans of small files, in milliseconds: the first, and of an unchanged tree."""
    music = folder / "music"
    for n in range(n_files):
        path = music / f"{n // 100}" / f"{n}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_wav(path, n % n_contents)
    found: dict[str, float] = {}
    with Library(folder / "library.db", analyzer="benchmarks.library:Sampled") as library:
        started = time.perf_counter()
        report = library.scan([music])
        found["first scan"] = 1000 * (time.perf_counter() - started)
        assert report.analysed + report.copied == n_files, report
        found["bare walk with stat"] = timed(lambda: bare_walk(music), 7)
        found["scan, unchanged"] = timed(lambda: library.scan([music]), 7)
    return found


def _write_wav(path: Path, number: int) -> None:
    with path.open("wb") as file, wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(number.to_bytes(4, "little") * 200)


def bare_walk(folder: Path) -> int:
    """Every file below a folder by name, with its size and time."""
    files = 0
    pending = [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as listing:
            for entry in sorted(listing, key=lambda each: each.name):
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    entry.stat()
                    files += 1
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--files", type=int, default=20_000, help="files of the trees to scan")
    parser.add_argument("--keep", type=Path, help="folder for the libraries, made once")
    parser.add_argument("--out", type=Path, help="write the figures as JSON, too")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        for n_tracks in options.tracks:
            place = home / f"{n_tracks}.db"
            if not place.exists():
                print(f"writing {n_tracks:,} tracks ...", flush=True)
                draft = home / f"{n_tracks}.draft.db"
                write(draft, Tracks(find_model()), 0, n_tracks)
                draft.replace(place)
            copy = Path(temporary) / "asked.db"
            shutil.copyfile(place, copy)
            figures[f"{n_tracks:,} tracks"] = ask(copy, n_tracks)
            for rest in Path(temporary).glob("asked.db*"):
                rest.unlink()
        for n_contents in (options.files, 200) if options.files else ():
            folder = Path(temporary) / f"contents-{n_contents}"
            name = f"{options.files:,} files, {n_contents:,} contents"
            figures[name] = scan_files(folder, options.files, n_contents)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name, found in figures.items():
        print(f"\n{name} (milliseconds)")
        for what, milliseconds in found.items():
            print(f"  {what:34} {milliseconds:10.2f}")
    if options.out:
        write_file(options.out, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
