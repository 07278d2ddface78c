"""Playlists that are kept: the same as on the page, in the folder beside the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from soundalike.library.playlist_records import PlaylistResolution
from soundalike.playlists import PlaylistEntry
from soundalike.playlists.folder import KeptPlaylist
from soundalike.recommend.playlist_files import playlist_of
from soundalike.server.subsonic.calls import Call, endpoint
from soundalike.server.subsonic.entries import Entries
from soundalike.server.subsonic.envelope import Failure

__all__: list[str] = []

Document = Mapping[str, Any]


@endpoint("getPlaylists")
def get_playlists(call: Call) -> Document:
    kept = [_document(call, each) for each in call.service.playlists.all() if not each.problem]
    return {"playlists": {"playlist": kept}}


@endpoint("getPlaylist")
def get_playlist(call: Call) -> Document:
    return {"playlist": _whole(call, call.text("id"))}


@endpoint("createPlaylist")
def create_playlist(call: Call) -> Document:
    """A new one; with ``playlistId`` the tracks take the place of those of one that is there."""
    folder = call.service.playlists
    wanted = call.text("playlistId", "")
    made = playlist_of(call.service.library, call.track_ids("songId"))
    name = call.text("name", folder.find(wanted).name if wanted else None)
    with folder.changing():
        # Two of one name are two, as with other servers.
        kept = folder.put(replace(made, name=name), wanted or None)
    return {"playlist": _whole(call, kept.playlist_id)}


@endpoint("updatePlaylist")
def update_playlist(call: Call) -> Document:
    """Another name, tracks put behind it, tracks at some places taken away."""
    folder, wanted = call.service.playlists, call.text("playlistId")
    added = playlist_of(call.service.library, call.track_ids("songIdToAdd")).entries
    with folder.changing():
        before = folder.read(wanted)
        found = call.service.library.resolve_playlist(before)
        # Players count what they were told of.
        listed = [place for place, each in enumerate(found.entries) if each.track is not None]
        gone = {_listed(each, listed) for each in call.texts("songIndexToRemove")}
        entries: Sequence[PlaylistEntry] = [
            *(entry for place, entry in enumerate(before.entries) if place not in gone),
            *added,
        ]
        name = call.text("name", before.name)
        folder.put(replace(before, name=name, entries=tuple(entries)), wanted)
    return {}


@endpoint("deletePlaylist")
def delete_playlist(call: Call) -> Document:
    call.service.playlists.delete(call.text("id"))
    return {}


def _whole(call: Call, wanted: str) -> dict[str, Any]:
    kept = call.service.playlists.find(wanted)
    library = call.service.library
    found: PlaylistResolution = library.resolve_playlist(call.service.playlists.read(wanted))
    tracks = [each.track for each in found.entries if each.track is not None]
    with library.view() as view:
        songs = Entries(call.service, view).songs(tracks)
    # What the library does not have is no entry for a player, which could not play it.
    return {**_document(call, kept), "songCount": len(songs), "entry": songs}


def _document(call: Call, kept: KeptPlaylist) -> dict[str, Any]:
    changed = kept.changed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": kept.playlist_id,
        "name": kept.name,
        "owner": call.user,
        "public": False,
        "songCount": kept.n_entries,
        "duration": round(kept.duration_s),
        "created": changed,
        "changed": changed,
    }


def _listed(text: str, listed: Sequence[int]) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 18
    if not is_number or int(text) >= len(listed):
        raise Failure(70, f"the playlist has {len(listed)} tracks, and none at {text!r}")
    return listed[int(text)]
