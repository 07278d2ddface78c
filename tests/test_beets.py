"""The plugin for beets, by the real program: its own library and configuration, real files."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from audio_files import chord, write_audio
from beets.library import Item
from beets.library import Library as BeetsLibrary
from servers import Music

from soundalike import Library, Limits
from soundalike.errors import TrackNotFound
from soundalike.integrations.beets import (
    ScanPreview,
    preview,
    scan_items,
    similar_items,
    write_attributes,
)

ROOT = Path(__file__).parent.parent
NAMES = "$title|$sa_genre|$sa_genre_confidence|$sa_unsure|$sa_model"


@dataclass(frozen=True)
class Beets:
    """An installation of its own: BEETSDIR, its music, and a library of soundalike."""

    folder: Path

    @property
    def music(self) -> Path:
        return self.folder / "music"

    @property
    def library(self) -> Path:
        return self.folder / "soundalike.db"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BEETSDIR": str(self.folder),
            "SOUNDALIKE_LIBRARY": str(self.library),
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def configure(self, *lines: str, plugins: str = "soundalike smartplaylist") -> None:
        text = [
            f"directory: {self.music}",
            f"library: {self.folder / 'beets.db'}",
            f"plugins: {plugins}",
            "import: {copy: yes, autotag: no, quiet: yes}",
            *lines,
        ]
        (self.folder / "config.yaml").write_text("\n".join(text) + "\n", "utf-8")

    def run(self, *words: str | os.PathLike[str], code: int = 0) -> tuple[str, str]:
        """What `beet` prints, and what it says besides."""
        ran = subprocess.run(
            [sys.executable, "-m", "beets", *map(os.fspath, words)],
            capture_output=True,
            check=False,
            env=self.environment,
        )
        out, said = (os.fsdecode(each) for each in (ran.stdout, ran.stderr))
        assert ran.returncode == code, f"{words}: {ran.returncode}\n{out}\n{said}"
        assert "Traceback" not in said, said
        return out, said

    def lines(self, *words: str | os.PathLike[str]) -> list[str]:
        return self.run(*words)[0].splitlines()


def make(folder: Path, *lines: str) -> Beets:
    beets = Beets(folder)
    folder.mkdir(exist_ok=True)
    beets.configure(*lines)
    return beets


def some_pieces(composed: Music, folder: Path, *bands: str) -> Path:
    """Two pieces of each of some bands, to be imported."""
    for band in bands:
        (album,) = (composed.folder / band).iterdir()
        (folder / band).mkdir(parents=True)
        for piece in sorted(album.iterdir())[:2]:
            shutil.copy(piece, folder / band)
    return folder


@pytest.fixture(scope="module")
def full(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Beets:
    """Everything that is composed, imported; the library knew its content, so this is quick.

    No test changes it.
    """
    beets = make(tmp_path_factory.mktemp("beets"))
    composed.copy(beets.folder).rename(beets.library)
    beets.run("import", composed.folder)
    return beets


@pytest.fixture
def small(composed: Music, tmp_path: Path) -> Beets:
    """Four pieces, imported and known, to be changed."""
    beets = make(tmp_path / "beets")
    composed.copy(beets.folder).rename(beets.library)
    beets.run(
        "import", some_pieces(composed, tmp_path / "new", "Cathedral of Moss", "Neon Harbour")
    )
    return beets


def analyses(beets: Beets) -> list[tuple[int, ...]]:
    """The rows of what was analysed: a second analysis would be another."""
    with sqlite3.connect(beets.library) as connection:
        return connection.execute("select id, content_id, model_id from analyses").fetchall()


def paths(beets: Beets, status: str = "analysed") -> set[Path]:
    """Of beets's music, what the library of soundalike has."""
    with Library(beets.library) as library:
        return {each.path for each in library.each_track(folder=beets.music, status=status)}


@pytest.mark.slow
def test_five_commands_lead_to_a_playlist(composed: Music, tmp_path: Path) -> None:
    """Those of the documents, as they stand there; what beets has was imported long ago."""
    page = (ROOT / "docs" / "integrations.md").read_text("utf-8")
    section = page.split("\n## beets\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    commands = [line for line in block.splitlines() if line and not line.startswith("#")]
    assert len(commands) == 5
    beets = make(tmp_path / "beets")
    beets.configure(plugins="smartplaylist")
    beets.run(
        "import", some_pieces(composed, tmp_path / "new", "Cathedral of Moss", "Neon Harbour")
    )
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^plugins: /plugins: soundalike /" "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    home = tmp_path / "home"
    home.mkdir()
    for command in commands:
        subprocess.run(
            command,
            shell=True,
            check=True,
            cwd=home,
            env={**beets.environment, "EDITOR": str(editor), "HOME": str(home)},
        )
    (playlist,) = home.glob("*.m3u")
    listed = [Path(line) for line in playlist.read_text("utf-8").splitlines() if line[0] != "#"]
    assert set(listed) <= paths(beets)
    assert len(listed) == 3


def test_items_are_tracks_of_the_library(composed: Music, tmp_path: Path) -> None:
    """Without the program: what takes it seconds is proved again by the slow tests."""
    files = sorted(composed.folder.glob("*/*/0[12]*"))
    beets = BeetsLibrary(str(tmp_path / "beets.db"), str(composed.folder))
    for path in files:
        beets.add(Item.from_path(os.fsencode(path)))
    items = list(beets.items())
    (lichen,) = beets.items("title:lichen")
    with Library(composed.copy(tmp_path)) as library:
        assert preview(library, items) == ScanPreview(known=len(files), new=0, gone=0)
        assert preview(None, items) == ScanPreview(known=0, new=len(files), gone=0)
        report = scan_items(library, items).report
        assert (report.analysed, report.unchanged) == (0, len(files))
        would = {each.item.id: each.now for each in write_attributes(library, items, dry_run=True)}
        assert len(would) == len(files)
        assert "sa_genre" not in lichen
        assert write_attributes(library, [lichen])[0].now == would[lichen.id]
        for item in items:
            said = library.analysis(library.track(Path(os.fsdecode(item.path))).track_id)
            assert would[item.id] == {
                "sa_genre": said.genre,
                "sa_genre_confidence": pytest.approx(said.confidence, abs=6e-5),
                "sa_unsure": said.unsure,
                "sa_model": said.model,
                **({} if said.tempo_bpm is None else {"sa_bpm": round(said.tempo_bpm, 2)}),
                **({} if said.key is None else {"sa_key": said.key}),
            }
        assert write_attributes(library, [lichen]) == ()
        first, *rest = similar_items(library, [lichen], items, 5, limits=Limits())
        assert (first.item.artist, len(rest)) == ("Cathedral of Moss", 4)
        assert first.similarity >= rest[0].similarity >= rest[-1].similarity
        others = similar_items(library, [lichen], [each.item for each in rest], 5, limits=Limits())
        assert [each.item.id for each in others] == [each.item.id for each in rest]
        lost = Item.from_path(os.fsencode(files[0]))
        lost.path, lost.id = os.fsencode(tmp_path / "lost.flac"), 99
        scan = scan_items(library, [lichen, lost])
        assert (scan.gone, scan.report.unchanged, scan.report.failed) == ((lost,), 1, ())
        with pytest.raises(TrackNotFound, match="is not analysed with soundalike@"):
            similar_items(library, [lost], items, 5, limits=Limits())


@pytest.mark.slow
def test_a_second_scan_analyses_nothing_and_stores_nothing(composed: Music, tmp_path: Path) -> None:
    beets = make(tmp_path / "beets", "soundalike: {auto: no}")
    beets.run("import", some_pieces(composed, tmp_path / "new", "Island Telegraph"))
    assert not beets.library.exists()
    out, _ = beets.run("soundalike", "scan", "--pretend")
    assert out.startswith("2 items to read")
    assert not beets.library.exists()
    _, said = beets.run("soundalike", "scan", "--jobs", "1")
    assert "2 analysed, 0 failed" in said
    assert "the attributes of 2 of 2 items changed" in said
    before, stored = analyses(beets), (beets.folder / "beets.db").read_bytes()
    assert len(before) == 2
    _, said = beets.run("soundalike", "scan")
    assert "0 analysed, 2 unchanged" in said
    assert analyses(beets) == before
    assert (beets.folder / "beets.db").read_bytes() == stored
    assert beets.run("soundalike", "scan", "--pretend")[0].startswith("0 items to read")


@pytest.mark.slow
def test_similar_answers_with_formats_limits_and_a_playlist(full: Beets, tmp_path: Path) -> None:
    mix = tmp_path / "mix.m3u"
    found = full.lines(
        *("soundalike", "similar", "-l", "5", "-f", "$sa_similarity $artist", "title:lichen"),
        *("--playlist", mix, "--name", "Moss"),
    )
    assert [line.split(" ", 1)[1] for line in found[:2]] == ["Cathedral of Moss"] * 2
    similarities = [float(line.split()[0]) for line in found]
    assert similarities == sorted(similarities, reverse=True)
    listed = [line for line in mix.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert listed == full.lines("soundalike", "similar", "-l", "5", "-p", "title:lichen")
    assert set(map(Path, listed)) <= paths(full)
    before = mix.read_bytes()
    full.run("soundalike", "similar", "title:lichen", "--pretend", "--playlist", mix)
    assert mix.read_bytes() == before


@pytest.mark.slow
def test_what_is_imported_is_analysed_where_it_stays(composed: Music, tmp_path: Path) -> None:
    beets = make(tmp_path / "beets")
    new = some_pieces(composed, tmp_path / "new", "Copper Lanterns")
    beets.run("import", "--move", new)
    assert not list(new.rglob("*.*"))
    assert len(analyses(beets)) == 2
    assert len(paths(beets)) == 2
    with Library(beets.library) as library:
        assert len(library.tracks()) == 2
        said = {each.title: library.analysis(each.track_id) for each in library.tracks()}
    for line in beets.lines("ls", "-f", NAMES):
        title, genre, confidence, unsure, model = line.split("|")
        assert (genre, unsure) == (said[title].genre, str(said[title].unsure))
        assert float(confidence) == pytest.approx(said[title].confidence, abs=6e-4)
        assert model == said[title].model


@pytest.mark.slow
def test_an_import_of_known_music_analyses_nothing(small: Beets, composed: Music) -> None:
    with sqlite3.connect(composed.library) as connection:
        (before,) = connection.execute("select count(*) from analyses").fetchone()
    assert len(analyses(small)) == before
    assert len(paths(small)) == 4
    assert all("$" not in line for line in small.lines("ls", "-f", NAMES))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["modify", "move", "path"])
def test_the_analysis_goes_with_moved_music(small: Beets, how: str, tmp_path: Path) -> None:
    was = paths(small)
    with Library(small.library) as library:
        ids = {each.track_id for each in library.each_track(folder=small.music)}
    if how == "modify":
        _, said = small.run("-v", "modify", "-y", "artist:moss", "title=$title again")
        assert "0 analysed, 2 retagged, 0 failed" in said
    else:
        if how == "path":
            small.configure("paths: {default: x/$artist - $title}")
        _, said = small.run("-v", "move", *(["-d", tmp_path] if how == "move" else []))
        assert "0 analysed, 4 moved, 0 failed" in said
    now = set(map(Path, small.lines("ls", "-p")))
    assert now != was
    with Library(small.library) as library:
        there = {each.path: each for each in library.each_track(status="analysed")}
        assert now <= set(there)
        assert {there[path].track_id for path in now} == ids
        assert not library.missing()
    assert "0 analysed, 4 unchanged" in small.run("soundalike", "scan")[1]


@pytest.mark.slow
def test_what_beets_deletes_is_missing(small: Beets) -> None:
    small.run("remove", "-f", "-d", "lichen")
    assert len(paths(small)) == 3
    assert len(paths(small, "missing")) == 1


@pytest.mark.slow
def test_moves_of_what_is_not_known_are_nobodys_business(composed: Music, tmp_path: Path) -> None:
    beets = make(tmp_path / "beets", "soundalike: {auto: no}")
    beets.run("import", some_pieces(composed, tmp_path / "new", "Neon Harbour"))
    for name in ("there", "back"):
        (tmp_path / name).mkdir()
    beets.run("move", "-d", tmp_path / "there")
    assert not beets.library.exists()
    Library(beets.library).close()
    beets.run("move", "-d", tmp_path / "back")
    with Library(beets.library) as library:
        assert library.tracks() == []


@pytest.mark.slow
def test_attributes_are_queries_and_smart_playlists(full: Beets, tmp_path: Path) -> None:
    by_title = dict(
        line.split("|") for line in full.lines("ls", "-f", "$title|$sa_genre_confidence")
    )
    sure = {title for title, confidence in by_title.items() if float(confidence) >= 0.5}
    assert 0 < len(sure) < len(by_title)
    assert set(full.lines("ls", "-f", "$title", "sa_genre_confidence:0.5..")) == sure
    unsure = set(full.lines("ls", "-f", "$title", "sa_unsure:true"))
    assert unsure | sure == set(by_title)
    assert full.lines("ls", "sa_bpm:60..200")
    assert len(full.lines("ls", "sa_model:soundalike@")) == len(by_title)
    config = full.folder / "smart.yaml"
    config.write_text(
        f"smartplaylist: {{playlist_dir: {tmp_path}, playlists: "
        "[{name: sure.m3u, query: 'sa_genre_confidence:0.5.. sa_genre+'}]}\n"
    )
    full.run("-c", config, "splupdate")
    listed = (tmp_path / "sure.m3u").read_text("utf-8").splitlines()
    assert listed == full.lines("ls", "-p", "sa_genre_confidence:0.5..", "sa_genre+")


@pytest.mark.slow
def test_attributes_of_an_older_model_are_replaced(small: Beets) -> None:
    before = small.lines("ls", "-f", f"{NAMES}|$sa_key", "lichen")
    old = ["sa_model=soundalike@0", "sa_genre=polka", "sa_key=H major"]
    small.run("modify", "-y", "-M", "-W", "lichen", *old)
    stored = (small.folder / "beets.db").read_bytes()
    out, said = small.run("soundalike", "write", "--pretend")
    assert "sa_model=soundalike@" in out
    assert "1 of 4 items would change" in said
    assert (small.folder / "beets.db").read_bytes() == stored
    rows = analyses(small)
    assert "1 of 4 items changed" in small.run("soundalike", "write")[1]
    assert small.lines("ls", "-f", f"{NAMES}|$sa_key", "lichen") == before
    assert analyses(small) == rows
    # What the model does not tell of it goes, too.
    (tempo,) = small.lines("ls", "-f", "$sa_bpm", "lichen")
    assert tempo == "$sa_bpm"
    small.run("modify", "-y", "-M", "-W", "lichen", "sa_bpm=120")
    small.run("soundalike", "write", "lichen")
    assert small.lines("ls", "-f", "$sa_bpm", "lichen") == ["$sa_bpm"]


@pytest.mark.slow
def test_a_playlist_keeps_to_queries_and_limits(full: Beets, tmp_path: Path) -> None:
    mix = tmp_path / "mix.m3u8"
    options = ["--min-length", "0", "--tracks", "6", "-f", "$artist|$title|$sa_similarity"]

    def made(*more: str) -> list[list[str]]:
        lines = full.lines("soundalike", "playlist", *options, *more, "lichen")
        return [line.split("|") for line in lines]

    free = made("--out", str(mix))
    assert len(free) == 6
    assert "Lichen" not in {title for _, title, _ in free}
    assert mix.read_text("utf-8").count("#EXTINF") == 6
    assert "Cathedral of Moss" not in {artist for artist, *_ in made("--not-same-album")}
    assert {artist for artist, *_ in made("--within", "artist:harbour")} == {"Neon Harbour"}
    one_each = [artist for artist, *_ in made("--max-per-artist", "1")]
    assert len(set(one_each)) == len(one_each) == 6
    # A bound by default does not stand against one that is given.
    short = full.lines("soundalike", "playlist", "--max-length", "0:59", "--tracks", "6", "lichen")
    assert len(short) == 6
    first, *_ = made("--with-seeds")
    assert first[:2] == ["Cathedral of Moss", "Lichen"]
    assert first[2] == "$sa_similarity"
    unlike = {artist for artist, *_ in made("--without", "artist:harbour")}
    assert "Neon Harbour" not in unlike


@pytest.mark.slow
def test_a_bad_and_a_lost_file_are_told_and_the_rest_goes_on(small: Beets, tmp_path: Path) -> None:
    config = small.folder / "smart.yaml"
    config.write_text(
        f"smartplaylist: {{playlist_dir: {tmp_path}, playlists: [{{name: a.m3u, query: sa_key+}}]}}"
    )
    lost, bad, *others = map(Path, small.lines("ls", "-p"))
    lost.unlink()
    bad.write_bytes(b"no audio" * 100)
    small.run("modify", "-y", "-M", "-W", "sa_model=soundalike@0")
    _, said = small.run("-c", config, "soundalike", "scan", code=1)
    assert f"{lost}: there is no such file (`beet update` removes it" in said
    assert re.search(rf"{re.escape(str(bad))}: .*\(", said)
    assert "2 of 4 items could not be analysed" in said
    models = small.lines("ls", "-f", "$path|$sa_model")
    renewed = {Path(line.split("|")[0]) for line in models if not line.endswith("@0")}
    assert renewed == set(others)
    assert paths(small, "missing") == {lost}
    # It is tried again only when it is asked for, or the file is another.
    assert "1 still failing" in small.run("soundalike", "scan", "artist:moss", code=1)[1]


@pytest.mark.slow
def test_an_import_goes_on_whatever_is_wrong_with_the_library(
    composed: Music, tmp_path: Path
) -> None:
    beets = make(tmp_path / "beets")
    new = some_pieces(composed, tmp_path / "new", "Neon Harbour")
    with Library(beets.library) as library, library._database.scan_lock():
        _, said = beets.run("import", new)
        assert "what was imported is not analysed: " in said
        assert "`beet soundalike scan` does it later" in said
        assert len(beets.lines("ls")) == 2
        assert "another scan" in beets.run("soundalike", "scan", code=1)[1]
    assert analyses(beets) == []
    beets.library.write_bytes(b"no database at all" * 100)
    beets.configure("import: {copy: yes, autotag: no, quiet: yes, duplicate_action: keep}")
    assert "what was imported is not analysed: " in beets.run("import", new)[1]
    assert len(beets.lines("ls")) == 4
    beets.configure("soundalike: {auto: perhaps}", "import: {copy: yes, duplicate_action: keep}")
    said = beets.run("import", "-q", "-A", new)[1]
    assert "not analysed: soundalike.auto: must be a bool" in said
    beets.configure("soundalike: {library: 'postgresql://127.0.0.1:1/music'}")
    assert "postgresql://127.0.0.1:1/music" in beets.run("soundalike", "scan", code=1)[1]
    beets.configure("soundalike: {library: nowhere/at/all.db}")
    assert "no folder" in beets.run("soundalike", "scan", code=1)[1]


@pytest.mark.slow
def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    beets = make(tmp_path / "beets", "import: {copy: no, autotag: no, quiet: yes}")
    folder = tmp_path / "in place"
    folder.mkdir()
    odd = os.fsencode(folder) + b"/na\xefve \xff.flac"
    for number in range(2):
        path = write_audio(folder / f"{number}.flac", chord(44_100, 4.0 + number), 44_100, "flac")
    os.rename(path, odd)
    beets.run("import", folder)
    assert len(analyses(beets)) == 2
    mix = tmp_path / "mix.m3u"
    beets.run("soundalike", "similar", "-p", "length:..4.5", "--playlist", mix)
    assert odd in mix.read_bytes().splitlines()
    os.unlink(odd)
    assert (
        r"na\xefve \xff.flac: there is no such file" in beets.run("soundalike", "scan", code=1)[1]
    )


@pytest.mark.slow
def test_what_cannot_be_answered_says_why(full: Beets, tmp_path: Path) -> None:
    empty = make(tmp_path / "empty")
    many = make(tmp_path / "unscanned", "soundalike: {auto: no}")
    many.run("import", full.music / "Neon Harbour")
    Library(many.library).close()
    older = make(tmp_path / "older")
    older.configure("soundalike: {model: no-such-model}")
    shutil.copy(full.folder / "beets.db", older.folder)
    for beets, words, message in (
        (empty, ["scan"], "the beets library is empty"),
        (empty, ["similar", "x"], "no item matches 'x'"),
        (many, ["similar", "title:tide"], "is not analysed with soundalike@"),
        (many, ["write"], "none of 3 items is analysed with soundalike@"),
        (full, ["similar"], "name what it is to sound like"),
        (full, ["playlist"], "name what it is to sound like"),
        (full, ["scan", "title:nowhere"], "no item matches 'title:nowhere'"),
        (full, ["similar", "lichen", "--within", "x y z"], "no item matches 'x y z'"),
        (full, ["similar", "lichen", "--limit", "0"], "--limit is 0"),
        (full, ["playlist", "lichen", "--max-per-artist", "0"], "--max-per-artist is 0"),
        (full, ["playlist", "lichen", "--tracks", "0"], "--tracks is 0"),
        (full, ["playlist", "lichen", "--seed", "-1"], "--seed is -1"),
        (full, ["playlist", "lichen", "--out", str(tmp_path / "mix.pdf")], "no format of"),
        (
            full,
            ["playlist", "lichen", "--out", str(tmp_path / "no" / "a.m3u")],
            "cannot be written",
        ),
        (full, ["playlist", "lichen", "--tracks", "2"], "the limits leave nothing"),
        (full, ["similar", "lichen", "--playlist", str(tmp_path / "no" / "mix.m3u")], "mix.m3u"),
        (full, ["similar", "lichen", "--within", "title:lichen"], "nothing else is analysed"),
        (full, ["scan", "--jobs", "0"], "jobs"),
        (full, ["frobnicate"], "there is no `beet soundalike frobnicate`"),
        (older, ["scan", "--jobs", "1"], "no-such-model"),
    ):
        out, said = beets.run("soundalike", *words, code=1)
        assert message in said, (words, said)
        assert "Cathedral of Moss" not in out, "what fails at its end was begun"
    for words, message in (
        (["--name", "Moss"], "--name needs --out FILE"),
        (["--relative"], "--relative needs --out FILE"),
        (["--min-length", "1:x"], "option --min-length: '1:x' is not a time"),
    ):
        assert message in full.run("soundalike", "playlist", "lichen", *words, code=2)[1]
    os.unlink(many.library)
    said = many.run("soundalike", "similar", "title:tide", code=1)[1]
    assert "`beet soundalike scan` makes it" in said
    assert not many.library.exists()
    assert "similar" in full.run("help", "soundalike")[0]
    assert "--within" in full.run("soundalike", "playlist", "--help")[0]
