"""Plays and opinions from files: what is read, which tracks they are of, and what is noted."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FACETED, open_library, tag_track, write_track
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TALB, TIT2, TPE1, UFID
from mutagen.wave import WAVE

from soundalike.errors import InvalidArgument, UnreadableFile
from soundalike.library import Library
from soundalike.library.listens import Listen, Opinion, read_listens
from soundalike.library.taste_records import Music

AT = 1_760_000_000
RECORDING = "a0a0a0a0-0000-4000-8000-00000000000a"
OTHER_RECORDING = "b1b1b1b1-0000-4000-8000-00000000000b"


def at(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def tag(path: Path, *, artist: str, title: str, album: str = "", recording: str = "") -> None:
    file = WAVE(path)
    file.add_tags()
    file.tags.add(TPE1(text=[artist]))
    file.tags.add(TIT2(text=[title]))
    if album:
        file.tags.add(TALB(text=[album]))
    if recording:
        file.tags.add(UFID(owner="http://musicbrainz.org", data=recording.encode()))
    file.save()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    music = tmp_path / "music"
    for number, names in enumerate(
        (
            {"artist": "Sigur Rós", "title": "Svefn-g-englar", "album": "Ágætis byrjun"},
            {"artist": "Sigur Rós", "title": "Svefn-g-englar", "album": "Live"},
            {"artist": "Björk feat. Tricky", "title": "Enjoy", "recording": RECORDING},
            {"artist": "Somebody", "title": "Else"},
        )
    ):
        tag(write_track(music / f"{number}.wav", f"track {number}"), **names)
    with open_library(tmp_path, name=FACETED) as library:
        library.scan([music])
        yield library


def played(library: Library) -> list[tuple[str, float, float | None, bool]]:
    """The name of each file that was played, when, how much of it, and whether it was skipped."""
    found = library.taste_evidence()
    ids = library.index().track_ids
    names = {track.track_id: track.path.name for track in library.tracks()}
    plays = found.plays
    return sorted(
        (
            names[int(ids[found.index_rows[row]])],
            when,
            None if np.isnan(share) else share,
            bool(skipped),
        )
        for row, when, share, skipped in zip(
            plays.rows, plays.played_at, plays.shares, plays.is_skipped, strict=True
        )
    )


# CSV


def test_a_table_of_plays(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    path.write_text(
        "\ufeffPlayed At,Artist,Title,Album,recording_mbid,path,share,listened,duration,skipped\n"
        f'{AT},sigur ros,"SVEFN G ENGLAR",,,,,,,\n'
        f"{at(AT + 60)},Sigur Rós,Svefn-g-englar,Live,,,0.75,,,no\n"
        f"{AT + 120},,,,{RECORDING.upper()},,,90,300,1\n"
        f"{at(AT + 180)[:-6]}Z,,,,,{tmp_path}/music/3.wav,,,,\n"
        f"{(AT + 240) * 1000},Björk,Enjoy,,,,,400,300,\n"
        f"{AT + 300},Nobody,Nothing,,,,,,,\n"
        f"{AT + 360},Nobody,Nothing,,,,,,,\n",
        encoding="utf-8",
    )
    found = library.import_listens(path)
    assert (found.source, found.plays, found.added_plays, found.opinions) == ("csv", 7, 5, 0)
    assert found.unreadable == ()
    (missing,) = found.unmatched
    assert (missing.music.artist, missing.music.title, missing.plays) == ("Nobody", "Nothing", 2)
    assert found.unmatched_plays == 2
    assert played(library) == [
        ("0.wav", AT, None, False),
        ("1.wav", AT + 60, 0.75, False),
        ("2.wav", AT + 120, 0.3, True),
        ("2.wav", AT + 240, 1.0, False),
        ("3.wav", AT + 180, None, False),
    ]


def test_what_was_imported_before_counts_once(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    lines = ["time;track;artist", f"{AT};Else;Somebody", f"{AT};Else;Somebody"]
    path.write_text("\n".join([*lines, f"{AT + 9};Else;Somebody"]))
    assert library.import_listens(path).added_plays == 2
    assert library.import_listens(path).added_plays == 0
    with path.open("a") as file:
        file.write(f"\n{AT + 99}.7;else;somebody\n")
    again = library.import_listens(path)
    assert (again.plays, again.added_plays) == (4, 1)
    assert [when for _, when, *_ in played(library)] == [AT, AT + 9, AT + 99]
    assert library.taste_counts().plays == 3
    # The same from elsewhere, after the file was retagged.
    other = tmp_path / "listens.json"
    other.write_text(json.dumps([listen("Somebody", "Else", AT)]))
    assert library.import_listens(other).added_plays == 0


def test_many_plays_in_several_transactions(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    rows = (f"{AT + n},Else,Somebody" for n in range(5000))
    path.write_text("\n".join(["played_at,title,artist", *rows]))
    assert library.import_listens(path).added_plays == 5000
    assert library.import_listens(path).added_plays == 0


def test_a_track_that_was_scanned_since_is_found(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "plays.csv"
    path.write_text(f"played_at,title,artist\n{AT},Late,Comer\n")
    assert len(library.import_listens(path).unmatched) == 1
    tag_track(write_track(tmp_path / "music" / "9.wav", "late"), artist="Comer", title="Late")
    library.scan()
    found = library.import_listens(path)
    assert (found.added_plays, found.unmatched) == (1, ())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("yesterday,A,B,,", "plays.csv:3: 'yesterday' is no time"),
        ("-5,A,B,,", "plays.csv:3: '-5' is no time after 1970"),
        ("nan,A,B,,", "plays.csv:3: 'nan' is no time after 1970"),
        (f"{AT},A,,,", "plays.csv:3: neither artist and title"),
        (f"{AT},A,B,1.5,", "plays.csv:3: share is 1.5: it must be from 0 to 1"),
        (f"{AT},A,B,half,", "plays.csv:3: share is 'half': it must be a number"),
        (f"{AT},A,B,-1,", "plays.csv:3: share is -1: it must not be below 0"),
        (f"{AT},A,B,,perhaps", "plays.csv:3: skipped is 'perhaps': write 1 or 0"),
        (f"{AT}", "plays.csv:3: neither artist and title"),
    ],
)
def test_a_bad_row_is_named_and_passed_by(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "plays.csv"
    good = f"{AT},A,B,,"
    path.write_text("\n".join(["played_at,artist,title,share,skipped", good, row, good]))
    found = read_listens(path)
    assert len(found.listens) == 2
    assert len(found.unreadable) == 1
    assert found.unreadable[0].startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"artist,title\nA,B\n", "columns are missing: the first line must name played_at"),
        (b"played_at,skipped\n1,1\n", "columns are missing"),
        (b"", "columns are missing"),
        (b"played_at,title,artist\n1,\xff,B\n", "not UTF-8"),
        (b"{}", "plays: no listens and no feedback of ListenBrainz"),
        (b"[]", "no listens and no feedback of ListenBrainz"),
        (b'{"user_id": 1}\n{"user_id": 2}\n', "no listens and no feedback"),
        (b"PK\x03\x04 no end", "plays: an archive that is cut off; download it again"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "plays"
    path.write_bytes(content)
    with pytest.raises(InvalidArgument, match=message):
        read_listens(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        read_listens(tmp_path / "nowhere.csv")


@given(
    st.lists(
        st.tuples(
            st.integers(1, AT),
            st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).map(str.strip),
            st.none() | st.floats(0, 1),
            st.booleans(),
        ).filter(lambda each: bool(each[1])),
        max_size=8,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, float | None, bool]],
) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "plays.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["played_at", "title", "artist", "share", "skipped"])
        for when, name, share, skipped in rows:
            writer.writerow([when, name, name, "" if share is None else repr(share), int(skipped)])
    found = read_listens(path)
    assert found.unreadable == []
    assert found.listens == [
        Listen(Music(artist=name, title=name), when, share, skipped)
        for when, name, share, skipped in rows
    ]


def test_plays_of_the_future_do_not_count(library: Library, tmp_path: Path) -> None:
    now = time.time()
    # A time without a zone may be ahead of here; no place is more than a day ahead.
    soon, later = int(now) + 3_600, int(now) + 3 * 86_400
    path = tmp_path / "plays.csv"
    lines = (f"{when},Somebody,Else" for when in (AT, soon, later))
    path.write_text("\n".join(["played_at,artist,title", *lines, "9999-01-01,Somebody,Else"]))
    found = library.import_listens(path)
    assert [when for _, when, *_ in played(library)] == [AT, soon]
    assert found.unreadable == (
        f"plays.csv:4: '{later}' is in the future: it does not count",
        "plays.csv:5: '9999-01-01' is in the future: it does not count",
    )
    other = tmp_path / "listens.json"
    feedback = {"recording_mbid": RECORDING, "score": 1, "created": later}
    other.write_text(json.dumps([listen("Somebody", "Else", later), feedback]))
    again = library.import_listens(other)
    assert (again.plays, again.opinions, len(again.unreadable)) == (0, 0, 2)


# ListenBrainz


def listen(artist: str, title: str, when: float, **more: Any) -> dict[str, Any]:
    """As the export and the API have it."""
    said = {"artist_name": artist, "track_name": title, "release_name": None}
    extra = {"additional_info": {"duration_ms": 200_000, "media_player": "x"}}
    return {"listened_at": when, "inserted_at": when, "track_metadata": said | extra | more}


def test_an_export_of_listenbrainz(library: Library, tmp_path: Path) -> None:
    """As "Export my data" makes it: what lies where, what feedback knows its track by."""
    path = tmp_path / "listenbrainz_me_1760000000.zip"
    by_msid = listen("Somebody", "Else", AT + 3, recording_msid="msid 1")
    mapped = listen(
        "somebody wrote it wrong", "enjoi", AT + 2, mbid_mapping={"recording_mbid": RECORDING}
    )
    october = [listen("Sigur Rós", "Svefn-g-englar", AT + 1.0), mapped]
    november = [by_msid, listen("Nobody", "Nothing", AT + 4, mbid_mapping=None)]
    feedback = [
        {"recording_msid": None, "recording_mbid": RECORDING, "score": 1, "created": AT},
        {"recording_msid": "msid 1", "recording_mbid": None, "score": -1, "created": AT + 7},
        {"recording_msid": "?", "recording_mbid": OTHER_RECORDING, "score": 1, "created": AT},
        {"recording_msid": "?", "recording_mbid": RECORDING, "score": 0, "created": AT},
    ]
    pinned = [{"recording_mbid": RECORDING, "blurb_content": "!", "pinned_until": AT}]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", '{"user_id": 1, "username": "me"}\n')
        for name, lines in (
            ("feedback.jsonl", feedback),
            ("listens/2026/10.jsonl", october),
            ("listens/2026/11.jsonl", november),
            ("pinned_recording.jsonl", pinned),
        ):
            archive.writestr(name, "".join(json.dumps(line) + "\n" for line in lines))
    found = library.import_listens(path)
    assert (found.source, found.unreadable) == ("listenbrainz", ())
    assert (found.plays, found.added_plays, found.opinions, found.added_opinions) == (4, 3, 3, 2)
    assert [(each.plays, each.opinions) for each in found.unmatched] == [(1, 0), (0, 1)]
    assert played(library) == [
        ("0.wav", AT + 1, None, False),
        ("2.wav", AT + 2, None, False),
        ("3.wav", AT + 3, None, False),
    ]
    like, dislike = library.judgements()
    assert (like.kind, like.source, like.judged_at.timestamp()) == ("like", "listenbrainz", AT)
    assert like.pieces[0].name == "Björk feat. Tricky - Enjoy"
    assert (dislike.kind, dislike.pieces[0].name) == ("dislike", "Somebody - Else")
    again = library.import_listens(path)
    assert (again.added_plays, again.added_opinions) == (0, 0)
    # What is said here later goes before it, what was said before does not.
    library.like("somebody else")
    assert [each.is_replaced for each in library.judgements()] == [False, True, False]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda found: json.dumps({"payload": {"count": 2, "listens": found, "user_id": "me"}}),
        lambda found: json.dumps({"listen_type": "import", "payload": found}),
        lambda found: json.dumps(found),
        lambda found: "\n".join(map(json.dumps, found)),
    ],
    ids=["answer of the API", "submission", "list", "lines"],
)
def test_the_forms_of_listens(tmp_path: Path, wrap: Any) -> None:
    path = tmp_path / "listens.json"
    more = {"additional_info": {"recording_mbid": RECORDING}}
    found = [listen("A", "B", AT), listen("C", "D", AT + 1, release_name="E", **more)]
    path.write_text(wrap(found))
    assert read_listens(path).listens == [
        Listen(Music("A", "B"), AT),
        Listen(Music("C", "D", "E", (RECORDING,)), AT + 1),
    ]


def test_feedback_of_the_api(tmp_path: Path) -> None:
    path = tmp_path / "feedback.json"
    said = {"track_metadata": {"artist_name": "A", "track_name": "B"}, "recording_mbid": None}
    found = [{"score": -1, "created": AT, **said}, {"score": 1, "created": AT, **said}]
    path.write_text(json.dumps({"count": 2, "feedback": found, "offset": 0, "total_count": 2}))
    assert read_listens(path).opinions == [
        Opinion(Music("A", "B"), False, AT),
        Opinion(Music("A", "B"), True, AT),
    ]


def test_bad_listens_are_named_and_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "listens.jsonl"
    lines = [
        json.dumps(listen("A", "B", AT)),
        "{broken",
        json.dumps(listen("A", "", AT)),
        json.dumps(listen("A", "B", "soon")),  # type: ignore[arg-type]
        '"text"',
        json.dumps({"listened_at": AT, "track_metadata": {"artist_name": 3, "track_name": "B"}}),
        json.dumps({"listened_at": AT, "track_metadata": [1]}),
        "",
        json.dumps(listen("A", "B", AT + 1)),
    ]
    path.write_text("\n".join(lines))
    found = read_listens(path)
    assert [each.played_at for each in found.listens] == [AT, AT + 1]
    assert [line.split(": ")[0] for line in found.unreadable] == [
        f"listens.jsonl:{number}" for number in range(2, 8)
    ]


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "listens.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("user.json", "{}")
    with pytest.raises(InvalidArgument, match="an archive without listens"):
        read_listens(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("listens/2026/1.jsonl", json.dumps(listen("A", "B", AT)) * 50)
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InvalidArgument, match=r"listens\.zip: a damaged archive"):
        read_listens(path)
