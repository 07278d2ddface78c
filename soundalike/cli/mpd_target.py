"""``--to mpd:NAME``: a playlist that MPD stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundalike.cli.mpd_options import AskedMpd, note_gone
from soundalike.cli.output import note
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from soundalike.library import Library
    from soundalike.playlists import Playlist

__all__ = ["MpdTarget"]


class MpdTarget:
    """A stored playlist of the MPD that the environment names.

    Parameters
    ----------
    name, replace : as ``playlists.put_playlist`` takes them.
    library : as it was named.

    Raises
    ------
    ServerError : MPD cannot be reached, or does not allow it.
    """

    def __init__(self, name: str, replace: bool, library: str | None) -> None:
        from soundalike.integrations.mpd.playlists import PLAYLIST_COMMANDS, check_name

        check_name(name)
        self._name, self._replace, self._library = name, replace, library
        # To ask for the password before the work is done, and for what MPD has.
        self._asked = AskedMpd()
        self._needs = (*PLAYLIST_COMMANDS, "lsinfo", "stats")
        with self._asked.connect(self._needs) as mpd:
            self._mpd = mpd

    has = "those that MPD has"

    def playable(self, library: Library) -> frozenset[int]:
        """The tracks that MPD has; raises as ``linked.linked``."""
        with self._mpd as mpd:
            return self._asked.linked(library, mpd).playable

    def put(self, playlist: Playlist) -> None:
        """Store the playlist; raises as ``playlists.put_playlist``."""
        from soundalike.integrations.mpd.kept import Kept
        from soundalike.integrations.mpd.playlists import put_playlist
        from soundalike.library import Library
        from soundalike.show.documents import entry_name

        with Library(self._library, create=False) as opened, self._mpd as mpd:
            found = self._asked.linked(opened, mpd)
            uris, gone = [], []
            for each in opened.resolve_playlist(playlist).entries:
                uri = None if each.track is None else found.uris.get(each.track.track_id)
                if uri is not None:
                    uris.append(uri)
                else:
                    reason = each.reason if each.track is None else "MPD does not have it"
                    gone.append((entry_name(each.entry), reason or "no track fits"))
            kept = Kept(opened.keeping, mpd.address.url)
            made = put_playlist(mpd, self._name, uris, kept, replace=self._replace)
        note_gone([*gone, *made.gone], self._name)
        how = "new" if made.is_new else "replaced"
        note(
            f"playlist: {self._name} at {mpd.address.url}, {show_count(made.songs, 'song')}, {how}"
        )
