"""Browsing: folders, artists, albums, genres, searching."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from soundalike.library.catalogue import Album, album_order, catalogue_of
from soundalike.library.limits import Filter, Limits
from soundalike.plain import plain
from soundalike.server.subsonic.calls import Call, endpoint
from soundalike.server.subsonic.entries import Entries
from soundalike.server.subsonic.envelope import Failure

__all__: list[str] = []

Document = Mapping[str, Any]

_EXTENSIONS = ("apiKeyAuthentication", "formPost", "sonicSimilarity", "transcodeOffset")
_IGNORED = "The El La Los Las Le Les Der Die Das"


@endpoint("ping")
def ping(call: Call) -> Document:
    return {}


@endpoint("getLicense")
def get_license(call: Call) -> Document:
    return {"license": {"valid": True}}


@endpoint("getOpenSubsonicExtensions")
def get_extensions(call: Call) -> Document:
    found = [{"name": name, "versions": [1]} for name in _EXTENSIONS]
    return {"openSubsonicExtensions": found}


@endpoint("tokenInfo")
def token_info(call: Call) -> Document:
    return {"tokenInfo": {"username": call.user}}


@endpoint("getUser")
def get_user(call: Call) -> Document:
    return {
        "user": {
            "username": call.text("username", call.user),
            "scrobblingEnabled": False,
            "adminRole": False,
            "settingsRole": False,
            "downloadRole": True,
            "uploadRole": False,
            "playlistRole": True,
            "coverArtRole": False,
            "commentRole": False,
            "podcastRole": False,
            "streamRole": True,
            "jukeboxRole": False,
            "videoConversionRole": False,
            "shareRole": False,
            "folder": [1],
        }
    }


@endpoint("getScanStatus")
def get_scan_status(call: Call) -> Document:
    return {"scanStatus": {"scanning": False, "count": len(call.service.library.index())}}


@endpoint("getMusicFolders")
def get_music_folders(call: Call) -> Document:
    return {"musicFolders": {"musicFolder": [{"id": 1, "name": "Music"}]}}


@endpoint("getArtists")
def get_artists(call: Call) -> Document:
    return {"artists": {"ignoredArticles": _IGNORED, "index": _by_letter(call)}}


@endpoint("getIndexes")
def get_indexes(call: Call) -> Document:
    index = _by_letter(call)
    return {"indexes": {"ignoredArticles": _IGNORED, "lastModified": 0, "index": index}}


def _by_letter(call: Call) -> list[dict[str, Any]]:
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        letters: dict[str, list[dict[str, Any]]] = {}
        for artist in entries.catalogue.artists.values():
            letters.setdefault(_letter(artist.name), []).append(entries.artist(artist))
    return [{"name": letter, "artist": letters[letter]} for letter in sorted(letters)]


def _letter(name: str) -> str:
    words = plain(name).split()
    ignored = plain(_IGNORED).split()
    first = words[1] if len(words) > 1 and words[0] in ignored else (words or ["#"])[0]
    return first[0].upper() if first[0].isalpha() else "#"


@endpoint("getArtist")
def get_artist(call: Call) -> Document:
    own_id = call.text("id").removeprefix("ar-")
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        artist = entries.catalogue.artists.get(own_id)
        if artist is None:
            raise Failure(70, f"there is no artist {call.text('id')!r}")
        albums = [entries.album(album) for album in entries.catalogue.albums_of(own_id)]
        return {"artist": {**entries.artist(artist), "album": albums}}


@endpoint("getAlbum")
def get_album(call: Call) -> Document:
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        album = _album(entries, call.text("id"))
        return {"album": {**entries.album(album), "song": _songs_of(entries, album)}}


@endpoint("getMusicDirectory")
def get_music_directory(call: Call) -> Document:
    own_id = call.text("id")
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        if own_id.startswith("ar-"):
            artist = entries.catalogue.artists.get(own_id[3:])
            if artist is None:
                raise Failure(70, f"there is no folder {own_id!r}")
            albums = [entries.album(album) for album in entries.catalogue.albums_of(own_id[3:])]
            return {"directory": {"id": own_id, "name": artist.name, "child": albums}}
        album = _album(entries, own_id)
        songs = _songs_of(entries, album)
        return {"directory": {"id": own_id, "name": album.name, "child": songs}}


@endpoint("getSong")
def get_song(call: Call) -> Document:
    track = call.service.library.track(call.track_id())
    with call.service.library.view() as view:
        return {"song": Entries(call.service, view).song(track)}


# What many players ask for at their start, and there is none of here: they need not say "error".
_NOTHING = {
    "getBookmarks": "bookmarks",
    "getInternetRadioStations": "internetRadioStations",
    "getLyrics": "lyrics",
    "getLyricsBySongId": "lyricsList",
    "getNewestPodcasts": "newestPodcasts",
    "getNowPlaying": "nowPlaying",
    "getPodcasts": "podcasts",
    "getShares": "shares",
}


def _empty(part: str) -> Callable[[Call], Document]:
    return lambda call: {part: {}}


for _name, _part in _NOTHING.items():
    endpoint(_name)(_empty(_part))


@endpoint("getAlbumInfo", "getAlbumInfo2")
def get_album_info(call: Call) -> Document:
    return {"albumInfo": {}}


@endpoint("getArtistInfo")
def get_artist_info(call: Call) -> Document:
    return {"artistInfo": {}}


@endpoint("getArtistInfo2")
def get_artist_info2(call: Call) -> Document:
    return {"artistInfo2": {}}


@endpoint("getAlbumList")
def get_album_list(call: Call) -> Document:
    return {"albumList": {"album": _listed(call)}}


@endpoint("getAlbumList2")
def get_album_list2(call: Call) -> Document:
    return {"albumList2": {"album": _listed(call)}}


def _listed(call: Call) -> list[dict[str, Any]]:
    kind = call.text("type")
    size, offset = call.number("size", 10), call.number("offset", 0, most=10**9)
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        albums = list(entries.catalogue.albums.values())
        if kind == "random":
            random.shuffle(albums)
        elif kind == "newest":
            albums.sort(key=lambda album: -album.last_track_id)
        elif kind == "alphabeticalByArtist":
            albums.sort(key=lambda album: (plain(album.artist or ""), plain(album.name)))
        elif kind == "byYear":
            albums = _by_year(call, albums)
        elif kind == "byGenre":
            genre = plain(call.text("genre"))
            albums = [album for album in albums if genre in _genres(album.genre)]
        elif kind == "starred":
            rows = [view.index.row_of(track.track_id) for track in entries.liked_tracks()]
            found = [entries.catalogue.album_of(row) for row in rows if row is not None]
            albums = list({album.album_id: album for album in found if album}.values())
        elif kind in ("recent", "frequent", "highest"):
            albums = []  # what is played is the player's to know
        elif kind != "alphabeticalByName":
            raise Failure(10, f"type is {kind!r}: there is no such list of albums")
        return [entries.album(album) for album in albums[offset : offset + size]]


def _by_year(call: Call, albums: Sequence[Album]) -> list[Album]:
    first = call.number("fromYear", 0, most=9999)
    last = call.number("toYear", 9999, most=9999)
    low, high = sorted((first, last))
    found = [album for album in albums if album.year and low <= album.year <= high]
    return sorted(found, key=lambda album: album.year or 0, reverse=first > last)


def _genres(genre: str | None) -> list[str]:
    return [plain(each) for each in (genre or "").split("; ")]


@endpoint("getGenres")
def get_genres(call: Call) -> Document:
    with call.service.library.view() as view:
        albums = catalogue_of(view).albums.values()
        counts = Counter(genre for album in albums for genre in set(_genres(album.genre)))
        found = [
            {
                "value": known.genre,
                "songCount": known.tracks,
                "albumCount": counts[plain(known.genre)],
            }
            for known in view.genres()
        ]
    return {"genres": {"genre": found}}


@endpoint("getSongsByGenre")
def get_songs_by_genre(call: Call) -> Document:
    limits = Limits(only=Filter(genres=(call.text("genre"),)))
    count, offset = call.number("count", 10), call.number("offset", 0, most=10**9)
    with call.service.library.view() as view:
        rows = np.flatnonzero(view.barred(limits).allowed)[offset : offset + count]
        return {"songsByGenre": {"song": Entries(call.service, view).songs_of(rows.tolist())}}


@endpoint("getRandomSongs")
def get_random_songs(call: Call) -> Document:
    size = call.number("size", 10)
    with call.service.library.view() as view:
        rows = random.sample(range(len(view)), min(size, len(view)))
        return {"randomSongs": {"song": Entries(call.service, view).songs_of(rows)}}


@endpoint("getStarred")
def get_starred(call: Call) -> Document:
    return {"starred": _starred(call)}


@endpoint("getStarred2")
def get_starred2(call: Call) -> Document:
    return {"starred2": _starred(call)}


def _starred(call: Call) -> dict[str, Any]:
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        return {"artist": [], "album": [], "song": entries.songs(entries.liked_tracks())}


@endpoint("search2")
def search2(call: Call) -> Document:
    return {"searchResult2": _searched(call)}


@endpoint("search3")
def search3(call: Call) -> Document:
    return {"searchResult3": _searched(call)}


def _searched(call: Call) -> dict[str, Any]:
    words = call.text("query", "").strip().strip('"').rstrip("*")

    def page(kind: str) -> Callable[[Sequence[Any]], Sequence[Any]]:
        count = call.number(f"{kind}Count", 20)
        offset = call.number(f"{kind}Offset", 0, most=10**9)
        return lambda found: found[offset : offset + count]

    count, offset = call.number("songCount", 20), call.number("songOffset", 0, most=10**9)
    songs = call.service.library.search(words, status="analysed", offset=offset, limit=count)
    with call.service.library.view() as view:
        entries = Entries(call.service, view)
        artists = page("artist")(entries.catalogue.find_artists(words))
        albums = page("album")(entries.catalogue.find_albums(words))
        return {
            "artist": [entries.artist(artist) for artist in artists],
            "album": [entries.album(album) for album in albums],
            "song": entries.songs(songs.tracks),
        }


def _album(entries: Entries, own_id: str) -> Album:
    album = entries.catalogue.albums.get(own_id.removeprefix("al-"))
    if album is None:
        raise Failure(70, f"there is no album {own_id!r}")
    return album


def _songs_of(entries: Entries, album: Album) -> list[dict[str, Any]]:
    tracks = entries.view.tracks(entries.catalogue.rows_of_album(album.album_id))
    return entries.songs(sorted(tracks, key=album_order))
