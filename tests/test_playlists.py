"""Playlists as M3U8 and M3U, line by line, and what holds for the files of all formats."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument, OutputError, PlaylistError
from soundalike.files import check_writable
from soundalike.playlists import (
    Playlist,
    PlaylistEntry,
    format_of,
    read_playlist,
    render_playlist,
    write_playlist,
)

WRITTEN = ("m3u8", "xspf", "jspf", "json")


def m3u8(*entries: PlaylistEntry, relative_to: Path | None = None) -> bytes:
    relative = relative_to is not None
    playlist = Playlist(entries=entries)
    return render_playlist(playlist, "m3u8", folder=relative_to or "", relative=relative).content


def test_absolute_paths_and_extinf(tmp_path: Path) -> None:
    music = tmp_path / "Ärger" / "01 été.flac"
    content = m3u8(
        PlaylistEntry(music, title="Été", artist="Ärger", duration_s=61.6),
        PlaylistEntry(tmp_path / "b.mp3"),
    )
    assert content.decode("utf-8").splitlines() == [
        "#EXTM3U",
        "#EXTINF:62,Ärger - Été",
        str(music),
        "#EXTINF:-1,b",
        str(tmp_path / "b.mp3"),
    ]


def test_relative_paths_open_from_the_playlist(tmp_path: Path) -> None:
    track = tmp_path / "music" / "x.ogg"
    file = tmp_path / "lists" / "mix.m3u8"
    file.parent.mkdir()
    write_playlist(file, Playlist(entries=(PlaylistEntry(track),)), relative=True)
    line = file.read_text(encoding="utf-8").splitlines()[-1]
    assert line == os.path.join("..", "music", "x.ogg")
    assert (file.parent / line).resolve() == track


def test_a_name_that_looks_like_a_comment(tmp_path: Path) -> None:
    content = m3u8(PlaylistEntry(tmp_path / "#1 hit.mp3"), relative_to=tmp_path)
    assert content.splitlines()[-1] == os.fsencode(os.path.join(".", "#1 hit.mp3"))


def test_tags_with_line_breaks_stay_on_their_line(tmp_path: Path) -> None:
    entry = PlaylistEntry(tmp_path / "a.mp3", title="one\n#EXTM3U\r\ntwo", artist="x\ty")
    assert m3u8(entry).splitlines()[1] == b"#EXTINF:-1,x y - one #EXTM3U two"


@pytest.mark.parametrize("name", ["a\nb.mp3", "a\rb.mp3", "end\n"])
def test_a_path_with_a_line_break_is_left_out_alone(name: str, tmp_path: Path) -> None:
    bad, good = PlaylistEntry(tmp_path / name, title="x"), PlaylistEntry(tmp_path / "good.mp3")
    playlist = Playlist(entries=(bad, good, bad))
    rendered = render_playlist(playlist, "m3u8")
    assert [each.entry for each in rendered.left_out] == [bad, bad]
    assert rendered.content.splitlines()[1:] == [b"#EXTINF:-1,good", os.fsencode(good.path)]
    (left_out, _) = write_playlist(tmp_path / "mix.m3u8", playlist)
    assert (left_out.entry, left_out.field) == (bad, None)
    assert left_out.reason == "M3U cannot hold a line break in a path"
    for suffix in ("xspf", "jspf", "json"):  # these can
        assert write_playlist(tmp_path / f"mix.{suffix}", playlist) == ()


def test_whether_a_file_can_be_written_is_tried_without_touching_it(tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    check_writable(file)
    assert list(tmp_path.iterdir()) == []
    file.write_text("old")
    check_writable(file)
    assert file.read_text() == "old"
    for path, reason in (
        (tmp_path, "is a directory"),
        (tmp_path / "nowhere" / "mix.m3u8", "no such file"),
        (file / "mix.m3u8", "not a directory"),
    ):
        with pytest.raises(OutputError, match=rf"cannot be written \({reason}"):
            check_writable(path)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_undecodable_names_keep_their_bytes(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
    content = m3u8(PlaylistEntry(path), PlaylistEntry(tmp_path / "été.mp3", "Été"))
    lines = content.splitlines()
    assert lines[-3].endswith(b"/caf\xe9.mp3")
    assert lines[-4] == rb"#EXTINF:-1,caf\xe9"
    file = tmp_path / "mix.m3u8"
    file.write_bytes(content)
    found = read_playlist(file)
    assert [entry.path for entry in found.entries] == [path, tmp_path / "été.mp3"]
    # Without the line that says so, such bytes are taken for a path where there is such a file.
    file.write_bytes(b"\n".join(line for line in lines if not line.startswith(b"#SOUNDALIKE")))
    with pytest.raises(PlaylistError, match=r"byte 0xe9 at position \d+ \(line 3\) is no UTF-8"):
        read_playlist(file)
    path.write_text("x")
    assert [entry.path for entry in read_playlist(file).entries] == [path, tmp_path / "été.mp3"]


def test_replaces_an_old_playlist_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    file.write_text("old")
    write_playlist(file, Playlist())
    assert file.read_bytes() == b"#EXTM3U\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mix.m3u8"]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such permissions")
@pytest.mark.parametrize("format", WRITTEN)
def test_a_playlist_that_is_written_again_keeps_its_permissions(
    format: str, tmp_path: Path
) -> None:
    file = tmp_path / f"mix.{format}"
    write_playlist(file, Playlist("Mix"))
    file.chmod(0o640)
    write_playlist(file, replace(read_playlist(file), name="Other"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert read_playlist(file).name == "Other"


def test_a_link_to_a_playlist_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.m3u8", tmp_path / "link.m3u8"
    real.write_text("old")
    try:
        link.symlink_to(real)
    except OSError as error:  # Windows without the privilege
        pytest.skip(f"no symbolic links here: {error}")
    write_playlist(link, Playlist())
    assert link.is_symlink()
    assert real.read_bytes() == b"#EXTM3U\n"


def test_unwritable_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"mix\.m3u8: cannot be written \(no such file"):
        write_playlist(tmp_path / "no such folder" / "mix.m3u8", Playlist())


def test_the_format_is_that_of_the_suffix(tmp_path: Path) -> None:
    assert [format_of(f"a.b.{name.upper()}") for name in WRITTEN] == list(WRITTEN)
    assert format_of("mix", "xspf") == "xspf"
    with pytest.raises(InvalidArgument, match=r"mix\.pls: its suffix says no format of playlists"):
        write_playlist(tmp_path / "mix.pls", Playlist())
    with pytest.raises(InvalidArgument, match="format is 'pls': it must be one of m3u8, m3u, xspf"):
        read_playlist(tmp_path / "mix.m3u8", format="pls")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("format", WRITTEN)
@settings(max_examples=30)
@given(recipe=st.dictionaries(st.text(), json_values, max_size=4), seed=st.text(max_size=3))
def test_a_recipe_comes_back_as_it_is(
    format: str, recipe: dict[str, object], seed: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    recipe["of"] = {"seeds": [17, "caf\udce9 ]]> </recipe> &amp;\r\n\x00\x85\u2028"], "x": seed}
    file = tmp_path_factory.getbasetemp() / f"recipe.{format}"
    write_playlist(file, Playlist("Mix", recipe=recipe))
    found = read_playlist(file)
    assert repr(found.recipe) == repr(recipe)  # 1 is neither 1.0 nor True
    write_playlist(file, found)
    assert repr(read_playlist(file).recipe) == repr(recipe)


@pytest.mark.parametrize(
    "recipe", [{1: 2}, {"a": (1, 2)}, {"a": float("nan")}, {"a": object()}, ["a"], {"a": {1}}]
)
def test_a_recipe_that_would_not_come_back_is_refused(recipe: object) -> None:
    with pytest.raises(InvalidArgument, match="recipe must be a dict of what JSON has"):
        Playlist(recipe=recipe)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("m3u8", "#EXTM3U\n#SOUNDALIKE:{broken\n"),
        ("m3u8", "#SOUNDALIKE:[1]\n"),
        ("m3u8", '#EXTM3U\n#SOUNDALIKE:{"tracks": NaN}\n'),
        ("m3u8", '#EXTM3U\n#SOUNDALIKE:{"tracks": 1e999}\n'),
        (
            "xspf",
            "<playlist><extension application='urn:x-soundalike:recipe'>3</extension></playlist>",
        ),
        ("jspf", '{"playlist": {"extension": {"urn:x-soundalike:recipe": [3]}}}'),
        ("json", '{"tracks": [], "recipe": 3}'),
    ],
)
def test_a_damaged_recipe_is_named(format: str, content: str, tmp_path: Path) -> None:
    file = tmp_path / f"mix.{format}"
    file.write_text(content)
    with pytest.raises(PlaylistError, match=rf"mix\.{format}: .*its recipe is no JSON"):
        read_playlist(file)


PLAYER = b"""#EXTM3U x-tvg-url="http://example.com"
#PLAYLIST:Old
#EXTALBUMARTURL:http://example.com/a.jpg

#EXTINF:123.5 tvg-name="a, b",Artist - The Title - Live
#EXTGRP:Group
#EXTIMG:cover.jpg
music/a.mp3
#EXTINF:-1,Radio
http://example.com/stream?x=1#y
#EXTALB:Album
#EXTVLCOPT:network-caching=1000
music/b.mp3
# the end
"""


def test_what_a_player_wrote_besides_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    file.write_bytes(PLAYER)
    found = read_playlist(file)
    assert found.name == "Old"
    a, radio, b = found.entries
    assert (a.path, a.artist, a.title) == (tmp_path / "music/a.mp3", "Artist", "The Title - Live")
    assert (a.duration_s, a.why_no_file) == (123.5, None)
    assert (radio.path, radio.title, radio.duration_s) == (None, "Radio", None)
    assert radio.location == "http://example.com/stream?x=1#y"
    assert found.not_files == (radio,)
    assert radio.why_no_file == "an address (http), no file"
    assert (b.path, b.album, b.title) == (tmp_path / "music/b.mp3", "Album", None)
    write_playlist(file, found)
    assert file.read_bytes() == PLAYER.replace(b"\n\n", b"\n")
    # Another order, another title, a new entry: the rest goes with the entries.
    new = PlaylistEntry(tmp_path / "music/c.mp3", "C", duration_s=3.0)
    write_playlist(file, replace(found, name="New", entries=(b, new, replace(a, title="T"))))
    assert file.read_bytes().splitlines() == [
        b'#EXTM3U x-tvg-url="http://example.com"',
        b"#PLAYLIST:New",
        b"#EXTALBUMARTURL:http://example.com/a.jpg",
        b"#EXTALB:Album",
        b"#EXTVLCOPT:network-caching=1000",
        b"music/b.mp3",
        b"#EXTINF:3,C",
        b"music/c.mp3",
        b"#EXTINF:124,Artist - T",
        b"#EXTGRP:Group",
        b"#EXTIMG:cover.jpg",
        b"music/a.mp3",
        b"# the end",
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_blank_lines_and_blanks(end: str, tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u"
    lines = ["#EXTM3U", "", "  #EXTINF:5,A - B", "\ta\u2028\u0085b.mp3", " \t ", "#1", "C.mp3", ""]
    file.write_text(end.join(lines), "utf-8", newline="")
    one, two = read_playlist(file).entries
    assert (one.path, one.title) == (tmp_path / "a\u2028\u0085b.mp3", "B")
    assert two.path == tmp_path / "C.mp3"


@pytest.mark.parametrize(
    ("label", "duration_s", "title"),
    [
        ("-1,T", None, "T"),
        ("0,T", None, "T"),
        (",T", None, "T"),
        (" 3 ,T", 3.0, "T"),
        ("3.25,T", 3.25, "T"),
        ("T", None, None),
        ("3", 3.0, None),
        ("9" * 400 + ",T", None, "T"),
        ('5 a="b, c" d="e",T, U', 5.0, "T, U"),
        ('5 a="x,T', 5.0, "T"),  # never closed
    ],
)
def test_extinf_of_all_kinds(
    label: str, duration_s: float | None, title: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "mix.m3u8"
    file.write_text(f"#extinf:{label}\na.mp3\n")
    (entry,) = read_playlist(file).entries
    assert (entry.duration_s, entry.title) == (duration_s, title)
    before = file.read_text()
    write_playlist(file, read_playlist(file))
    assert file.read_text() == f"#EXTM3U\n{before}"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1"]
)
def test_encodings_of_an_m3u(encoding: str, tmp_path: Path) -> None:
    text = "#EXTM3U\n#EXTINF:5,Müller - Été\nmusic/été.mp3\n"
    file = tmp_path / "mix.m3u"
    file.write_bytes(text.encode(encoding))
    found = read_playlist(file)
    (entry,) = found.entries
    assert (entry.path, entry.artist) == (tmp_path / "music/été.mp3", "Müller")
    # Written again, it stays what its player can read; what does not fit makes it UTF-8.
    write_playlist(file, found)
    assert file.read_bytes() == text.encode(encoding)
    write_playlist(file, replace(found, name="Ж"))
    assert "#PLAYLIST:Ж" in file.read_text("utf-8" if "utf" not in encoding else encoding)
    write_playlist(tmp_path / "mix.m3u8", replace(found, entries=(replace(entry, kept=None),)))
    assert (tmp_path / "mix.m3u8").read_text("utf-8").splitlines()[1] == "#EXTINF:5,Müller - Été"


def test_an_encoding_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u"
    file.write_bytes("#EXTINF:5,Жёлтый\nЖёлтый.mp3\n".encode("cp1251"))
    assert read_playlist(file).entries[0].title == "Жёлтый".encode("cp1251").decode("cp1252")
    (entry,) = read_playlist(file, encoding="cp1251").entries
    assert (entry.title, entry.path) == ("Жёлтый", tmp_path / "Жёлтый.mp3")
    with pytest.raises(PlaylistError, match="byte c6 at position 10 is no ascii"):
        read_playlist(file, encoding="ascii")
    for name in ("klingon", "hex"):
        with pytest.raises(InvalidArgument, match=f"encoding is '{name}'"):
            read_playlist(file, encoding=name)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_an_old_m3u_of_names_that_are_so_on_the_disk(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3"))
    path.write_text("x")
    file = tmp_path / "mix.m3u"
    file.write_bytes(b"caf\xe9.mp3\nth\xe9.mp3\n")
    assert [entry.path for entry in read_playlist(file).entries] == [path, tmp_path / "thé.mp3"]


def test_an_m3u8_in_another_encoding_says_where_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "mix.m3u8"
    file.write_bytes("#EXTM3U\r\n#EXTINF:5,Müller\r\na.mp3\r\n".encode("cp1252"))
    with pytest.raises(PlaylistError) as caught:
        read_playlist(file)
    assert str(caught.value) == (
        f"{file}: byte 0xfc at position 20 (line 2) is no UTF-8, in which .m3u8 always is: save it "
        f"as UTF-8, or rename it to .m3u (in Python: encoding='cp1252')"
    )
    assert read_playlist(file, encoding="cp1252").entries[0].title == "Müller"
    file.write_bytes("#EXTM3U\na.mp3\n".encode("utf-16-le"))
    with pytest.raises(PlaylistError, match="it holds NUL characters: no M3U, or one in UTF-16"):
        read_playlist(file)


@pytest.mark.parametrize("format", ["m3u8", "m3u", "xspf", "jspf", "json"])
def test_what_is_no_playlist(format: str, tmp_path: Path) -> None:
    file = tmp_path / f"mix.{format}"
    with pytest.raises(PlaylistError, match=rf"mix\.{format}: cannot be read \(no such file"):
        read_playlist(file)
    file.mkdir()
    with pytest.raises(PlaylistError, match=r"cannot be read \(is a directory"):
        read_playlist(file)
    file.rmdir()
    file.write_bytes(bytes(range(256)))
    with pytest.raises(PlaylistError, match=rf"mix\.{format}: "):
        read_playlist(file)


@pytest.mark.parametrize("format", ["m3u", "m3u8"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_marked_encoding_is_kept(format: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / f"mix.{format}"
    data = f"\ufeff#EXTM3U\n#EXTINF:5,Müller - 夏\n{tmp_path}/été.mp3\n".encode(encoding)
    file.write_bytes(data)
    found = read_playlist(file)
    more = replace(found, entries=(*found.entries, PlaylistEntry(tmp_path / "東京.mp3")))
    assert write_playlist(file, more) == ()
    added = f"#EXTINF:-1,東京\n{tmp_path}/東京.mp3\n".encode(encoding)
    assert file.read_bytes() == data + added
    # Another format, or what a player reads from a pipe, is in its own.
    assert write_playlist(tmp_path / "mix.xspf", found) == ()
    assert render_playlist(found, format, encoding="utf-8").content.startswith(b"#EXTM3U\n")
    other = {"m3u": "m3u8", "m3u8": "m3u"}[format]
    if other == "m3u8":
        assert render_playlist(found, other).content.startswith(b"#EXTM3U\n")
    # A name that no text can have makes it UTF-8, which is told.
    raw = replace(found, entries=(PlaylistEntry(tmp_path / os.fsdecode(b"caf\xe9.mp3")),))
    (told,) = write_playlist(file, raw)
    assert (told.entry, told.field) == (None, "encoding")
    assert told.reason == f"{encoding} cannot hold all of it, so it is in UTF-8 now"
    assert read_playlist(file).entries[0].path == raw.entries[0].path


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="it has no such file")
def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    file.symlink_to("/dev/zero")
    with pytest.raises(PlaylistError, match="larger than 128 MiB, which no playlist is"):
        read_playlist(file)


@settings(max_examples=200)
@given(data=st.binary(max_size=60), format=st.sampled_from(["m3u8", "m3u", "xspf", "jspf", "json"]))
def test_no_bytes_break_a_reader(
    data: bytes, format: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / f"any.{format}"
    file.write_bytes(data)
    try:
        found = read_playlist(file)
    except PlaylistError:
        return
    entries = found.entries
    write_playlist(file, found)
    assert [entry.path for entry in read_playlist(file).entries] == [
        entry.path for entry in entries
    ]
