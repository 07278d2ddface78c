"""Limits: what they refuse, whom a track is by, and what they bar in a library of real files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mutagen.wave
import pytest
from fakes import open_library, write_track
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TALB, TCON, TDRC, TIT2, TPE1, TXXX

from soundalike.errors import InvalidArgument
from soundalike.library import Filter, Library, Limits, Match, SimilarResult, Years
from soundalike.library.artists import artists_in

# Path, artists (one by one where several), title, album, genre, year.
MUSIC: list[tuple[str, list[str], str, str, str | None, str | None]] = [
    ("rock/1.wav", ["Toto"], "One", "IV", "Rock", "1982"),
    ("rock/2.wav", ["Toto feat. Cher"], "Two", "IV", "Rock", "1982"),
    ("rock/3.wav", ["Cher"], "Three", "Believe", "Pop; Dance", "1998-10-22"),
    ("rock/4.wav", ["Simon & Garfunkel"], "Four", "Bookends", "Folk", "1968"),
    ("rock/5.wav", ["Paul Simon"], "Five", "Graceland", "folk", "1986"),
    ("jazz/live/6.wav", ["Ella", "Louis"], "Six", "Duets", "Jazz", "1956"),
    ("jazz/live/7.wav", ["Ella & Louis"], "Seven", "Duets", "Jazz", None),
    ("jazz/8.wav", ["Louis"], "Eight", "Hot Five", "Jazz", "1926"),
    ("jazz/9.wav", ["Ella"], "Nine", "Songs", "Électronique", "1959"),
    ("none/10.wav", [], "Ten", "", None, None),
]


def tag(
    path: Path, artists: list[str], title: str, album: str, genre: str | None, year: Any
) -> None:
    file = mutagen.wave.WAVE(path)
    file.add_tags()
    frames = [
        TIT2(text=title),
        TPE1(text="; ".join(artists)),
        TALB(text=album),
        TDRC(text=year or ""),
    ]
    if len(artists) > 1:
        frames += [TXXX(desc="ARTISTS", text=artists)]
    if genre:
        frames += [TCON(text=genre)]
    for frame in frames:
        file.tags.add(frame)
    file.save()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limits")
    for name, *tags in MUSIC:
        tag(write_track(folder / "music" / name, name), *tags)
    with open_library(folder) as library:
        assert library.scan([folder / "music"]).analysed == len(MUSIC)
    return folder


@pytest.fixture
def library(place: Path) -> Iterator[Library]:
    with open_library(place) as opened:
        yield opened


def numbers(found: SimilarResult) -> list[int]:
    return [int(match.track.path.stem) for match in found.matches]


def ids(library: Library) -> dict[int, int]:
    """The ids by the number of the file."""
    return {int(track.path.stem): track.track_id for track in library.tracks()}


# Values


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1994", Years(1994, 1994)),
        ("1990-1999", Years(1990, 1999)),
        (" 1990 - 1999 ", Years(1990, 1999)),
        ("1990-", Years(1990, None)),
        ("-1979", Years(None, 1979)),
    ],
)
def test_years_are_read(text: str, years: Years) -> None:
    assert Years.parse(text) == years
    assert Years.parse(str(years)) == years


@pytest.mark.parametrize("text", ["", "-", "94", "1990s", "1990 1999", "1990-99", "x", "19900"])
def test_what_is_no_year(text: str) -> None:
    with pytest.raises(InvalidArgument, match=r"is no year: write 1994, 1990-1999, 1990- or -1979"):
        Years.parse(text)


@given(
    *[st.tuples(st.none() | st.integers(1900, 1910), st.none() | st.integers(1910, 1920))] * 2,
    st.integers(1895, 1925),
)
def test_years_that_hold_others_have_all_of_theirs(
    one: tuple[int | None, int | None], other: tuple[int | None, int | None], year: int
) -> None:
    def has(years: Years) -> bool:
        return (years.first or 0) <= year <= (years.last or 9999)

    if Years(*one).holds(Years(*other)) and has(Years(*other)):
        assert has(Years(*one))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_per_artist": 0}, "max_per_artist is 0: it must be at least 1"),
        ({"max_per_album": True}, "max_per_album is True: it must be a whole number"),
        ({"artist_gap": -1}, "artist_gap is -1: it must be at least 0"),
        ({"min_length_s": -1}, "min_length_s is -1: it must be at least 0"),
        ({"max_length_s": float("nan")}, "max_length_s is nan: it must be a finite number"),
        (
            {"min_length_s": 90, "max_length_s": 60},
            "min_length_s is 90 and max_length_s is 60: no length lies between",
        ),
        ({"only": ["jazz"]}, r"only is \['jazz'\]: give a Filter"),
        ({"versions": "show"}, "versions is 'show': it must be True or False"),
        (
            {"only": Filter(genres=["Hip-Hop"]), "never": Filter(genres=["hip hop"])},
            "only.genres has 'Hip-Hop', and never.genres has 'Hip-Hop': nothing is left",
        ),
        (
            {"only": Filter(folders=["/music/jazz"]), "never": Filter(folders=["/music"])},
            "only.folders has /music/jazz, and never.folders has /music: nothing is left",
        ),
        (
            {"only": Filter(years=[Years(1990, 1995)]), "never": Filter(years=[Years(1990, None)])},
            "only.years has 1990-1995, and never.years has 1990-: nothing is left",
        ),
        ({"only": Filter(track_ids=[])}, "only.track_ids is empty: that leaves no track"),
        (
            {"only": Filter(track_ids=[1, 2]), "never": Filter(track_ids=[1, 2, 3])},
            "only.track_ids has 2 tracks, and never.track_ids has all of them",
        ),
    ],
)
def test_limits_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Limits(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"genres": "jazz"}, "genres is 'jazz': give a list of names"),
        ({"genres": ["jazz", " "]}, "genres holds ' '"),
        ({"genres": [1]}, "genres holds 1"),
        ({"folders": Path("/music")}, "folders is .*: give a list of paths"),
        ({"folders": ["/a\0b"]}, "folders holds .*: no path can be called so"),
        ({"folders": ["/a\ud800"]}, "folders holds .*: no path can be called so"),
        ({"years": [1994]}, "years holds 1994: give a list of Years"),
        ({"years": Years(1994, 1994)}, "years is .*: give a list of Years"),
        ({"track_ids": [1.5]}, "a track id is 1.5"),
        ({"track_ids": "17"}, "track_ids is '17': give a list of ids"),
    ],
)
def test_filters_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        Filter(**arguments)


def test_what_is_below_what_is_left_out_may_still_be_asked_for_otherwise() -> None:
    Limits(only=Filter(folders=["/music"]), never=Filter(folders=["/music/jazz"]))
    Limits(only=Filter(folders=["/music jazz"]), never=Filter(folders=["/music"]))
    Limits(only=Filter(years=[Years(1990, 1999)]), never=Filter(years=[Years(1994, 1994)]))
    Limits(only=Filter(track_ids=[1, 2]), never=Filter(track_ids=[2]))


def test_the_limit_on_artists_is_given_once() -> None:
    assert Limits().with_max_per_artist(2) == Limits(max_per_artist=2)
    assert Limits(max_per_artist=2).with_max_per_artist(None) == Limits(max_per_artist=2)
    assert Limits(max_per_artist=2).with_max_per_artist(2) == Limits(max_per_artist=2)
    with pytest.raises(InvalidArgument, match="max_per_artist is 3, but the limits have 2"):
        Limits(max_per_artist=2).with_max_per_artist(3)


# Whom a track is by


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Toto", ["Toto"]),
        ("Toto feat. Cher", ["Toto", "Cher"]),
        ("Toto Feat Cher", ["Toto", "Cher"]),
        ("Toto ft. Cher", ["Toto", "Cher"]),
        ("Toto (feat. Cher)", ["Toto", "Cher"]),
        ("Toto [Featuring Cher]", ["Toto", "Cher"]),
        ("Toto featuring Cher", ["Toto", "Cher"]),
        ("Toto; Cher;Ella", ["Toto", "Cher", "Ella"]),
        ("Toto / Cher", ["Toto", "Cher"]),
        ("AC/DC", ["AC/DC"]),
        ("Toto feat.Cher", ["Toto", "Cher"]),
        ("Little Feat", ["Little Feat"]),  # nobody is featured
        ("Featherweight", ["Featherweight"]),
        ("Simon & Garfunkel", ["Simon & Garfunkel"]),
        ("Ella & Louis", ["Ella", "Louis"]),
        ("Ella and Louis", ["Ella", "Louis"]),
        ("Ella x Louis", ["Ella", "Louis"]),
        ("Ella vs. Louis", ["Ella", "Louis"]),
        ("Ella, Louis & Toto", ["Ella", "Louis", "Toto"]),
        ("Ella & Nobody", ["Ella & Nobody"]),
        ("Earth, Wind & Fire", ["Earth, Wind & Fire"]),
        ("Crosby, Stills & Nash & Ella", ["Crosby, Stills & Nash", "Ella"]),
        ("Simon & Garfunkel feat. Toto", ["Simon & Garfunkel", "Toto"]),
        ("Toto feat. Toto", ["Toto"]),
        ("Max Wind", ["Max Wind"]),
        (";", [";"]),
    ],
)
def test_the_names_in_a_tag(text: str, names: list[str]) -> None:
    alone = {"Toto", "Cher", "Ella", "Louis", "Crosby, Stills & Nash", "Simon"}
    assert artists_in(text, alone.__contains__) == tuple(names)


def test_a_long_line_of_names_is_taken_as_it_is() -> None:
    text = " & ".join(f"A{n}" for n in range(13))
    assert artists_in(text, lambda _: True) == (text,)


@given(st.text(max_size=40), st.booleans())
def test_any_text_has_an_artist(text: str, answer: bool) -> None:
    assert artists_in(text, lambda _: answer)


def test_tracks_share_artists_as_their_tags_say(library: Library) -> None:
    with library.view() as view:
        row_of = {n: view.index.row_of(track_id) for n, track_id in ids(library).items()}
        rows = [row_of[n] for n in range(1, 11)]
        found = dict(
            zip(range(1, 11), view.artists([row for row in rows if row is not None]), strict=True)
        )
        for n in (1, 3, 8, 9):
            assert found[n] == {int(view.index.artist_codes[row_of[n]])}
    assert found[2] == found[1] | found[3]
    assert found[6] == found[7] == found[8] | found[9]
    assert len(found[4]) == 1
    assert found[4].isdisjoint(found[5])
    shared = {(a, b) for a, b in itertools.combinations(found, 2) if found[a] & found[b]}
    assert shared == {(1, 2), (2, 3), (6, 7), (6, 8), (6, 9), (7, 8), (7, 9)}


def test_two_names_become_two_artists_when_both_are_there_alone(
    place: Path, tmp_path: Path
) -> None:
    with open_library(tmp_path) as library:
        for n, artist in enumerate(["Simon & Garfunkel", "Simon", "x"]):
            tag(write_track(tmp_path / f"m/{n}.wav", f"{n}"), [artist], str(n), "A", None, None)
        library.scan([tmp_path / "m"])
        with library.view() as view:
            assert len(view.artists([0])[0]) == 1
        tag(write_track(tmp_path / "m/3.wav", "3"), ["Garfunkel"], "3", "A", None, None)
        library.scan([tmp_path / "m"])
        with library.view() as view:
            both, one, _, other = view.artists([0, 1, 2, 3])
            assert both == one | other


# What they bar

FROM_ALL = list(range(1, 11))


def test_the_genres_that_limits_may_name(library: Library) -> None:
    genres = library.genres()
    assert {each.genre.casefold(): each.tracks for each in genres} == {
        "jazz": 3,
        "folk": 2,
        "rock": 2,
        "dance": 1,
        "pop": 1,
        "électronique": 1,
    }
    assert [each.tracks for each in genres] == sorted((e.tracks for e in genres), reverse=True)
    with library.view() as view:
        for each in genres:
            barred = view.barred(Limits(only=Filter(genres=[each.genre])))
            assert barred.allowed.sum() == each.tracks


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(only=Filter(genres=["JAZZ"])), [6, 7, 8]),
        (Limits(only=Filter(genres=["dance"])), [3]),
        (Limits(only=Filter(genres=["Folk", "pop"])), [3, 4, 5]),
        (Limits(only=Filter(genres=["electronique"])), [9]),
        (Limits(never=Filter(genres=["jazz", "rock", "nothing like it"])), [3, 4, 5, 9, 10]),
        (Limits(only=Filter(years=[Years(1950, 1969)])), [4, 6, 9]),
        (Limits(only=Filter(years=[Years(None, 1956)])), [6, 8]),
        (Limits(only=Filter(years=[Years(1926, 1926), Years(1998, None)])), [3, 8]),
        (Limits(never=Filter(years=[Years(None, 2000)])), [7, 10]),
        (Limits(only=Filter(genres=["folk"], years=[Years(1980, 1989)])), [5]),
        (Limits(min_length_s=25), FROM_ALL),
        (Limits(max_length_s=25), FROM_ALL),
    ],
)
def test_what_limits_leave(library: Library, limits: Limits, expected: list[int]) -> None:
    with library.view() as view:
        allowed = view.barred(limits).allowed
        left = [int(track.path.stem) for track in view.tracks(allowed.nonzero()[0].tolist())]
    assert sorted(left) == expected


def test_folders(library: Library, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def left(**limits: Filter) -> list[int]:
        with library.view() as view:
            rows = view.barred(Limits(**limits)).allowed.nonzero()[0].tolist()
            return sorted(int(track.path.stem) for track in view.tracks(rows))

    jazz = place / "music" / "jazz"
    assert left(only=Filter(folders=[jazz])) == [6, 7, 8, 9]
    assert left(only=Filter(folders=[str(jazz)]), never=Filter(folders=[jazz / "live"])) == [8, 9]
    assert left(never=Filter(folders=[jazz, place / "nowhere"])) == [1, 2, 3, 4, 5, 10]
    (place / "link").symlink_to(jazz)
    monkeypatch.chdir(place)
    assert left(only=Filter(folders=["link/live"])) == [6, 7]
    with pytest.raises(InvalidArgument, match=r"no track of the library lies in .*/music/jaz:"):
        left(only=Filter(folders=[place / "music" / "jaz"]))


def test_ids_as_of_a_playlist(library: Library) -> None:
    number = ids(library)
    favourites = frozenset({number[3], number[5], 10**6})
    found = library.similar(number[1], limits=Limits(only=Filter(track_ids=favourites)))
    assert sorted(numbers(found)) == [3, 5]
    found = library.similar(number[1], limits=Limits(never=Filter(track_ids=favourites)))
    assert sorted(numbers(found)) == [2, 4, 6, 7, 8, 9, 10]


def test_a_pattern_of_the_path_says_genre_and_year(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        for name in ("Jazz/1956/a", "Jazz/1990/b", "Rock/1990/c"):
            write_track(tmp_path / f"m/{name}.wav", name)
        library.scan([tmp_path / "m"], pattern="{genre}/{year}/{title}")
        jazz = Limits(only=Filter(genres=["jazz"], years=[Years(1980, None)]))
        found = library.similar("c", limits=jazz)
        assert [match.track.title for match in found.matches] == ["b"]
        # What is known of the tracks is asked again when they change.
        write_track(tmp_path / "m/Jazz/1991/d.wav", "d")
        library.scan([tmp_path / "m"])
        found = library.similar("c", limits=jazz)
        assert sorted(str(match.track.title) for match in found.matches) == ["b", "d"]


@pytest.mark.parametrize(
    ("genre", "message"),
    [
        ("jaz", "no track has the genre 'jaz'. Did you mean 'jazz'?"),
        ("q", "no track has the genre 'q'. The most frequent are: jazz, "),
    ],
)
def test_a_genre_that_is_not_there(library: Library, genre: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        library.similar(1, limits=Limits(only=Filter(genres=[genre])))
    assert message in str(caught.value)


def test_a_library_without_genres_says_so(tmp_path: Path) -> None:
    with open_library(tmp_path) as library:
        write_track(tmp_path / "m/1.wav", "1")
        library.scan([tmp_path / "m"])
        with pytest.raises(InvalidArgument, match="no tag of the library has a genre at all"):
            library.similar(1, limits=Limits(only=Filter(genres=["jazz"])))


def test_limits_that_leave_nothing(library: Library) -> None:
    limits = Limits(min_length_s=60, only=Filter(genres=["jazz"]))
    with pytest.raises(InvalidArgument) as caught:
        library.similar("ten", limits=limits)
    # The query is a tenth, and not among them.
    assert str(caught.value) == (
        "the limits leave nothing of 9 tracks: length takes 9, genre takes 6. "
        "Loosen the limit on length first"
    )


# In answers


def test_each_match_tells_its_place_before_and_what_was_passed_over(library: Library) -> None:
    number = ids(library)
    plain = library.similar(number[4], 100)
    assert [match.rank_before for match in plain.matches] == list(range(1, 10))
    assert all(not match.passed_over for match in plain.matches)
    order = [match.track.track_id for match in plain.matches]
    limits = Limits(max_per_artist=1, never=Filter(genres=["pop"]))
    found = library.similar(number[4], 100, limits=limits)
    shown: list[Match] = list(found.matches)
    assert found.limits == ("max_per_artist", "never")
    assert {match.track.track_id for match in shown} < set(order)
    passed = 0
    for match in shown:
        assert order[match.rank_before - 1] == match.track.track_id
        for over in match.passed_over:
            assert order[over.rank - 1] == over.track_id
            assert over.rule == ("genre" if over.track_id == number[3] else "artist")
            assert over.name == library.track(over.track_id).name
        passed += sum(match.passed_counts.values())
    assert passed <= sum(found.passed_counts.values()) == 9 - len(shown)
    assert found.passed_counts["genre"] == 1


def test_an_album_gives_only_so_many(library: Library) -> None:
    found = library.similar(ids(library)[10], 100, limits=Limits(max_per_album=1))
    assert len({1, 2} & set(numbers(found))) == 1
    assert len({6, 7} & set(numbers(found))) == 1
    assert len(numbers(found)) == 7


def test_the_limit_on_artists_counts_collaborations(library: Library) -> None:
    number = ids(library)
    found = library.similar(number[10], 100, max_per_artist=1)
    shown = set(numbers(found))
    assert len(shown & {6, 7, 8}) == len(shown & {6, 7, 9}) == 1
    assert len(shown & {1, 2}) == len(shown & {2, 3}) == 1
    assert {4, 5} <= shown
