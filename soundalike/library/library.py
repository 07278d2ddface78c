"""The library as its users see it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from soundalike.arguments import number, whole_number
from soundalike.closing import Closing
from soundalike.errors import InvalidArgument
from soundalike.files import real
from soundalike.library.checks import (
    checked_kinds,
    checked_taste,
    checked_weights,
    limits_of,
    seed_queries,
)
from soundalike.library.exchanging import Exchanging
from soundalike.library.judging import Judging
from soundalike.library.limits import NO_LIMITS, Limits
from soundalike.library.listing import Listing
from soundalike.library.reader import Reader
from soundalike.library.records import VERSION_KINDS, Track, TrackStatus
from soundalike.library.scanning import Scanning
from soundalike.library.server_music import ServerMusic
from soundalike.library.shared import Shared
from soundalike.library.snapshot import Query
from soundalike.library.storage.database import Database
from soundalike.library.tagging import Tagging
from soundalike.library.workers import Workers
from soundalike.models import ModelInfo, ModelKey, find_model
from soundalike.models.lineage import Lineage, default_lineage

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library.index import Index
    from soundalike.library.info_records import LibraryInfo, ScannedFolder, Upgrade
    from soundalike.library.playlist_records import PlaylistResolution
    from soundalike.library.scan_records import Failure, Forgotten
    from soundalike.library.similar_records import Heard, SimilarResult
    from soundalike.library.version_records import DuplicateGroup, VersionKind, VersionsResult
    from soundalike.library.view import View
    from soundalike.library.word_records import FindResult, KnownWord
    from soundalike.playlists import Playlist
    from soundalike.similarity.passages import Comparison
    from soundalike.similarity.taste import Taste
    from soundalike.workers.calls import Call
    from soundalike.workers.jobs import MakePool
    from soundalike.workers.process import AnalyzerLike

__all__ = ["Library", "Query"]


def _load(analyzer: str, model: ModelKey) -> AnalyzerLike:
    from soundalike.workers.process import load_analyzer

    return load_analyzer(analyzer, model)


class Library(Listing, Scanning, Judging, ServerMusic, Exchanging, Shared, Tagging, Closing):
    """Tracks with their analyses, in a database.

    Parameters
    ----------
    location : the database file, or a URL of SQLite or PostgreSQL (``docs/postgresql.md``). By
        default what the environment variable ``SOUNDALIKE_LIBRARY`` says, else ``library.db`` in
        the user's data folder.
    model : name of the model that analyses and answers; ``name@version`` for a certain version.
        Analyses by other models stay in the database, but are never compared with this one's.
        By default the newest built-in model, which replaces earlier ones: a scan re-analyses
        what they analysed, and they answer until that is complete.
    create : make a new library where there is none.
    analyzer : ``module:callable``, called with a ``ModelKey`` in every process that analyses.
    pool : makes what scans and evaluations run in; by default processes of this machine.
    make_analyzer : called with a ``ModelKey`` for what a question has to analyse, such as a file
        that is not in the library; by default that is done in this process, as ``analyzer`` does.

    Raises
    ------
    LibraryError : the library cannot be opened; the message has its place and what to do.
    ModelError : unknown model.

    Examples
    --------
    >>> with Library() as library:                                 # doctest: +SKIP
    ...     library.scan(["~/Music"])
    ...     for match in library.similar("~/Music/piece.flac").matches:
    ...         print(f"{match.similarity:.2f} {match.track.name}")
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None = None,
        *,
        model: str | ModelInfo | Lineage | None = None,
        create: bool = True,
        analyzer: str = "soundalike.analyzer:Analyzer",
        pool: MakePool | None = None,
        make_analyzer: Callable[[ModelKey], AnalyzerLike] | None = None,
    ) -> None:
        model = default_lineage() if model is None else model
        self._lineage = model if isinstance(model, Lineage) else None
        if isinstance(model, Lineage):
            model = model.current
        self.model = model if isinstance(model, ModelInfo) else find_model(model)
        self._workers = Workers(analyzer, self.model.key, pool)
        self._database = Database(location, create=create)
        self._reader = Reader(
            self._database, self.model, self._lineage, make_analyzer or partial(_load, analyzer)
        )

    def __repr__(self) -> str:
        return f"Library({self.location!r}, model={self.model.id!r})"

    @property
    def path(self) -> Path | None:
        """The database file; None for a library in memory or on a server."""
        return self._database.path

    @property
    def location(self) -> str:
        """The database file, or its URL, as text."""
        return self._database.location

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def tracks(self, status: TrackStatus | None = None) -> list[Track]:
        """All tracks, or those of one status, by path."""
        return list(self.each_track(status=status))

    def each_track(
        self,
        words: str | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        status: TrackStatus | None = None,
    ) -> Iterator[Track]:
        """Tracks by path, one after the other, however many there are.

        Parameters
        ----------
        words : only those that have all these words, as for :meth:`track`.
        folder : only those below this folder.
        status : only those of this status.

        Raises
        ------
        TrackNotFound : no track has the words; raised when the first track is asked for.
        InvalidArgument : an unknown status, or words that are no text.
        """
        if status is not None and status not in get_args(TrackStatus):
            known = ", ".join(get_args(TrackStatus))
            raise InvalidArgument(f"status is {status!r}: it must be one of {known}")
        if words is not None and not isinstance(words, str):
            raise InvalidArgument(f"words is {words!r}: it must be text")
        inside = None if folder is None else real(folder)
        return self._reader.each_track(words, inside, status)

    def track(self, query: Query) -> Track:
        """The track that a path, an id or words mean.

        Parameters
        ----------
        query : an id (12, "#12", or "12" where a track has it), what :meth:`hear` returned, a path
            (text only counts as one where the file exists), or words: the tracks that have words
            beginning with all of these, in artist, title, album, folders or file name. Case,
            accents and order do not matter, and an exact title goes before others. Where no word
            begins so, those count that hold them.

        Raises
        ------
        TrackNotFound : no track matches the query; the message offers some that are written nearly
            like it.
        AmbiguousTrack : several tracks do; the message lists the ten best with their ids. Copies
            of one piece are no several: the one with the lowest id is meant.
        InvalidArgument : neither a path, nor an id, nor text.
        """
        return self._reader.track(query)

    def file(self, query: Query) -> Path:
        """The file that a query means: as for :meth:`track`, but it need not be in the library.

        Raises
        ------
        TrackNotFound, AmbiguousTrack, InvalidArgument : as for :meth:`track`.
        """
        return self._reader.file(query)

    def analysis(self, track_id: int) -> Analysis:
        """What is stored of a track.

        The embedding was rounded to 16 bits, those of the excerpts to 8.

        Raises
        ------
        TrackNotFound : no track has this id.
        InvalidArgument : the id is no whole number.
        LibraryError : the track is not analysed.
        ModelMismatch : it is, but only with another model.
        """
        return self._reader.analysis(whole_number("track_id", track_id))

    def similar(
        self,
        query: Query | Sequence[Query],
        k: int = 10,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        without: Query | Sequence[Query] = (),
        max_per_artist: int | None = None,
        min_percentile: float | None = None,
        weights: Mapping[str, float] | None = None,
        limits: Limits = NO_LIMITS,
        taste: Taste | None = None,
    ) -> SimilarResult:
        """The tracks that sound most like some seeds: tracks, files, or passages of either.

        A recording comes once, however many files hold it: see ``Match.copies``. The seeds and
        their copies are left out. Several seeds are weighed by a soft maximum, see
        ``similarity.seeds``; a folder stands for all its tracks.

        Parameters
        ----------
        query : one or several, as for :meth:`track`, or a folder (a path, or the
            name of one here that has tracks). A file that is not in the library is analysed for
            this. A text may end in a passage, ``TRACK@1:10-1:40``, which is analysed for this, too.
        k : how many at most.
        start_s, end_s : only this passage of the one query, in seconds.
        without : what the tracks are to be unlike, as for ``query``; left out, too.
        max_per_artist : at most this many by one artist, as in ``limits``.
        min_percentile : only tracks that are more alike than this share (0-100) of all pairs in
            the library: fewer than k then, or none, rather than some that are not alike.
        weights : what counts how much, by facet of the model, such as ``{"rhythm": 2, "sound":
            0.5}``: any numbers from 0 on, of which the proportion counts. A facet that is not named
            keeps the weight that ``info().facets`` has. Percentiles are under these weights, too.
        limits : how much of one artist or album, what lengths, which folders, genres and years.
        taste : of a listener, such as ``recommend.taste.taste_of(library).taste``: its metric takes
            the place of the model's (but for ``weights``, where they are given), and what it likes
            gains something. Similarities and percentiles are by that metric.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`; or no track lies in a folder.
        AudioError : a seed has to be analysed and cannot be.
        ModelMismatch : a seed or the whole library is analysed with another model only.
        InvalidArgument : a value of the wrong type or out of range, a facet that the model does
            not have, or limits that leave nothing: the message says which takes how much.
        """
        k = whole_number("k", k, least=1)
        if min_percentile is not None:
            min_percentile = number("min_percentile", min_percentile, least=0, most=100)
        return self._reader.similar(
            seed_queries(query, start_s, end_s),
            seed_queries(without, name="without"),
            k,
            limits=limits_of(limits, max_per_artist),
            min_percentile=min_percentile,
            weights=checked_weights(weights),
            taste=checked_taste(taste),
        )

    def hear(
        self,
        query: Query,
        start_s: float | None = None,
        end_s: float | None = None,
        *,
        with_analysis: bool = False,
    ) -> Heard:
        """What the model hears in a track, a file, or a passage of either; as for :meth:`similar`,
        but no folder.

        Parameters
        ----------
        with_analysis : also all else that the model says of it, ``Heard.analysis``.

        Raises
        ------
        As :meth:`similar`.
        """
        found = self._reader.hear(
            seed_queries([query], start_s, end_s), with_analysis=with_analysis
        )
        if len(found) > 1:
            raise InvalidArgument(f"{query} is a folder of {len(found):,} tracks: name one of them")
        return found[0]

    def hear_all(
        self, queries: Query | Sequence[Query], *, with_excerpts: bool = True
    ) -> list[Heard]:
        """What it hears in several seeds; a folder stands for all its tracks.

        Parameters
        ----------
        with_excerpts : False where those of tracks that :meth:`view` has need not be read.

        Raises
        ------
        As :meth:`similar`.
        """
        return self._reader.hear(seed_queries(queries), with_excerpts=with_excerpts)

    @contextmanager
    def view(self) -> Iterator[View]:
        """One state of the library, to recommend from.

        >>> with Library().view() as view:                             # doctest: +SKIP
        ...     scores = view.index.embeddings @ view.index.embeddings[0]
        ...     chosen = view.select(scores, 10, Limits(max_per_artist=1), exclude=[0]).chosen

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        with self._reader.view() as view:
            yield view

    def index(self) -> Index:
        """The embeddings of all tracks that a search can find, in memory.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        return self._reader.index()

    def find(
        self, query: str, k: int = 10, *, max_per_artist: int | None = None, sure: bool = False
    ) -> FindResult:
        """The tracks that have what words ask for, by what the model hears in them.

        Parameters
        ----------
        query : such as "piano, no vocals, sad"; what can be written says ``words.query.parse``.
        k : how many at most.
        max_per_artist : as for :meth:`similar`.
        sure : only tracks that surely are as asked, in every word: fewer than k then, or none.

        Raises
        ------
        InvalidArgument : a word that the model does not have (the message offers others), a query
            that asks for nothing or contradicts itself, or a value out of range.
        ModelError : the model that answers tells no words.
        """
        return self._reader.find(query, k, max_per_artist=max_per_artist, sure=sure)

    def words(self) -> tuple[KnownWord, ...]:
        """The words that :meth:`find` knows; raises as it does."""
        return self._reader.words()

    def duplicates(self) -> tuple[DuplicateGroup, ...]:
        """The recordings that several files hold, by the path of the best copy of each.

        Exact copies, the same audio with other tags, and near-duplicates such as another encoding:
        what counts as one, and how often that is wrong, says ``soundalike.similarity.duplicates``.
        Nothing is changed or deleted.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        return self._reader.duplicates()

    def versions(
        self,
        query: Query | None = None,
        *,
        kinds: Sequence[VersionKind] = VERSION_KINDS,
        progress: Callable[[int, int], None] | None = None,
    ) -> VersionsResult:
        """The tracks that hold the same music: copies, other encodings, cuts, and other versions.

        What counts as one, and how often that is wrong, say ``soundalike.similarity.recording``
        and ``soundalike.similarity.versions``. To compare all tracks takes minutes for thousands;
        what was found is kept beside the database, and only what has changed is compared again.
        Nothing is changed or deleted.

        Parameters
        ----------
        query : the track, file or passage whose versions are wanted, as for :meth:`similar`, but
            no folder; None for all that there are.
        kinds : which of "copy", "audio", "near" and "version".
        progress : told now and then how many tracks are compared, and how many there are, in this
            thread.

        Raises
        ------
        InvalidArgument : an unknown kind, none at all, or a folder.
        TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch : as for :meth:`similar`.
        """
        queries = [] if query is None else seed_queries([query])
        return self._reader.versions(queries, checked_kinds(kinds), progress)

    def compare(self, a: Query, b: Query) -> Comparison:
        """Compare two tracks or files: how alike, and which passages match best.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : a file that has to be analysed and cannot be.
        ModelMismatch : a track is analysed with another model only.
        """
        return self._reader.compare(a, b)

    def resolve_playlist(self, playlist: Playlist) -> PlaylistResolution:
        """The tracks that the entries of a playlist mean, however it came about.

        By path; else by content, where a file lies elsewhere now; by the end of the path, as
        another computer has it; by MusicBrainz id or ISRC; by artist and title. What fits several
        tracks is not guessed. See ``library.playlist_entries``.

        Parameters
        ----------
        playlist : such as ``playlists.read_playlist`` gives.
        """
        return self._reader.resolve_playlist(playlist)

    def run_calls(
        self,
        calls: Sequence[Call],
        *,
        jobs: int | None = None,
        result: Callable[[int, Any], None] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[Any]:
        """Call functions on files, where this library's scans run; see ``workers.calls``."""
        from soundalike.workers.calls import run_calls

        return run_calls(
            self._workers.setup,
            calls,
            jobs=jobs,
            result=result,
            progress=progress,
            pool=self._workers.make_pool,
        )

    def failures(self) -> list[Failure]:
        """What cannot be analysed and why, by path: tracks, and folders that cannot be read."""
        return self._reader.failures()

    def info(self) -> LibraryInfo:
        """What the library holds."""
        return self._reader.info()

    def upgrade(self) -> Upgrade | None:
        """How far the re-analysis by a new built-in model is; None if there is none."""
        return self._reader.upgrade()

    def folders(self) -> tuple[ScannedFolder, ...]:
        """The folders that were scanned, by path, and how."""
        return self._reader.folders()

    def missing(self, query: str | os.PathLike[str] | None = None) -> list[Track]:
        """The tracks whose files were gone when their folders were last scanned, by path.

        Parameters
        ----------
        query : only those in this folder (a path, or text with a separator, or the name of a
            folder here that has tracks), or those with all of these words.
        """
        return self._reader.missing(query)

    def forget(self, *what: Query, missing: bool = False, dry_run: bool = False) -> Forgotten:
        """Remove tracks from the library, and their analyses where no copy needs them.

        A file that is still there comes back with the next scan of its folder. Folders that were
        scanned are forgotten, too, where they are what is named, or lie below it: a scan without
        folders no longer goes through them.

        Parameters
        ----------
        what : files, folders with all that is below them, or ids (12, "12", "#12"); they need not
            be there any more.
        missing : only tracks that are missing: all of them, or those among ``what``. No scanned
            folder is forgotten then.
        dry_run : change nothing, only tell.

        Raises
        ------
        TrackNotFound : the library knows nothing of one of them. Nothing is removed then.
        InvalidArgument : nothing is named.
        LibraryError : a scan is running, or the database cannot be written.
        """
        from soundalike.library.forget import forget

        return forget(self._database, what, missing=missing, dry_run=dry_run)
