"""Playlists by the server: made, gone on with, put in order, sent as files, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import Music, client_of
from test_server import problem_of

from soundalike import Library
from soundalike.library.limits import Limits
from soundalike.playlists import read_playlist
from soundalike.recommend.playlist import make_playlist
from soundalike.recommend.playlist_files import refresh_playlist
from soundalike.server.settings import Settings
from soundalike.show.documents import to_json

LIMITS = {"min_length_s": 0}


@pytest.fixture(scope="module")
def kept(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server with a library of its own, and no playlists."""
    library = composed.copy(tmp_path_factory.mktemp("kept"))
    with client_of(Settings(library=str(library))) as found:
        yield found


def ids(tracks: list[dict[str, object]]) -> list[object]:
    return [each["track_id"] for each in tracks]


def made(client: httpx.Client, **body: object) -> dict[str, object]:
    answer = client.post("/api/v1/playlists/make", json={"limits": LIMITS, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_what_is_made_is_what_the_library_makes(client: httpx.Client, composed: Music) -> None:
    body = {
        "seeds": [{"track_id": 1}, {"track_id": 9}],
        "without": [{"track_id": 20}],
        "tracks": 6,
        "weights": {"rhythm": 2},
        "surprise": 0.4,
        "random_seed": 3,
        "with_seeds": True,
        "limits": {"min_length_s": 0, "max_per_artist": 2, "artist_gap": 1},
    }
    found = made(client, **body)
    with Library(composed.library) as library:
        expected = make_playlist(
            library,
            [1, 9],
            without=[20],
            tracks=6,
            weights={"rhythm": 2},
            surprise=0.4,
            random_seed=3,
            with_seeds=True,
            limits=Limits(min_length_s=0, max_length_s=900, max_per_artist=2, artist_gap=1),
        )
    assert [each["track"]["track_id"] for each in found["items"]] == [
        each.track.track_id for each in expected.items
    ]
    assert found["recipe"] == to_json(expected.recipe)


def test_a_bound_by_default_does_not_stand_against_one_that_is_given(client: httpx.Client) -> None:
    found = made(client, seeds=[{"track_id": 1}], limits={"max_length_s": 30})
    assert found["items"]
    assert found["limits"] == ["max_length_s"]
    asked = {"seeds": [{"track_id": 1}], "limits": {"min_length_s": 30, "max_length_s": 20}}
    assert "no length lies between" in client.post("/api/v1/playlists/make", json=asked).text


def test_a_list_goes_on_and_is_put_in_order(client: httpx.Client) -> None:
    before = [1, 2, 12]
    answer = client.post(
        "/api/v1/playlists/extend", json={"track_ids": before, "tracks": 4, "limits": LIMITS}
    )
    added = [each["track"]["track_id"] for each in answer.json()["items"]]
    assert len(added) == 4
    assert not set(added) & set(before)
    asked = {"track_ids": [*before, *added], "artist_gap": 0}
    found = client.post("/api/v1/playlists/order", json=asked).json()
    assert sorted(ids(found["tracks"])) == sorted([*before, *added])
    assert found["total_step"] <= found["given_total_step"]
    assert len(found["steps"]) == 6
    assert found["not_placed"] == []


@pytest.mark.parametrize("suffix", ["m3u8", "xspf", "jspf", "json"])
def test_a_file_is_sent_that_players_read(
    client: httpx.Client, composed: Music, tmp_path: Path, suffix: str
) -> None:
    recipe = made(client, seeds=[{"track_id": 1}], tracks=3)["recipe"]
    body = {"name": "Evening/Ünder", "track_ids": [5, 3, 3], "format": suffix, "recipe": recipe}
    answer = client.post("/api/v1/playlists/export", json=body)
    assert answer.status_code == 200, answer.text
    disposition = answer.headers["content-disposition"]
    plain, encoded = disposition.split("; ")[1:]
    assert plain == f'filename="Evening__nder.{suffix}"'
    assert encoded == f"filename*=UTF-8''Evening_%C3%9Cnder.{suffix}"
    file = tmp_path / f"got.{suffix}"
    file.write_bytes(answer.content)
    found = read_playlist(file)
    with Library(composed.library) as library:
        paths = [library.track(each).path for each in (5, 3, 3)]
    assert [each.path for each in found.entries] == paths
    assert (found.name, found.recipe) == ("Evening/Ünder", recipe)


def test_a_playlist_is_kept_renamed_made_again_and_deleted(
    kept: httpx.Client, composed: Music
) -> None:
    assert kept.get("/api/v1/playlists").json() == {"playlists": []}
    found = made(kept, seeds=[{"track_id": 1}], tracks=4)
    track_ids = [each["track"]["track_id"] for each in found["items"]]
    body = {"track_ids": track_ids, "recipe": found["recipe"]}
    put = kept.put("/api/v1/playlists/Evening", json=body).json()
    assert (put["name"], put["n_entries"], put["can_refresh"]) == ("Evening", 4, True)
    again = kept.put("/api/v1/playlists/Evening", json=body).json()
    assert again["playlist_id"] == put["playlist_id"]
    renamed = kept.put(f"/api/v1/playlists/{put['playlist_id']}", json={**body, "name": "A/B"})
    assert renamed.json()["playlist_id"] == put["playlist_id"]
    (listed,) = kept.get("/api/v1/playlists").json()["playlists"]
    assert (listed["name"], Path(listed["path"]).name) == ("A/B", "A_B.m3u8")
    content = kept.get(f"/api/v1/playlists/{put['playlist_id']}").json()
    assert [each["track"]["track_id"] for each in content["entries"]] == track_ids
    # The file is one that the command refreshes as well.
    with Library(Path(listed["path"]).parent.parent / "library.db") as library:
        assert not refresh_playlist(library, listed["path"], write=False).came
    short = {**body, "track_ids": track_ids[:1]}
    kept.put(f"/api/v1/playlists/{put['playlist_id']}", json=short)
    fresh = kept.post(f"/api/v1/playlists/{put['playlist_id']}/refresh").json()
    assert ids(fresh["came"]) == track_ids[1:]
    assert kept.delete(f"/api/v1/playlists/{put['playlist_id']}").status_code == 200
    problem_of(kept.get(f"/api/v1/playlists/{put['playlist_id']}"), 404)
    problem_of(kept.delete("/api/v1/playlists/Evening"), 404)


def test_a_playlist_of_no_recipe_cannot_be_made_again(kept: httpx.Client) -> None:
    kept.put("/api/v1/playlists/By hand", json={"track_ids": [1, 2], "recipe": {}})
    assert kept.get("/api/v1/playlists/By hand").json()["recipe"] is None
    answer = kept.post("/api/v1/playlists/By hand/refresh")
    assert "does not say how it was made" in str(problem_of(answer, 422)["detail"])


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"seeds": [{"playlist": "/etc/passwd"}]}, "/etc/passwd"),
        ({"seeds": [{"folder": "/etc"}]}, "/etc"),
        ({"seeds": [{"path": "/etc/hostname"}]}, "no track of the library"),
        ({"without": [{"path": "/etc/hostname"}]}, "no track of the library"),
        ({"seeds": [], "only_playlists": ["/etc/passwd"]}, "/etc/passwd"),
        ({"seeds": [], "not_playlists": ["/etc/passwd"]}, "/etc/passwd"),
        ({"seeds": 5}, "no list of seeds"),
        ({"seeds": [{"path": 5}]}, "no seed"),
        ({"seeds": [{}]}, "without a path"),
        ({"seeds": [{"path": "x", "title": []}]}, "no seed"),
        ({"tracks": "many"}, "tracks"),
        ({"limits": [1]}, "limits"),
        ({"weights": [1]}, "weights"),
        ({"colour": 1}, "colour"),
        ({"base": ["/", "/x"]}, "base"),
    ],
)
def test_a_recipe_names_no_file_of_the_computer(
    kept: httpx.Client, recipe: dict[str, object], words: str
) -> None:
    whole = {"version": 1, "make": "playlist", **recipe}
    answer = kept.put("/api/v1/playlists/Spy", json={"track_ids": [1], "recipe": whole})
    assert words in str(problem_of(answer, 422)["detail"])
    problem_of(kept.get("/api/v1/playlists/Spy"), 404)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("make", {"seeds": []}, 422),
        ("make", {"seeds": [{"track_id": 999_999}]}, 404),
        ("make", {"seeds": [{"track_id": 1}], "minutes": 0}, 422),
        ("make", {"seeds": [{"track_id": 1}], "order": "random"}, 422),
        ("make", {"seeds": [{"track_id": 1}], "only_playlists": ["/etc/passwd"]}, 422),
        ("extend", {"track_ids": [999_999]}, 404),
        ("order", {"track_ids": [2**62]}, 404),
        ("order", {"track_ids": []}, 422),
        ("export", {"name": "x", "track_ids": [999_999]}, 404),
        ("export", {"name": "x", "track_ids": [1], "format": "exe"}, 422),
    ],
)
def test_bad_lists_are_problems(
    client: httpx.Client, path: str, body: dict[str, object], status: int
) -> None:
    problem_of(client.post(f"/api/v1/playlists/{path}", json=body), status)
