"""``clusters`` and ``map`` on a small library whose tracks are of three kinds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from fakes import FACETED, FakeAnalyzer, open_library, tag_track, write_track
from html_pages import HOSTILE, SHOWN, Page

from soundalike.analysis import Analysis
from soundalike.cli import cli
from soundalike.errors import LibraryError
from soundalike.library import library as library_module
from soundalike.library.heard import heard_in
from soundalike.recommend.clusters import groups_of
from soundalike.recommend.map import map_of
from soundalike.show.map_page import map_page

KINDS = ("ballad", "march", "waltz")
SIZES = (16, 14, 12)
N = sum(SIZES)


class KindAnalyzer(FakeAnalyzer):
    """The fake, but tracks whose texts begin with the same word sound alike: ballads are a piano's,
    marches are sung."""

    def from_file(self, path: Any, **more: Any) -> Analysis:
        found = super().from_file(path, **more)
        text = str(found.notes[0]).removeprefix("text: ")
        kind = text.split()[0]
        if kind not in KINDS:
            return found
        around = np.random.default_rng(KINDS.index(kind)).normal(size=len(found.embedding))
        embedding = found.layout.normalise(around + 0.5 * found.embedding)
        words = np.float32([0.05, 0.05, 0.5])
        if kind != "waltz":
            words[KINDS.index(kind)] = 0.95
        told = {"word_probabilities": words} if self.model.name == FACETED else {}
        return replace(found, embedding=embedding, **told)


def write_music(folder: Path) -> None:
    for kind, size in zip(KINDS, SIZES, strict=True):
        for number in range(size):
            path = write_track(folder / f"{kind} {number}.wav", f"{kind} {number}")
            tag_track(path, artist=f"Band {number % 4}", title=f"{kind} no. {number}")


Use = Callable[..., Path]


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Scans a folder into a library that the commands find."""

    def scanned(name: str = FACETED) -> Path:
        with open_library(tmp_path, name=name, analyzer="test_cli_map:KindAnalyzer") as library:
            library.scan([tmp_path / "music"])
            model = library.model
        monkeypatch.setattr(library_module, "find_model", lambda _: model)
        return tmp_path

    monkeypatch.setenv("SOUNDALIKE_LIBRARY", str(tmp_path / "library.db"))
    monkeypatch.setenv("SOUNDALIKE_MODEL", "fake")
    return scanned


@pytest.fixture
def place(use: Use, tmp_path: Path) -> Path:
    write_music(tmp_path / "music")
    return use()


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def points_of(*arguments: object) -> dict[int, dict[str, Any]]:
    result = call("map", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return {each["track_id"]: each for each in json.loads(result.stdout)["points"]}


def test_clusters_are_the_kinds_of_the_music(place: Path) -> None:
    found = json.loads(call("clusters", "--json").stdout)
    assert found["tracks"] == N
    assert [group["size"] for group in found["groups"]] == list(SIZES)
    assert [group["number"] for group in found["groups"]] == [1, 2, 3]
    for kind, group in zip(KINDS, found["groups"], strict=True):
        assert all(Path(track["path"]).name.startswith(kind) for track in group["typical"])
        artists = [track["artist"] for track in group["typical"]]
        assert len(set(artists)) == 3
        assert group["closeness"]["sound"] > 0.2
        assert {each["tracks"] for each in group["artists"]} <= {3, 4}
    ballads, marches, waltzes = found["groups"]
    assert (ballads["name"], marches["name"]) == ("piano", "female vocals")
    assert ballads["words"][0]["share"] == 1
    assert ballads["words"][0]["lift"] == pytest.approx(N / SIZES[0])
    # Nothing is heard in a waltz: it is called by its most typical track.
    assert waltzes["words"] == []
    assert re.fullmatch(r"like Band \d - waltz no. \d+", waltzes["name"])
    assert {each["name"] for each in waltzes["rare"]} == {"piano", "female vocals"}


def test_clusters_as_text(place: Path) -> None:
    lines = call("clusters").stdout.splitlines()
    assert lines[0].startswith(f"3 groups of {N} tracks; ")
    assert lines[2] == f"1 piano  {SIZES[0]} tracks"
    assert lines[3].startswith("typical")
    assert lines[3].count("(#") == 3
    assert "piano 100 % (library 38 %)" in lines[4]
    assert any(line.startswith("tempo") and line.endswith(" BPM") for line in lines)


def test_as_many_clusters_as_are_asked_for(place: Path) -> None:
    before = points_of()
    for n_groups in (1, 2, 7):
        found = json.loads(call("clusters", "--json", "--groups", n_groups).stdout)
        assert len(found["groups"]) == n_groups
        assert sum(group["size"] for group in found["groups"]) == N
    assert points_of() == before  # it was a question, and changes nothing
    result = call("clusters", "--groups", 22)
    assert result.exit_code == 1
    assert f"--groups is 22: {N} tracks make {N // 2} groups at most" in result.stderr
    assert call("clusters", "--groups", 0).exit_code == 2


def test_the_map_keeps_kinds_together(place: Path) -> None:
    points = points_of()
    assert len(points) == N
    for point in points.values():
        apart = sorted(
            points.values(),
            key=lambda other: (other["x"] - point["x"]) ** 2 + (other["y"] - point["y"]) ** 2,
        )
        assert {each["group"] for each in apart[:6]} == {point["group"]}
        near = {each["track_id"] for each in apart[1:11]}
        assert point["trust"] == pytest.approx(len(near & set(point["nearest"])) / 10, abs=0.11)
        assert len(point["nearest"]) == 10
        assert not point["is_new"]
    said = call("map")
    assert said.stdout.startswith(f"{N} tracks in 3 groups\n")
    assert re.search(r"Of the 10 tracks that sound most like one, [\d.]+ % are", said.stdout)
    assert re.search(r"by the two main axes \(PCA\) [\d.]+ %; trustworthiness 0\.\d+", said.stdout)


def test_new_tracks_are_placed_and_nothing_else_moves(place: Path, use: Use) -> None:
    before = points_of()
    for number in range(3):
        write_track(place / "music" / f"more {number}.wav", f"march later {number}")
    (place / "music" / "ballad 0.wav").unlink()
    use()
    after = points_of()
    new = [each for each in after.values() if each["is_new"]]
    assert len(after) == N + 2
    assert [Path(each["path"]).name[:4] for each in new] == ["more"] * 3
    marches = {each["group"] for each in before.values() if "march" in each["path"]}
    assert {each["group"] for each in new} == marches
    for track_id in set(before) & set(after):
        for name in ("x", "y", "group", "membership", "trust"):
            assert after[track_id][name] == before[track_id][name]
        left = [each for each in before[track_id]["nearest"] if each in after]
        assert after[track_id]["nearest"][: len(left)] == left
    assert points_of() == after
    assert "3 tracks were placed amid the others after the map was made" in call("map").stdout
    # What comes back is where it was; what is placed stays when others go.
    write_track(place / "music" / "ballad 0.wav", "ballad 0")
    (place / "music" / "march 3.wav").unlink()
    use()
    again = points_of()
    for one in new:
        assert (again[one["track_id"]]["x"], again[one["track_id"]]["y"]) == (one["x"], one["y"])
    anew = points_of("--again")
    assert not any(each["is_new"] for each in anew.values())
    assert points_of() == anew


def test_a_track_with_other_audio_is_new(place: Path, use: Use) -> None:
    before = points_of()
    path = place / "music" / "ballad 5.wav"
    write_track(path, "waltz instead")
    use()
    (found,) = [each for each in points_of().values() if each["is_new"]]
    assert found["path"] == str(path)
    waltzes = {each["group"] for each in before.values() if "waltz" in each["path"]}
    assert found["group"] in waltzes


def test_a_seed_that_has_no_say_is_told(place: Path) -> None:
    words = "--seed 3 had no say; to make it anew with it: soundalike map --again --seed 3"
    for arguments, is_told in (
        (("--seed", 3), False),
        ((), False),
        (("--seed", 3), True),
        (("--seed", 3, "--again"), False),
    ):
        result = call("map", *arguments)
        assert result.exit_code == 0
        assert (words in result.stderr) == is_told, arguments


def test_many_new_tracks_are_told(place: Path, use: Use) -> None:
    call("map")
    for number in range(24):
        write_track(place / "music" / f"more {number}.wav", f"march later {number}")
    use()
    result = call("clusters")
    assert "36 % of the tracks are new since the map was made" in result.stderr
    assert "36 %" not in call("clusters", "--again").stderr


def test_a_map_file_that_is_damaged_is_made_anew(place: Path) -> None:
    before = points_of()
    (kept,) = place.glob("library.db.*.map")
    content = bytearray(kept.read_bytes())
    content[-5] ^= 1
    kept.write_bytes(content)
    assert points_of() == before
    kept.unlink()
    assert points_of() == before
    assert kept.exists()


def test_a_folder_that_cannot_be_written_is_no_reason_for_no_map(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("read-only")

    monkeypatch.setattr("soundalike.recommend.map.write_arrays", refuse)
    assert call("map").exit_code == 0
    assert not list(place.glob("library.db.*.map"))


def test_outputs_tell_the_same(place: Path) -> None:
    names = ("map.html", "map.json", "map.csv", "map.png", "map.svg")
    files = {name: place / name for name in names}
    result = call("map", *(word for path in files.values() for word in ("--out", path)))
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    points = points_of()
    document = json.loads(files["map.json"].read_text(encoding="utf-8"))
    assert {each["track_id"]: each for each in document["points"]} == points
    assert document["kept"] == pytest.approx(document["fidelity"]["kept"])
    rows = list(csv.DictReader(io.StringIO(files["map.csv"].read_text(encoding="utf-8"))))
    assert len(rows) == N
    for row in rows:
        point = points[int(row["track_id"])]
        assert (float(row["x"]), float(row["y"])) == (point["x"], point["y"])
        assert (row["artist"], row["title"]) == (point["artist"], point["title"])
        assert (int(row["group"]), row["path"]) == (point["group"], point["path"])
    assert files["map.png"].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in files["map.svg"].read_bytes()


def test_what_cannot_be_written_is_told_first(place: Path) -> None:
    result = call("map", "--out", "map.txt")
    assert result.exit_code == 1
    assert "cannot write a picture as '.txt'; use one of .png" in result.stderr
    assert result.stderr.rstrip().endswith(".html, .json or .csv")
    result = call("map", "--out", place / "nowhere" / "map.html")
    assert (result.exit_code, "OutputError" in result.stderr) == (1, True)
    assert not list(place.glob("library.db.*.map"))


def test_the_page_asks_for_nothing_and_has_everything(place: Path) -> None:
    call("map", "--out", place / "map.html")
    html = (place / "map.html").read_text(encoding="utf-8")
    page = Page(html)
    # Numbers are base64, in which anything may stand.
    without_numbers = re.sub(r'data-[a-z]+="[A-Za-z0-9+/=]*"', "", html)
    assert not re.search(r"https?:|//[a-z0-9]|@import|url\(|fetch\(|XMLHttp", without_numbers)
    assert any(value.startswith("default-src 'none'; ") for value in page.values)
    names = {name for _, *attributes in page.tags for name in attributes}
    assert not {"src", "srcset", "onclick", "onload"} & names
    links = re.findall(r'href="([^"]*)"', html)
    assert all(link.startswith("#") and f'id="{link[1:]}"' in html for link in links)
    for kind, size in zip(KINDS, SIZES, strict=True):
        assert all(
            f"{kind} no. {number}\n" in html
            or f"{kind} no. {number}\t" in html
            or f"{kind} no. {number}</pre>" in html
            for number in range(size)
        )
    assert page.tags.count(("button", "type", "aria-pressed", "data-number")) == 3
    # Every tag that is opened is closed.
    void = {"meta", "input", "circle", "path"}
    opened = [tag for tag, *_ in page.tags if not tag.startswith("/") and tag not in void]
    closed = [tag[1:] for tag, *_ in page.tags if tag.startswith("/") and tag[1:] not in void]
    assert sorted(opened) == sorted(closed)


def test_a_hostile_title_is_shown_and_nothing_more(place: Path) -> None:
    with open_library(place, name=FACETED, analyzer="test_cli_map:KindAnalyzer") as library:
        with library.view() as view:
            heard = heard_in(view)
        found = map_of(heard.index, library.path)
    groups = groups_of(heard, found)
    pages = []
    for title in ("plain words", HOSTILE):
        tracks = [
            replace(track, tags=replace(track.tags, title=title, artist=None))
            for track in heard.tracks
        ]
        named = [replace(group, name=title, typical=tuple(tracks[:1])) for group in groups]
        pages.append(map_page(found, named, tracks))
    plain, hostile = (Page(html) for html in pages)
    assert hostile.tags == plain.tags
    assert SHOWN in hostile.text
    assert pages[1].count("<script") == 1


def test_a_model_without_words_groups_all_the_same(use: Use, tmp_path: Path) -> None:
    write_music(tmp_path / "music")
    use("fake")
    found = json.loads(call("clusters", "--json").stdout)
    assert [group["size"] for group in found["groups"]] == list(SIZES)
    assert all(group["words"] == group["rare"] == [] for group in found["groups"])
    assert len({group["name"] for group in found["groups"]}) == 3
    assert all(group["tempo_bpm"] is None for group in found["groups"])


@pytest.mark.parametrize("n", [1, 2, 6, 9])
def test_few_tracks_are_one_group(use: Use, tmp_path: Path, n: int) -> None:
    for number in range(n):
        write_track(tmp_path / "music" / f"{number}.wav", f"text {number}")
    use()
    found = json.loads(call("clusters", "--json").stdout)
    assert [(group["size"], group["unclear"]) for group in found["groups"]] == [(n, 0)]
    assert len(found["groups"][0]["typical"]) == min(n, 3)
    files = [tmp_path / f"map.{kind}" for kind in ("html", "png", "csv", "json")]
    result = call("map", *(word for path in files for word in ("--out", path)))
    assert result.exit_code == 0, result.output
    assert all(path.stat().st_size for path in files)
    assert len(points_of()) == n
    assert call("map").exit_code == 0


@pytest.mark.parametrize("holds", ["nothing yet", "an empty folder", "failures"])
def test_a_library_without_music_says_what_to_do(use: Use, tmp_path: Path, holds: str) -> None:
    (tmp_path / "music").mkdir()
    if holds == "failures":
        (tmp_path / "music/bad.wav").write_bytes(b"no sound")
    use()
    if holds == "nothing yet":
        # As a scan leaves it that has just begun.
        (tmp_path / "library.db").unlink()
        open_library(tmp_path).close()
    for command in ("clusters", "map"):
        result = call(command)
        assert result.exit_code == 1
        assert "LibraryError: no track is analysed: scan a folder with music first" in result.stderr


def test_a_library_in_memory_has_a_map(tmp_path: Path) -> None:
    write_music(tmp_path)
    with open_library(tmp_path, analyzer="test_cli_map:KindAnalyzer") as library:
        with pytest.raises(LibraryError, match="no track is analysed"):
            map_of(library.index(), None)
        library.scan([tmp_path])
        index = library.index()
        first, again = (map_of(index, None, seed=4) for _ in range(2))
    assert np.array_equal(first.places, again.places)
    assert not list(tmp_path.glob("*.map"))
    assert first.n_groups == 3
