"""Use soundalike as it is installed, beside whatever versions of its dependencies.

    python tests/installed.py

Of Python it wants soundalike without extras, and no more: ``tests/pythons.py`` runs it in a clean
environment of each Python. It decodes what ``audio_files`` writes, scans it, asks, and evaluates,
by the command and from Python. What does not hold ends it with an error.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from audio_files import (
    FORMATS,
    FloatArray,
    add_cover,
    chord,
    encrypt_asf,
    jpeg,
    replace_bytes,
    root_hz,
    truncate,
    write_audio,
    write_caf,
    write_film,
    write_wav,
)

import soundalike
from soundalike.audio import probe, read_tags
from soundalike.errors import AudioError, DamagedAudio, ProtectedAudio, UnsupportedAudio

RATE = 44_100
BANDS = ("The Organs", "Trömmel")
PIECES_EACH = 11
BAND_KINDS = ("mp3-vbr", "aac", "flac", "vorbis", "wma")
VIDEO = (".mp4", ".webm")  # a scan leaves it out
SURROUND = (("flac", 6), ("flac", 8), ("wav", 8), ("wavpack", 8), ("aac", 8), ("opus", 6))


def write_kinds(folder: Path) -> dict[Path, int]:
    """A file of each kind that can be decoded; its number of channels."""
    folder.mkdir()
    stereo, files = chord(RATE, 3.0, 2), {}
    for kind, form in FORMATS.items():
        rate = 48_000 if form.codec == "libopus" else RATE
        path = folder / f"{kind}.{form.suffix}"
        write_audio(path, chord(rate, 3.0, 2), rate, kind, film=kind == "aac-film")
        files[path] = 2
    for kind, channels in SURROUND:
        rate = 48_000 if kind == "opus" else RATE
        path = folder / f"{kind} {channels}.{FORMATS[kind].suffix}"
        files[write_audio(path, chord(rate, 3.0, channels), rate, kind)] = channels
    for kind in ("mp3-cbr", "aac", "flac"):
        path = write_audio(folder / f"cover.{FORMATS[kind].suffix}", stereo, RATE, kind)
        files[add_cover(path, jpeg())] = 2
    for bits, is_float in ((8, False), (24, False), (32, False), (32, True), (64, True)):
        path = folder / f"{bits}-bit{'-float' if is_float else ''}.wav"
        files[write_wav(path, stereo, RATE, bits=bits, is_float=is_float, extensible=True)] = 2
    files[write_caf(folder / "labels.caf", stereo, RATE, [2, 1])] = 2
    return files


def write_bad(folder: Path) -> dict[Path, type[AudioError]]:
    """Files that cannot be analysed, and what is to be said of each."""
    folder.mkdir()
    mono = chord(RATE, 3.0)
    files: dict[Path, type[AudioError]] = {
        truncate(write_audio(folder / "no index.m4a", mono, RATE, "aac"), 0.5): DamagedAudio,
        encrypt_asf(write_audio(folder / "locked.wma", mono, RATE, "wma")): ProtectedAudio,
        write_film(folder / "no sound.mp4", 1.0): UnsupportedAudio,
    }
    for name, content in (
        ("text.mp3", b"words\n" * 100),
        ("noise.ogg", jpeg()),
        ("empty.wav", b""),
    ):
        (folder / name).write_bytes(content)
        files[folder / name] = UnsupportedAudio
    return files


def write_bands(folder: Path) -> list[Path]:
    """Pieces of two bands that are told apart by ear, tagged, long enough to be evaluated."""
    folder.mkdir()
    time_s = np.arange(22 * RATE // 2) / (RATE // 2)
    files = []
    for number in range(PIECES_EACH):
        root = 110 * 2 ** (number / 12)
        organ = sum(np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 1.25, 1.5, 2, 3)) / 5
        noise = np.random.default_rng(number).normal(size=len(time_s)).clip(-3, 3) / 3
        drum = noise * np.exp(-(time_s % 0.25) * (20 + 2 * number))
        for band, samples in zip(BANDS, (organ, drum), strict=True):
            kind = BAND_KINDS[number % len(BAND_KINDS)]
            tags = {"artist": band, "title": f"Piece {number}", "album": f"{band} {number // 4}"}
            path = folder / f"{band} {number}.{FORMATS[kind].suffix}"
            both = np.array([samples, samples], np.float32)
            files.append(write_audio(path, both, RATE // 2, kind, metadata=tags))
    return files


def loudest_hz(samples: FloatArray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def decode(kinds: dict[Path, int], bad: dict[Path, type[AudioError]]) -> None:
    for path, channels in kinds.items():
        audio = soundalike.load_audio(path, mono=False)
        found = (audio.samples.shape[0], probe(path).channels, audio.notes)
        assert found == (channels, channels, ()), (path.name, found)
        assert abs(audio.duration_s - 3.0) < 0.1, (path.name, audio.duration_s)
        heard = [loudest_hz(row, audio.sample_rate) for row in audio.samples]
        expected = [root_hz(channel) for channel in range(channels)]
        if path.name in ("aac 8.m4a", "opus 6.opus"):
            # Of the channel of low frequencies they keep the lowest only.
            del heard[3], expected[3]
        assert np.allclose(heard, expected, atol=1.0), (path.name, heard)
    for path, kind in bad.items():
        found = None
        with contextlib.suppress(kind):
            found = soundalike.load_audio(path)
        assert found is None, f"{path.name}: no {kind.__name__}"


def tags(folder: Path) -> None:
    for kind in ("wav", "matroska", "flac", "mp3-cbr", "aac", "wma", "vorbis"):
        path = folder / f"tagged-{kind}.{FORMATS[kind].suffix}"
        write_audio(path, chord(RATE, 1.0, 2), RATE, kind, metadata={"title": "Déjà vu"})
        assert read_tags(path).title == "Déjà vu", (kind, read_tags(path))
        if kind in ("wav", "matroska"):
            replace_bytes(path, "Déjà".encode(), b"D\xe9j\xe0..")
            assert read_tags(path).title == "Déjà.. vu", (kind, read_tags(path))


def command(*words: object, code: int = 0) -> str:
    """What the installed command prints."""
    program = Path(sys.executable).with_name("soundalike")
    ran = subprocess.run(
        [str(program), *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    said = f"soundalike {' '.join(map(str, words))}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    assert ran.returncode == code, said
    assert "Traceback" not in ran.stderr, said
    assert "Warning" not in ran.stderr, said
    return ran.stdout


def ask(*words: object, code: int = 0) -> Any:
    return json.loads(command(*words, "--json", code=code))


def use(folder: Path, bands: list[Path], good: list[Path], bad: dict[str, str]) -> None:
    """Scan, and every question, by the command."""
    music, library = folder / "music", folder / "library.db"
    at = ("--library", library)
    report = ask("scan", music, *at, code=1)  # for the bad ones
    # The same sound in two containers is analysed once.
    assert report["analysed"] + report["retagged"] == len(good), report
    assert {one["path"]: one["kind"] for one in report["failed"]} == bad, report
    assert ask("scan", music, *at)["unchanged"] == len(good)
    assert {one["path"]: one["kind"] for one in ask("failures", *at)} == bad
    assert ask("info", *at)["analysed"] == len(good)
    assert ask("info", "Trömmel Piece 3", *at)["title"] == "Piece 3"

    stranger = folder / "stranger.flac"
    write_audio(stranger, soundalike.load_audio(bands[0]).samples, RATE // 2, "flac")
    for query in (stranger, "The Organs Piece 0"):
        playlist = folder / "mix.m3u8"
        found = ask("similar", query, "-k", 5, "--m3u", playlist, *at)
        artists = [match["track"]["artist"] for match in found["matches"]]
        assert artists == ["The Organs"] * 5, found
        assert len(playlist.read_text("utf-8").splitlines()) > 5
    command("similar", stranger, "--at", "0:02-0:12", *at)
    assert ask("compare", bands[0], stranger)["similarity"] > 0.99
    found = ask("compare", bands[0], bands[1], *at)
    assert found["similarity"] < 0.99
    assert abs(sum(found["shares"].values()) - found["similarity"]) < 1e-5, found
    (answer,) = ask("genre", stranger)
    assert abs(sum(answer["genres"].values()) - 1) < 1e-3, answer
    command("models")

    page = folder / "page.html"
    found = ask("evaluate", "-k", 5, "--sample", 4, "--html", page, *at)
    artist = next(each for each in found["answers"] if each["question"] == "same artist")
    assert artist["figures"]["precision"]["value"] > 0.9, artist
    assert artist["baseline"]["mfcc"]["precision"]["value"] > 0.7, artist
    assert "<svg" in page.read_text("utf-8")


def from_python(folder: Path, bands: list[Path]) -> None:
    with soundalike.Library(folder / "library.db") as library:
        result = library.similar(bands[1], 5)
        assert {match.track.artist for match in result.matches} == {"Trömmel"}, result
        assert len(library.failures()) > 0
        assert soundalike.evaluate_library(library, robustness_tracks=0).n_tracks > 0
    comparison = soundalike.compare(bands[0], bands[2])
    assert -1 <= comparison.similarity <= 1, comparison
    analysis = soundalike.Analyzer().from_file(bands[0])
    assert abs(np.linalg.norm(analysis.embedding) - 1) < 1e-5


def main() -> None:
    checkout = Path(__file__).resolve().parent.parent
    assert checkout not in Path(soundalike.__file__).resolve().parents, soundalike.__file__
    names = ("av", "numpy", "onnxruntime", "sqlalchemy", "alembic", "click", "mutagen")
    print(" ", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    with tempfile.TemporaryDirectory(prefix="soundalike-") as place:
        folder = Path(place).resolve()
        (folder / "music").mkdir()
        kinds = write_kinds(folder / "music" / "kinds")
        bad = write_bad(folder / "music" / "bad")
        bands = write_bands(folder / "music" / "bands")
        decode(kinds, bad)
        tags(folder)
        print(f"  decoded {len(kinds)} kinds of files, refused {len(bad)}")
        good = [path for path in (*kinds, *bands) if path.suffix not in VIDEO]
        refused = {str(p): kind.__name__ for p, kind in bad.items() if p.suffix not in VIDEO}
        use(folder, bands, good, refused)
        print(f"  scanned, asked and evaluated {len(good)} tracks by the command")
        from_python(folder, bands)
        print("  and from Python")


if __name__ == "__main__":
    main()
