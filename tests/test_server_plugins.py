"""What the similarity plugins of music servers ask: the real server, linked to songs of a fixture.

The requests are those that the plugins send: Navidrome's (main.go and audiomuse_api.go of
AudioMuse-AI-NV-plugin), Lyrion's (API.pm of lyrion-audiomuseai-plugin and lms-audiomuse-mixer) and
Jellyfin's (AudioMuseService.cs of audiomuse-ai-plugin).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
from servers import Music, client_of

from soundalike import Library, Track
from soundalike.library.link_records import ServerArtist, ServerFacts, ServerSong
from soundalike.server.settings import Settings
from soundalike.server.tokens import hash_of

FACTS = ServerFacts("subsonic", "http://music.example.org")
TOKEN = "a token"


@dataclass
class Linked:
    """A server whose library is linked, and what is linked to what."""

    client: httpx.Client
    tracks: dict[str, Track]
    embeddings: dict[str, Any]
    library: str

    def get(self, path: str, status: int = 200, **parameters: object) -> Any:
        answer = self.client.get(path, params={key: str(v) for key, v in parameters.items()})
        assert answer.status_code == status, answer.text
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            return answer.json()["detail"]
        return answer.json()

    def distance(self, a: str, b: str) -> float:
        return 1.0 - float(self.embeddings[a] @ self.embeddings[b])


VARIOUS = ServerArtist("ar-various", "Various Artists")


def as_song(item_id: str, track: Track) -> ServerSong:
    return ServerSong(
        item_id=item_id,
        path="/".join(track.path.parts[-3:]),
        artists=(ServerArtist(f"ar-{track.artist}", track.artist or ""),),
        album_artists=(VARIOUS,) if track.track_number == 1 else (),
    )


@pytest.fixture(scope="module")
def linked(composed: Music, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    place = composed.copy(tmp_path_factory.mktemp("linked"))
    with Library(place) as library:
        tracks = library.tracks("analysed")
        # The last one the server does not have; another server has all, by numbers.
        nav = {f"song-{track.track_id}": track for track in tracks[:-1]}
        library.link("navidrome", FACTS, [as_song(*each) for each in nav.items()])
        other = [as_song(str(n), track) for n, track in enumerate(tracks)]
        library.link("Lyrion.local", FACTS, [*other, as_song("song-1", tracks[0])])
        index = library.index()
    embeddings = {
        item_id: index.embeddings[index.row_of(track.track_id)] for item_id, track in nav.items()
    }
    settings = Settings(library=str(place), token_hash=hash_of(TOKEN))
    with client_of(settings) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield Linked(client, nav, embeddings, str(place))


def test_similar_tracks_as_navidrome_asks(linked: Linked) -> None:
    (item_id, *_) = linked.tracks
    asked = {"item_id": item_id, "n": 10, "server": "navidrome"}
    found = linked.get(
        "/api/similar_tracks", **asked, eliminate_duplicates="false", radius_similarity="false"
    )
    assert len(found) == 10
    ids = [each["item_id"] for each in found]
    assert item_id not in ids
    assert len(set(ids)) == 10
    for each in found:
        assert set(each) == {"item_id", "title", "author", "album", "distance"}
        own = linked.tracks[each["item_id"]]
        assert (each["title"], each["author"], each["album"]) == (own.title, own.artist, own.album)
        assert each["distance"] == pytest.approx(
            linked.distance(item_id, each["item_id"]), abs=1e-3
        )
    distances = [each["distance"] for each in found]
    assert distances == sorted(distances)
    # All others of the server, and nothing else.
    everything = linked.get(
        "/api/similar_tracks", **{**asked, "n": 100_000}, eliminate_duplicates="false"
    )
    assert {each["item_id"] for each in everything} == set(linked.tracks) - {item_id}


def test_a_walk_has_the_same_songs_in_small_steps(linked: Linked) -> None:
    (item_id, *_) = linked.tracks
    asked = {"item_id": item_id, "n": 12, "eliminate_duplicates": "true", "server": "navidrome"}
    straight = linked.get("/api/similar_tracks", **asked)
    walk = linked.get("/api/similar_tracks", **asked, radius_similarity="true")
    assert {each["item_id"]: each["distance"] for each in walk} == {
        each["item_id"]: each["distance"] for each in straight
    }

    def apart(ids: list[str]) -> bool:
        """Whether no artist comes twice in a row."""
        return all(linked.tracks[a].artist != linked.tracks[b].artist for a, b in pairwise(ids))

    def steps(ids: list[str]) -> float:
        return sum(linked.distance(a, b) for a, b in pairwise(ids))

    ids = [item_id, *(each["item_id"] for each in walk)]
    assert apart(ids)
    random = np.random.default_rng(0)
    others = ([item_id, *random.permutation(ids[1:]).tolist()] for _ in range(20_000))
    allowed = [each for each in others if apart(each)]
    assert len(allowed) > 20
    assert steps(ids) < min(map(steps, allowed))


def test_duplicates_are_more_than_three_of_an_artist(linked: Linked) -> None:
    (item_id, *_) = linked.tracks
    found = linked.get(
        "/api/similar_tracks",
        item_id=item_id,
        n=50,
        eliminate_duplicates="true",
        server="navidrome",
    )
    authors = [each["author"] for each in found]
    assert max(authors.count(each) for each in authors) <= 3


def test_a_path_as_navidrome_and_lyrion_ask(linked: Linked) -> None:
    ids = list(linked.tracks)
    ends = {"start_song_id": ids[0], "end_song_id": ids[-1]}
    more = {"count": 8, "max_steps": 8, "path_fix_size": "false", "mood_pct": 100}
    found = linked.get("/api/find_path", **ends, **more, server="navidrome")
    assert set(found) == {"path"}
    path = [each["item_id"] for each in found["path"]]
    assert (path[0], path[-1]) == (ids[0], ids[-1])
    assert len(path) == len(set(path)) == 8
    assert set(path) <= set(ids)
    for (a, b), each in zip(pairwise(path), found["path"][1:], strict=True):
        assert each["distance"] == pytest.approx(linked.distance(a, b), abs=1e-3)
    # As long as there are songs, and no error.
    longest = linked.get("/api/find_path", **ends, max_steps=1_000, server="navidrome")
    assert len(longest["path"]) == len(ids)
    shortest = linked.get("/api/find_path", **ends, max_steps=1, server="navidrome")
    assert [each["item_id"] for each in shortest["path"]] == [ids[0], ids[-1]]


def test_similar_artists_as_navidrome_and_jellyfin_ask(linked: Linked) -> None:
    artists = {f"ar-{track.artist}": track.artist for track in linked.tracks.values()}
    (artist, *_) = artists
    found = linked.get(
        "/api/similar_artists",
        artist=artist,
        n=100,
        include_component_matches="true",
        server="navidrome",
    )
    assert {each["artist_id"] for each in found} == set(artists) - {artist}
    divergences = [each["divergence"] for each in found]
    assert divergences == sorted(divergences)
    for each in found:
        assert each["artist"] == artists[each["artist_id"]]
        assert each["component_matches"]
        for part in each["component_matches"]:
            for whose, songs in (
                (artist, part["artist1_representative_songs"]),
                (each["artist_id"], part["artist2_representative_songs"]),
            ):
                assert songs
                for song in songs:
                    track = linked.tracks[song["item_id"]]
                    assert (f"ar-{track.artist}", track.title) == (whose, song["title"])
    short = linked.get("/api/similar_artists", artist_id=artist, n=2, server="NAVIDROME")
    assert [each["artist_id"] for each in short] == [each["artist_id"] for each in found[:2]]
    assert all(each["component_matches"] == [] for each in short)
    # Lyrion's plugin knows the artist by name alone.
    named = linked.get(
        "/api/similar_artists", artist=artists[artist].upper(), server="navidrome", n=2
    )
    assert named == short
    # Whom an album is by has a page, too, but comes for nobody.
    various = linked.get("/api/similar_artists", artist="ar-various", n=3, server="navidrome")
    assert len(various) == 3
    assert {each["artist_id"] for each in various} <= set(artists)


def test_the_nearest_artist_shares_the_sound(linked: Linked) -> None:
    """Their best matching songs are nearer than songs of artists usually are."""
    artist = f"ar-{next(iter(linked.tracks.values())).artist}"
    (first, *_, last) = linked.get(
        "/api/similar_artists",
        artist=artist,
        n=7,
        include_component_matches="true",
        server="navidrome",
    )

    def nearest(found: dict[str, Any]) -> float:
        part = found["component_matches"][0]
        return linked.distance(
            part["artist1_representative_songs"][0]["item_id"],
            part["artist2_representative_songs"][0]["item_id"],
        )

    assert nearest(first) < nearest(last)
    assert np.isfinite(first["divergence"])


def test_what_is_not_linked_is_not_found(linked: Linked) -> None:
    (item_id, *_) = linked.tracks
    for path, asked in (
        ("/api/similar_tracks", {"item_id": "unknown"}),
        ("/api/find_path", {"start_song_id": "unknown", "end_song_id": item_id}),
        ("/api/find_path", {"start_song_id": item_id, "end_song_id": "unknown"}),
        ("/api/similar_artists", {"artist": "unknown"}),
    ):
        detail = linked.get(path, 404, **asked, server="navidrome")
        assert "'unknown'" in detail
        assert "linked" in detail
    detail = linked.get("/api/similar_tracks", 404, item_id="unknown")
    assert "none of the linked servers (Lyrion.local, navidrome) has a song 'unknown'" in detail
    detail = linked.get("/api/similar_tracks", 404, item_id=item_id, server="plex")
    assert "no server is linked as 'plex'; linked are: Lyrion.local, navidrome" in detail


def test_the_server_may_be_left_out_where_one_has_the_id(linked: Linked) -> None:
    assert len(linked.get("/api/similar_tracks", item_id="3", n=2)) == 2
    detail = linked.get("/api/similar_tracks", 409, item_id="song-1")
    assert detail == (
        "several servers have a song 'song-1': Lyrion.local, navidrome; name one, as "
        "server=Lyrion.local"
    )


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/api/similar_tracks", {}),
        ("/api/similar_tracks", {"item_id": ""}),
        ("/api/similar_tracks", {"item_id": "3", "n": -1}),
        ("/api/similar_tracks", {"item_id": "3", "eliminate_duplicates": "perhaps"}),
        ("/api/find_path", {"start_song_id": "3"}),
        ("/api/find_path", {"start_song_id": "3", "end_song_id": "3"}),
        ("/api/similar_artists", {}),
    ],
)
def test_what_cannot_be_answered_says_why(
    linked: Linked, path: str, asked: dict[str, object]
) -> None:
    assert linked.get(path, 422, **asked)


def test_the_token_is_asked_for(linked: Linked) -> None:
    for path in ("/api/similar_tracks", "/api/find_path", "/api/similar_artists"):
        answer = httpx.get(str(linked.client.base_url.join(path)), params={"item_id": "3"})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_library_without_links_says_how_to_link(client: httpx.Client) -> None:
    answer = client.get("/api/similar_tracks", params={"item_id": "1"})
    assert answer.status_code == 404
    assert "soundalike subsonic link URL" in answer.json()["detail"]


def test_links_that_change_count_at_once(linked: Linked, composed: Music) -> None:
    (item_id, track), *_ = linked.tracks.items()
    with Library(linked.library) as library:
        library.link("late", FACTS, [as_song("late-1", track)])
        assert "no other song of late is linked" in linked.get(
            "/api/similar_tracks", 404, item_id="late-1"
        )
        other = list(linked.tracks.values())[1]
        library.link("late", FACTS, [as_song("late-1", track), as_song("late-2", other)])
    (found,) = linked.get("/api/similar_tracks", item_id="late-1")
    assert found["item_id"] == "late-2"
    assert item_id in linked.tracks
