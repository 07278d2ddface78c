"""What paths say where tags say nothing: stand-ins, patterns, and words that follow them."""

from __future__ import annotations

import pytest

from soundalike.audio.tags import Tags
from soundalike.errors import InvalidArgument
from soundalike.library.naming import Roots, album_folder, check_pattern, short_name


def said(path: str, *roots: tuple[str, str | None]) -> tuple[str | None, str | None]:
    tags = Roots([(root.encode(), pattern) for root, pattern in roots]).stand_ins(path)
    return tags.artist, tags.album


@pytest.mark.parametrize(
    ("path", "artist", "album"),
    [
        ("/m/Artist/Album/01 - Title.mp3", "Artist", "Album"),
        ("/m/planet blupi/track8.ogg", "planet blupi", "planet blupi"),
        ("/m/Artist/Album/CD1/01.mp3", "Artist", "Album"),
        ("/m/Artist/Album/Disc 2 - Live/01.mp3", "Artist", "Album"),
        ("/m/Game_Music/disk_02/01.mp3", "Game Music", "Game Music"),
        ("/m/Rock/Artist/Album/01.mp3", "Artist", "Album"),
        ("/m/loose.mp3", None, "m"),
        ("/m/CD1/01.mp3", None, "m"),
        ("/m/Discovery/01.mp3", "Discovery", "Discovery"),
        ("/elsewhere/Artist/Album/01.mp3", "Album", "Album"),  # how far up is unknown
        ("/01.mp3", None, None),
    ],
)
def test_folders_stand_in(path: str, artist: str | None, album: str | None) -> None:
    assert said(path, ("/m", None)) == (artist, album)


def test_the_outermost_folder_that_was_scanned_counts() -> None:
    """To scan one artist again makes no album of hers an artist."""
    roots = (("/m", None), ("/m/Artist", None))
    assert said("/m/Artist/Album/01.mp3", *roots) == ("Artist", "Album")
    assert said("/mm/Artist/Album/01.mp3", *roots) == ("Album", "Album")


def test_the_number_of_a_disc() -> None:
    assert Roots([(b"/m", None)]).stand_ins("/m/A/B/CD 2/01.mp3").disc_number == 2
    assert Roots([(b"/m", None)]).stand_ins("/m/A/B/01.mp3").disc_number is None


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        (
            "{artist}/{album}/{track} - {title}",
            "/m/Sigur Rós/Takk.../03 - Sæglópur.flac",
            Tags(artist="Sigur Rós", album="Takk...", track_number=3, title="Sæglópur"),
        ),
        (
            "{artist}/{album}/{track} - {title}",
            "/m/A/B/CD2/03 - T - U.flac",
            Tags(artist="A", album="B", track_number=3, title="T - U"),
        ),
        (
            "{artist}/{album} ({year})/{track}. {title}",
            "/m/more/A/B (1999)/1.  T.mp3",
            Tags(artist="A", album="B", year=1999, track_number=1, title="T"),
        ),
        (
            "{artist}/{artist} - {title}",
            "/m/some_one/some_one - a_song.mp3",
            Tags(artist="some one", title="a song"),
        ),
        (
            "{genre}/{any}/{title}",
            "/m/Jazz/old/So What.mp3",
            Tags(genre="Jazz", title="So What"),
        ),
        (  # of the file's name alone: the folders still stand in
            "{track} {title}",
            "/m/A/B/07 Seven.mp3",
            Tags(artist="A", album="B", track_number=7, title="Seven"),
        ),
        (  # what does not fit is as without a pattern
            "{artist}/{album}/{track} - {title}",
            "/m/A/B/Seven.mp3",
            Tags(artist="A", album="B"),
        ),
        ("{artist}/{album}/{title}", "/m/A/Seven.mp3", Tags(artist="A", album="A")),
        (
            "{album}/Disc {disc}/{title}",
            "/m/B/Disc 2/X.mp3",
            Tags(album="B", disc_number=2, title="X"),
        ),
    ],
)
def test_patterns(pattern: str, path: str, expected: Tags) -> None:
    check_pattern(pattern)
    assert Roots([(b"/m", pattern)]).stand_ins(path) == expected


def test_the_innermost_pattern_counts() -> None:
    roots = Roots([(b"/m", "{artist}/{title}"), (b"/m/x", "{album}/{title}"), (b"/m/x/y", None)])
    assert roots.stand_ins("/m/x/y/B/T.mp3") == Tags(album="B", title="T")
    assert roots.stand_ins("/m/A/T.mp3") == Tags(artist="A", title="T")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (3, "no text"),
        ("{artist}/{albun}", "{albun} is not known"),
        ("{artist}{album}", "nothing separates {artist} and {album}"),
        ("{artist/{title}", "brace"),
        ("artist}/{title}", "brace"),
        ("/{artist}/{title}", "slash"),
        ("{artist}//{title}", "slash"),
        ("{any}/x", "names nothing"),
        ("no fields", "names nothing"),
    ],
)
def test_patterns_that_are_none(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_pattern(pattern)
    assert reason in str(caught.value)
    assert repr(pattern) in str(caught.value)
    assert "{album_artist}" in str(caught.value)


def test_words_are_of_tags_or_stand_ins_and_of_folders() -> None:
    roots = Roots([(b"/m", None)])
    assert roots.words("/m/planet blupi/track8.ogg", Tags()) == "planet blupi track8"
    assert roots.words(
        "/m/R/Nirvana/Bleach (1989)/b.mp3", Tags(title="Blew", artist="Nirvana")
    ) == ("nirvana blew bleach 1989 b r")
    assert roots.words("/m/A/CD1/b.mp3", Tags()) == "a b"
    assert roots.words("/m/b.mp3", Tags()) == "m b"


def test_names_of_files_that_say_nothing() -> None:
    assert short_name("/m/planet blupi/track8.ogg") == "planet blupi/track8"
    assert short_name("/m/Album/CD1/01.mp3") == "Album/CD1/01"
    assert short_name("/01.mp3") == "01"
    assert album_folder("/m/Album/CD1/01.mp3") == "/m/Album"


def test_a_name_in_another_encoding() -> None:
    roots = Roots([("/m/Caf\udce9".encode("utf-8", "surrogateescape"), None)])
    assert roots.stand_ins("/m/Caf\udce9/B\udce9/1.mp3").artist == "B\\xe9"
    assert roots.words("/m/Caf\udce9/1.mp3", Tags()) == "caf xe9 1"
