"""Fields in the tags of real files: what is written, and that nothing else is touched."""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import mutagen
import mutagen.apev2
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.ogg
import mutagen.oggvorbis
import pytest
from audio_files import chord, jpeg, write_audio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soundalike.audio.digest import audio_digest, packet_digest
from soundalike.audio.reader import read_tags
from soundalike.audio.tag_fields import Field
from soundalike.audio.tag_writing import joined, read_fields, write_fields
from soundalike.errors import (
    InvalidArgument,
    UnreadableFile,
    UntaggableFormat,
    UnwritableTags,
)
from soundalike.partial import remove_leftovers

KINDS = {"mp3": "mp3-cbr", "flac": "flac", "ogg": "vorbis", "opus": "opus", "m4a": "aac"}
NAMES = frozenset({"SOUNDALIKE_GENRE", "SOUNDALIKE_WORDS", "GENRE", "BPM", "INITIALKEY"})
ALL = {
    "SOUNDALIKE_GENRE": Field(("jazz",)),
    "SOUNDALIKE_WORDS": Field(("piano", "bläser")),
    "GENRE": Field(("Jazz",)),
    "BPM": Field(("118",)),
    "INITIALKEY": Field(("Am",)),
}
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links and permissions of POSIX")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each format with tags, a picture where that is simple, and values in an order."""
    folder = tmp_path_factory.mktemp("tagged")
    for suffix, kind in KINDS.items():
        path = folder / f"a.{suffix}"
        write_audio(path, chord(48_000, 2.0, channels=2), 48_000, kind)
    mp3 = mutagen.id3.ID3()
    mp3.add(mutagen.id3.TIT2(encoding=3, text=["Tïtle"]))
    mp3.add(mutagen.id3.TPE1(encoding=3, text=["B", "A", "C"]))
    mp3.add(mutagen.id3.TCON(encoding=0, text=["(8)Swing"]))
    mp3.add(mutagen.id3.PRIV(owner="x", data=b"\0\1\2"))
    mp3.add(mutagen.id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=jpeg()))
    mp3.save(folder / "a.mp3")
    flac = mutagen.flac.FLAC(folder / "a.flac")
    cover = mutagen.flac.Picture()
    cover.type, cover.mime, cover.data = 3, "image/jpeg", jpeg()
    flac.add_picture(cover)
    flac.tags.extend([("Artist", "B"), ("ARTIST", "A"), ("genre", "Swing"), ("TITLE", "Tïtle")])
    flac.save()
    for suffix in ("ogg", "opus"):
        ogg = mutagen.File(folder / f"a.{suffix}")
        ogg.tags.extend([("ARTIST", "B"), ("ARTIST", "A"), ("Genre", "Swing"), ("TITLE", "Tïtle")])
        ogg.save()
    mp4 = mutagen.mp4.MP4(folder / "a.m4a")
    mp4["\xa9nam"], mp4["\xa9ART"], mp4["\xa9gen"] = ["Tïtle"], ["B", "A"], ["Swing"]
    mp4["trkn"], mp4["cpil"] = [(3, 9)], True
    mp4["covr"] = [mutagen.mp4.MP4Cover(jpeg(), mutagen.mp4.MP4Cover.FORMAT_JPEG)]
    mp4["----:com.apple.iTunes:Mood"] = [mutagen.mp4.MP4FreeForm(b"calm")]
    mp4.save()
    return folder


def copied(made: Path, tmp_path: Path, suffix: str) -> Path:
    return Path(shutil.copy(made / f"a.{suffix}", tmp_path / f"piece.{suffix}"))


def values(path: Path, names: frozenset[str] = NAMES) -> dict[str, tuple[str, ...] | None]:
    found, _ = read_fields(path, names)
    return {name: field and field.values for name, field in found.items()}


def all_tags(path: Path) -> dict[str, str]:
    """Every tag as mutagen has it, but for those that are written here."""
    tags = mutagen.File(path).tags
    pairs = tags.items() if not isinstance(tags, list) else [(k, (k, v)) for k, v in tags]
    ours = ("SOUNDALIKE", "TCON", "TBPM", "TKEY", "genre", "bpm", "initialkey", "\xa9gen", "tmpo")
    found: dict[str, str] = {}
    for key, value in pairs:
        if not any(each.lower() in key.lower() for each in ours):
            found[key] = found.get(key, "") + repr(value)
    return found


@pytest.mark.parametrize("suffix", KINDS)
def test_fields_are_written_and_taken_back_and_nothing_else(
    made: Path, tmp_path: Path, suffix: str
) -> None:
    path = copied(made, tmp_path, suffix)
    sound, packets, others = audio_digest(path), packet_digest(path), all_tags(path)
    before, _ = read_fields(path, NAMES)
    write_fields(path, ALL)
    assert values(path) == {name: field.values for name, field in ALL.items()}
    assert (audio_digest(path), packet_digest(path), all_tags(path)) == (sound, packets, others)
    tags = read_tags(path)
    assert (tags.title, tags.genre) == ("Tïtle", "Jazz")
    assert tags.artists[:2] == ("B", "A")

    write_fields(path, before)
    assert read_fields(path, NAMES)[0] == before
    assert (audio_digest(path), packet_digest(path), all_tags(path)) == (sound, packets, others)
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)


@pytest.mark.parametrize("suffix", KINDS)
@settings(max_examples=3)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(texts=[""])
@example(texts=["x" * 300_000])
@example(texts=["𝄞 ｱ\u202e", "TAG" * 50, "=\r\n;/"])
def test_any_text_comes_back(
    made: Path, tmp_path_factory: pytest.TempPathFactory, suffix: str, texts: list[str]
) -> None:
    path = copied(made, tmp_path_factory.mktemp("texts"), suffix)
    packets, others = packet_digest(path), all_tags(path)
    new = {"SOUNDALIKE_WORDS": Field(tuple(texts))}
    if suffix == "mp3" and texts == [""]:
        # In ID3, a frame without a text is none.
        data = path.read_bytes()
        with pytest.raises(UnwritableTags, match="did not come back"):
            write_fields(path, new)
        assert path.read_bytes() == data
        return
    write_fields(path, new)
    assert values(path)["SOUNDALIKE_WORDS"] == tuple(texts)
    assert (packet_digest(path), all_tags(path)) == (packets, others)
    write_fields(path, {"SOUNDALIKE_WORDS": None})
    assert values(path)["SOUNDALIKE_WORDS"] is None
    assert (packet_digest(path), all_tags(path)) == (packets, others)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_no_tag_holds_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot be written into tags"):
        Field((text,))


def old_mp3(path: Path, made: Path) -> tuple[Path, bytes]:
    """ID3v2.3 with a frame that nobody knows, APEv2 and ID3v1; and what follows the first tag."""
    shutil.copy(made / "a.mp3", path)
    mutagen.id3.ID3(path).delete(path)
    tags = mutagen.id3.ID3()
    tags.add(mutagen.id3.TIT2(encoding=1, text=["Tïtle"]))
    tags.add(mutagen.id3.TPE1(encoding=0, text=["Mü"]))
    tags.add(mutagen.id3.TYER(encoding=0, text=["1999"]))
    tags.unknown_frames.append(b"XXYZ\0\0\0\x05\0\0odd!!")
    tags._unknown_v2_version = 3
    made_tag = io.BytesIO()
    tags.save(made_tag, v2_version=3, v23_sep=None)
    sound = path.read_bytes()
    path.write_bytes(sound)
    ape = mutagen.apev2.APEv2()
    ape["Title"], ape["Replaygain_Track_Gain"] = "Tïtle", "-3 dB"
    ape.save(path)
    v1 = b"TAG" + "Tïtle".encode("cp1251", "replace").ljust(30, b" ") + bytes(94) + b"\x11"
    rest = path.read_bytes() + v1
    path.write_bytes(made_tag.getvalue() + rest)
    return path, rest


def test_an_old_mp3_keeps_its_version_and_what_stands_at_its_end(
    made: Path, tmp_path: Path
) -> None:
    path, rest = old_mp3(tmp_path / "old.mp3", made)
    write_fields(path, {"SOUNDALIKE_GENRE": Field(("джаз",)), "BPM": Field(("90",))})
    # It holds one text a field.
    assert not read_fields(path, NAMES)[1]
    assert joined(Field(("piano", "flute"))) == Field(("piano; flute",))
    data = path.read_bytes()
    assert data[:5] == b"ID3\x03\x00"
    assert data.endswith(rest)
    assert b"XXYZ\0\0\0\x05\0\0odd!!" in data
    tags = mutagen.id3.ID3(path, translate=False)
    assert tags["TYER"].text == ["1999"]
    assert (tags["TPE1"].encoding, tags["TXXX:SOUNDALIKE_GENRE"].encoding) == (0, 1)
    assert values(path)["SOUNDALIKE_GENRE"] == ("джаз",)
    write_fields(path, {"SOUNDALIKE_GENRE": None, "BPM": None})
    assert path.read_bytes().endswith(rest)


def test_a_tag_with_room_keeps_its_size(made: Path, tmp_path: Path) -> None:
    path = copied(made, tmp_path, "mp3")
    size = path.stat().st_size
    write_fields(path, {"BPM": Field(("90",))})
    assert path.stat().st_size == size


def test_an_mp3_with_id3v1_alone_is_not_hidden_behind_a_new_tag(made: Path, tmp_path: Path) -> None:
    path = copied(made, tmp_path, "mp3")
    mutagen.id3.ID3(path).delete(path)
    sound = path.read_bytes()
    v1 = b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b"\0") + bytes(64) + b"\x11"
    path.write_bytes(sound + v1)
    before = read_tags(path)
    write_fields(path, {"SOUNDALIKE_GENRE": Field(("jazz",))})
    assert path.read_bytes().endswith(sound + v1)
    assert read_tags(path) == before
    assert before.title == "Title"


def test_an_id3_tag_of_version_2_becomes_version_3(made: Path, tmp_path: Path) -> None:
    path = copied(made, tmp_path, "mp3")
    mutagen.id3.ID3(path).delete(path)
    frame = b"TT2\0\0\x06\0Title"
    path.write_bytes(b"ID3\2\0\0\0\0\0" + bytes([len(frame)]) + frame + path.read_bytes())
    write_fields(path, {"SOUNDALIKE_GENRE": Field(("jazz",))})
    assert path.read_bytes()[:4] == b"ID3\x03"
    assert read_tags(path).title == "Title"


def test_a_frame_that_would_be_lost_is_a_reason_to_refuse(made: Path, tmp_path: Path) -> None:
    path = copied(made, tmp_path, "mp3")
    mutagen.id3.ID3(path).delete(path)
    # An encoding that there is not.
    frame = b"TIT2\0\0\0\x04\0\0\x09abc"
    path.write_bytes(b"ID3\3\0\0\0\0\0" + bytes([len(frame)]) + frame + path.read_bytes())
    data = path.read_bytes()
    with pytest.raises(UnwritableTags, match="cannot be read"):
        write_fields(path, {"SOUNDALIKE_GENRE": Field(("jazz",))})
    assert path.read_bytes() == data


def pages_of(path: Path) -> list[mutagen.ogg.OggPage]:
    pages = []
    with path.open("rb") as file:
        while file.tell() < path.stat().st_size:
            pages.append(mutagen.ogg.OggPage(file))
    return pages


def replace_in_pages(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes in the pages of an Ogg file, and the checksums with them."""
    pages = pages_of(path)
    for page in pages:
        page.packets = [bytes(packet).replace(old, new) for packet in page.packets]
    path.write_bytes(b"".join(page.write() for page in pages))


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus"])
def test_comments_that_are_not_utf_8_are_left_alone(
    made: Path, tmp_path: Path, suffix: str
) -> None:
    path = copied(made, tmp_path, suffix)
    write_fields(path, {"SOUNDALIKE_GENRE": Field(("QQQQ",))})
    data = path.read_bytes()
    assert data.count(b"QQQQ") == 1
    if suffix == "flac":
        path.write_bytes(data.replace(b"QQQQ", b"\xcf\xf0\xe8\xe2"))
    else:
        replace_in_pages(path, b"QQQQ", b"\xcf\xf0\xe8\xe2")
    with pytest.raises(UnwritableTags, match="do not keep to their format"):
        write_fields(path, {"SOUNDALIKE_WORDS": Field(("piano",))})


def test_an_ogg_with_many_comments_and_a_cover_over_several_pages(
    made: Path, tmp_path: Path
) -> None:
    path = copied(made, tmp_path, "ogg")
    ogg = mutagen.oggvorbis.OggVorbis(path)
    ogg.tags.extend(("COMMENT", f"{n} " + "long " * 500) for n in range(80))
    ogg.save()
    packets, pairs = packet_digest(path), list(ogg.tags)
    write_fields(path, ALL)
    found = mutagen.oggvorbis.OggVorbis(path).tags
    ours = {"soundalike_genre", "soundalike_words", "genre", "bpm", "initialkey"}
    assert [p for p in found if p[0].lower() not in ours] == [
        p for p in pairs if p[0].lower() not in ours
    ]
    assert packet_digest(path) == packets


def test_an_ogg_whose_sound_begins_on_the_page_of_the_headers(made: Path, tmp_path: Path) -> None:
    path = copied(made, tmp_path, "ogg")
    pages = pages_of(path)
    headers, first = next(pair for pair in pairwise(pages) if pair[1].position > 0)
    headers.packets.append(first.packets.pop(0))
    path.write_bytes(b"".join(page.write() for page in pages))
    packets = packet_digest(path)
    write_fields(path, ALL)
    assert packet_digest(path) == packets
    assert values(path)["GENRE"] == ("Jazz",)


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_a_chained_stream_is_refused(made: Path, tmp_path: Path, suffix: str) -> None:
    path = copied(made, tmp_path, suffix)
    path.write_bytes(path.read_bytes() * 2)
    data = path.read_bytes()
    with pytest.raises(UnwritableTags, match="chained"):
        write_fields(path, ALL)
    assert path.read_bytes() == data


@pytest.mark.parametrize("kind", ["wav", "aiff", "wma", "matroska", "wavpack", "aac-adts"])
def test_other_formats_are_refused_with_a_reason(tmp_path: Path, kind: str) -> None:
    path = write_audio(tmp_path / "piece", chord(44_100, 1.0, channels=2), 44_100, kind)
    data = path.read_bytes()
    with pytest.raises(UntaggableFormat, match="a format whose tags are not written"):
        write_fields(path, ALL)
    assert path.read_bytes() == data


@pytest.mark.parametrize("kind", ["aac-faststart", "aac-fragmented", "alac", "mp3-vbr", "flac-24"])
def test_other_layouts_are_written_as_well(tmp_path: Path, kind: str) -> None:
    path = write_audio(tmp_path / "piece", chord(44_100, 2.0, channels=2), 44_100, kind)
    packets = packet_digest(path)
    write_fields(path, ALL)
    assert packet_digest(path) == packets
    assert values(path)["SOUNDALIKE_WORDS"] == ("piano", "bläser")


def test_a_film_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    write_audio(path, chord(44_100, 1.0, channels=2), 44_100, "aac-film", film=True)
    with pytest.raises(UntaggableFormat, match="moving pictures"):
        write_fields(path, ALL)


@POSIX
class TestTheFileItself:
    def test_permissions_and_times(self, made: Path, tmp_path: Path) -> None:
        path = copied(made, tmp_path, "flac")
        path.chmod(0o664)
        os.utime(path, ns=(10**18, 10**18 + 5))
        write_fields(path, ALL, keep_mtime=True)
        assert (path.stat().st_mode & 0o7777, path.stat().st_mtime_ns) == (0o664, 10**18 + 5)
        write_fields(path, {"BPM": None})
        assert path.stat().st_mode & 0o7777 == 0o664
        assert path.stat().st_mtime_ns > 10**18 + 5

    @pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="root gives files to others"
    )
    def test_owner(self, made: Path, tmp_path: Path) -> None:
        path = copied(made, tmp_path, "flac")
        os.chown(path, 1234, 2345)
        path.chmod(0o6755)
        write_fields(path, ALL)
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (1234, 2345, 0o6755)

    def test_a_link_stays_a_link(self, made: Path, tmp_path: Path) -> None:
        path = copied(made, tmp_path, "opus")
        (tmp_path / "links").mkdir()
        link = tmp_path / "links/link.opus"
        link.symlink_to(path)
        write_fields(link, ALL)
        assert link.is_symlink()
        assert values(path)["GENRE"] == ("Jazz",)

    def test_another_name_keeps_the_old_file(self, made: Path, tmp_path: Path) -> None:
        path = copied(made, tmp_path, "opus")
        data = path.read_bytes()
        os.link(path, tmp_path / "other.opus")
        assert write_fields(path, ALL).parted
        assert (tmp_path / "other.opus").read_bytes() == data
        assert values(path)["GENRE"] == ("Jazz",)

    def test_a_file_that_is_read_only(self, made: Path, tmp_path: Path) -> None:
        path = copied(made, tmp_path, "flac")
        path.chmod(0o444)
        data = path.read_bytes()
        with pytest.raises(UnwritableTags, match="read-only") as told:
            write_fields(path, ALL)
        assert "make it writable" in told.value.advice
        assert path.read_bytes() == data

    def test_a_file_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableFile):
            write_fields(tmp_path / "none.flac", ALL)

    def test_who_says_no_at_the_last_moment_is_heard(self, made: Path, tmp_path: Path) -> None:
        path = copied(made, tmp_path, "flac")
        data = path.read_bytes()

        def refuse() -> None:
            raise InvalidArgument("no")

        with pytest.raises(InvalidArgument, match="no"):
            write_fields(path, ALL, before=refuse)
        assert path.read_bytes() == data
        assert [each.name for each in tmp_path.iterdir()] == [path.name]


WRITE = """
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from soundalike.audio.tag_fields import Field
from soundalike.audio.tag_writing import write_fields
print("begun", flush=True)
for number in range(10_000):
    write_fields(sys.argv[1], {"SOUNDALIKE_WORDS": Field((str(number) * 100,))})
"""


@POSIX
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))]
)
def test_a_writer_that_is_killed_leaves_the_old_file_or_the_new(
    made: Path, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    path = copied(made, tmp_path, list(KINDS)[seed % 5])
    packets = packet_digest(path)
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.2))
            process.send_signal(signal.SIGKILL)
        assert packet_digest(path) == packets
        text = values(path)["SOUNDALIKE_WORDS"]
        assert text is None or len(text[0]) % 100 == 0
        remove_leftovers(tmp_path)
        assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a disk in memory, as root")
@pytest.mark.endurance
class TestDisks:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        place = tmp_path / "disk"
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=True)
        yield place
        subprocess.run(["umount", place], check=True)

    @pytest.mark.parametrize("suffix", KINDS)
    def test_a_full_disk_loses_nothing(self, made: Path, disk: Path, suffix: str) -> None:
        path = copied(made, disk, suffix)
        data = path.read_bytes()
        filling = disk / "filling"
        filling.write_bytes(b"")
        refused = 0
        # From no block at all to as many as are needed.
        for blocks in (0, 1, 2, 5, 20, len(data) // 4096, len(data) // 4096 + 1, 400):
            free = os.statvfs(disk).f_bavail * 4096 + filling.stat().st_size
            filling.write_bytes(b"x" * max(0, free - blocks * 4096))
            reason = ""
            try:
                write_fields(path, {"SOUNDALIKE_WORDS": Field(("long" * 5000,))})
            except UnwritableTags as error:
                reason = error.reason
            if reason:
                assert "no space left" in reason
                assert path.read_bytes() == data
                refused += 1
            else:
                assert values(path)["SOUNDALIKE_WORDS"] == ("long" * 5000,)
                write_fields(path, {"SOUNDALIKE_WORDS": None})
                data = path.read_bytes()
            assert sorted(each.name for each in disk.iterdir()) == ["filling", path.name]
        assert 0 < refused < 8

    def test_a_disk_that_is_read_only(self, made: Path, disk: Path) -> None:
        path = copied(made, disk, "flac")
        data = path.read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(UnwritableTags, match="read-only"):
            write_fields(path, ALL)
        assert path.read_bytes() == data
