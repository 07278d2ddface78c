"""Paths, radio and versions by the server."""

from __future__ import annotations

import time

import httpx
import pytest
from servers import Music, client_of
from test_server import problem_of

from soundalike import Library
from soundalike.library.compared import not_compared
from soundalike.library.limits import Limits
from soundalike.recommend.journey import make_path
from soundalike.recommend.station import continue_radio, start_radio
from soundalike.server.api import versions
from soundalike.server.settings import Settings

LIMITS = {"min_length_s": 0}
ANY = Limits(min_length_s=0, max_length_s=900)


def test_a_path_is_that_of_the_library(client: httpx.Client, composed: Music) -> None:
    body = {"waypoints": [{"track_id": 2}, {"track_id": 20}], "tracks": 5, "limits": LIMITS}
    found = client.post("/api/v1/path", json=body)
    assert found.status_code == 200, found.text
    with Library(composed.library) as library:
        expected = make_path(library, [2, 20], tracks=5, limits=ANY)
    assert [each["track"]["track_id"] for each in found.json()["stops"]] == [
        each.track.track_id for each in expected.stops if each.track is not None
    ]


def test_a_radio_goes_on_from_its_state(client: httpx.Client, composed: Music) -> None:
    body = {"seeds": [{"track_id": 4}], "tracks": 5, "limits": LIMITS, "random_seed": 2}
    first = client.post("/api/v1/radio", json=body).json()
    played = [each["track"]["track_id"] for each in first["items"]]
    told = {"state": first["state"], "tracks": 4, "like": played[:1], "skip": played[1:2]}
    more = client.post("/api/v1/radio/next", json=told).json()
    with Library(composed.library) as library:
        part = start_radio(library, [4], tracks=5, limits=ANY, random_seed=2)
        rest = continue_radio(library, part.state, tracks=4, like=played[:1], skip=played[1:2])
    assert played == [each.track.track_id for each in part.items]
    assert [each["track"]["track_id"] for each in more["items"]] == [
        each.track.track_id for each in rest.items
    ]
    assert [each["place"] for each in more["items"]] == [6, 7, 8, 9]


def test_the_state_of_a_radio_names_no_file(client: httpx.Client) -> None:
    body = {"seeds": [{"track_id": 4}], "tracks": 1, "limits": LIMITS}
    state = client.post("/api/v1/radio", json=body).json()["state"]
    asked = {"state": {**state, "not_playlists": ["/etc/passwd"]}}
    problem_of(client.post("/api/v1/radio/next", json=asked), 422)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("path", {"waypoints": [{"track_id": 1}]}, 422),
        ("path", {"waypoints": [{"track_id": 1}, {"track_id": 1}]}, 422),
        ("path", {"waypoints": [{"track_id": 1}, {"track_id": 999_999}]}, 404),
        ("radio", {"seeds": [{"track_id": 1}], "limits": {"max_per_artist": 1}}, 422),
        ("radio", {"seeds": [{"track_id": 1}], "limits": LIMITS, "like": [999_999]}, 404),
        ("radio/next", {"state": {}}, 422),
        ("radio/next", {"state": {"version": 1, "radio": {}}}, 422),
    ],
)
def test_bad_journeys_are_problems(
    client: httpx.Client, path: str, body: dict[str, object], status: int
) -> None:
    problem_of(client.post(f"/api/v1/{path}", json=body), status)


def test_versions_are_those_of_the_library(client: httpx.Client, composed: Music) -> None:
    with Library(composed.library) as library:
        expected = library.versions()
        assert not_compared(library) == 0
        one = library.versions(1)
    found = client.get("/api/v1/versions").json()
    assert found["total"] == len(expected.groups)
    assert found["versions"]["compared"] == expected.compared
    assert [each["best"]["track_id"] for each in found["versions"]["groups"]] == [
        each.best.track_id for each in expected.groups
    ]
    rest = client.get("/api/v1/versions", params={"offset": 1, "limit": 1}).json()
    assert rest["versions"]["groups"] == found["versions"]["groups"][1:2]
    of_one = client.get("/api/v1/tracks/1/versions", params={"kinds": ["near", "version"]})
    assert of_one.json()["query"]["track"]["track_id"] == 1
    assert len(of_one.json()["groups"]) <= len(one.groups)
    problem_of(client.get("/api/v1/tracks/999999/versions"), 404)
    problem_of(client.get("/api/v1/versions", params={"kinds": "remix"}), 422)


def test_many_tracks_are_compared_by_a_job(
    composed: Music, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_MOST_AT_ONCE", 3)
    library = composed.copy(tmp_path)  # type: ignore[arg-type]
    with client_of(Settings(library=str(library))) as client:
        answer = client.get("/api/v1/versions")
        assert "POST /api/v1/versions" in str(problem_of(answer, 409)["detail"])
        assert client.get("/api/v1/versions/state").json()["status"] == "idle"
        started = client.post("/api/v1/versions")
        assert started.status_code == 202
        until = time.monotonic() + 60
        while (state := client.get("/api/v1/versions/state").json())["status"] == "running":
            assert time.monotonic() < until
            time.sleep(0.02)
        assert state["status"] == "finished", state
        assert state["result"]["done"] == state["result"]["total"] == 24
        assert client.get("/api/v1/versions").status_code == 200
