"""Listens come from ListenBrainz, playlists go there, and nothing is left half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answering import Answer, answering
from audio_files import write_audio
from facet_models import music
from fakes import FACETED, open_library, write_track
from hypothesis import given, settings
from hypothesis import strategies as st
from listenbrainz_server import EXTENSION, TOKEN, USER, State, serving
from mutagen.flac import FLAC
from mutagen.id3 import UFID
from mutagen.wave import WAVE
from servers import free_port

from soundalike.errors import InvalidArgument, ServerError
from soundalike.integrations import listenbrainz as listenbrainz_module
from soundalike.integrations.listenbrainz import MARK, ListenBrainz
from soundalike.library import Library
from soundalike.library.listens import listens_in

AT = 1_760_000_000
ANY_LENGTH = ("--min-length", "1")


def recording(number: int) -> str:
    return str(uuid.UUID(int=number + 1, version=4))


def listen(at: int, number: int = 0, title: str = "Song") -> dict[str, Any]:
    return {
        "listened_at": at,
        "recording_msid": str(uuid.UUID(int=at)),
        "track_metadata": {
            "artist_name": "Somebody",
            "track_name": f"{title} {number}",
            "mbid_mapping": {"recording_mbid": recording(number)},
        },
    }


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def server(state: State) -> Iterator[ListenBrainz]:
    with serving(state) as url, ListenBrainz(TOKEN, url=url, sleep=lambda _: None) as client:
        yield client


@settings(max_examples=10)
@given(st.lists(st.integers(AT, AT + 150), max_size=350))
def test_every_listen_comes_however_pages_cut_seconds_apart(times: list[int]) -> None:
    # The server gives at most 100 at a time; fewer than those are in one second.
    times = [at for at in times if times.count(at) < 100]
    state = State(listens=[listen(at, number) for number, at in enumerate(times)])
    with serving(state) as url, ListenBrainz(url=url) as client:
        found = {each["track_metadata"]["track_name"] for each in client.listens(USER)}
        assert found == {f"Song {number}" for number in range(len(times))}
        later = [each["listened_at"] for each in client.listens(USER, since=AT + 75)]
        assert set(later) == {at for at in times if at > AT + 75}


def test_listens_and_feedback_are_noted_once(
    state: State, server: ListenBrainz, tmp_path: Path
) -> None:
    state.listens = [listen(AT + number, number % 3) for number in range(250)]
    state.feedback = [
        {"created": AT, "recording_mbid": recording(0), "score": 1, "track_metadata": None},
        {"created": AT, "recording_mbid": recording(7), "score": -1},
    ]
    with open_library(tmp_path, name=FACETED) as library:
        for number in range(2):
            file = WAVE(write_track(tmp_path / "music" / f"{number}.wav", f"{number}"))
            file.add_tags()
            owner = "http://musicbrainz.org"
            file.tags.add(UFID(owner=owner, data=recording(number).encode()))
            file.save()
        library.scan([tmp_path / "music"], jobs=1)

        def taken() -> tuple[int, int, int, int]:
            items = [*server.listens(USER), *server.feedback(USER)]
            found = library.import_listens(listens_in(("", each) for each in items))
            return found.plays, found.added_plays, found.opinions, found.added_opinions

        assert taken()[1:] == (167, 2, 1)
        assert taken()[1::2] == (0, 0)
        assert library.taste_counts().judgements["like"] == 1


def test_a_long_playlist_goes_there_whole(state: State, server: ListenBrainz) -> None:
    wanted = [recording(number) for number in range(250)]
    made = server.put("Evening ☃", wanted, is_public=False)
    (kept,) = state.playlists.items()
    assert kept[0] == made.playlist_id
    assert kept[1] == {"title": "Evening ☃", "annotation": MARK, "public": False, "tracks": wanted}
    assert server.recordings(made.playlist_id) == wanted


def test_ours_is_replaced_and_nobody_elses(state: State, server: ListenBrainz) -> None:
    first = server.put("Evening", [recording(1)], is_public=True)
    theirs = {"title": "Evening", "annotation": "mine", "public": True, "tracks": [recording(9)]}
    state.playlists["9" * 36] = dict(theirs)
    other = server.put("Morning", [recording(2)], is_public=True)
    second = server.put("Evening", [recording(3), recording(3)], is_public=True)
    assert first.playlist_id not in state.playlists
    assert set(state.playlists) == {"9" * 36, other.playlist_id, second.playlist_id}
    assert state.playlists["9" * 36] == theirs


@pytest.mark.parametrize(
    "trouble",
    [{"forgets": 1}, {"fails_at": ("item/add",)}, {"fails_at": ("playlist/create",)}],
    ids=str,
)
def test_what_fails_leaves_the_old_playlist(
    state: State, server: ListenBrainz, trouble: dict[str, Any]
) -> None:
    server.put("Evening", [recording(1)], is_public=False)
    before = json.dumps(state.playlists)
    for name, value in trouble.items():
        setattr(state, name, value)
    with pytest.raises(ServerError):
        server.put("Evening", [recording(number) for number in range(150)], is_public=False)
    assert json.dumps(state.playlists) == before


def test_who_asks_too_often_waits(state: State) -> None:
    waited: list[float] = []
    with serving(state) as url, ListenBrainz(TOKEN, url=url, sleep=waited.append) as client:
        state.busy = 2
        assert client.user() == USER
        assert len(waited) == 2
        state.busy = 100
        with pytest.raises(ServerError, match="too often"):
            client.user()


def test_who_is_wrong_is_told(state: State) -> None:
    with serving(state) as url:
        with ListenBrainz("wrong", url=url) as client, pytest.raises(ServerError) as raised:
            client.user()
        assert "the token is wrong" in str(raised.value)
        assert "wrong " not in str(raised.value).replace("token is wrong", "")
        with ListenBrainz(url=url) as client:
            with pytest.raises(ServerError, match="Cannot find user: nobody"):
                list(client.listens("nobody"))
            with pytest.raises(ServerError, match="needs a token"):
                client.put("Evening", [recording(1)], is_public=True, user=USER)
    for url in ("ftp://x", "nonsense", "https://me:secret@api.example.org"):
        with pytest.raises(InvalidArgument) as refused:
            ListenBrainz(TOKEN, url=url)
        assert "secret" not in str(refused.value)
    with pytest.raises(InvalidArgument, match="token"):
        ListenBrainz("two words")


def test_what_is_no_api_is_told() -> None:
    with (
        answering(lambda _: Answer(b"<html>hello</html>")) as url,
        ListenBrainz(TOKEN, url=url) as client,
        pytest.raises(ServerError, match="no JSON"),
    ):
        client.user()
    for says, words in (
        (Answer(b"<html>Bad gateway</html>", 502), "an error of its own .HTTP 502.*try again"),
        (None, "the connection broke"),
    ):
        with (
            answering(lambda _, says=says: says) as url,  # type: ignore[misc]
            ListenBrainz(TOKEN, url=url) as client,
            pytest.raises(ServerError, match=words),
        ):
            client.user()
    url = f"http://127.0.0.1:{free_port()}"
    with ListenBrainz(TOKEN, url=url) as client, pytest.raises(ServerError, match="be reached"):
        client.user()


def test_an_answer_that_drips_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listenbrainz_module, "_WHOLE", 0)
    with (
        answering(lambda _: Answer(b"{}")) as url,
        ListenBrainz(TOKEN, url=url) as client,
        pytest.raises(ServerError, match="is not answered within 30 s"),
    ):
        client.user()


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the built-in model: five tracks, four of them tagged with MusicBrainz ids."""
    folder = tmp_path_factory.mktemp("tagged")
    (folder / "music").mkdir()
    for number in range(5):
        path = folder / "music" / f"{number}.flac"
        write_audio(path, music(15.0, bpm=70.0 + 25 * number, seed=number), 22_050, "flac")
        file = FLAC(path)
        file["artist"], file["title"] = f"Somebody {number}", f"Song {number}"
        if number < 4:
            file["musicbrainz_trackid"] = recording(number)
        file.save()
    with Library(folder / "library.db") as library:
        library.scan([folder / "music"], jobs=1)
    return folder


def run(folder: Path, url: str, *words: str, token: str | None = TOKEN) -> Any:
    environment = {
        **os.environ,
        "SOUNDALIKE_LIBRARY": str(folder / "library.db"),
        "SOUNDALIKE_LISTENBRAINZ_URL": url,
    }
    environment.pop("SOUNDALIKE_LISTENBRAINZ_TOKEN", None)
    if token:
        environment["SOUNDALIKE_LISTENBRAINZ_TOKEN"] = token
    ran = subprocess.run(
        [sys.executable, "-m", "soundalike", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    return ran


@pytest.mark.slow
def test_a_playlist_goes_there_by_one_command(tagged: Path, state: State) -> None:
    with serving(state) as url:
        ran = run(tagged, url, "playlist", "1", *ANY_LENGTH, "--to", "listenbrainz:Like one")
        assert ran.returncode == 0, ran.stderr
        (made,) = state.playlists.values()
        assert (made["title"], made["public"]) == ("Like one", False)
        # The seed is not among them, and one track has no id.
        assert sorted(made["tracks"]) == sorted(recording(number) for number in (1, 2, 3))
        missing = run(
            tagged, url, "playlist", "1", *ANY_LENGTH, "--to", "listenbrainz:Like one", token=None
        )
        assert missing.returncode == 1
        assert "SOUNDALIKE_LISTENBRAINZ_TOKEN" in missing.stderr
        assert len(state.playlists) == 1


def test_a_playlist_file_is_posted(tagged: Path, state: State, tmp_path: Path) -> None:
    paths = [str(tagged / "music" / f"{number}.flac") for number in (3, 4, 0)]
    (tmp_path / "mix.m3u8").write_text("\n".join(paths) + "\n", encoding="utf-8")
    with serving(state) as url:
        ran = run(tagged, url, "listenbrainz", "post", str(tmp_path / "mix.m3u8"), "--public")
        assert ran.returncode == 0, ran.stderr
        assert "1 track left out" in ran.stderr
        (made,) = state.playlists.values()
        assert (made["title"], made["public"]) == ("mix", True)
        assert made["tracks"] == [recording(3), recording(0)]


def test_listens_come_by_one_command(tagged: Path, state: State) -> None:
    state.listens = [listen(AT + number, number % 5) for number in range(10)]
    with serving(state) as url:
        ran = run(tagged, url, "listenbrainz", "listens", "--json")
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)
        # Two are of a track that neither has an id nor is called so.
        assert (found["plays"], found["added_plays"]) == (10, 8)
        nobody = run(tagged, url, "listenbrainz", "listens", "--user", "nobody")
        assert nobody.returncode == 1
        assert "Cannot find user: nobody" in nobody.stderr


def test_jspf_names_recordings_as_listenbrainz_does(tagged: Path, tmp_path: Path) -> None:
    ran = run(
        tagged,
        "http://localhost",
        "playlist",
        "1",
        *ANY_LENGTH,
        "--out",
        str(tmp_path / "mix.jspf"),
    )
    assert ran.returncode == 0, ran.stderr
    written = json.loads((tmp_path / "mix.jspf").read_text(encoding="utf-8"))["playlist"]
    uris = [uri for track in written["track"] for uri in track.get("identifier", [])]
    assert f"https://musicbrainz.org/recording/{recording(2)}" in uris
    assert EXTENSION not in written.get("extension", {})
