"""The library as its users see it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from soundalike.errors import LibraryError, ModelMismatch, TrackNotFound, printable
from soundalike.library.database import Database
from soundalike.library.encoding import decode_embeddings
from soundalike.library.jobs import Setup
from soundalike.library.lookup import find_all, select_tracks, to_track
from soundalike.library.records import (
    Failure,
    LibraryInfo,
    Match,
    ModelTracks,
    ScanProgress,
    ScanReport,
    SimilarResult,
    Track,
    TrackStatus,
)
from soundalike.library.schema import SCHEMA_VERSION, failures, tracks
from soundalike.library.search import (
    EmbeddingIndex,
    artists_of,
    generation,
    load_index,
    models_in_use,
)
from soundalike.library.store import to_failure
from soundalike.library.subjects import Query, Subject, decoded, find_subject, stored_row
from soundalike.models import DEFAULT_MODEL, ModelInfo, find_model
from soundalike.recommend.similar import rank

if TYPE_CHECKING:
    from soundalike.analyzer import Analysis
    from soundalike.library.worker import AnalyzerLike
    from soundalike.recommend.explain import Comparison

__all__ = ["Library", "Query"]


class Library:
    """Tracks with their analyses, in a database.

    Parameters
    ----------
    location : the database file, or a SQLAlchemy URL of SQLite. By default what the environment
        variable ``SOUNDALIKE_LIBRARY`` says, else ``library.db`` in the user's data folder.
    model : name of the model that analyses; ``name@version`` for a certain version. Analyses by
        other models stay in the database, but are never compared with this one's.
    create : make a new library where there is none.
    analyzer : ``module:callable``, called with the model in every process that analyses; for
        another way to get from a file to an ``Analysis``.

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
        model: str | ModelInfo = DEFAULT_MODEL,
        create: bool = True,
        analyzer: str = "soundalike.analyzer:Analyzer",
    ) -> None:
        self.model = model if isinstance(model, ModelInfo) else find_model(model)
        self._setup = Setup(analyzer, self.model)
        self._database = Database(location, create=create)
        self._index: EmbeddingIndex | None = None

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Library({self.location!r}, model={self.model.id!r})"

    @property
    def location(self) -> str:
        """The database file, or its URL, as text."""
        return self._database.location

    @property
    def setup(self) -> Setup:
        """What worker processes need to know to analyse as this library does."""
        return self._setup

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def scan(
        self,
        folders: Sequence[str | os.PathLike[str]],
        *,
        jobs: int | None = None,
        retry: bool = False,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Bring the library up to date with the audio files below some folders.

        New and changed files are analysed, in processes of their own; moved, copied and returned
        ones are recognised by their content; those that are gone are marked as missing. A file
        that fails is recorded with a reason, and tried again when it has changed, or, where that
        may help, after a while. Ctrl-C stops the scan: what is finished is stored, and the next
        scan goes on from there, as it does when the process is killed.

        Parameters
        ----------
        folders : folders, walked with all that is below them, or single files.
        jobs : processes; by default one for each core.
        retry : try again all files that failed before.
        progress : called now and then, and after each step, in this thread.

        Raises
        ------
        InvalidArgument : a folder that is not there or cannot be read. Nothing is scanned then.
        LibraryError : another scan is running, or the database cannot be written.
        ModelError : the model cannot be loaded.
        """
        from soundalike.library.scan import Scan, checked_folders

        paths = checked_folders(folders)
        return Scan(
            self._database, self._setup, paths, jobs=jobs, retry=retry, progress=progress
        ).run()

    def retry_failures(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Scan again what failed, now, and nothing else; see :meth:`scan`."""
        from soundalike.library.scan import Scan

        paths = [os.fspath(failure.path) for failure in self.failures()]
        return Scan(
            self._database, self._setup, paths, jobs=jobs, retry=True, progress=progress
        ).run()

    def tracks(self, status: TrackStatus | None = None) -> list[Track]:
        """All tracks, or those of one status, by path."""
        statement = select_tracks(self.model).order_by(tracks.c.path)
        with self._database.read() as connection:
            found = [to_track(row) for row in connection.execute(statement)]
        return [track for track in found if status is None or track.status == status]

    def track(self, query: Query) -> Track:
        """The track that a path, an id or words mean.

        Parameters
        ----------
        query : a path (text only counts as one where the file exists), an id (12, "12", "#12"),
            or words of artist, title, album and file name: all must be there, in any order, case
            and accents do not matter, and an exact title goes before others.

        Raises
        ------
        TrackNotFound : nothing answers to the query.
        AmbiguousTrack : several tracks do; the message lists up to ten with their ids.
        """
        subject = self._subject(query)
        if subject.track is not None:
            return subject.track
        advice = "scan its folder first" if subject.path.exists() else "there is no such file"
        raise TrackNotFound(f"{printable(subject.path)}: not in the library; {advice}")

    def analysis(self, track_id: int) -> Analysis:
        """What is stored of a track.

        The embedding was rounded to 16 bits, those of the excerpts to 8.

        Raises
        ------
        TrackNotFound : no track has this id.
        LibraryError : the track is not analysed.
        ModelMismatch : it is, but only with another model.
        """
        with self._database.read() as connection:
            subject = find_subject(connection, self.model, track_id)
            row = stored_row(connection, self.model, subject)
        if row is None:
            raise LibraryError(f"#{track_id} {subject.name} is not analysed (yet)")
        return decoded(row, self.model)

    def similar(
        self,
        query: Query,
        k: int = 10,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        max_per_artist: int | None = None,
        min_percentile: float | None = None,
    ) -> SimilarResult:
        """The tracks that sound most like a track, a file, or a passage of either.

        Parameters
        ----------
        query : as for :meth:`track`; a file that is not in the library is analysed for this.
        k : how many at most.
        start_s, end_s : only this passage of the query, in seconds; analysed for this.
        max_per_artist : at most this many by one artist.
        min_percentile : only tracks that are more alike than this share (0-100) of all pairs.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : the query's file has to be analysed and cannot be.
        ModelMismatch : the query or the whole library is analysed with another model only.
        InvalidArgument : a value out of range.
        """
        subject = self._subject(query)
        with self._database.read() as connection:
            index = self._current_index(connection)
            if not len(index.track_ids):
                self._refuse_other_models(connection)
        # Outside of any transaction: this may take a while.
        embedding = self._embedding(subject, start_s, end_s)
        with self._database.read() as connection:
            # No row has an id or a content of -1.
            own = index.track_ids == (subject.track.track_id if subject.track else -1)
            copies = (index.content_ids == (subject.content_id or -1)) & ~own
            ranked = rank(
                embedding,
                index.embeddings,
                k=k,
                exclude=np.flatnonzero(own | copies).tolist(),
                artists=None
                if max_per_artist is None
                else artists_of(connection, self.model, index.track_ids),
                max_per_artist=max_per_artist,
                distribution=index.distribution,
                min_percentile=min_percentile,
            )
            ids = [int(index.track_ids[each.index]) for each in ranked]
            by_id = find_all(connection, self.model, ids)
            counted = self._count_by_status(connection)
        return SimilarResult(
            query=subject.track,
            path=subject.path,
            start_s=start_s,
            end_s=end_s,
            model=self.model.id,
            matches=tuple(
                Match(place, by_id[track_id], each.similarity, each.percentile)
                for place, (track_id, each) in enumerate(zip(ids, ranked, strict=True), start=1)
            ),
            searched=len(index.track_ids) - int(np.count_nonzero(own | copies)),
            copies=int(np.count_nonzero(copies)),
            not_searched=counted["pending"],
        )

    def embeddings(self) -> EmbeddingIndex:
        """The embeddings of all tracks that a search can find, in memory.

        Raises
        ------
        ModelMismatch : the whole library is analysed with another model only.
        """
        with self._database.read() as connection:
            index = self._current_index(connection)
            if not len(index.track_ids):
                self._refuse_other_models(connection)
        return index

    def compare(self, a: Query, b: Query) -> Comparison:
        """Compare two tracks or files: how alike, and which passages match best.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : a file that has to be analysed and cannot be.
        ModelMismatch : a track is analysed with another model only.
        """
        from soundalike.recommend.explain import compare_analyses

        subjects = [self._subject(query) for query in (a, b)]
        a_analysis, b_analysis = (self._analysis(subject) for subject in subjects)
        with self._database.read() as connection:
            distribution = self._current_index(connection).distribution
        return compare_analyses(
            a_analysis,
            b_analysis,
            a=subjects[0].name,
            b=subjects[1].name,
            a_path=subjects[0].path,
            b_path=subjects[1].path,
            distribution=distribution,
        )

    def failures(self) -> list[Failure]:
        """What cannot be analysed and why, by path: tracks, and folders that cannot be read."""
        path = func.coalesce(failures.c.folder, tracks.c.path).label("path")
        statement = (
            select(failures, path)
            .outerjoin(tracks, tracks.c.id == failures.c.track_id)
            .where(tracks.c.missing_at.is_(None))
            .order_by(path)
        )
        with self._database.read() as connection:
            return [to_failure(row) for row in connection.execute(statement)]

    def info(self) -> LibraryInfo:
        """What the library holds."""
        present = select_tracks(self.model).add_columns(tracks.c.missing_at).subquery()
        with self._database.read() as connection:
            counted = self._count_by_status(connection)
            duration_s = connection.scalar(
                select(func.sum(present.c.duration_s)).where(present.c.status == "analysed")
            )
            in_use = models_in_use(connection)
        return LibraryInfo(
            location=self.location,
            model=self.model.id,
            models=tuple(ModelTracks(model, count) for model, count in in_use.items()),
            tracks=counted["analysed"] + counted["failed"] + counted["pending"],
            analysed=counted["analysed"],
            failed=counted["failed"],
            pending=counted["pending"],
            missing=counted["missing"],
            duration_s=float(duration_s or 0.0),
            size_bytes=self._database.size_bytes(),
            schema_version=SCHEMA_VERSION,
        )

    @cached_property
    def _analyzer(self) -> AnalyzerLike:
        from soundalike.library.worker import load_analyzer

        return load_analyzer(self._setup.analyzer, self.model)

    def _subject(self, query: Query) -> Subject:
        with self._database.read() as connection:
            return find_subject(connection, self.model, query)

    def _analysis(
        self, subject: Subject, start_s: float | None = None, end_s: float | None = None
    ) -> Analysis:
        """The stored analysis, or a new one where none is stored or a passage is asked for."""
        if start_s is None and end_s is None:
            with self._database.read() as connection:
                row = stored_row(connection, self.model, subject)
            if row is not None:
                return decoded(row, self.model)
        return cast(
            "Analysis",
            self._analyzer.from_file(subject.path, start_s=start_s or 0.0, end_s=end_s),
        )

    def _embedding(
        self, subject: Subject, start_s: float | None, end_s: float | None
    ) -> NDArray[np.float32]:
        """That of :meth:`_analysis`, without loading what only an analysis needs."""
        if start_s is None and end_s is None:
            with self._database.read() as connection:
                row = stored_row(connection, self.model, subject)
            if row is not None:
                embedding: NDArray[np.float32] = decode_embeddings([row.embedding])[0]
                return embedding
        return self._analysis(subject, start_s, end_s).embedding

    def _refuse_other_models(self, connection: Connection) -> None:
        others = models_in_use(connection)
        if others:
            raise ModelMismatch(
                f"the library's tracks are analysed with {', '.join(others)}, but it was opened "
                f"with {self.model.id}: scan its folders again, or open it with that model"
            )

    def _current_index(self, connection: Connection) -> EmbeddingIndex:
        if self._index is None or self._index.generation != generation(connection):
            self._index = load_index(connection, self.model)
        return self._index

    def _count_by_status(self, connection: Connection) -> Counter[str]:
        status = select_tracks(self.model).subquery().c.status
        statement = select(status, func.count()).group_by(status)
        return Counter({row[0]: row[1] for row in connection.execute(statement)})
