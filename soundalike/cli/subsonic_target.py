"""``--to subsonic:NAME``: a playlist onto a linked music server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from soundalike.cli.output import note
from soundalike.cli.progress import decoding
from soundalike.cli.server_access import client_of, only_server, subsonic_servers
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.integrations.sending import SentPlaylist
    from soundalike.library import Library
    from soundalike.playlists import Playlist

__all__ = ["SubsonicTarget", "note_not_sent"]

# So many tracks that the server does not have get a line each.
_TOLD = 10


class SubsonicTarget:
    """A playlist on the linked server, asked for before the work is done.

    Parameters
    ----------
    name : of the playlist; SERVER/NAME where it begins with the name of a linked server.
    may_replace : also one that soundalike did not make.
    library : that is linked, as it was named.

    Raises
    ------
    InvalidArgument, TrackNotFound : no such server is linked, or several are.
    ServerError : it cannot be reached, or does not let the user in.
    """

    def __init__(self, name: str, may_replace: bool, library: str | None) -> None:
        from soundalike.library import Library

        with Library(library, create=False) as opened:
            server, slash, rest = name.partition("/")
            is_named = slash and any(each.name == server for each in subsonic_servers(opened))
            linked = only_server(opened, server if is_named else None)
        self._name = rest if is_named else name
        self._may_replace, self._library, self._server = may_replace, library, linked.name
        self._client = client_of(linked)
        self._client.facts()

    @property
    def has(self) -> str:
        """Which tracks may come."""
        return f"those that {self._server} has"

    def playable(self, library: Library) -> frozenset[int]:
        """The tracks that are linked to a song there; raises as ``Library.tracks_on``."""
        return library.tracks_on(self._server)

    def put(self, playlist: Playlist) -> None:
        """Put a playlist there, and say so.

        Raises
        ------
        As ``integrations.sending.Sender.send``.
        """
        from soundalike.integrations.sending import Sender
        from soundalike.library import Library

        with (
            self._client as client,
            Library(self._library, create=False) as opened,
            decoding(f"writing the playlist {self._name} to {self._server}"),
        ):
            sender = Sender(opened, self._server, client)
            named = replace(playlist, name=self._name)
            sent = sender.send(named, replace=self._may_replace)
        songs = show_count(sent.songs, "song")
        note(f"playlist: {sent.name} on {sent.server}, {songs}, {sent.outcome}")
        note_not_sent(sent)


def note_not_sent(sent: SentPlaylist) -> None:
    """Say what a playlist on a server lacks, and why."""
    if sent.not_sent:
        tracks = show_count(len(sent.not_sent), "track")
        note(f"{tracks} left out of {sent.name}, as {sent.server} does not have them:")
    for each in sent.not_sent[:_TOLD]:
        note(f"  {each.name}: {each.reason}")
    if len(sent.not_sent) > _TOLD:
        note(f"  and {len(sent.not_sent) - _TOLD:,} more")
