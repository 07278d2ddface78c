"""XSPF, JSPF and JSON: examples of their specifications, other programs' files, hostile ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument, PlaylistError
from soundalike.playlists import (
    LeftOut,
    Playlist,
    PlaylistEntry,
    read_playlist,
    render_playlist,
    write_playlist,
)

XSPF = "{http://xspf.org/ns/0/}"
VLC = "{http://www.videolan.org/vlc/playlist/ns/0/}"
MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
WITH_FIELDS = ("xspf", "jspf", "json")

# After the example of every element in the specification of XSPF.
SPECIFICATION = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<playlist version="1" xmlns="http://xspf.org/ns/0/" xmlns:cl="http://example.com">
  <title>80s Music</title>
  <creator>Jane Doe</creator>
  <annotation>My favorite songs.</annotation>
  <info>http://example.com/myplaylists</info>
  <location>http://example.com/myplaylists/myplaylist</location>
  <identifier>magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C</identifier>
  <image>http://example.com/img/mypicture</image>
  <date>2005-01-08T17:10:47-05:00</date>
  <license>http://creativecommons.org/licenses/by/1.0/</license>
  <attribution>
    <location>http://bar.com/secondderived.xspf</location>
    <identifier>somescheme:original.xspf</identifier>
  </attribution>
  <link rel="http://foaf.example.org/namespace/version1">http://socialnetwork.example.org/</link>
  <meta rel="http://example.org/key">value &lt;&amp;&gt;</meta>
  <extension application="http://example.com">
    <cl:clip start="25000" end="34500"/>
  </extension>
  <trackList>
    <track>
      <location>http://example.com/my.mp3</location>
      <location>my%20own.mp3</location>
      <identifier>http://musicbrainz.org/recording/8F3471B5-7e6a-48da-86a9-c1c07a0f47ae.html</identifier>
      <identifier>https://musicbrainz.org/recording/8F3471B5-7e6a-48da-86a9-c1c07a0f47ae</identifier>
      <identifier>isrc:US-RC1-76-07839</identifier>
      <title>My Way</title>
      <creator>Frank Sinatra</creator>
      <annotation>This is my theme song.</annotation>
      <info>http://franksinatra.com/myway</info>
      <image>http://franksinatra.com/img/myway</image>
      <album>Frank Sinatra's Greatest Hits</album>
      <trackNum>3</trackNum>
      <duration>19200</duration>
      <link rel="http://foaf.org/namespace/version1">http://socialnetwork.org/foaf/mary.rdfs</link>
      <meta rel="http://example.org/key">value</meta>
      <extension application="http://example.com"><cl:clip start="25000"/>x<cl:y/></extension>
    </track>
    <!-- before the second -->
    <track><title>Only a name</title></track>
  </trackList>
</playlist>
"""


def tree(xml: str | bytes) -> Any:
    """The elements of a document as a value that can be compared; their order within one name."""

    def value(element: ElementTree.Element) -> Any:
        text = ((element.text or "").strip(), sorted(element.attrib.items()))
        inside: dict[str, list[Any]] = {}
        for child in element:
            inside.setdefault(child.tag, []).append(value(child))
        return (*text, inside)

    return value(ElementTree.fromstring(xml))


def test_the_specification_of_xspf(tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    file.write_text(SPECIFICATION, "utf-8")
    found = read_playlist(file)
    assert (found.name, found.recipe) == ("80s Music", None)
    one, two = found.entries
    assert one == PlaylistEntry(
        tmp_path / "my own.mp3",
        title="My Way",
        artist="Frank Sinatra",
        duration_s=19.2,
        album="Frank Sinatra's Greatest Hits",
        musicbrainz_recording_id=MBID,
        isrc="USRC17607839",
        location="my%20own.mp3",
    )
    assert two == PlaylistEntry(title="Only a name")
    assert two.why_no_file == "it names no file"
    write_playlist(file, found)
    written = file.read_text("utf-8")
    old, new = tree(SPECIFICATION), tree(written)
    tracks = [each[2][f"{XSPF}trackList"][0][2][f"{XSPF}track"] for each in (old, new)]
    for track in (tracks[0][0], tracks[1][0]):
        for name in ("identifier", "location"):
            track[2][f"{XSPF}{name}"].sort()
    # Identifiers are in their plain form, which is the same.
    old_uris, new_uris = (track[0][2].pop(f"{XSPF}identifier") for track in tracks)
    assert [uri[0] for uri in new_uris] == [
        "http://musicbrainz.org/recording/8F3471B5-7e6a-48da-86a9-c1c07a0f47ae.html",
        "https://musicbrainz.org/isrc/USRC17607839",
        f"https://musicbrainz.org/recording/{MBID}",
    ]
    assert len(old_uris) == 3
    assert new == old
    for comment in ("<!-- a comment -->", "<!-- before the second -->"):
        assert written.count(comment) == 1
    write_playlist(file, read_playlist(file))
    assert file.read_text("utf-8") == written


VLC_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<playlist xmlns="http://xspf.org/ns/0/" xmlns:vlc="http://www.videolan.org/vlc/playlist/ns/0/"
          version="1">
\t<title>Wiedergabeliste</title>
\t<trackList>
\t\t<track>
\t\t\t<location>file:///C:/Music/01%20-%20Fu%C3%9F.mp3</location>
\t\t\t<duration>245000</duration>
\t\t\t<extension application="http://www.videolan.org/vlc/playlist/0">
\t\t\t\t<vlc:id>0</vlc:id>
\t\t\t\t<vlc:option>network-caching=1000</vlc:option>
\t\t\t</extension>
\t\t</track>
\t</trackList>
\t<extension application="http://www.videolan.org/vlc/playlist/0">
\t\t<vlc:item tid="0"/>
\t</extension>
</playlist>
"""


def test_extensions_of_vlc_keep_their_prefix_and_place(tmp_path: Path) -> None:
    """VLC reads "vlc:item" as it stands, and only behind the tracks that it is about."""
    file = tmp_path / "mix.xspf"
    file.write_text(VLC_FILE, "utf-8")
    base = ("/music", "C:\\Music")
    found = read_playlist(file, base=base)
    assert found.entries[0].path == Path("/music/01 - Fuß.mp3")
    new = PlaylistEntry(Path("/music/new.mp3"))
    write_playlist(file, replace(found, entries=(*found.entries, new)), base=base)
    written = file.read_text("utf-8")
    for part in (
        "<location>file:///C:/Music/01%20-%20Fu%C3%9F.mp3</location>",
        "<location>file:///C:/Music/new.mp3</location>",
        "<vlc:option>network-caching=1000</vlc:option>",
        '\t\t<vlc:item tid="0"/>',
    ):
        assert part in written
    assert written.index("</trackList>") < written.index("vlc:item")
    declared = tree(written)[2][f"{XSPF}extension"][0]
    assert declared[2][f"{VLC}item"] == [("", [("tid", "0")], {})]


@pytest.mark.parametrize(
    "xml",
    [
        # Every way in which names can be bound.
        '<x:playlist xmlns:x="http://xspf.org/ns/0/" xmlns="urn:d"><x:trackList><x:track>'
        "<x:title>T</x:title><own><x:deep/></own></x:track></x:trackList></x:playlist>",
        '<playlist xmlns="http://xspf.org/ns/0/"><trackList xmlns:a="urn:d"><track><title>T</title>'
        "<a:own><deep/></a:own></track></trackList></playlist>",
        '<playlist xmlns="http://xspf.org/ns/0/"><trackList><track xmlns:a="urn:d"><title>T</title>'
        '<a:own xmlns:a="urn:d"><deep/></a:own></track></trackList></playlist>',
    ],
)
def test_foreign_elements_mean_the_same_again(xml: str, tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    file.write_text(xml)
    write_playlist(file, read_playlist(file))
    assert tree(file.read_bytes())[2] == tree(xml)[2]
    write_playlist(file, read_playlist(file))
    assert tree(file.read_bytes())[2] == tree(xml)[2]


def test_xml_base_and_old_files_without_a_namespace(tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    file.write_text(
        '<playlist version="0" xml:base="../music/"><trackList>'
        "<track><location>a.mp3</location></track>"
        '<track xml:base="http://example.com/"><location>b.mp3</location></track>'
        '<track><location xml:base="sub/">c.mp3</location></track></trackList></playlist>'
    )
    found = read_playlist(file)
    music = tmp_path.parent / "music"
    assert [entry.path for entry in found.entries] == [music / "a.mp3", None, music / "sub/c.mp3"]
    assert found.entries[1].location == "http://example.com/b.mp3"
    write_playlist(file, found)
    again = read_playlist(file)
    assert [entry.path for entry in again.entries] == [entry.path for entry in found.entries]
    assert again.entries[1].location == "http://example.com/b.mp3"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "cp1252"])
def test_encodings_of_xml(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    stated = "utf-8" if encoding == "utf-8-sig" else encoding
    xml = f'<?xml version="1.0" encoding="{stated}"?><playlist><title>Été</title></playlist>'
    file.write_bytes(xml.encode(encoding))
    assert read_playlist(file).name == "Été"


ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (f'<!DOCTYPE p [<!ENTITY e0 "ha">{ENTITIES}]><playlist>&e11;</playlist>', "<!DOCTYPE"),
        ('<!DOCTYPE p [<!ENTITY e SYSTEM "/etc/passwd">]><playlist>&e;</playlist>', "<!DOCTYPE"),
        ('<!DOCTYPE playlist SYSTEM "http://example.com/x"><playlist/>', "<!DOCTYPE"),
        ("<playlist>\n&e;</playlist>", "line 2, column 1: undefined entity; it is no XML"),
        ("<playlist><trackList>", r"line 1, column 22: no element found; it is no XML"),
        ("<rss/>", "it is XML, but no XSPF: it begins with <rss>"),
        ('<playlist xmlns="urn:other"/>', "no XSPF: it begins with <playlist>"),
        ("#EXTM3U\n", "it is no XML"),
        ('<?xml version="1.0" encoding="klingon"?><playlist/>', "unknown encoding"),
        ('<?xml version="1.0" encoding="shift_jis"?><playlist/>', "encoding cannot be read"),
    ],
)
def test_xml_that_is_refused(xml: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    file.write_text(xml)
    with pytest.raises(PlaylistError, match=message) as caught:
        read_playlist(file)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("where", ["<playlist>{}</playlist>", "{}"])
def test_elements_in_elements_in_elements(where: str, tmp_path: Path) -> None:
    file = tmp_path / "mix.xspf"
    deep = "<a>" * 100_000 + "</a>" * 100_000
    file.write_text(where.format(deep))
    if where == "{}":
        with pytest.raises(PlaylistError, match="begins with <a>"):
            read_playlist(file)
    else:
        write_playlist(file, read_playlist(file))
        assert file.read_text().count("</a>") == 99_999  # the innermost is <a/>


@pytest.mark.parametrize("format", ["jspf", "json"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "it is no JSON"),
        ('{"tracks": [], "playlist": {}, "x": NaN}', "NaN is no number of JSON"),
        ('{"tracks": [], "playlist": {}, "x": 1e999}', "1e999 is no number of JSON"),
        ("{", "it is no JSON"),
        ("3", "it is JSON, but no"),
        ('{"tracks": {}, "playlist": []}', "it is JSON|it is JSPF"),
        ('{"tracks": [3], "playlist": {"track": [3]}}', "track 1 is no JSON object|it is JSPF"),
    ],
)
def test_json_that_is_refused(format: str, text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / f"mix.{format}"
    file.write_text(text)
    with pytest.raises(PlaylistError, match=message):
        read_playlist(file)


def test_json_that_lies_too_deep_in_itself(tmp_path: Path) -> None:
    """Whether it is told when it is read or when it is written is an affair of Python's limits."""
    file = tmp_path / "mix.json"
    file.write_text('{"tracks": [], "x": ' + "[" * 990 + "]" * 990 + "}")
    with pytest.raises((PlaylistError, InvalidArgument), match=r"it is no JSON|nested too deep"):
        write_playlist(file, read_playlist(file))


# After the page of JSPF, and what ListenBrainz exports.
JSPF = {
    "playlist": {
        "title": "Two Songs From Thriller",
        "creator": "MJ Fan",
        "date": "2005-01-08T17:10:47-05:00",
        "meta": [{"http://example.com/rel/1/": "my meta 14"}],
        "extension": {
            "https://musicbrainz.org/doc/jspf#playlist": {"public": True},
            "http://example.com/app/1/": [{"a": [1, 2]}],
        },
        "track": [
            {
                "location": ["http://example.com/billiejean.mp3", "Thriller/Billie%20Jean.mp3"],
                "identifier": [f"https://musicbrainz.org/recording/{MBID}", "urn:x:1"],
                "title": "Billie Jean",
                "creator": "Michael Jackson",
                "album": "Thriller",
                "duration": 294_000,
                "trackNum": 6,
                "extension": {"https://musicbrainz.org/doc/jspf#track": {"added_by": "me"}},
            },
            {
                "title": "The Girl Is Mine",
                "identifier": f"http://musicbrainz.org/recording/{MBID}/",
            },
            {"location": "file:///music/x.mp3", "title": 3, "duration": "x"},
        ],
    }
}


def test_the_specification_of_jspf(tmp_path: Path) -> None:
    file = tmp_path / "mix.jspf"
    file.write_text(json.dumps(JSPF))
    found = read_playlist(file)
    assert found.name == "Two Songs From Thriller"
    one, two, three = found.entries
    assert one == PlaylistEntry(
        tmp_path / "Thriller" / "Billie Jean.mp3",
        title="Billie Jean",
        artist="Michael Jackson",
        duration_s=294.0,
        album="Thriller",
        musicbrainz_recording_id=MBID,
        location="Thriller/Billie%20Jean.mp3",
    )
    assert two == PlaylistEntry(title="The Girl Is Mine", musicbrainz_recording_id=MBID)
    assert three == PlaylistEntry(Path("/music/x.mp3"), location="file:///music/x.mp3")
    write_playlist(file, found)
    wanted = json.loads(json.dumps(JSPF))
    tracks = wanted["playlist"]["track"]
    tracks[0]["location"].reverse()  # the file that is here goes first
    tracks[1]["identifier"] = [f"https://musicbrainz.org/recording/{MBID}"]
    tracks[2] = {"location": ["file:///music/x.mp3"]}
    assert json.loads(file.read_text()) == wanted


def test_own_json_is_plain(tmp_path: Path) -> None:
    file = tmp_path / "mix.json"
    entry = PlaylistEntry(
        tmp_path / "é.mp3", "T", "A", 3.25, album="B", musicbrainz_recording_id=MBID, isrc="I"
    )
    write_playlist(file, Playlist("Mix", (entry,), {"seeds": [1]}))
    found = json.loads(file.read_text("utf-8"))
    assert found == {
        "format": "soundalike playlist",
        "version": 1,
        "name": "Mix",
        "recipe": {"seeds": [1]},
        "tracks": [
            {
                "location": str(tmp_path / "é.mp3"),
                "title": "T",
                "artist": "A",
                "album": "B",
                "musicbrainz_recording_id": MBID,
                "isrc": "I",
                "duration_s": 3.25,
            }
        ],
    }
    assert read_playlist(file) == Playlist(
        "Mix", (replace(entry, location=str(entry.path)),), {"seeds": [1]}
    )
    found["mood"] = ["calm"]
    found["tracks"][0]["rating"] = 5
    file.write_text(json.dumps(found))
    write_playlist(file, read_playlist(file))
    assert json.loads(file.read_text("utf-8")) == found
    file.write_text(json.dumps(["a.mp3", {"location": "b.mp3"}, {"title": "T"}]))
    assert [entry.path for entry in read_playlist(file).entries] == [
        tmp_path / "a.mp3",
        tmp_path / "b.mp3",
        None,
    ]
    file.write_text('{"version": 2, "tracks": []}')
    with pytest.raises(PlaylistError, match="its version is 2, and this soundalike reads 1"):
        read_playlist(file)
    file.write_text('{"playlist": {"track": []}}')
    with pytest.raises(PlaylistError, match=r"it is JSPF: call it \.jspf"):
        read_playlist(file)
    assert read_playlist(file, format="jspf").entries == ()


texts = st.text(min_size=1, max_size=6).map(str.strip).filter(bool)


@pytest.mark.parametrize("format", WITH_FIELDS)
@settings(max_examples=40)
@given(
    name=st.none() | texts,
    title=texts,
    artist=st.none() | texts,
    album=st.none() | texts,
    milliseconds=st.none() | st.integers(1, 10**8),
    isrc=st.none() | st.from_regex(r"\A[A-Z]{2}[A-Z0-9]{3}[0-9]{7}\Z", alphabet=st.characters()),
    recording=st.none() | st.uuids(),
)
def test_names_and_identifiers_come_back(
    format: str,
    name: str | None,
    title: str,
    artist: str | None,
    album: str | None,
    milliseconds: int | None,
    isrc: str | None,
    recording: object,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / f"names.{format}"
    entry = PlaylistEntry(
        file.with_name("a.mp3"),
        title=title,
        artist=artist,
        album=album,
        duration_s=None if milliseconds is None else milliseconds / 1000,
        isrc=isrc,
        musicbrainz_recording_id=None if recording is None else str(recording),
    )
    left_out = write_playlist(file, Playlist(name, (entry,)))
    found = read_playlist(file)
    if left_out:
        assert format == "xspf"
        fields = {"title": title, "artist": artist, "album": album, "name": name}
        for each in left_out:
            assert each.field is not None
            assert set(fields[each.field] or "") & set(map(chr, (*range(32), 0xFFFE, 0xFFFF)))
    else:
        assert found.name == name
        (read,) = found.entries
        assert replace(read, location=None) == entry


def test_what_xml_cannot_hold_is_named() -> None:
    bell = PlaylistEntry(Path("/a\x07b.mp3"), "x\x07y\x00", isrc="none")
    address = PlaylistEntry(location="http://x/\x07")
    rendered = render_playlist(Playlist("a\x1bb", (bell, address)), "xspf")
    assert rendered.left_out == (
        LeftOut(None, "name", r"XML cannot hold '\x1b'"),
        LeftOut(bell, "isrc", "'none' is no identifier of that kind"),
        LeftOut(bell, "title", r"XML cannot hold '\x00', '\x07'"),
        LeftOut(address, None, r"XML cannot hold '\x07'"),
    )
    assert b"<location>file:///a%07b.mp3</location>" in rendered.content
    assert b"<title>xy</title>" in rendered.content


@pytest.mark.parametrize("source", ["m3u8", "xspf", "jspf", "json"])
@pytest.mark.parametrize("target", ["m3u8", "xspf", "jspf", "json"])
def test_from_each_format_to_each(source: str, target: str, tmp_path: Path) -> None:
    entries = (
        PlaylistEntry(tmp_path / "a b#é\\.mp3", "T & <x>", "A", 61.0),
        PlaylistEntry(title="Radio", duration_s=1.0, location="http://example.com/a%20b?c=d&e=<f>"),
        PlaylistEntry(title="There", duration_s=1.0, location="M:\\Music\\é.mp3"),
    )
    one, two = tmp_path / f"one.{source}", tmp_path / f"two.{target}"
    assert write_playlist(one, Playlist("Mix", entries, {"a": 1}), relative=True) == ()
    assert write_playlist(two, read_playlist(one)) == ()
    found = read_playlist(two)
    assert (found.name, found.recipe) == ("Mix", {"a": 1})
    assert [entry.path for entry in found.entries] == [tmp_path / "a b#é\\.mp3", None, None]
    assert [entry.title for entry in found.entries] == ["T & <x>", "Radio", "There"]
    assert [entry.duration_s for entry in found.entries] == [61.0, 1.0, 1.0]
    assert found.entries[1].location == "http://example.com/a%20b?c=d&e=<f>"
    is_uri = target in ("xspf", "jspf")
    there = "file:///M:/Music/%C3%A9.mp3" if is_uri else "M:\\Music\\é.mp3"
    assert found.entries[2].location == there
    assert "a path of a Windows computer" in (found.entries[2].why_no_file or "")
    nameless = Playlist(entries=(PlaylistEntry(title="Only a name"),))
    left_out = write_playlist(two, nameless)
    if target == "m3u8":
        assert [each.reason for each in left_out] == ["M3U cannot hold an entry without a path"]
    else:
        assert read_playlist(two) == nameless
