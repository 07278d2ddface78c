"""What a library keeps of a listener's taste: judgements, plays, and what came of an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from soundalike.library.records import Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundalike.facets import Facets
    from soundalike.library.index import Index

__all__ = [
    "Evidence",
    "FittedTaste",
    "Judged",
    "Judgement",
    "JudgementKind",
    "ListenImport",
    "Music",
    "Plays",
    "ServerTaste",
    "TasteCounts",
    "Unmatched",
]

JudgementKind = Literal["like", "dislike", "alike", "unlike", "oddone"]


@dataclass(frozen=True, slots=True)
class Judged:
    """A piece of music that a judgement is about.

    Attributes
    ----------
    name : as it was called when it was judged.
    track : that has it now; None where the library has none.
    """

    name: str
    track: Track | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a listener said.

    Attributes
    ----------
    kind : "like" or "dislike" of one piece, "alike" or "unlike" of two, "oddone" of three.
    pieces : one to three; of "oddone" the last is the odd one.
    source : where it was imported from; None for what was said here.
    is_replaced : whether a later judgement of the same pieces counts in its place.
    """

    judgement_id: int
    kind: JudgementKind
    pieces: tuple[Judged, ...]
    judged_at: datetime
    source: str | None = None
    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class TasteCounts:
    """How much a library keeps of a listener's taste.

    Attributes
    ----------
    judgements : by kind, without those that were replaced.
    plays, played : how often something was played, and how many pieces.
    """

    judgements: Mapping[str, int] = field(hash=False)
    plays: int
    played: int

    def __bool__(self) -> bool:
        return bool(self.plays or any(self.judgements.values()))


@dataclass(frozen=True, slots=True)
class Music:
    """What a list of plays calls a piece of music.

    Attributes
    ----------
    recording_ids : of MusicBrainz, the likeliest first.
    """

    artist: str | None = None
    title: str | None = None
    album: str | None = None
    recording_ids: tuple[str, ...] = ()
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Music that was played, or liked or disliked, and that the library does not have."""

    music: Music
    plays: int
    opinions: int


@dataclass(frozen=True, slots=True)
class ListenImport:
    """What came of an import.

    Attributes
    ----------
    path : of the file; None where it is from a server.
    source : "csv" or "listenbrainz".
    plays, opinions : what was read of it: plays, and likes and dislikes.
    added_plays, added_opinions : what was not known yet.
    unmatched : what the library does not have, the most played first.
    unreadable : lines that could not be read, with their place and what is wrong with them.
    """

    path: Path | None
    source: str
    plays: int
    opinions: int
    added_plays: int
    added_opinions: int
    unmatched: tuple[Unmatched, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def unmatched_plays(self) -> int:
        return sum(each.plays for each in self.unmatched)


@dataclass(frozen=True, slots=True)
class ServerTaste:
    """What came of taking over what a listener did at a music server.

    Attributes
    ----------
    server : its name.
    stars, ratings, plays : what it says, of songs that are linked and of others.
    added_plays, added_opinions : what was not known yet.
    removed_opinions : stars and ratings that were taken back there, and are so here.
    undated_plays : of songs for which the server does not say when they were last played: how much
        these count cannot be told, so they do not.
    unmatched : songs that are linked to no track, the most played first.
    """

    server: str
    stars: int
    ratings: int
    plays: int
    added_plays: int
    added_opinions: int
    removed_opinions: int
    undated_plays: int
    unmatched: tuple[Unmatched, ...] = ()


@dataclass(frozen=True, eq=False)
class Plays:
    """When pieces were played.

    Attributes
    ----------
    rows : intp (n,), of ``Evidence.embeddings``.
    played_at : float64 (n,), seconds since 1970.
    shares : float64 (n,), how much was heard, 0 to 1; NaN where that is not known.
    is_skipped : bool (n,).
    """

    rows: NDArray[np.intp]
    played_at: NDArray[np.float64]
    shares: NDArray[np.float64]
    is_skipped: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that a listener's taste can be told from, as the model that answers hears it.

    Attributes
    ----------
    stamp : equal for the same judgements and plays.
    index : the tracks that can be found.
    embeddings : float32 (n, D), of the pieces that are judged or played; a recording with one and
        the same audio comes once. Pieces whose files are missing are among them, as long as the
        library knows them.
    artists : int64 (n,), by ``Index.artist_codes``; 0 where unknown.
    index_rows : intp (n,), their rows in the index; -1 for none.
    triplets : intp (n_triplets, 3), the odd one last.
    pairs : intp (n_pairs, 2), with ``alike``, bool (n_pairs,).
    opinions : int (n_opinions,) rows with ``liked``, bool (n_opinions,).
    judgements : how many there are of each kind, those that do not count among them.
    not_counted : judgements of music that the library does not have, or that is not analysed.
    """

    model: str
    layout: Facets
    stamp: str
    index: Index
    embeddings: NDArray[np.float32]
    artists: NDArray[np.int64]
    index_rows: NDArray[np.intp]
    triplets: NDArray[np.intp]
    pairs: NDArray[np.intp]
    alike: NDArray[np.bool_]
    opinions: NDArray[np.intp]
    liked: NDArray[np.bool_]
    plays: Plays
    judgements: Mapping[str, int]
    not_counted: int


@dataclass(frozen=True, slots=True)
class FittedTaste:
    """What was fitted to judgements and plays, and kept.

    Attributes
    ----------
    fitted : as ``recommend.taste`` wrote it.
    fitted_at : seconds since 1970.
    n_tracks : how many could be found then, and ``n_tracks_now``.
    """

    fitted: Any
    fitted_at: float
    n_tracks: int
    n_tracks_now: int
