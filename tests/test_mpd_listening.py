"""Where MPD is, and what the way in which its songs are left says; without an MPD."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import InvalidArgument
from soundalike.integrations.mpd.address import Address, find_address
from soundalike.integrations.mpd.listening import Listening, Moment, Opinion

LENGTH_S = 200.0


class Player:
    """Songs of 200 s, and a clock: what MPD would say whenever something changes."""

    def __init__(self, crossfade_s: float = 0.0) -> None:
        self.at_s = 1000.0
        self.song = 1
        self.elapsed_s = 0.0
        self.state: Any = "play"
        self.crossfade_s = crossfade_s
        self.ear = Listening()
        self.opinions: list[Opinion] = []
        self.tell()

    def tell(self) -> None:
        is_there = self.song > 0
        now = Moment(
            self.at_s,
            self.state,
            self.song if is_there else None,
            f"{self.song}.flac" if is_there else None,
            self.song - 1 if is_there else None,
            self.elapsed_s,
            LENGTH_S if is_there else None,
            self.crossfade_s,
        )
        opinion = self.ear.follow(now)
        if opinion is not None:
            self.opinions.append(opinion)

    def wait(self, seconds: float) -> None:
        """Time goes by; MPD says nothing of it."""
        self.at_s += seconds
        if self.state == "play":
            self.elapsed_s += seconds

    def seek(self, to_s: float) -> None:
        self.elapsed_s = to_s
        self.tell()

    def pause(self) -> None:
        self.state = "pause" if self.state == "play" else "play"
        self.tell()

    def go_to(self, song: int, into_s: float = 0.0) -> None:
        self.song, self.elapsed_s, self.state = song, into_s, "play"
        self.tell()

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(each.kind, each.uri) for each in self.opinions]


def test_a_song_that_is_left_at_once_is_skipped_and_one_that_ends_is_finished() -> None:
    player = Player()
    player.wait(4)
    player.go_to(2)
    player.wait(LENGTH_S)
    player.go_to(3, into_s=0.0)
    player.wait(60)
    player.go_to(4)
    assert player.said == [("skipped", "1.flac"), ("finished", "2.flac")]
    assert player.opinions[0].heard_s == pytest.approx(4)
    assert player.opinions[1].share == pytest.approx(1)


def test_a_pause_is_not_heard() -> None:
    player = Player()
    player.wait(3)
    player.pause()
    player.wait(600)
    player.pause()
    player.wait(3)
    player.go_to(2)
    assert player.said == [("skipped", "1.flac")]
    assert player.opinions[0].heard_s == pytest.approx(6)


def test_what_somebody_seeks_past_is_not_heard() -> None:
    player = Player()
    player.wait(2)
    player.seek(150)
    player.wait(3)
    player.go_to(2)  # at 2:33, but after five seconds
    player.wait(50)
    player.seek(196)
    player.wait(4)
    player.go_to(3)  # it ended, but only 54 s of it were heard
    assert player.said == [("skipped", "1.flac")]


def test_whoever_hears_a_song_and_seeks_back_has_heard_it() -> None:
    player = Player()
    player.wait(8)
    player.seek(0)
    player.wait(8)
    player.go_to(2)
    assert player.said == []  # sixteen seconds


def test_a_song_that_somebody_begins_in_the_middle_is_skipped_as_any_other() -> None:
    player = Player()
    player.wait(30)
    player.go_to(2, into_s=100.0)
    player.wait(5)
    player.go_to(3)
    assert player.said == [("skipped", "2.flac")]


def test_a_song_on_repeat_is_finished_each_time() -> None:
    player = Player()
    player.wait(LENGTH_S + 1)
    player.seek(1.0)
    player.wait(LENGTH_S)
    player.seek(1.0)
    assert player.said == [("finished", "1.flac")] * 2


def test_the_last_song_of_a_queue_is_finished_and_one_that_is_stopped_is_not_skipped() -> None:
    player = Player()
    player.wait(LENGTH_S)
    player.state, player.song, player.elapsed_s = "stop", 0, 0.0
    player.tell()
    assert player.said == [("finished", "1.flac")]
    player.go_to(2)
    player.wait(3)
    player.state = "stop"
    player.tell()
    player.wait(100)
    player.go_to(3)
    assert player.said == [("finished", "1.flac")]


def test_whoever_goes_back_says_nothing() -> None:
    player = Player()
    player.wait(60)
    player.go_to(2)
    player.wait(3)
    player.go_to(1)
    assert player.said == []


def test_songs_that_fade_into_each_other_end_before_their_end() -> None:
    player = Player(crossfade_s=8.0)
    player.wait(LENGTH_S - 8)
    player.go_to(2)
    assert player.said == [("finished", "1.flac")]


def test_after_a_lost_connection_nothing_follows_from_what_was_before() -> None:
    player = Player()
    player.wait(3)
    player.ear.lose()
    player.at_s += 1000
    player.go_to(5, into_s=50.0)
    player.wait(2)
    player.go_to(6)
    assert player.said == []  # of song 5, 52 s may have been heard


ACTION = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 60)),
    st.tuples(st.just("seek"), st.floats(0, 120)),
    st.tuples(st.just("pause"), st.just(0.0)),
)


@given(st.lists(ACTION, max_size=12), st.floats(0.1, 30))
def test_only_time_in_which_it_plays_is_heard(
    actions: list[tuple[str, float]], last_s: float
) -> None:
    player = Player()
    heard_s = 0.0
    for name, value in [*actions, ("wait", last_s)]:
        if name == "wait":
            # Its end is another matter.
            value = min(value, max(0.0, LENGTH_S - 10 - player.elapsed_s))
            heard_s += value if player.state == "play" else 0.0
            player.wait(value)
        elif name == "seek":
            player.seek(value)
        else:
            player.pause()
    player.go_to(2)
    expected = [("skipped", "1.flac")] if heard_s < 9.999 else []
    if not 9.999 <= heard_s < 10.001:
        assert player.said == expected
    for opinion in player.opinions:
        assert opinion.heard_s == pytest.approx(heard_s, abs=1e-6)


# Where MPD is


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MPD_HOST": "nas"}, Address("nas", 6600)),
        ({"MPD_HOST": "nas", "MPD_PORT": "6601"}, Address("nas", 6601)),
        ({"MPD_HOST": "secret@nas"}, Address("nas", 6600, password="secret")),
        ({"MPD_HOST": "/run/mpd/own"}, Address("/run/mpd/own", None)),
        ({"MPD_HOST": "secret@/run/mpd/own"}, Address("/run/mpd/own", None, password="secret")),
        ({"MPD_HOST": "@mpd"}, Address("@mpd", None)),
        ({"MPD_HOST": "secret@@mpd"}, Address("@mpd", None, password="secret")),
        ({"MPD_HOST": "::1"}, Address("::1", 6600)),
        ({"MPD_PORT": "6601", "MPD_TIMEOUT": "2.5"}, Address("localhost", 6601, 2.5)),
    ],
)
def test_the_environment_names_an_mpd(environ: dict[str, str], expected: Address) -> None:
    assert find_address(environ=environ) == expected


def test_what_is_given_goes_before_the_environment_and_sockets_come_first(tmp_path: Path) -> None:
    environ = {"MPD_HOST": "secret@nas", "MPD_PORT": "1", "XDG_RUNTIME_DIR": str(tmp_path)}
    # A password is that of its host.
    assert find_address("other", 6602, environ) == Address("other", 6602)
    del environ["MPD_HOST"], environ["MPD_PORT"]
    (tmp_path / "mpd").mkdir()
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(tmp_path / "mpd" / "socket"))
        assert find_address(environ=environ).host == str(tmp_path / "mpd" / "socket")
        assert find_address(port=6600, environ=environ) == Address("localhost", 6600)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"MPD_PORT": "music"}, "MPD_PORT is 'music': it must be a number from 1 to 65535"),
        ({"MPD_PORT": "0"}, "MPD_PORT is '0'"),
        ({"MPD_PORT": "66000"}, "MPD_PORT is '66000'"),
        ({"MPD_HOST": "a", "MPD_TIMEOUT": "soon"}, "MPD_TIMEOUT is 'soon'"),
        ({"MPD_HOST": "a", "MPD_TIMEOUT": "0"}, "MPD_TIMEOUT is '0'"),
    ],
)
def test_an_environment_that_makes_no_sense_is_told(environ: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        find_address(environ=environ)


def test_a_password_is_neither_taken_from_a_command_line_nor_shown() -> None:
    with pytest.raises(InvalidArgument, match="leave the password out") as caught:
        find_address("secret@nas")
    assert "secret" not in str(caught.value)
    found = find_address(environ={"MPD_HOST": "secret@nas"})
    assert "secret" not in f"{found!r} {found.url} {found.name}"


def test_an_mpd_has_a_name_that_a_library_takes() -> None:
    from soundalike.library.linking import check_server_name

    places = [Address("localhost", 6600), Address("/run/mpd/socket", None), Address("@mpd", None)]
    places += [Address("::1", 6600), Address("/tmp/" + "long/" * 20 + "a", None)]
    places += [replace(places[-1], host=places[-1].host[:-1] + "b")]
    names = [each.name for each in places]
    for name in names:
        check_server_name(name)
    assert len(set(names)) == len(names)
    assert names[0] == "mpd-localhost-6600"
