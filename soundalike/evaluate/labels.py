"""What the tags and folders say belongs together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from soundalike.library.naming import album_folder
from soundalike.library.records import Track
from soundalike.library.words import album_key, artist_key, genre_key

__all__ = ["QUESTIONS", "Question", "album_of", "artist_of", "folder_of", "genre_of"]


def artist_of(track: Track) -> str | None:
    """The artist, or the folder that stands in, without case and accents; None for "Various
    Artists"."""
    return artist_key(track.artist)


def album_of(track: Track) -> tuple[str, str] | None:
    """The album, or the folder that stands in, together with the album artist, or with the folder
    where there is none. The discs of an album are one."""
    return album_key(track.album, track.album_artist, album_folder(str(track.path)))


def genre_of(track: Track) -> str | None:
    """The first genre of the tag: "Hip-Hop; Rap" counts as "hip hop"."""
    return genre_key(track.genre)


def folder_of(track: Track) -> str:
    """The folder that the file lies in."""
    return str(track.path.parent)


@dataclass(frozen=True)
class Question:
    """One thing that neighbours may have in common.

    Attributes
    ----------
    name : "same album".
    label : what two tracks must share; None where a track has none.
    group : tracks that share this are not offered; None offers all.
    missing : what a track without a label lacks.
    meaning : in plain words, for a listener.
    """

    name: str
    label: Callable[[Track], Hashable | None]
    group: Callable[[Track], Hashable | None] | None
    missing: str
    meaning: str

    def labels(self, tracks: Sequence[Track]) -> list[Hashable | None]:
        """One a track; a track that the filter cannot place has none."""
        if self.group is None:
            return [self.label(track) for track in tracks]
        return [None if self.group(track) is None else self.label(track) for track in tracks]

    def groups(self, tracks: Sequence[Track]) -> list[Hashable | None] | None:
        """One a track, or None where all are offered."""
        return None if self.group is None else [self.group(track) for track in tracks]


QUESTIONS = (
    Question(
        "same album",
        album_of,
        None,
        "an album (a tag, or a folder that stands in)",
        "Are the neighbours from the same album? Easy in part: an album shares its sound engineer "
        "and its microphones, not only its music.",
    ),
    Question(
        "same artist",
        artist_of,
        None,
        "an artist (a tag, or a folder that stands in)",
        "Are the neighbours by the same artist? Tracks of the same album count.",
    ),
    Question(
        "same artist, other albums",
        artist_of,
        album_of,
        "an artist and an album",
        "Are the neighbours by the same artist when tracks of the same album are left out? What "
        "is left is the artist's style.",
    ),
    Question(
        "same folder",
        folder_of,
        None,
        "a folder",
        "Are the neighbours from the same folder? That means as much as you put into your folders.",
    ),
    Question(
        "same genre",
        genre_of,
        None,
        "a genre tag",
        "Are the neighbours of the same genre? Flattering: tracks by the same artist mostly share "
        "it.",
    ),
    Question(
        "same genre, other artists",
        genre_of,
        artist_of,
        "a genre tag and an artist",
        "Are the neighbours of the same genre when tracks by the same artist are left out? The "
        "hardest of these, and the one that tells most about discovering music.",
    ),
)
