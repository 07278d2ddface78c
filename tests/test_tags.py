"""Tags of real files in every format that carries them, whole and broken."""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path

import mutagen.aiff
import mutagen.apev2
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.wave
import numpy as np
import pytest
from audio_files import FORMATS, add_cover, chord, damage, jpeg, replace_bytes, write_audio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soundalike.audio import read_tags
from soundalike.audio.tags import Tags
from soundalike.errors import InvalidArgument, UnreadableFile

RATE = 44_100
FULL = Tags(
    title="Ténèbres",
    artist="The Ölands",
    album="Third",
    album_artist="Various",
    genre="Post-Rock",
    year=1994,
    track_number=7,
)
METADATA = {
    "title": "Ténèbres",
    "artist": "The Ölands",
    "album": "Third",
    "album_artist": "Various",
    "genre": "Post-Rock",
    "date": "1994-06-01",
    "track": "7/12",
}


def make(path: Path, kind: str, metadata: dict[str, str] | None = None) -> Path:
    rate = 48_000 if FORMATS[kind].codec == "libopus" else RATE
    return write_audio(
        path.with_suffix("." + FORMATS[kind].suffix),
        chord(rate, 0.5, 2),
        rate,
        kind,
        metadata=metadata,
    )


@pytest.mark.parametrize(
    "kind",
    ["mp3-cbr", "aac", "alac", "flac", "flac-ogg", "vorbis", "opus", "wma", "matroska", "wavpack"],
)
def test_tags_of_every_format(tmp_path: Path, kind: str) -> None:
    assert read_tags(make(tmp_path / "piece", kind, METADATA)) == FULL


def test_the_info_chunk_of_a_wav(tmp_path: Path) -> None:
    tags = read_tags(make(tmp_path / "piece", "wav", METADATA))
    assert (tags.title, tags.artist, tags.album) == (FULL.title, FULL.artist, FULL.album)
    assert (tags.genre, tags.year, tags.track_number) == (FULL.genre, 1994, 7)


@pytest.mark.parametrize(
    ("kind", "opener"), [("wav", mutagen.wave.WAVE), ("aiff", mutagen.aiff.AIFF)]
)
def test_id3_in_wav_and_aiff(tmp_path: Path, kind: str, opener: type) -> None:
    path = make(tmp_path / "piece", kind)
    file = opener(path)
    file.add_tags()
    file.tags.add(mutagen.id3.TIT2(encoding=3, text="Ténèbres"))
    file.tags.add(mutagen.id3.TDRC(encoding=3, text="1994"))
    file.save()
    assert read_tags(path) == Tags(title="Ténèbres", year=1994)


def test_ape_tags_at_the_end_of_an_mp3(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "mp3-cbr")
    plain = path.read_bytes()
    path.write_bytes(plain[plain.index(b"\xff\xfb") :])
    tags = mutagen.apev2.APEv2()
    tags.update({"Title": "Ténèbres", "Album Artist": "Various", "Year": "1994", "Track": "7/12"})
    tags.save(path)
    assert read_tags(path) == Tags(
        title="Ténèbres", album_artist="Various", year=1994, track_number=7
    )


def test_several_values_blanks_and_nuls(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "mp3-cbr")
    tags = mutagen.id3.ID3()
    tags.add(mutagen.id3.TPE1(encoding=3, text=["Ann\0", "  Bob  ", "Ann", "\0"]))
    tags.add(mutagen.id3.TIT2(encoding=3, text=" A\ttitle \n"))
    tags.add(mutagen.id3.TALB(encoding=3, text="  "))
    tags.add(mutagen.id3.TCON(encoding=3, text=["(17)", "Jazz"]))
    tags.save(path)
    assert read_tags(path) == Tags(
        title="A title",
        artist="Ann; Bob",
        genre="Rock; Jazz",
        artists=("Ann", "Bob"),
        genres=("Rock", "Jazz"),
    )


def test_nuls_within_an_mp4_tag(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "aac")
    file = mutagen.mp4.MP4(path)
    file["\xa9ART"] = ["Ann\0", "Bob\0Cid"]
    file["trkn"] = [(0, 12)]
    file.save()
    assert read_tags(path) == Tags(artist="Ann; Bob; Cid", artists=("Ann", "Bob", "Cid"))


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1994", 1994),
        ("1994-06-01", 1994),
        ("19940601", 1994),
        ("01.06.1994", 1994),
        ("", None),
        ("unknown", None),
        ("94", None),
        ("0000", None),
    ],
)
def test_years(tmp_path: Path, date: str, year: int | None) -> None:
    assert read_tags(make(tmp_path / "piece", "flac", {"date": date})).year == year


@pytest.mark.parametrize(
    ("track", "number"), [("3", 3), ("03/12", 3), ("0", None), ("A3", None), ("3 of 12", 3)]
)
def test_track_numbers(tmp_path: Path, track: str, number: int | None) -> None:
    tags = read_tags(make(tmp_path / "piece", "flac", {"track": track}))
    assert tags.track_number == number


# What a program of the time left in a file, by the code page of its computer.
LEGACY = {
    "cp1252": Tags(title="Früh am Abend", artist="Müller", album="Don\u2019t \u2013 “Été”"),
    "cp1251": Tags(title="Зимний вечер", artist="Пример", album="Группа крови"),
    "cp932": Tags(title="残酷な天使のテーゼ", artist="椎名林檎", album="Tシャツ"),
}


def put_bytes(path: Path, tags: Tags, encoding: str) -> Path:
    """Write title, artist and album as this encoding's bytes, where the format wants UTF-8."""
    fields = {"TIT2": tags.title, "TPE1": tags.artist, "TALB": tags.album}
    texts = {key: (text or "").encode(encoding) for key, text in fields.items()}
    if path.suffix == ".mp3":
        id3 = mutagen.id3.ID3()
        for key, text in texts.items():
            id3.add(getattr(mutagen.id3, key)(encoding=0, text=text.decode("latin-1")))
        id3.save(path, v2_version=3)
        return path
    if path.suffix == ".wav":
        names = {"TIT2": b"INAM", "TPE1": b"IART", "TALB": b"IPRD"}
        body = b"INFO"
        for key, text in texts.items():
            text += b"\0" * (2 - len(text) % 2)
            body += names[key] + struct.pack("<I", len(text)) + text
        data = path.read_bytes() + b"LIST" + struct.pack("<I", len(body)) + body
        path.write_bytes(b"RIFF" + struct.pack("<I", len(data) - 8) + data[8:])
        return path
    # Text of the same length in its place, so that all sizes in the file stay right.
    stand_ins = {key: f"{key}{'x' * (len(text) - 4)}" for key, text in texts.items()}
    file = mutagen.File(path)
    names = {"TIT2": "title", "TPE1": "artist", "TALB": "album"}
    if path.suffix == ".m4a":
        names = {"TIT2": "\xa9nam", "TPE1": "\xa9ART", "TALB": "\xa9alb"}
    for key, name in names.items():
        file[name] = stand_ins[key]
    file.save()
    for key, text in texts.items():
        replace_bytes(path, stand_ins[key].encode(), text)
    return path


@pytest.mark.parametrize("encoding", LEGACY)
@pytest.mark.parametrize("kind", ["mp3-cbr", "wav", "flac", "aac", "wavpack"])
def test_code_pages_are_told_apart(tmp_path: Path, kind: str, encoding: str) -> None:
    path = put_bytes(make(tmp_path / "piece", kind), LEGACY[encoding], encoding)
    assert read_tags(path) == LEGACY[encoding]
    assert read_tags(path, encoding) == LEGACY[encoding]


@pytest.mark.parametrize("encoding", LEGACY)
def test_code_pages_in_id3v1(tmp_path: Path, encoding: str) -> None:
    path = make(tmp_path / "piece", "mp3-cbr")
    mutagen.id3.delete(path)
    texts = [LEGACY[encoding].title, LEGACY[encoding].artist, LEGACY[encoding].album]
    cut = [(text or "").encode(encoding).ljust(30, b"\0") for text in texts]
    path.write_bytes(path.read_bytes() + b"TAG" + b"".join(cut) + bytes(34) + b"\xff")
    assert read_tags(path) == LEGACY[encoding]


@pytest.mark.parametrize("kind", ["mp3-cbr", "wav", "flac", "aac", "wavpack"])
def test_a_known_encoding(tmp_path: Path, kind: str) -> None:
    greek = Tags(title="Θάλασσα", artist="Άννα", album="Ένα δύο")
    path = put_bytes(make(tmp_path / "piece", kind), greek, "cp1253")
    assert read_tags(path, "cp1253") == greek
    # Without it the letters are others, but each byte is still there.
    title = read_tags(path).title
    assert title is not None
    assert title.encode("cp1252") == "Θάλασσα".encode("cp1253")


def test_a_known_encoding_does_not_touch_what_states_another(tmp_path: Path) -> None:
    for kind in ("mp3-cbr", "flac", "aac", "wma"):
        assert read_tags(make(tmp_path / kind, kind, METADATA), "cp1251") == FULL


@pytest.mark.parametrize("encoding", ["", "klingon", "utf-16", "base64", "cp037", "a\0b"])
def test_what_is_no_encoding_of_tags(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InvalidArgument, match="encoding must be the name of an encoding"):
        read_tags(make(tmp_path / "piece", "flac"), encoding)


def test_several_values_that_are_not_utf_8(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "flac")
    file = mutagen.flac.FLAC(path)
    file["artist"] = ["Mxller", "AC;DC", "Björk"]
    file["title"] = ["One; two"]
    file.save()
    replace_bytes(path, b"Mxller", b"M\xfcller")
    tags = read_tags(path)
    assert tags.title == "One; two"
    assert tags.artist is not None
    assert "Müller" in tags.artist
    assert "\ufffd" not in tags.artist
    file["artist"] = ["Mxller", "Björk"]
    file.save()
    replace_bytes(path, b"Mxller", b"M\xfcller")
    assert read_tags(path) == Tags("One; two", "Müller; Björk", artists=("Müller", "Björk"))


@pytest.mark.parametrize("kind", ["wav", "matroska"])
def test_bytes_that_are_not_utf_8(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "piece", kind, {"title": "Déjà vu"})
    replace_bytes(path, "Déjà".encode(), b"D\xe9j\xe0..")
    assert read_tags(path) == Tags(title="Déjà.. vu")


@pytest.mark.parametrize("kind", ["mp3-cbr", "aac", "flac", "vorbis", "wav", "wma", "matroska"])
def test_a_file_without_tags(tmp_path: Path, kind: str) -> None:
    assert read_tags(make(tmp_path / "piece", kind)) == Tags()


def test_what_is_no_audio_has_no_tags(tmp_path: Path) -> None:
    path = tmp_path / "text.mp3"
    for content in (b"", b"words\n" * 100, b"ID3", b"ID3\4\0\0\x7f\x7f\x7f\x7f", b"OggS", b"fLaC"):
        path.write_bytes(content)
        assert read_tags(path) == Tags()


def test_a_cover_alone_is_no_tag(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "mp3-cbr")
    assert read_tags(add_cover(path, jpeg())) == Tags()


def test_broken_tags_are_none(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "flac", METADATA)
    data = path.read_bytes()
    at = data.index(b"reference libFLAC") if b"reference libFLAC" in data else data.index(b"Lavf")
    path.write_bytes(data[: at - 4] + struct.pack("<I", 0xFFFFFFF0) + data[at:])
    assert read_tags(path) == Tags()


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), share=st.floats(0, 0.3))
@pytest.mark.parametrize("kind", ["mp3-cbr", "aac", "flac", "vorbis", "wma", "wav", "wavpack"])
def test_damaged_tags_never_raise(
    tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int, share: float
) -> None:
    base = tmp_path_factory.getbasetemp() / f"tagged-{kind}"
    source = base.with_suffix("." + FORMATS[kind].suffix)
    if not source.exists():
        make(base, kind, METADATA)
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, max(1, int(len(data) * share)), 8):
        data[at] = rng.integers(0, 256)
    path = source.with_name(f"damaged-{source.name}")
    path.write_bytes(data)
    assert isinstance(read_tags(path), Tags)


def test_the_rest_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "mp3-cbr", METADATA)
    assert read_tags(damage(path, 0.5, 1.0)) == FULL


@pytest.mark.skipif(sys.platform != "linux", reason="a file system that takes any bytes as a name")
@pytest.mark.parametrize("kind", ["mp3-cbr", "flac", "aac"])
def test_names_in_any_encoding(tmp_path: Path, kind: str) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe4\xf6\xfc"))
    assert read_tags(make(path, kind, METADATA)) == FULL


def test_unreadable_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.mp3"):
        with pytest.raises(UnreadableFile):
            read_tags(path)


IDS = {
    "musicbrainz_trackid": "0b2a8b3c-1111-4c1f-9a6e-5f2f6d1c0001",
    "musicbrainz_albumid": "0b2a8b3c-2222-4c1f-9a6e-5f2f6d1c0002",
    "musicbrainz_artistid": "0b2a8b3c-3333-4c1f-9a6e-5f2f6d1c0003",
}
NEW = Tags(
    artist="Ann feat. Bob",
    artists=("Ann", "Bob"),
    disc_number=2,
    isrc="DEAA11000001",
    musicbrainz_recording_id=IDS["musicbrainz_trackid"],
    musicbrainz_release_id=IDS["musicbrainz_albumid"],
    musicbrainz_artist_ids=(IDS["musicbrainz_artistid"],),
)


def test_identifiers_and_several_artists_in_vorbis_comments(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "flac")
    file = mutagen.flac.FLAC(path)
    file["artist"] = "Ann feat. Bob"
    file["artists"] = ["Ann", "Bob"]
    file["discnumber"] = "2/3"
    file["isrc"] = "DEAA11000001"
    for name, value in IDS.items():
        file[name] = value
    file.save()
    assert read_tags(path) == NEW


def test_identifiers_and_several_artists_in_id3(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "mp3-cbr")
    tags = mutagen.id3.ID3()
    tags.add(mutagen.id3.TPE1(encoding=3, text="Ann feat. Bob"))
    tags.add(mutagen.id3.TXXX(encoding=3, desc="ARTISTS", text=["Ann", "Bob"]))
    tags.add(mutagen.id3.TPOS(encoding=3, text="2/3"))
    tags.add(mutagen.id3.TSRC(encoding=3, text="DEAA11000001"))
    recording = IDS["musicbrainz_trackid"].encode()
    tags.add(mutagen.id3.UFID(owner="http://musicbrainz.org", data=recording))
    for desc, name in (("Album", "albumid"), ("Artist", "artistid")):
        text = IDS[f"musicbrainz_{name}"]
        tags.add(mutagen.id3.TXXX(encoding=3, desc=f"MusicBrainz {desc} Id", text=text))
    tags.save(path)
    assert read_tags(path) == NEW


def test_identifiers_and_several_artists_in_mp4(tmp_path: Path) -> None:
    path = make(tmp_path / "piece", "aac")
    file = mutagen.mp4.MP4(path)
    file["\xa9ART"] = "Ann feat. Bob"
    file["disk"] = [(2, 3)]
    free = {
        "ARTISTS": ["Ann", "Bob"],
        "ISRC": ["DEAA11000001"],
        "MusicBrainz Track Id": [IDS["musicbrainz_trackid"]],
        "MusicBrainz Album Id": [IDS["musicbrainz_albumid"]],
        "MusicBrainz Artist Id": [IDS["musicbrainz_artistid"]],
    }
    for name, values in free.items():
        file[f"----:com.apple.iTunes:{name}"] = [value.encode() for value in values]
    file.save()
    assert read_tags(path) == NEW


@given(
    st.builds(
        Tags,
        title=st.none() | st.text(),
        year=st.none() | st.integers(1000, 2999),
        artists=st.lists(st.text()).map(tuple),
        isrc=st.none() | st.text(),
    )
)
def test_tags_survive_json(tags: Tags) -> None:
    assert Tags.from_json(json.loads(json.dumps(tags.to_json()))) == tags
    assert Tags.from_json({**tags.to_json(), "of a later version": 1}) == tags
