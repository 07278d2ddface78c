"""``--to listenbrainz:NAME``: a playlist of recordings at ListenBrainz."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.cli.output import note
from soundalike.errors import InvalidArgument, ServerError
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.integrations.listenbrainz import ListenBrainz
    from soundalike.library import Library
    from soundalike.playlists import Playlist

__all__ = ["TOKEN_VARIABLE", "ListenBrainzTarget", "connect", "put_playlist", "url_option"]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TOKEN_VARIABLE = "SOUNDALIKE_LISTENBRAINZ_TOKEN"
_URL_VARIABLE = "SOUNDALIKE_LISTENBRAINZ_URL"
_TOLD = 10


def url_option(command: Decorated) -> Decorated:
    """``--url``: where the API is."""
    return click.option(
        "--url",
        envvar=_URL_VARIABLE,
        show_envvar=True,
        help="Where the API is, of ListenBrainz or of what speaks it.  [default: ListenBrainz]",
    )(command)


def connect(url: str | None, *, needs_token: bool = True) -> ListenBrainz:
    """A client, with the token of the environment, the keyring, or who sits at the terminal.

    Raises
    ------
    ServerError : a token is needed, and nobody to ask for it.
    InvalidArgument : an address that is none.
    """
    from soundalike.integrations.credentials import KEYRING_SERVICE, find_password
    from soundalike.integrations.listenbrainz import DEFAULT_URL, ListenBrainz, checked_address

    address = checked_address(url or os.environ.get(_URL_VARIABLE) or DEFAULT_URL)
    token = find_password(address, TOKEN_VARIABLE)
    if not token and needs_token:
        if sys.stdin is None or not sys.stdin.isatty():
            raise ServerError(
                f"{address}: your token is not known: put it in {TOKEN_VARIABLE}, or in the "
                f"keyring (keyring set {KEYRING_SERVICE} {address}); ListenBrainz shows it in "
                f"your settings"
            )
        token = click.prompt("Your token of ListenBrainz", hide_input=True, err=True)
    return ListenBrainz(token.strip() if token else None, url=address)


class ListenBrainzTarget:
    """A playlist of the user whose token it is, seen by nobody else.

    Parameters
    ----------
    name, library : of the playlist; of the library, as it was named.
    is_replacing : what others than soundalike made always stays there.

    Raises
    ------
    ServerError : ListenBrainz cannot be reached, or refuses the token.
    """

    def __init__(self, name: str, is_replacing: bool, library: str | None) -> None:
        if is_replacing:
            raise click.UsageError(
                "--replace: at ListenBrainz a playlist that soundalike did not make always stays; "
                "yours gets the same name beside it"
            )
        self._name, self._library = name.strip(), library
        self._client = connect(None)
        self._user = self._client.user()

    has = "those with the MusicBrainz id of their recording"

    def playable(self, library: Library) -> frozenset[int]:
        """The tracks that ListenBrainz can name: recordings with a MusicBrainz id.

        Raises
        ------
        InvalidArgument : there is none.
        """
        ids = frozenset(
            track.track_id
            for track in library.each_track(status="analysed")
            if track.tags.musicbrainz_recording_id
        )
        if not ids:
            raise InvalidArgument(
                "no track of the library has the MusicBrainz id of its recording, by which "
                "ListenBrainz knows music: tag your files with MusicBrainz Picard, then scan"
            )
        return ids

    def put(self, playlist: Playlist) -> None:
        """Put the playlist there; raises as ``ListenBrainz.put``."""
        with self._client as client:
            put_playlist(client, self._name, playlist, user=self._user, is_public=False)


def put_playlist(
    client: ListenBrainz, name: str, playlist: Playlist, *, user: str, is_public: bool
) -> None:
    """Put a playlist there and say so, with what it lacks.

    Raises
    ------
    InvalidArgument : no entry has a MusicBrainz id.
    ServerError : as ``ListenBrainz.put``.
    """
    from soundalike.show.documents import entry_name

    sent = [each for each in playlist.entries if each.musicbrainz_recording_id]
    if not sent:
        raise InvalidArgument(
            f"{name}: none of its {len(playlist.entries):,} tracks has the MusicBrainz id of its "
            f"recording, by which ListenBrainz knows music: tag the files with MusicBrainz Picard"
        )
    recordings = [str(each.musicbrainz_recording_id) for each in sent]
    made = client.put(name, recordings, is_public=is_public, user=user)
    seen = "for all to see" if is_public else "for you alone"
    note(
        f"playlist: {name} of {user} at ListenBrainz, {show_count(len(sent), 'track')}, {seen}: "
        f"playlist {made.playlist_id}"
    )
    lacking = [each for each in playlist.entries if not each.musicbrainz_recording_id]
    if lacking:
        note(f"{show_count(len(lacking), 'track')} left out, as they have no MusicBrainz id:")
    for each in lacking[:_TOLD]:
        note(f"  {entry_name(each)}")
    if len(lacking) > _TOLD:
        note(f"  and {len(lacking) - _TOLD:,} more")
