"""The digest of the sound: other tags leave it as it is, other sound does not."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import mutagen
import mutagen.apev2
import mutagen.id3
import mutagen.mp4
import numpy as np
import pytest
from audio_files import (
    FORMATS,
    add_cover,
    chord,
    encrypt_asf,
    jpeg,
    write_audio,
)

from soundalike.audio import audio_digest
from soundalike.errors import (
    AudioError,
    DamagedAudio,
    ProtectedAudio,
    UnreadableFile,
    UnsupportedAudio,
)

TAGGED = ["mp3-cbr", "mp3-vbr-bare", "aac", "aac-faststart", "alac", "flac", "flac-ogg", "vorbis"]
TAGGED += ["opus", "wav", "aiff", "wma", "wavpack", "tta", "mp2"]


def make(path: Path, kind: str, samples: np.ndarray | None = None) -> Path:
    rate = 48_000 if FORMATS[kind].codec == "libopus" else 44_100
    samples = chord(rate, 1.0, 2) if samples is None else samples
    return write_audio(path.with_suffix("." + FORMATS[kind].suffix), samples, rate, kind)


def retag(path: Path, title: str) -> None:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, mutagen.id3.ID3):
        file.tags.add(mutagen.id3.TIT2(encoding=3, text=title))
    elif isinstance(file.tags, mutagen.mp4.MP4Tags):
        file.tags["\xa9nam"] = title
    else:
        file["title"] = title
    file.save()


@pytest.mark.parametrize("kind", TAGGED)
def test_tags_do_not_matter(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "piece", kind)
    digest = audio_digest(path)
    assert len(digest) == 16
    contents = {path.read_bytes()}
    for title in ("short", "long" * 20_000):
        retag(path, title)
        assert audio_digest(path) == digest
        contents.add(path.read_bytes())
    assert len(contents) == 3
    mutagen.File(path).delete()
    assert audio_digest(path) == digest


@pytest.mark.parametrize("kind", ["mp3-cbr", "aac", "flac"])
def test_a_cover_and_padding_do_not_matter(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "piece", kind)
    digest = audio_digest(path)
    assert audio_digest(add_cover(path, jpeg(400))) == digest
    file = mutagen.File(path)
    file.save(padding=lambda _: 50_000)
    assert audio_digest(path) == digest


@pytest.mark.parametrize("kind", ["mp3-cbr", "mp3-vbr-bare", "aac-adts", "wavpack", "tta"])
def test_tags_at_the_end_do_not_matter(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "piece", kind)
    digest, plain = audio_digest(path), path.read_bytes()
    first_version = b"TAG" + b"Title".ljust(30, b"\0") + bytes(95)
    path.write_bytes(plain + first_version)
    assert audio_digest(path) == digest
    path.write_bytes(plain)
    ape = mutagen.apev2.APEv2()
    ape["Title"] = "a title " * 500
    ape.save(path)
    assert audio_digest(path) == digest
    path.write_bytes(path.read_bytes() + first_version)
    assert audio_digest(path) == digest


def test_other_codecs_and_sounds_have_others(tmp_path: Path) -> None:
    kinds = ["mp3-cbr", "mp3-vbr", "aac", "flac", "flac-24", "vorbis", "opus", "wav", "wavpack"]
    digests = {audio_digest(make(tmp_path / kind, kind)) for kind in kinds}
    assert len(digests) == len(kinds)
    assert audio_digest(make(tmp_path / "left", "flac", chord(44_100, 1.0))) not in digests
    louder = 1.1 * chord(44_100, 1.0, 2)
    assert audio_digest(make(tmp_path / "louder", "flac", louder)) not in digests


def test_the_sample_rate_counts(tmp_path: Path) -> None:
    silence = np.zeros(44_100, np.float32)
    paths = [write_audio(tmp_path / f"{r}.wav", silence, r, "wav") for r in (44_100, 22_050)]
    assert audio_digest(paths[0]) != audio_digest(paths[1])


def test_the_same_packets_in_another_container_are_the_same_sound(tmp_path: Path) -> None:
    for kinds in (("aac", "aac-faststart", "aac-fragmented"), ("wav", "w64"), ("opus", "webm")):
        assert len({audio_digest(make(tmp_path / kind, kind)) for kind in kinds}) == 1


def test_one_sample_makes_another(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "wav")
    digest, data = audio_digest(path), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert audio_digest(path) != digest


def test_memory_stays_bounded(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "wav", np.zeros((2, 44_100 * 60), np.float32))
    assert path.stat().st_size > 10_000_000
    audio_digest(path)
    tracemalloc.start()
    audio_digest(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_errors_are_those_of_probe(tmp_path: Path) -> None:
    text = tmp_path / "text.mp3"
    text.write_text("words\n" * 100)
    cut = make(tmp_path / "cut", "aac")
    cut.write_bytes(cut.read_bytes()[:3000])
    noise = make(tmp_path / "noise", "flac")
    noise.write_bytes(noise.read_bytes()[:100])
    cases: list[tuple[Path, type[AudioError]]] = [
        (tmp_path, UnreadableFile),
        (tmp_path / "none.mp3", UnreadableFile),
        (text, UnsupportedAudio),
        (cut, DamagedAudio),
        (noise, DamagedAudio),
        (encrypt_asf(make(tmp_path / "locked", "wma")), ProtectedAudio),
    ]
    for path, error in cases:
        with pytest.raises(error):
            audio_digest(path)
