"""A small deterministic analyzer, and files for it: library tests need neither model nor music.

The files are real WAV files of 0.1 s, so that format and tags are read for real. What they hold
is a text, and the analyzer makes everything of that text; some texts make it fail on purpose.
"""

from __future__ import annotations

import hashlib
import os
import signal
import struct
import time
import wave
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text as sql

from soundalike.analysis import FAST, Analysis
from soundalike.audio.source import Source
from soundalike.errors import ModelError, SilentAudio, UnreadableFile
from soundalike.facets import Facet, Facets
from soundalike.library import Library
from soundalike.library.index import Index, IndexKeeper
from soundalike.library.snapshot import Snapshot
from soundalike.models import ModelInfo, ModelKey
from soundalike.models.contract import NO_WORDS, Word, Words
from soundalike.models.lineage import Lineage
from soundalike.workers.jobs import Job, MakePool, Setup
from soundalike.workers.process import Worker

LOG = "SOUNDALIKE_TEST_LOG"
"""Environment variable: a file that gets a line with the text of each file that is analysed."""

SLOW_S = "SOUNDALIKE_TEST_SLOW_S"
"""Environment variable: seconds that a slow file takes, instead of 0.1."""

PIDS = "SOUNDALIKE_TEST_PIDS"
"""Environment variable: a folder that gets a file named by the process id of each analyzer."""


LABELS = ("calm", "wild", "odd")
EMBEDDING_DIM = 8
FACETED = "faceted"
"""The name of the fake model that has facets, words, tempo and key."""
LAYOUT = Facets((Facet("sound", 4, 0.6), Facet("rhythm", 3, 0.25), Facet("harmony", 2, 0.15)))
WORDS = Words(
    (
        Word("piano", "instrument", 0.4, 0.8),
        Word("female vocals", "voice", 0.5, 0.9),
        Word("sad", "mood", 0.0, None),
    )
)


def fake_model(version: str = "1", name: str = "fake") -> ModelInfo:
    facets = LAYOUT if name == FACETED else None
    return ModelInfo(
        name=name,
        version=version,
        path=Path("fake.onnx"),
        sha256="",
        size_bytes=0,
        embedding_dim=facets.size if facets else EMBEDDING_DIM,
        labels=LABELS,
        description="for tests",
        facets=facets,
        words=WORDS if facets else NO_WORDS,
    )


def write_track(path: Path, text: str) -> Path:
    """A WAV file, 8 kHz, 8 bit, mono, that holds nothing but a text, again and again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = (text.encode() + b"|") * 800
    with open(path, "wb") as file, wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(8000)
        writer.writeframes(sound[:800])
    return path


def tag_track(path: Path, *, keep_times: bool = False, **tags: str) -> Path:
    """Give a file of :func:`write_track` tags (``artist``, ``title``, ``genre``). Without a genre
    its length is always the same.

    ``keep_times``: with size and modification time as they were, as tag editors can do it.
    """
    before = path.stat()
    # In an 8-bit encoding, a character that is not Latin has one byte, as on old machines.
    values = {b"IART": tags.get("artist", ""), b"INAM": tags.get("title", "")}
    if "genre" in tags:
        values[b"IGNR"] = tags["genre"]
    info = b"INFO"
    for key, value in values.items():
        info += key + struct.pack("<I", 40) + value.encode("latin-1").ljust(40, b"\0")
    chunk = b"LIST" + struct.pack("<I", len(info)) + info
    sound = path.read_bytes()[8 : 44 + 800]
    # In place: another inode would be another file.
    with open(path, "r+b") as file:
        file.write(b"RIFF" + struct.pack("<I", len(sound) + len(chunk)) + sound + chunk)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path


def text_of(path: str | os.PathLike[str]) -> str:
    """What :func:`write_track` wrote."""
    return Path(path).read_bytes()[44:].split(b"|")[0].decode()


def fake_analysis(text: str, model: ModelInfo | ModelKey, duration_s: float = 25.0) -> Analysis:
    """The analysis of a text: random, but always the same; three excerpts.

    By the model :data:`FACETED`, a text that begins with ``quiet`` is not sure of tempo and key.
    """
    facets = LAYOUT if model.name == FACETED else None
    layout = facets or Facets.one(EMBEDDING_DIM)
    seed = int.from_bytes(hashlib.sha256(f"{model.version} {text}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(seed)
    excerpts = layout.normalise(rng.normal(size=(3, layout.size)))
    probabilities = rng.dirichlet(np.ones(len(LABELS)), size=3).astype(np.float32)
    more: dict[str, Any] = {}
    if facets is not None:
        bpm = float(rng.integers(60, 180))
        is_sure = not text.startswith("quiet")
        more = {
            "facets": facets,
            "vocabulary": WORDS,
            "word_probabilities": rng.uniform(size=len(WORDS)).astype(np.float32),
            "tempo_bpm": bpm if is_sure else None,
            "tempo_confidence": 0.9 if is_sure else 0.3,
            "tempo_alternatives": (bpm / 2, bpm * 2) if is_sure else (),
            "key": str(rng.choice(["A minor", "Eb major"])) if is_sure else None,
            "key_confidence": 0.8 if is_sure else 0.4,
        }
    return Analysis(
        model=model.id,
        duration_s=duration_s,
        labels=LABELS,
        probabilities=probabilities.mean(axis=0),
        embedding=layout.normalise(excerpts.mean(axis=0)),
        excerpt_embeddings=excerpts,
        excerpt_probabilities=probabilities,
        excerpt_starts_s=np.array([0.0, 9.94, 15.06]),
        genre_set=LABELS[:2],
        notes=(f"text: {text}",),
        **more,
    )


class FakeAnalyzer:
    """What a scan needs of an analyzer. How the text of a file begins says what happens to it.

    ``silent``: SilentAudio. ``bug``: an error that nobody foresaw. ``crash``: the process dies.
    ``slay``: so does the one that started it.
    ``once FILE``: the process dies the first time (FILE does not exist then). ``slow``: takes
    0.1 s. ``since N``: SilentAudio for all versions from N on. ``print``: writes to standard
    output. ``greedy``: asks for a terabyte of memory. ``hang``: never ends. ``dribble N``: reads a
    byte now and then for N s. ``change``: the file grows while it is analysed. ``vanish``: it is
    gone afterwards.
    """

    def __init__(self, model: ModelKey) -> None:
        self.model = model
        if folder := os.environ.get(PIDS):
            (Path(folder) / str(os.getpid())).touch()

    def from_file(
        self,
        path: str | os.PathLike[str],
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
        fast: bool = False,
    ) -> Analysis:
        try:
            text = text_of(path)
        except OSError as error:
            raise UnreadableFile(path, str(error.strerror)) from error
        if log := os.environ.get(LOG):
            with open(log, "a", encoding="utf-8") as file:
                file.write(text + "\n")
        what, _, rest = text.partition(" ")
        if what == "silent":
            raise SilentAudio(path, "silent: 0.1 s that never reach -80 dBFS")
        if what == "since" and int(self.model.version) >= int(rest.split()[0]):
            raise SilentAudio(path, f"too quiet for version {self.model.version}")
        if what == "bug":
            raise ZeroDivisionError("a bug")
        if what == "crash" or (what == "once" and not Path(rest).exists()):
            if what == "once":
                Path(rest).touch()
            if hasattr(signal, "SIGKILL"):
                os.kill(os.getpid(), signal.SIGSEGV)
            os._exit(70)
        if what == "slay":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        if what == "print":
            print("x" * 100_000, flush=True)
            os.write(1, b"y" * 100_000)
        if what == "slow":
            time.sleep(float(os.environ.get(SLOW_S, "0.1")))
        if what == "dribble":
            end = time.monotonic() + float(rest)
            while time.monotonic() < end:
                time.sleep(0.05)
                with Source(path) as source:
                    source.read(1)
        if what == "greedy":
            bytearray(2**40)
        if what == "hang":
            time.sleep(3600)
        if what == "change":
            with open(path, "ab") as file:
                file.write(b"more")
        if what == "vanish":
            os.remove(path)
        passage = f" {start_s:g}-{end_s}" if start_s or end_s is not None else ""
        found = fake_analysis(text + passage, self.model)
        return replace(found, notes=(f"{FAST}a little", *found.notes)) if fast else found


def unloadable(model: ModelKey) -> FakeAnalyzer:
    """An analyzer whose model is no good."""
    raise ModelError(f"{model.id}: damaged model")


def line(version: str, *, older: Sequence[str] = ()) -> Lineage:
    """The line of the fake's versions; those of ``older`` are still installed."""
    return Lineage(fake_model(version), installed=tuple(fake_model(each) for each in older))


class InlinePool:
    """The worker's own code in this process, for tests of what a scan does with its answers.

    Starting a process takes half a second. Those tests that are about processes use them.
    """

    def __init__(self, setup: Setup, size: int | None) -> None:
        self.size = size or 1
        self.outstanding = 0
        self._worker = Worker(setup)
        self._jobs: list[Job] = []

    def __enter__(self) -> InlinePool:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def submit(self, job: Job) -> None:
        self.outstanding += 1
        self._jobs.append(job)

    def outcomes(self, timeout_s: float) -> list[Any]:
        outcomes = [self._worker.do(job) for job in self._jobs]
        self._jobs.clear()
        self.outstanding = 0
        return list(outcomes)

    def close(self, *, at_once: bool) -> None:
        self._jobs.clear()


class OnePool(InlinePool):
    """One answer at a time, so that a scan can be stopped between two."""

    def outcomes(self, timeout_s: float) -> list[Any]:
        outcomes = [self._worker.do(job) for job in self._jobs[:1]]
        del self._jobs[:1]
        self.outstanding -= len(outcomes)
        return list(outcomes)


def open_library(
    folder: Path,
    *,
    version: str = "1",
    name: str = "fake",
    analyzer: str = "fakes:FakeAnalyzer",
    pool: MakePool = InlinePool,
) -> Library:
    """A library in a folder, that analyses with the fake."""
    model = fake_model(version, name)
    return Library(folder / "library.db", model=model, analyzer=analyzer, pool=pool)


def open_upgraded(
    folder: Path, version: str, *, older: Sequence[str] = (), pool: MakePool = InlinePool
) -> Library:
    """The library of :func:`open_library` after an upgrade, opened without choosing a model."""
    model = line(version, older=older)
    return Library(folder / "library.db", model=model, analyzer="fakes:FakeAnalyzer", pool=pool)


def contents_of(library: Library) -> Counter[tuple[str, str, str | None]]:
    """What a library says of the files that are there: path, status, and what was heard in it."""
    found: Counter[tuple[str, str, str | None]] = Counter()
    reasons = {failure.track_id: failure.reason for failure in library.failures()}
    for track in library.tracks():
        if track.status == "missing":
            continue
        heard = reasons.get(track.track_id)
        if track.status == "analysed":
            (heard,) = library.analysis(track.track_id).notes
        found[str(track.path), track.status, heard] += 1
    return found


def ask(library: Library, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement on the database of a library, which may change it."""
    with library._database.write() as connection:
        found = connection.execute(sql(statement), values)
        return [tuple(row) for row in found] if found.returns_rows else []


def fresh_index(library: Library) -> Index:
    """The index of a library of the fake's, read anew from the database."""
    with library._database.read() as connection:
        snapshot = Snapshot(connection, library.model)
        return IndexKeeper(None, lambda *_: None).current(snapshot)


def same_index(a: Index, b: Index) -> bool:
    """Whether two indexes hold the same, wherever they got it from."""
    columns = all(np.array_equal(x, b.columns()[name]) for name, x in a.columns().items())
    return columns and a.counts == b.counts and a.position == b.position and a.model == b.model
