"""Cover pictures in files and in folders."""

from __future__ import annotations

import base64
from pathlib import Path

import mutagen
import mutagen.apev2
import mutagen.asf
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import pytest
from audio_files import add_cover, chord, jpeg, write_audio

from soundalike.audio.covers import embedded_cover, folder_covers, read_cover

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
GIF = b"GIF89a" + bytes(20)


def _block(picture: bytes, kind: int) -> str:
    block = mutagen.flac.Picture()
    block.type, block.mime, block.data = kind, "image/png", picture
    return base64.b64encode(block.write()).decode()


@pytest.mark.parametrize("kind", ["mp3-cbr", "aac", "flac"])
def test_the_cover_of_a_file(tmp_path: Path, kind: str) -> None:
    suffix = {"mp3-cbr": "mp3", "aac": "m4a", "flac": "flac"}[kind]
    path = write_audio(tmp_path / f"a.{suffix}", chord(22_050, 1.0), 22_050, kind)
    assert embedded_cover(path) is None
    picture = jpeg()
    found = embedded_cover(add_cover(path, picture))
    assert found is not None
    assert (found.media_type, found.data) == ("image/jpeg", picture)


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_the_cover_of_ogg(tmp_path: Path, kind: str) -> None:
    path = write_audio(tmp_path / "a.ogg", chord(48_000, 1.0, 2), 48_000, kind)
    file = mutagen.File(path)
    # The front cover comes first, wherever it stands; what is no base64 is passed over.
    file["metadata_block_picture"] = ["%%%", _block(GIF, 4), _block(PNG, 3)]
    file.save()
    found = embedded_cover(path)
    assert found is not None
    assert (found.media_type, found.data) == ("image/png", PNG)


def test_the_cover_of_wma(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wma", chord(44_100, 1.0), 44_100, "wma")
    file = mutagen.File(path)
    name = "image/png".encode("utf-16-le") + b"\0\0" + "é".encode("utf-16-le") + b"\0\0"
    value = b"\x03" + len(PNG).to_bytes(4, "little") + name + PNG
    file["WM/Picture"] = [mutagen.asf.ASFByteArrayAttribute(value)]
    file.save()
    found = embedded_cover(path)
    assert found is not None
    assert (found.media_type, found.data) == ("image/png", PNG)


def test_the_cover_of_wavpack(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wv", chord(44_100, 1.0), 44_100, "wavpack")
    tags = mutagen.apev2.APEv2()
    tags["Cover Art (Front)"] = mutagen.apev2.APEValue(b"front.png\0" + PNG, mutagen.apev2.BINARY)
    tags.save(path)
    found = embedded_cover(path)
    assert found is not None
    assert (found.media_type, found.data) == ("image/png", PNG)


def test_what_a_tag_says_of_a_picture_is_not_believed(tmp_path: Path) -> None:
    """A page of HTML or SVG, called a picture, could hold scripts."""
    path = write_audio(tmp_path / "a.mp3", chord(22_050, 1.0), 22_050, "mp3-cbr")
    tags = mutagen.id3.ID3()
    for kind, data in ((3, b"<svg onload='alert(1)'/>"), (4, PNG)):
        picture = mutagen.id3.APIC(mime="image/svg+xml", type=kind, desc=str(kind), data=data)
        tags.add(picture)
    tags.save(path)
    found = embedded_cover(path)
    assert found is not None
    assert (found.media_type, found.data) == ("image/png", PNG)


@pytest.mark.parametrize("data", [b"", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", bytes(1000)])
def test_broken_files_have_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    assert embedded_cover(path) is None
    assert embedded_cover(tmp_path / "none.mp3") is None


def test_the_covers_of_a_folder(tmp_path: Path) -> None:
    for name in ("zebra.jpg", "Folder.JPG", "cover.png", "front.txt"):
        (tmp_path / name).write_bytes(PNG)
    found = folder_covers(tmp_path)
    assert [path.name for path in found] == ["cover.png", "Folder.JPG"]
    cover = read_cover(found[1])
    assert cover is not None
    assert cover.media_type == "image/png"  # whatever its name says
    assert folder_covers(tmp_path / "none") == []
    (tmp_path / "cover.png").write_text("no picture")
    assert read_cover(tmp_path / "cover.png") is None
    assert read_cover(tmp_path) is None
