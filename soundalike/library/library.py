"""The library as its users see it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select

from soundalike.errors import LibraryError, ModelMismatch, TrackNotFound, printable
from soundalike.files import is_gone
from soundalike.library.index import (
    EmbeddingIndex,
    artists_of,
    generation,
    load_index,
    models_in_use,
)
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
    Upgrade,
)
from soundalike.library.scan.store import to_failure
from soundalike.library.scan.walk import checked_folders
from soundalike.library.snapshot import (
    Query,
    Subject,
    decoded,
    find_all,
    find_subject,
    select_tracks,
    stored_row,
    to_track,
)
from soundalike.library.storage.database import Database
from soundalike.library.storage.encoding import decode_embeddings
from soundalike.library.storage.schema import SCHEMA_VERSION, failures, tracks
from soundalike.library.upgrade import query_space, to_reanalyse, upgrade_state
from soundalike.models import ModelInfo, find_model
from soundalike.models.lineage import EmbeddingSpace, Lineage, default_lineage
from soundalike.similarity.rank import check_min_percentile, cut_below, rank
from soundalike.workers.jobs import Setup

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.similarity.passages import Comparison
    from soundalike.workers.process import AnalyzerLike

__all__ = ["Library", "Query"]


class Library:
    """Tracks with their analyses, in a database.

    Parameters
    ----------
    location : the database file, or a SQLAlchemy URL of SQLite. By default what the environment
        variable ``SOUNDALIKE_LIBRARY`` says, else ``library.db`` in the user's data folder.
    model : name of the model that analyses and answers; ``name@version`` for a certain version.
        Analyses by other models stay in the database, but are never compared with this one's.
        By default the newest built-in model, which takes the place of those before it: a scan
        re-analyses what they analysed, and they answer until that is complete.
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
        model: str | ModelInfo | Lineage | None = None,
        create: bool = True,
        analyzer: str = "soundalike.analyzer:Analyzer",
    ) -> None:
        if model is None:
            model = default_lineage()
        self._lineage = model if isinstance(model, Lineage) else None
        if isinstance(model, Lineage):
            self.model = model.current
        else:
            self.model = model if isinstance(model, ModelInfo) else find_model(model)
        self._setup = Setup(analyzer, self.model)
        self._database = Database(location, create=create)
        self._index: EmbeddingIndex | None = None
        self._analyzers: dict[str, AnalyzerLike] = {}

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
        ones are recognised by their content; those that are gone are marked as missing. Then the
        tracks that an older built-in model analysed are re-analysed one by one. A file
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
        paths = checked_folders(folders)
        return self._scan(paths, jobs=jobs, retry=retry, progress=progress)

    def retry_failures(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Scan again what failed, now, and nothing else; see :meth:`scan`."""
        paths = [os.fspath(failure.path) for failure in self.failures()]
        return self._scan(paths, jobs=jobs, retry=True, progress=progress)

    def reanalyse(
        self,
        *,
        jobs: int | None = None,
        progress: Callable[[ScanProgress], None] | None = None,
    ) -> ScanReport:
        """Go on with an upgrade, wherever the tracks are that remain, and nothing else.

        A track whose file is not there now, as on a disk that is not mounted, is left as it is;
        the report says so. See :meth:`scan`.
        """
        with self._database.read() as connection:
            found = to_reanalyse(connection, self._lineage) if self._lineage else []
        paths = [os.fsdecode(path) for path in found]
        there = [path for path in paths if not is_gone(path)]
        report = self._scan(there, jobs=jobs, progress=progress)
        away = len(paths) - len(there)
        if not away:
            return report
        note = (
            f"{away:,} of the files are not there: is their disk mounted? If they are gone for "
            f"good, scan their folders, and the upgrade goes on without them."
        )
        return replace(report, notes=(*report.notes, note))

    def _scan(
        self,
        paths: Sequence[str],
        *,
        jobs: int | None,
        retry: bool = False,
        progress: Callable[[ScanProgress], None] | None,
    ) -> ScanReport:
        from soundalike.library.scan.scan import Scan

        return Scan(
            self._database,
            self._setup,
            paths,
            lineage=self._lineage,
            jobs=jobs,
            retry=retry,
            progress=progress,
        ).run()

    def tracks(self, status: TrackStatus | None = None) -> list[Track]:
        """All tracks, or those of one status, by path."""
        with self._database.read() as connection:
            statement = select_tracks(self._space(connection)).order_by(tracks.c.path)
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
        with self._database.read() as connection:
            subject = find_subject(connection, self._space(connection), query)
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
            space = self._space(connection)
            subject, row = self._stored(connection, space, track_id)
        if row is None:
            raise LibraryError(f"#{track_id} {subject.name} is not analysed (yet)")
        return decoded(row, space)

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
        min_percentile : only tracks that are more alike than this share (0-100) of all pairs in
            the library: fewer than k then, or none, rather than some that are not alike.

        Raises
        ------
        TrackNotFound, AmbiguousTrack : as for :meth:`track`.
        AudioError : the query's file has to be analysed and cannot be.
        ModelMismatch : the query or the whole library is analysed with another model only.
        InvalidArgument : a value out of range.
        """
        with self._database.read() as connection:
            space = self._space(connection)
            index = self._current_index(connection, space)
            if not len(index.track_ids):
                self._refuse_other_models(connection)
            if min_percentile is not None:
                check_min_percentile(min_percentile, index.distribution)
            subject, row = self._stored(connection, space, query)
        embedding: NDArray[np.float32]
        if row is not None and start_s is None and end_s is None:
            embedding = decode_embeddings([row.embedding])[0]
        else:
            # Outside of any transaction: this may take a while. Whatever happens to the library
            # meanwhile, the answer is about one model.
            embedding = self._analyse(subject, space, start_s, end_s).embedding
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
                else artists_of(connection, space, index.track_ids),
                max_per_artist=max_per_artist,
                distribution=index.distribution,
            )
            ids = [int(index.track_ids[each.index]) for each in ranked]
            by_id = find_all(connection, space, ids)
            counted = self._count_by_status(connection, space)
        matches = tuple(
            Match(place, by_id[track_id], each.similarity, each.percentile)
            for place, (track_id, each) in enumerate(zip(ids, ranked, strict=True), start=1)
        )
        kept = len(cut_below(ranked, min_percentile)[0])
        return SimilarResult(
            query=subject.track,
            path=subject.path,
            start_s=start_s,
            end_s=end_s,
            model=space.id,
            matches=matches[:kept],
            min_percentile=min_percentile,
            cut=len(matches) - kept,
            best_cut=matches[kept] if kept < len(matches) else None,
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
            index = self._current_index(connection, self._space(connection))
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
        from soundalike.similarity.passages import compare_analyses

        with self._database.read() as connection:
            space = self._space(connection)
            stored = [self._stored(connection, space, query) for query in (a, b)]
            distribution = self._current_index(connection, space).distribution
        subjects = [subject for subject, _ in stored]
        a_analysis, b_analysis = (
            self._analyse(subject, space) if row is None else decoded(row, space)
            for subject, row in stored
        )
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
        with self._database.read() as connection:
            space = self._space(connection)
            present = select_tracks(space).subquery()
            counted = self._count_by_status(connection, space)
            duration_s = connection.scalar(
                select(func.sum(present.c.duration_s)).where(present.c.status == "analysed")
            )
            in_use = models_in_use(connection)
            upgrade = self._upgrade(connection)
        return LibraryInfo(
            location=self.location,
            model=space.id,
            upgrade=upgrade,
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

    def upgrade(self) -> Upgrade | None:
        """How far the re-analysis by a new built-in model is; None when there is none to be done.

        None as well for a library that was opened with a model of one's own choice.
        """
        with self._database.read() as connection:
            return self._upgrade(connection)

    def _upgrade(self, connection: Connection) -> Upgrade | None:
        return None if self._lineage is None else upgrade_state(connection, self._lineage)

    def _space(self, connection: Connection) -> EmbeddingSpace:
        """The model that answers in this transaction."""
        return self.model if self._lineage is None else query_space(connection, self._lineage)

    def _stored(
        self, connection: Connection, space: EmbeddingSpace, query: Query
    ) -> tuple[Subject, Row[Any] | None]:
        """What a query means, and its analysis if there is one."""
        subject = find_subject(connection, space, query)
        is_line = self._lineage is not None and space.id != self.model.id
        return subject, stored_row(connection, space, subject, is_line=is_line)

    def _analyse(
        self,
        subject: Subject,
        space: EmbeddingSpace,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> Analysis:
        """A new analysis, of what is not stored."""
        older = self._lineage.installed if self._lineage else ()
        model = next((each for each in (self.model, *older) if each.id == space.id), None)
        if model is None:
            raise ModelMismatch(
                f"{subject.name} would have to be analysed with {space.id}, from which the "
                f"library's answers come until all of its tracks are re-analysed, but which is "
                f"not installed any more: go on with the re-analysis for {self.model.id} "
                f"(soundalike scan --upgrade), then ask again"
            )
        if model.id not in self._analyzers:
            from soundalike.workers.process import load_analyzer

            self._analyzers[model.id] = load_analyzer(self._setup.analyzer, model)
        return cast(
            "Analysis",
            self._analyzers[model.id].from_file(subject.path, start_s=start_s or 0.0, end_s=end_s),
        )

    def _refuse_other_models(self, connection: Connection) -> None:
        others = models_in_use(connection)
        if others:
            raise ModelMismatch(
                f"the library's tracks are analysed with {', '.join(others)}, but it was opened "
                f"with {self.model.id}: scan its folders again, or open it with that model"
            )

    def _current_index(self, connection: Connection, space: EmbeddingSpace) -> EmbeddingIndex:
        kept = self._index
        if kept is None or kept.generation != generation(connection) or kept.model != space.id:
            kept = self._index = load_index(connection, space)
        return kept

    @staticmethod
    def _count_by_status(connection: Connection, space: EmbeddingSpace) -> Counter[str]:
        status = select_tracks(space).subquery().c.status
        statement = select(status, func.count()).group_by(status)
        return Counter({row[0]: row[1] for row in connection.execute(statement)})
