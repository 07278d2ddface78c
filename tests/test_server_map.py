"""The map and its groups by the server."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from servers import Music, client_of
from test_server import problem_of

from soundalike import Library
from soundalike.library.heard import heard_in
from soundalike.recommend.clusters import groups_of
from soundalike.recommend.map import kept_map, map_of
from soundalike.server.maps import Maps
from soundalike.server.settings import Settings

COLUMNS = (
    ("x", "<f4"),
    ("y", "<f4"),
    ("track_id", "<i4"),
    ("trust", "<f4"),
    ("membership", "<f4"),
    ("group", "<i2"),
    ("flags", "u1"),
)


@dataclass(frozen=True)
class Points:
    """What a page reads, as the layout is described."""

    n_groups: int
    state: int
    columns: dict[str, NDArray[np.generic]]


def parsed(data: bytes) -> Points:
    magic, version, start, n, n_groups, state, zero = struct.unpack_from("<4sHHIIII", data)
    assert (magic, version, zero) == (b"SMAP", 1, 0)
    columns: dict[str, NDArray[np.generic]] = {}
    for name, kind in COLUMNS:
        assert start % np.dtype(kind).itemsize == 0
        columns[name] = np.frombuffer(data, kind, n, start)
        start += columns[name].nbytes
    assert start == len(data)
    return Points(n_groups, state, columns)


def wait_for_map(client: httpx.Client) -> dict[str, object]:
    until = time.monotonic() + 60
    while (state := client.get("/api/v1/map/state").json())["status"] == "running":
        assert time.monotonic() < until
        time.sleep(0.02)
    found: dict[str, object] = state
    return found


@pytest.fixture(scope="module")
def mapped(
    composed: Music, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Library]]:
    """A server whose library has a map that was made when two tracks were not there."""
    copy = composed.copy(tmp_path_factory.mktemp("mapped"))
    with Library(copy) as library:
        gone = [track.path for track in library.tracks()[:2]]
        library.forget(*gone)
        with client_of(Settings(library=str(copy))) as client:
            assert client.get("/api/v1/map").json()["is_made"] is False
            assert client.post("/api/v1/map").status_code == 202
            assert wait_for_map(client)["status"] == "finished"
            assert client.get("/api/v1/map").json()["n_points"] == 22
            library.scan([path.parent for path in gone], jobs=1)
            until = time.monotonic() + 60
            while client.get("/api/v1/map").json()["n_new"] < 2:
                assert time.monotonic() < until
                time.sleep(0.05)
            yield client, library


def test_without_a_map_there_are_no_points(client: httpx.Client) -> None:
    found = client.get("/api/v1/map").json()
    assert (found["is_made"], found["n_points"], found["groups"]) == (False, 0, [])
    for path in ("map/points", "map/labels?by=artist", "map/nearest/1", "clusters"):
        answer = client.get(f"/api/v1/{path}")
        assert "POST /api/v1/map" in str(problem_of(answer, 409)["detail"])


def test_points_are_those_of_the_map(mapped: tuple[httpx.Client, Library]) -> None:
    client, library = mapped
    found = kept_map(library.index(), library.path)
    assert found is not None
    about = client.get("/api/v1/map").json()
    points = parsed(client.get("/api/v1/map/points").content)
    assert points.state == about["state"]
    assert points.n_groups == found.n_groups
    assert np.array_equal(points.columns["track_id"], found.track_ids)
    assert np.array_equal(points.columns["x"], found.places[:, 0])
    assert np.array_equal(points.columns["y"], found.places[:, 1])
    assert np.array_equal(points.columns["trust"], found.trust)
    assert np.array_equal(points.columns["membership"], found.memberships)
    assert np.array_equal(points.columns["group"], found.groups)
    flags = points.columns["flags"].astype(int)
    assert np.array_equal(flags & 1 != 0, found.is_new)
    assert np.array_equal(flags & 2 != 0, found.is_unclear)
    assert int(found.is_new.sum()) == about["n_new"] == 2
    assert about["kept"] == pytest.approx(float(found.trust.mean()), abs=1e-6)


def test_points_have_labels(mapped: tuple[httpx.Client, Library]) -> None:
    client, library = mapped
    ids = parsed(client.get("/api/v1/map/points").content).columns["track_id"].tolist()
    tracks = {track.track_id: track for track in library.tracks()}

    def named(by: str) -> list[str | None]:
        found = client.get("/api/v1/map/labels", params={"by": by}).json()
        assert found["state"] == client.get("/api/v1/map").json()["state"]
        assert len(found["codes"]) == len(ids)
        return [found["names"][code] if code >= 0 else None for code in found["codes"]]

    assert named("artist") == [tracks[each].artist for each in ids]
    assert named("genre") == [tracks[each].genre for each in ids]
    # All lie in music/BAND/ALBUM.
    assert named("folder") == [tracks[each].path.parent.parent.name for each in ids]
    assert set(named("group")) <= {g["name"] for g in client.get("/api/v1/map").json()["groups"]}
    with library.view() as view:
        heard = heard_in(view)
    best = np.nan_to_num(heard.genre_probabilities)
    assert named("model_genre") == [
        heard.genres[row.argmax()] if row.max() >= 0.5 else None for row in best
    ]
    problem_of(client.get("/api/v1/map/labels", params={"by": "colour"}), 422)


def test_points_and_labels_are_sent_once(mapped: tuple[httpx.Client, Library]) -> None:
    client, _ = mapped
    paths = ("map/points", "map/labels?by=artist", "map/labels?by=genre")
    tags = {}
    for path in paths:
        first = client.get(f"/api/v1/{path}")
        tags[path] = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        for known in (tags[path], f'"other", W/{tags[path]}', "*"):
            again = client.get(f"/api/v1/{path}", headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tags[path]
        assert client.head(f"/api/v1/{path}").headers["etag"] == tags[path]
        other = client.get(f"/api/v1/{path}", headers={"If-None-Match": '"other"'})
        assert other.content == first.content
    assert len(set(tags.values())) == len(paths)


def test_true_neighbours_are_the_nearest_by_sound(mapped: tuple[httpx.Client, Library]) -> None:
    client, library = mapped
    index = library.index()
    row = int(np.flatnonzero(~np.isin(index.track_ids, [1, 2]))[5])
    track_id = int(index.track_ids[row])
    found = client.get(f"/api/v1/map/nearest/{track_id}").json()
    products = index.embeddings @ index.embeddings[row]
    products[row] = -np.inf
    by_sound = index.track_ids[np.argsort(-products, kind="stable")].tolist()
    kept = kept_map(index, library.path)
    assert kept is not None
    old = set(kept.track_ids[~kept.is_new].tolist())
    assert found["nearest"] == [each for each in by_sound if each in old][: len(found["nearest"])]
    assert len(found["nearest"]) == 10
    problem_of(client.get("/api/v1/map/nearest/999999"), 404)


def test_clusters_are_those_of_the_map(mapped: tuple[httpx.Client, Library]) -> None:
    client, library = mapped
    found = client.get("/api/v1/clusters").json()
    with library.view() as view:
        heard = heard_in(view)
    groups = groups_of(heard, map_of(heard.index, library.path))
    assert [each["name"] for each in found["groups"]] == [each.name for each in groups]
    assert sum(each["size"] for each in found["groups"]) == found["tracks"] == 24
    two = client.get("/api/v1/clusters", params={"groups": 2}).json()
    assert len(two["groups"]) == 2
    problem_of(client.get("/api/v1/clusters", params={"groups": 400}), 422)


def test_other_numbers_of_groups_are_kept(composed: Music, tmp_path: Path) -> None:
    with Library(composed.copy(tmp_path)) as library:
        maps = Maps(library)
        maps.make(lambda *_: None)
        found = [maps.grouped(n) for n in (2, 3, 4, 5, 6)]
        assert [len(groups) for _, groups in found] == [2, 3, 4, 5, 6]
        assert maps.grouped(6) is found[-1]
        # Of only so many.
        assert maps.grouped(2) is not found[0]
        maps.make(lambda *_: None, seed=3)
        assert maps.grouped(6) is not found[-1]


def test_a_map_that_is_made_anew_has_another_state(
    mapped: tuple[httpx.Client, Library],
) -> None:
    client, _ = mapped
    before = client.get("/api/v1/map").json()
    known = {"If-None-Match": client.get("/api/v1/map/points").headers["etag"]}
    client.post("/api/v1/map", json={"seed": 5})
    assert wait_for_map(client)["status"] == "finished"
    after = client.get("/api/v1/map").json()
    assert (after["n_new"], after["n_points"]) == (0, 24)
    assert after["state"] != before["state"]
    points = client.get("/api/v1/map/points", headers=known)
    assert points.status_code == 200
    assert parsed(points.content).state == after["state"]
    assert points.headers["etag"] != known["If-None-Match"]
