"""What Navidrome and Gonic answer, written by hand in the forms that their API documents: the
examples of https://opensubsonic.netlify.app, with the fields that each of them has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from music_servers import PASSWORD, USER, told

from soundalike.integrations.credentials import Credentials
from soundalike.integrations.subsonic import Subsonic
from soundalike.integrations.subsonic_playlists import ServerPlaylist, all_playlists, songs_in
from soundalike.integrations.subsonic_songs import song_of
from soundalike.integrations.subsonic_taste import songs_with_stars
from soundalike.library.link_records import ServerArtist, ServerSong, SongUse

FORMS = Path(__file__).parent / "data" / "subsonic"

SONGS = {
    "navidrome": ServerSong(
        item_id="082f435a363c32c57d5edb6a678a28d4",
        path='The New Deal/Live at The Casbah - 2005-04-29/04 - "polar expedition".flac',
        title='"polar expedition"',
        artist="The New Deal",
        album="Live at The Casbah - 2005-04-29",
        duration_s=178.0,
        recording_ids=("189002e7-3285-4e2e-92a3-7f6c30d407a2",),
        isrc="USSM18300073",
        artists=(ServerArtist("97e0398acf63f9fb930d7d4ce209a52b", "The New Deal"),),
        album_artists=(ServerArtist("97e0398acf63f9fb930d7d4ce209a52b", "The New Deal"),),
        size_bytes=19_866_778,
        suffix="flac",
        use=SongUse(1_679_910_327.0, 5, 8, 1_679_869_666.0, 1_678_816_282.0),
    ),
    "gonic": ServerSong(
        item_id="tr-17",
        path="The Example/Debut/01 - Intro.mp3",
        title="Intro",
        artist="The Example; A Guest",
        album="Debut",
        duration_s=201.0,
        artists=(ServerArtist("ar-2", "The Example"), ServerArtist("ar-9", "A Guest")),
        album_artists=(ServerArtist("ar-2", "The Example"),),
        size_bytes=8_046_233,
        suffix="mp3",
        use=SongUse(None, 2, 0, None, 1_651_421_563.0),
    ),
}
PLAYLISTS = {
    "navidrome": ServerPlaylist(
        "800000003", "random - admin - private (admin)", USER, "Mine", is_public=True
    ),
    "gonic": ServerPlaylist("MS8xNjgwMDAwMDAwMDAwLm0zdQ==", "Evening", USER, "", is_public=False),
}


@pytest.mark.parametrize("software", ["navidrome", "gonic"])
def test_their_answers_are_understood(software: str) -> None:
    forms = json.loads((FORMS / f"{software}.json").read_text(encoding="utf-8"))

    def says(endpoint: str, asked: dict[str, list[str]]) -> Any:
        if asked.get("songOffset", ["0"]) != ["0"]:
            return {**forms["about"], "searchResult3": {}}
        return {**forms["about"], **forms[endpoint]}

    with told(says) as (address, asked), Subsonic(address, Credentials(USER, PASSWORD)) as client:
        assert songs_with_stars(client) == [SONGS[software]]
        assert all_playlists(client) == [PLAYLISTS[software]]
        (found,) = (PLAYLISTS[software],)
        assert songs_in(client, found.playlist_id) == (SONGS[software].item_id,)
        facts = client.facts()
        assert facts.software == f"{software} {forms['about']['serverVersion']}"
        # Both take forms, so that a list of thousands is one request.
        assert len(list(client.pieces(["0" * 32] * 4_000))) == 1
    assert not any("p" in each for _, each in asked)


@pytest.mark.parametrize(
    ("odd", "use"),
    [
        ({"playCount": "many", "played": "yesterday", "userRating": 9}, SongUse(rating=5)),
        ({"playCount": True, "played": 17, "userRating": -1, "starred": ""}, SongUse()),
        ({"playCount": float("inf"), "created": "0001-01-01T00:00:00Z"}, SongUse()),
        ({"created": "2024-03-01T10:00:00"}, SongUse(added_at=1_709_287_200.0)),
    ],
)
def test_odd_values_say_nothing(odd: dict[str, object], use: SongUse) -> None:
    song = song_of({"id": 7, "title": "T", "size": -1, **odd})
    assert song is not None
    assert (song.item_id, song.use, song.size_bytes) == ("7", use, None)
