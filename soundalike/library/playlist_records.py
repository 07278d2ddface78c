"""Tracks as entries of playlists, and what entries of playlists mean in a library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from soundalike.library.matching import MatchedBy
from soundalike.library.records import Track
from soundalike.playlists import Playlist, PlaylistEntry

__all__ = ["PlaylistResolution", "ResolvedBy", "ResolvedEntry", "entry_of"]

ResolvedBy = Literal[MatchedBy, "content"]


@dataclass(frozen=True, slots=True)
class ResolvedEntry:
    """An entry of a playlist, and the track that it means.

    Attributes
    ----------
    track : None where the library has none that it could mean.
    by : how it was found: by its "path"; by its "content", where the file lies elsewhere now; by
        the "tail" of its path; by the id of "musicbrainz" or the "isrc" in its tags; by "names", of
        artist and title, or of folder and file.
    reason : why there is no track; None where there is one.
    """

    entry: PlaylistEntry
    track: Track | None
    by: ResolvedBy | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PlaylistResolution:
    """What a playlist means in a library.

    Attributes
    ----------
    entries : all of them, in their order.
    """

    playlist: Playlist
    entries: tuple[ResolvedEntry, ...]

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks that were found, in the order of the playlist."""
        return tuple(each.track for each in self.entries if each.track is not None)

    @property
    def missing(self) -> tuple[ResolvedEntry, ...]:
        """The entries without a track."""
        return tuple(each for each in self.entries if each.track is None)


def entry_of(track: Track) -> PlaylistEntry:
    """A track as an entry of a playlist, with its names and identifiers."""
    return PlaylistEntry(
        track.path,
        title=track.title,
        artist=track.artist,
        album=track.album,
        duration_s=track.duration_s,
        musicbrainz_recording_id=track.tags.musicbrainz_recording_id,
        isrc=track.tags.isrc,
    )
