"""Which versions of a piece are found, and what is taken for one: on recordings with known answers.

    python -m benchmarks.versions [--pieces 24] [--music DIR... --real 36] [--library LIBRARY]

The recordings are those of `benchmarks/version_set.py`: composed pieces, and with --music
soundtracks that `python -m benchmarks.soundtracks DIR` has downloaded. All of them are one library;
each original is asked for its versions. Thresholds were chosen on the first half of the pieces, so
errors are counted on the second. --library adds the tracks of a library (scanned with the same
model) to what the originals have to be found among, and lists what is found among those themselves,
for a judgement by title and by ear. What a recording sounds like is kept in build/: the first run
takes a second for each recording (a minute for each piece), a second run a minute in all.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.soundtracks import read_manifest
from benchmarks.version_set import CHANGES, NEAR, Recording, composed, real
from soundalike.analysis import Analysis
from soundalike.analyzer import Analyzer
from soundalike.errors import SoundalikeError
from soundalike.facets import Facets
from soundalike.library import Library
from soundalike.models import DEFAULT_MODEL
from soundalike.similarity.recording import Music
from soundalike.similarity.versions import LEAST_EVIDENCE, Relation, Versions

__all__ = ["Answer", "Entry", "ask", "counts_table", "main", "rates", "rates_table"]

CACHE = Path(__file__).parent.parent / "build" / "benchmark-versions"

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Entry:
    """A track of the library that is asked.

    Attributes
    ----------
    recording : None for a track of a real library.
    name : what to call it.
    """

    recording: Recording | None
    name: str
    embedding: FloatArray
    music: Music


@dataclass(frozen=True)
class Answer:
    """What an original was found to have to do with another track.

    Attributes
    ----------
    of, other : entries by their numbers.
    expected : what the other is; None for a stranger, "?" where nobody knows.
    found : what it was taken for; None for nothing.
    """

    of: int
    other: int
    half: int
    kind: str
    expected: str | None
    found: str | None
    evidence: float = 0.0


def hear(recordings: Iterator[Recording], analyzer: Analyzer, cache: Path) -> Iterator[Entry]:
    """Analyse recordings, or read what was heard before."""
    cache.mkdir(parents=True, exist_ok=True)
    for recording in recordings:
        name = f"{recording.piece}--{recording.name}".replace(" ", "_").replace("/", "_")
        path = cache / f"{name}.npz"
        if not path.exists():
            waveform, rate = recording.make()
            _keep(path, analyzer.from_waveform(waveform, rate))
        with np.load(path) as kept:
            music = Music(
                float(kept["duration"]), kept["excerpts"], kept["starts"], kept["fingerprint"]
            )
            yield Entry(recording, recording.name, kept["embedding"], music)


def _keep(path: Path, heard: Analysis) -> None:
    draft = path.with_suffix(".draft.npz")
    np.savez(
        draft,
        embedding=heard.embedding,
        excerpts=heard.excerpt_embeddings,
        starts=heard.excerpt_starts_s,
        fingerprint=np.zeros((0, 6), np.uint8) if heard.fingerprint is None else heard.fingerprint,
        duration=heard.duration_s,
    )
    draft.replace(path)


def of_library(place: str, model: str, without: Sequence[Path]) -> list[Entry]:
    """The tracks of a library, but for some files; of the same audio one."""
    with Library(place, model=model, create=False) as library, library.view() as view:
        rows = np.sort(np.unique(view.index.audio_ids, return_index=True)[1]).tolist()
        tracks = view.tracks(rows)
        music = view.snapshot.music_of([track.track_id for track in tracks])
        return [
            Entry(
                None,
                f"{track.path.parent.name}/{track.path.name}",
                view.index.embeddings[row],
                music[track.track_id],
            )
            for row, track in zip(rows, tracks, strict=True)
            if track.path not in without and track.track_id in music
        ]


def ask(entries: Sequence[Entry], layout: Facets, least_evidence: float) -> list[Answer]:
    """Ask for the versions of every original: an answer for each recording of its piece, and for
    whatever else was found."""
    versions = _versions(entries, layout, least_evidence)
    pieces: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        if entry.recording is not None:
            pieces.setdefault(entry.recording.piece, []).append(number)
    answers = []
    for number, entry in enumerate(entries):
        of = entry.recording
        if of is None or of.name != "original":
            continue
        found = {relation.row: relation for relation in versions.of(number)}
        for other in sorted({*pieces[of.piece], *found} - {number}):
            its, relation = entries[other].recording, found.get(other)
            expected: str | None = "?"
            if its is not None:
                expected = its.relation if its.piece == of.piece else None
            answers.append(
                Answer(
                    number,
                    other,
                    of.half,
                    of.piece.split()[0],
                    expected,
                    None if relation is None else relation.kind,
                    0.0 if relation is None else relation.evidence,
                )
            )
    return answers


def _versions(entries: Sequence[Entry], layout: Facets, least_evidence: float) -> Versions:
    music = [entry.music for entry in entries]
    prints = {n: m.fingerprint for n, m in enumerate(music) if m.fingerprint is not None}
    return Versions(
        np.stack([entry.embedding for entry in entries]).astype(np.float32),
        np.arange(len(entries)),
        layout,
        fingerprints_of=lambda rows: {row: prints[row] for row in rows if row in prints},
        music_of=lambda rows: {row: music[row] for row in rows},
        least_evidence=least_evidence,
    )


@dataclass(frozen=True)
class Rates:
    """How often answers are right.

    Attributes
    ----------
    n : recordings of the pieces that were to be found.
    found : of these.
    false : recordings of other pieces that were found; false_pieces : pairs of pieces among them.
    """

    n: int
    found: int
    false: int
    false_pieces: int

    @property
    def recall(self) -> float:
        return self.found / self.n if self.n else float("nan")

    @property
    def precision(self) -> float:
        all_found = self.found + self.false
        return self.found / all_found if all_found else float("nan")


def rates(answers: Sequence[Answer], entries: Sequence[Entry], kind: str | None) -> Rates:
    """Of near recordings, of versions, or (None) of both, whichever they are taken for.

    Of near ones those count as found that are taken for near, and as false all others that are.
    """

    def piece(number: int) -> str:
        recording = entries[number].recording
        return entries[number].name if recording is None else recording.piece

    known = [each for each in answers if each.expected != "?"]
    if kind is None:
        wanted = [each for each in known if each.expected is not None]
        right = [each for each in wanted if each.found]
        wrong = [each for each in known if each.expected is None]
    else:
        wanted = [each for each in known if each.expected == kind]
        right = [each for each in wanted if each.found == kind]
        wrong = [each for each in known if each.expected != kind and each.found == kind]
    pairs = {tuple(sorted((piece(each.of), piece(each.other)))) for each in wrong}
    return Rates(len(wanted), len(right), len(wrong), len(pairs))


def rates_table(answers: Sequence[Answer], entries: Sequence[Entry]) -> str:
    """Precision and recall by half, by kind of piece and by kind of version, as Markdown."""
    lines = [
        "| pieces | kind | recordings | found | of other pieces or kinds | precision | recall |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for half, name in ((0, "first half"), (1, "second half")):
        for source in dict.fromkeys(each.kind for each in answers):
            some = [each for each in answers if each.half == half and each.kind == source]
            for kind, what in (("near", "near"), ("version", "versions"), (None, "either")):
                its = rates(some, entries, kind)
                lines.append(
                    f"| {source}, {name} | {what} | {its.n} | {its.found} | {its.false} in "
                    f"{its.false_pieces} pairs of pieces | {100 * its.precision:.1f} % | "
                    f"{100 * its.recall:.1f} % |"
                )
    return "\n".join(lines)


def counts_table(answers: Sequence[Answer], entries: Sequence[Entry], half: int) -> str:
    """What each change was taken for in one half, as Markdown."""
    counts: dict[str, dict[str, Counter[str]]] = {}
    for each in answers:
        if each.half == half and each.expected in ("near", "version"):
            name = entries[each.other].name
            counts.setdefault(name, {}).setdefault(each.kind, Counter())[each.found or "not"] += 1
    sources = list(dict.fromkeys(each.kind for each in answers))
    lines = [
        f"| recording | is | {' | '.join(f'{s}: near, version, not found' for s in sources)} |",
        "| --- | --- |" + " --- |" * len(sources),
    ]
    for name, by_source in counts.items():
        is_near = name in CHANGES and CHANGES[name][0] == NEAR
        cells = []
        for source in sources:
            of = by_source.get(source, Counter())
            numbers = [of["near"], of["version"], of["not"]]
            cells.append(", ".join(map(str, numbers)) if sum(numbers) else "")
        lines.append(f"| {name} | {'near' if is_near else 'version'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sweep_table(entries: Sequence[Entry], layout: Facets, steps: Sequence[float]) -> str:
    """What the first half says of the threshold, as Markdown."""
    lines = ["| least evidence | found of versions | of other pieces |", "| --- | --- | --- |"]
    for step in steps:
        answers = [each for each in ask(entries, layout, step) if each.half == 0]
        its = rates(answers, entries, None)
        lines.append(
            f"| {step:.2f} | {its.found} of {its.n} | {its.false} in {its.false_pieces} pairs |"
        )
    return "\n".join(lines)


def among_library(entries: Sequence[Entry], layout: Facets) -> str:
    """What is found among the tracks of the library themselves, a line a pair."""
    versions = _versions(entries, layout, LEAST_EVIDENCE)
    found: dict[tuple[int, int], Relation] = {}
    for number, entry in enumerate(entries):
        if entry.recording is None:
            for relation in versions.of(number):
                if entries[relation.row].recording is None:
                    found.setdefault(
                        (min(number, relation.row), max(number, relation.row)), relation
                    )
    lines = []
    for (a, b), each in sorted(found.items(), key=lambda pair: (pair[1].kind, -pair[1].evidence)):
        lines.append(f"{each.kind:8s} {each.evidence:.2f}  {entries[a].name} | {entries[b].name}")
    return "\n".join(lines)


def soundtracks(folders: Sequence[Path], n: int) -> list[Path]:
    """Some soundtracks of 60 to 400 s from folders that were downloaded to."""
    found = [
        track.path
        for folder in folders
        for track in read_manifest(folder)
        if 60 <= track.duration_s <= 400
    ]
    Random(5).shuffle(found)
    return found[:n]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Which versions of a piece are found.")
    parser.add_argument("--pieces", type=int, default=24, help="composed pieces (24)")
    parser.add_argument("--music", type=Path, nargs="+", default=[], help="folders of soundtracks")
    parser.add_argument("--real", type=int, default=36, help="soundtracks that are changed (36)")
    parser.add_argument("--library", help="a library, whose tracks are added")
    parser.add_argument("--sweep", action="store_true", help="also try other thresholds")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args(arguments)
    analyzer = Analyzer(options.model)
    layout, cache = analyzer.model.layout, CACHE / analyzer.model.id
    files = soundtracks(options.music, options.real)
    entries = list(hear(composed(options.pieces), analyzer, cache))
    entries += hear(real(files), analyzer, cache)
    if options.library:
        try:
            entries += of_library(options.library, analyzer.model.id, files)
        except SoundalikeError as error:
            print(error, file=sys.stderr)
            return 1
    answers = ask(entries, layout, LEAST_EVIDENCE)
    n_own = sum(entry.recording is not None for entry in entries)
    print(f"{analyzer.model.id}: {n_own} recordings, {len(entries) - n_own} other tracks\n")
    print(rates_table(answers, entries))
    print(f"\nThe second half:\n\n{counts_table(answers, entries, 1)}")
    wrong = [each for each in answers if each.expected is None]
    for each in sorted(wrong, key=lambda each: -each.evidence)[:20]:
        of, other = entries[each.of].recording, entries[each.other].recording
        assert of is not None
        assert other is not None
        print(f"false: {of.piece} | {other.piece}, {other.name} ({each.evidence:.2f})")
    if options.sweep:
        print(
            f"\nThe first half:\n\n{sweep_table(entries, layout, (1.8, 2, 2.2, 2.35, 2.5, 2.7, 3))}"
        )
    if options.library:
        print(f"\nAmong the other tracks:\n\n{among_library(entries, layout)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
