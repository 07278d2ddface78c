"""What recommendations are, with their reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from soundalike.library.records import Copy, Track
from soundalike.library.similar_records import PassedTrack, Seed, TasteUse
from soundalike.playlists import LeftOut, Playlist, PlaylistEntry
from soundalike.similarity.passages import Passage

__all__ = [
    "Likeness",
    "MadePath",
    "MadePlaylist",
    "OrderName",
    "OrderedPlaylist",
    "PathStop",
    "PlaylistItem",
    "RadioItem",
    "RadioPart",
    "RefreshedPlaylist",
    "StoppedBy",
]

OrderName = Literal["similar", "smooth"]
StoppedBy = Literal["tracks", "minutes", "limits", "library"]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a track is like another.

    Attributes
    ----------
    similarity : cosine of the two under the weights.
    percentile : the share (0-100) of the library's pairs of tracks that are less alike; None while
        the library is too small to say.
    facets : the cosine in each facet, by its name.
    shares : what each facet adds to the similarity; they sum to it.
    passage : where they are most alike, with the times in the other (``a``) and in the track
        (``b``); None where no excerpts are stored.
    """

    similarity: float
    percentile: float | None
    facets: Mapping[str, float] = field(hash=False)
    shares: Mapping[str, float] = field(hash=False)
    passage: Passage | None


@dataclass(frozen=True, slots=True)
class PlaylistItem:
    """A track of a playlist, and why it is there.

    Attributes
    ----------
    place : in the playlist, from 1.
    seed : the place in ``MadePlaylist.seeds`` of the seed that is nearest to it.
    likeness : to that seed; None for a seed itself.
    score : what it was ranked by, without surprise; see ``similarity.seeds``.
    rank_before : its place by that score among all tracks, before limits and surprise.
    rank : its place among the chosen, before they were put in order.
    step : the similarity to the track before it; None for the first.
    copies : other tracks with the same recording, for which it stands.
    passed_over : tracks that limits kept from being chosen between the one of the rank before and
        this, best first; the first twenty at most. With surprise, their ranks are among the
        surprised.
    passed_counts : how many these are in all, by limit.
    rank_without_taste : its place if there were neither taste nor limits; None where there is no
        taste.
    liking : from -1 (surely disliked) to 1; None where no liking is used.
    """

    place: int
    track: Track
    seed: int
    likeness: Likeness | None
    score: float
    rank_before: int
    rank: int
    step: float | None
    copies: tuple[Copy, ...] = ()
    passed_over: tuple[PassedTrack, ...] = ()
    passed_counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    rank_without_taste: int | None = None
    liking: float | None = None

    @property
    def is_seed(self) -> bool:
        """Whether it is there because it is a seed."""
        return self.likeness is None


@dataclass(frozen=True, slots=True)
class MadePlaylist:
    """A playlist that was made for some seeds, or what one was extended by.

    Attributes
    ----------
    model : that made the embeddings, ``name@version``.
    seeds : all that the tracks are to be like.
    without : what they are to be unlike.
    gone : seeds of a recipe that are not there any more, by name.
    outside : seeds that cannot stand in the list themselves, though that was asked for: files that
        are not in the library.
    weights : the share of each facet in the similarities, sum 1.
    items : in the order of the list; of an extension, only what is new.
    before : how many tracks stand before these.
    duration_s : of the items together.
    tracks, minutes : as requested; None where that is no bound.
    stopped_by : why there are no more: enough "tracks" or "minutes", or the "limits" or the
        "library" have no more.
    limits : the names of the limits that were set.
    passed_counts : how many tracks limits kept from standing before the last, by limit.
    searched : tracks that were compared.
    not_searched : tracks that are not analysed with this model (yet).
    order : "similar" or "smooth".
    largest_step : the largest 1 - similarity of two tracks in a row.
    mean_step : their mean.
    n_too_close : pairs of tracks of one artist that are nearer than the gap between artists.
    surprise, random_seed : as requested.
    is_unfamiliar : whether the seeds are unlike all music that the model knows.
    is_poor : whether even the nearest is far away for this library.
    recipe : how to make it again; see ``refresh_playlist``.
    taste : what of a listener's taste had a say; None for nothing.
    """

    model: str
    seeds: tuple[Seed, ...]
    without: tuple[Seed, ...]
    gone: tuple[str, ...]
    outside: tuple[Seed, ...]
    weights: Mapping[str, float] = field(hash=False)
    items: tuple[PlaylistItem, ...]
    before: int
    duration_s: float
    tracks: int | None
    minutes: float | None
    stopped_by: StoppedBy
    limits: tuple[str, ...]
    passed_counts: Mapping[str, int] = field(hash=False)
    searched: int
    not_searched: int
    order: OrderName
    largest_step: float
    mean_step: float
    n_too_close: int
    surprise: float
    random_seed: int
    is_unfamiliar: bool
    is_poor: bool
    recipe: dict[str, Any] = field(hash=False)
    taste: TasteUse | None = None


@dataclass(frozen=True, slots=True)
class OrderedPlaylist:
    """The tracks of a playlist in another order.

    Attributes
    ----------
    playlist : in the new order, otherwise as it was.
    tracks : of the library, in the new order.
    steps : the similarity of each with the one before it.
    not_placed : entries that cannot be compared, which stand at the end as they stood.
    smoother_percent : how much less the steps are in sum.
    total_step, largest_step, given_total_step, given_largest_step : sum and maximum of 1 -
        similarity of two in a row, now and before, without the entries that cannot be compared.
    n_too_close : pairs of tracks of one artist that are nearer than the gap that was asked for.
    taste : what of a listener's taste had a say; None for nothing.
    """

    playlist: Playlist
    tracks: tuple[Track, ...]
    steps: tuple[float, ...]
    not_placed: tuple[PlaylistEntry, ...]
    smoother_percent: float
    total_step: float
    largest_step: float
    given_total_step: float
    given_largest_step: float
    n_too_close: int
    taste: TasteUse | None = None


@dataclass(frozen=True, slots=True)
class RefreshedPlaylist:
    """A playlist that was made again.

    Attributes
    ----------
    playlist : as it is now, with its name.
    made : what was made.
    came : tracks that were not there before, in their order.
    went : entries that are not there any more, in theirs.
    left_out : what its file does not hold as it is; see ``write_playlist``.
    """

    playlist: Playlist
    made: MadePlaylist
    came: tuple[Track, ...]
    went: tuple[PlaylistEntry, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class PathStop:
    """A track on a path.

    Attributes
    ----------
    place : from 1.
    track : None for a waypoint that is not in the library.
    waypoint : the place in ``MadePath.waypoints``; None for a track between them.
    likeness : to the track before it; None for the first.
    step : 1 - that similarity.
    liking : from -1 (surely disliked) to 1; None where no liking is used, and for a waypoint that
        is not in the library.
    """

    place: int
    track: Track | None
    waypoint: int | None
    likeness: Likeness | None
    step: float | None
    liking: float | None = None


@dataclass(frozen=True, slots=True)
class MadePath:
    """A path from track to track.

    Attributes
    ----------
    model : that made the embeddings, ``name@version``.
    waypoints : that it goes through, in their order; the first and the last are its ends.
    weights : the share of each facet in the similarities, sum 1.
    stops : all tracks, the waypoints among them.
    largest_step, variation : of the steps between them; the variation is their standard deviation
        by their mean.
    straight_largest_step : that of the tracks nearest to the straight way between the waypoints.
    random_largest_step : that of random tracks between them.
    n_too_close : pairs of tracks of one artist that are nearer than the gap between artists.
    limits : the names of the limits that were set.
    searched : tracks that might have come.
    not_searched : tracks that are not analysed with this model (yet).
    taste : what of a listener's taste had a say; None for nothing.
    """

    model: str
    waypoints: tuple[Seed, ...]
    weights: Mapping[str, float] = field(hash=False)
    stops: tuple[PathStop, ...]
    largest_step: float
    variation: float
    straight_largest_step: float
    random_largest_step: float
    n_too_close: int
    limits: tuple[str, ...]
    searched: int
    not_searched: int
    taste: TasteUse | None = None


@dataclass(frozen=True, slots=True)
class RadioItem:
    """A track of a radio, and why it comes now.

    Attributes
    ----------
    place : since the radio began, from 1.
    likeness : to the track before it; of the first to the nearest seed. None where the one before
        is not in the library any more.
    seed_similarity : cosine to the mean direction of the seeds.
    rank_before : its place among all tracks near to where the radio is, hubs lowered.
    round : 1 until all that may come have come, then 2, and so on.
    passed_over : tracks of a higher place, best first, the first twenty at most; ``rule`` is
        "artist" or "skipped artist", who came or was skipped lately; "copy" or "version", of which
        the recording, or another, has come; or "chance", as another was drawn.
    passed_counts : how many these are in all, by rule.
    liking : from -1 (surely disliked) to 1; None where no liking is used.
    """

    place: int
    track: Track
    likeness: Likeness | None
    seed_similarity: float
    rank_before: int
    round: int
    passed_over: tuple[PassedTrack, ...] = ()
    passed_counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    liking: float | None = None


@dataclass(frozen=True, slots=True)
class RadioPart:
    """Some tracks of a radio, and how to go on.

    Attributes
    ----------
    model : that made the embeddings, ``name@version``.
    seeds : what it began with, by name.
    weights : the share of each facet in the similarities, sum 1.
    items : in their order.
    limits : the names of the limits that were set.
    searched : tracks that may come.
    not_searched : tracks that are not analysed with this model (yet).
    state : JSON, for ``continue_radio``.
    taste : what of a listener's taste had a say; None for nothing.
    """

    model: str
    seeds: tuple[str, ...]
    weights: Mapping[str, float] = field(hash=False)
    items: tuple[RadioItem, ...]
    limits: tuple[str, ...]
    searched: int
    not_searched: int
    state: dict[str, Any] = field(hash=False)
    taste: TasteUse | None = None
