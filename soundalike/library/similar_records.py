"""What ``Library.similar`` and ``Library.hear`` return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike.errors import printable
from soundalike.library.records import Copy, Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundalike.analysis import Analysis

__all__ = ["Heard", "Match", "PassedTrack", "Seed", "SimilarResult", "TasteUse"]


@dataclass(frozen=True, slots=True)
class Seed:
    """A track, a file, or a passage of either, that others are to be like, or unlike.

    Attributes
    ----------
    track : None for a file that is not in the library.
    path : of the file.
    start_s, end_s : the passage, in seconds; None where there is no bound.
    """

    track: Track | None
    path: Path
    start_s: float | None = None
    end_s: float | None = None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.track.name if self.track else printable(self.path.name)

    @property
    def is_whole(self) -> bool:
        """Whether all of the track is meant."""
        return self.start_s is None and self.end_s is None

    @property
    def key(self) -> tuple[Path, float | None, float | None]:
        """Equal for what is the same."""
        return self.path, self.start_s, self.end_s


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model hears in a track, a file, or a passage of either.

    Attributes
    ----------
    seed : what was heard.
    content_id : the row of its content in the library; None where the library does not know it.
    model : ``name@version``, whose embeddings these are.
    embedding : float32 (embedding_dim,), unit length.
    excerpts : float32 (n_excerpts, embedding_dim), unit length; none where what is stored of them
        is damaged.
    starts_s : float64 (n_excerpts,), seconds from the beginning of the track.
    duration_s : of what was heard.
    is_unfamiliar : whether it is unlike all music that the model knows.
    analysis : all that the model says of it; None where that was not asked for. Its times are those
        of what was heard: of a passage, they count from its beginning.
    fingerprint : uint8 (n_frames, 6), by which it is aligned with others; None where there is none.
    """

    seed: Seed
    content_id: int | None
    model: str
    embedding: NDArray[np.float32] = field(repr=False)
    excerpts: NDArray[np.float32] = field(repr=False)
    starts_s: NDArray[np.float64] = field(repr=False)
    duration_s: float
    is_unfamiliar: bool
    analysis: Analysis | None = field(default=None, repr=False)
    fingerprint: NDArray[np.uint8] | None = field(default=None, repr=False)

    @property
    def track(self) -> Track | None:
        """None for a file that is not in the library."""
        return self.seed.track

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.seed.path

    @property
    def name(self) -> str:
        """What to call it."""
        return self.seed.name


@dataclass(frozen=True, slots=True)
class PassedTrack:
    """A track that a limit kept from coming at its place.

    Attributes
    ----------
    rank : its place before the limits.
    rule : the limit that took it: "artist", "artist gap", "album", "length", "folder", "genre",
        "year" or "track"; or "copy", which holds the same recording as a track before it, or
        "version", another recording of its music.
    of : of a copy or version the name of that track.
    """

    track_id: int
    name: str
    rank: int
    rule: str
    of: str | None = None


@dataclass(frozen=True, slots=True)
class TasteUse:
    """What of a listener's taste a ranking is by; see ``similarity.taste``.

    Attributes
    ----------
    weights : whether the facets have the listener's weights.
    metric : whether the listener's finer metric compares in them.
    liking : whether what is liked gained something.
    most : what a track that is surely liked gains, in units of the similarity; 0 without a liking.
    """

    weights: bool
    metric: bool
    liking: bool
    most: float


@dataclass(frozen=True, slots=True)
class Match:
    """A track that was found for a query.

    Attributes
    ----------
    rank : its place, from 1.
    similarity : to the seed that is nearest to it.
    percentile : the share (0-100) of the library's pairs of tracks that are less alike; None while
        the library is too small to say.
    copies : other tracks with the same recording, and other versions that are known: of those, the
        one that is most alike stands in the list.
    facets : the cosine in each facet by its name, to the same seed; weighed with
        ``SimilarResult.weights`` they add up to the similarity.
    score : what it is ranked by; for one seed, nothing to be unlike and no liking the similarity.
    seed : the place in ``SimilarResult.seeds`` of the seed that is nearest to it.
    rank_before : its place if there were no limits.
    rank_without_taste : the same if there were no taste, either; None where none is used.
    liking : from -1 (surely disliked) to 1 (surely liked); None where no liking is used.
    passed_over : the tracks that limits kept from standing between the one before and this, best
        first; the first twenty at most.
    passed_counts : how many these are in all, by limit.
    """

    rank: int
    track: Track
    similarity: float
    percentile: float | None
    copies: tuple[Copy, ...] = ()
    facets: Mapping[str, float] = field(default_factory=dict, hash=False)
    score: float = 0.0
    seed: int = 0
    rank_before: int = 0
    rank_without_taste: int | None = None
    liking: float | None = None
    passed_over: tuple[PassedTrack, ...] = ()
    passed_counts: Mapping[str, int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class SimilarResult:
    """The tracks of a library that sound like a query.

    Attributes
    ----------
    query : the track of the (first) seed; None when the file is not in the library.
    path : its file.
    start_s, end_s : the requested passage of it; None where there is no bound.
    seeds : all that the matches are to be like.
    without : what they are to be unlike.
    model : that made the embeddings, ``name@version``.
    weights : the share of each facet of the model in the similarities, sum 1.
    matches : best first, without the seeds themselves.
    min_percentile : as requested; None where nothing was to be cut.
    cut : tracks that would have been among the matches, but are less alike than that.
    best_cut : the closest of those, None where nothing was cut.
    limits : the names of the limits that were set.
    taste : what of a listener's taste it is by; None for nothing.
    passed_counts : how many tracks limits kept from standing before the last match, by limit.
    searched : tracks that were compared.
    copies : tracks with the recording of a seed, and other versions that are known, which were left
        out. For a passage of a file that is not in the library, exact copies alone.
    not_searched : tracks that could not be compared, because they are not analysed with this
        model (yet).
    is_poor : whether even the best match is so far away that nothing in the library may be called
        like the query (``PairDistribution.is_poor``); False where the library is too small to say.
    is_unfamiliar : whether the seeds, all of them, are unlike all music that the model knows, such
        as noise or speech: similarities mean little then. False where that is not known.
    """

    query: Track | None
    path: Path
    start_s: float | None
    end_s: float | None
    model: str
    weights: Mapping[str, float] = field(hash=False)
    matches: tuple[Match, ...]
    min_percentile: float | None
    cut: int
    best_cut: Match | None
    searched: int
    copies: tuple[Copy, ...]
    not_searched: int
    is_poor: bool
    is_unfamiliar: bool
    seeds: tuple[Seed, ...]
    without: tuple[Seed, ...] = ()
    limits: tuple[str, ...] = ()
    passed_counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    taste: TasteUse | None = None
