"""The read side: a question takes a snapshot, an index, and perhaps a new analysis."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import Connection

from soundalike.errors import (
    InvalidArgument,
    LibraryError,
    ModelMismatch,
    TrackNotFound,
    UnreadableFile,
    printable,
)
from soundalike.files import is_gone
from soundalike.library.changes import Position, position
from soundalike.library.index import Index, IndexKeeper
from soundalike.library.lookup import Asked, SeedQuery, find, having_words, not_found
from soundalike.library.pairs import known_pieces
from soundalike.library.search import search
from soundalike.library.similar_records import Heard, SimilarResult
from soundalike.library.snapshot import Found, Query, Snapshot
from soundalike.library.storage.schema import below, tracks
from soundalike.library.upgrade import query_space, to_reanalyse, upgrade_state
from soundalike.library.view import View, heard_from
from soundalike.similarity.rank import check_min_percentile
from soundalike.threads import available_cores

if TYPE_CHECKING:
    from soundalike.analysis import Analysis
    from soundalike.library.info_records import LibraryInfo, ScannedFolder, Upgrade
    from soundalike.library.limits import Limits
    from soundalike.library.playlist_records import PlaylistResolution
    from soundalike.library.records import Track, TrackStatus
    from soundalike.library.scan_records import Failure
    from soundalike.library.storage.database import Database
    from soundalike.library.version_records import DuplicateGroup, VersionKind, VersionsResult
    from soundalike.library.word_records import FindResult, KnownWord
    from soundalike.models import ModelInfo, ModelKey
    from soundalike.models.lineage import EmbeddingSpace, Lineage
    from soundalike.playlists import Playlist
    from soundalike.similarity.passages import Comparison
    from soundalike.similarity.taste import Taste
    from soundalike.workers.process import AnalyzerLike

__all__ = ["Reader"]

Answer = TypeVar("Answer")


class Reader:
    """Answers questions; ``Library`` says what each means and raises.

    Parameters
    ----------
    database : open.
    model : that was asked for, or the newest of the line.
    lineage : the line that the model ends, or None where somebody chose the model.
    make_analyzer : called with the key of a model, for what is not stored.
    """

    def __init__(
        self,
        database: Database,
        model: ModelInfo,
        lineage: Lineage | None,
        make_analyzer: Callable[[ModelKey], AnalyzerLike],
    ) -> None:
        self._database = database
        self._model = model
        self._lineage = lineage
        self._make_analyzer = make_analyzer
        self._analyzers: dict[str, AnalyzerLike] = {}
        self._damaged: list[tuple[list[int], EmbeddingSpace]] = []
        self._index = IndexKeeper(
            database.beside, lambda ids, space: self._damaged.append((ids, space))
        )
        # Of more threads at once, each waits for Python's lock at every step: on a quiet machine
        # sixteen clients of a server got half of what one got.
        self._turns = threading.BoundedSemaphore(max(2, available_cores()))
        # Which model answers costs a look at all analyses while one takes over from another.
        self._answering: tuple[Position, EmbeddingSpace] | None = None

    def each_track(
        self, words: str | None, folder: str | None, status: TrackStatus | None
    ) -> Iterator[Track]:
        last: bytes | None = None
        while True:
            # A transaction for some at a time: who asks may take long over each.
            with self._database.read() as connection:
                snapshot = self._snapshot(connection)
                conditions = [] if folder is None else [below(tracks.c.path, folder)]
                if words is not None:
                    condition = having_words(snapshot, words)
                    if condition is None:
                        raise not_found(snapshot, words)
                    conditions.append(condition)
                found = snapshot.tracks_after(last, *conditions)
            if not found:
                return
            yield from (track for track in found if status in (None, track.status))
            last = os.fsencode(found[-1].path)

    def track(self, query: Query) -> Track:
        with self._database.read() as connection:
            found = find(self._snapshot(connection), query)
        if found.track is not None:
            return found.track
        advice = "scan its folder first" if found.path.exists() else "there is no such file"
        raise TrackNotFound(f"{printable(found.path)}: not in the library; {advice}")

    def file(self, query: Query) -> Path:
        with self._database.read() as connection:
            return find(self._snapshot(connection), query).path

    def failures(self) -> list[Failure]:
        from soundalike.library.overview import failures_of

        with self._database.read() as connection:
            return failures_of(connection)

    def missing(self, query: str | os.PathLike[str] | None) -> list[Track]:
        from soundalike.library.forget import missing_tracks

        with self._database.read() as connection:
            return missing_tracks(self._snapshot(connection), query)

    def folders(self) -> tuple[ScannedFolder, ...]:
        from soundalike.library.overview import folders_of

        with self._database.read() as connection:
            return folders_of(connection)

    def info(self) -> LibraryInfo:
        from soundalike.library.overview import describe

        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            return describe(snapshot, self._database, self._upgrade(connection))

    def upgrade(self) -> Upgrade | None:
        with self._database.read() as connection:
            return self._upgrade(connection)

    def to_reanalyse(self) -> list[bytes]:
        """The paths of the tracks that an upgrade still has to go through."""
        with self._database.read() as connection:
            return to_reanalyse(connection, self._lineage) if self._lineage else []

    def index(self) -> Index:
        with self._database.read() as connection:
            index = self._current(self._snapshot(connection))
        self._tidy()
        return index

    def analysis(self, track_id: int) -> Analysis:
        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            found = find(snapshot, track_id)
            analysis = self._stored(snapshot, found)
        if analysis is None:
            raise LibraryError(f"#{track_id} {found.name} is not analysed (yet)")
        return analysis

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The library in a transaction, without the index."""
        with self._database.read() as connection:
            yield self._snapshot(connection)

    @contextmanager
    def view(self) -> Iterator[View]:
        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            yield self._view(snapshot, self._current(snapshot))
        self._tidy()

    def hear(
        self,
        queries: Sequence[SeedQuery],
        *,
        with_excerpts: bool = True,
        with_analysis: bool = False,
    ) -> list[Heard]:
        return self._with_heard(
            [queries],
            lambda _, heard: heard[0],
            with_excerpts=with_excerpts,
            with_analysis=with_analysis,
        )

    def similar(
        self,
        seeds: Sequence[SeedQuery],
        without: Sequence[SeedQuery],
        k: int,
        *,
        limits: Limits,
        min_percentile: float | None,
        weights: Mapping[str, float] | None,
        taste: Taste | None,
    ) -> SimilarResult:
        def check(view: View) -> None:
            try:
                view.layout.weights(weights)
            except InvalidArgument as error:
                # Which model answers may be another than the one that somebody thinks of.
                raise InvalidArgument(f"{view.model}: {error}") from None
            if min_percentile is not None:
                check_min_percentile(min_percentile, view.distribution)

        def answer(view: View, heard: Sequence[list[Heard]]) -> SimilarResult:
            return search(
                view,
                *heard,
                k=k,
                limits=limits,
                min_percentile=min_percentile,
                weights=weights,
                taste=taste,
            )

        return self._with_heard([seeds, without], answer, check=check, with_excerpts=False)

    def similar_in_database(
        self,
        seed: SeedQuery,
        k: int,
        *,
        weights: Mapping[str, float] | None,
        limits: Limits,
        approximate: bool,
    ) -> SimilarResult:
        from soundalike.library.database_search import asked_track, search_vectors, stored

        def answer(snapshot: Snapshot, heard: Heard) -> SimilarResult:
            return search_vectors(
                snapshot,
                self._index,
                heard,
                k=k,
                weights=weights,
                limits=limits,
                approximate=approximate,
            )

        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            asked = asked_track(snapshot, self._index, seed)
            heard = stored(snapshot, self._index, asked)
            if heard is not None:
                return answer(snapshot, heard)
        heard = self._hear(asked, snapshot.space)
        with self._database.read() as connection:
            return answer(Snapshot(connection, snapshot.space), heard)

    def index_vectors(self, *, drop: bool) -> int:
        from soundalike.library.database_search import index_vectors

        with self._database.read() as connection:
            space = self._snapshot(connection).space
        with self._database.write() as connection:
            return index_vectors(connection, space, drop=drop)

    def _with_heard(
        self,
        queries: Sequence[Sequence[SeedQuery]],
        answer: Callable[[View, list[list[Heard]]], Answer],
        *,
        check: Callable[[View], None] | None = None,
        with_excerpts: bool = True,
        with_analysis: bool = False,
    ) -> Answer:
        """What somebody makes of a view of the library and of what is heard in some queries.

        Parameters
        ----------
        queries : several lists of them; ``answer`` gets as many.
        check : called with the view before anything is looked for, to refuse what cannot be.
        with_excerpts, with_analysis : as for :meth:`.View.heard`.
        """
        # In this order, so that whoever has a turn does not wait for a connection.
        with self._database.read() as connection, self._turns:
            snapshot = self._snapshot(connection)
            view = self._view(snapshot, self._current(snapshot))
            if check is not None:
                check(view)
            asked = [[part for each in some for part in view.asked(each)] for some in queries]
            wanted = {"with_excerpts": with_excerpts, "with_analysis": with_analysis}
            stored = [[view.heard(each, **wanted) for each in some] for some in asked]
            heard = [[each for each in some if each is not None] for some in stored]
            is_all = list(map(len, heard)) == list(map(len, asked))
            result = answer(view, heard) if is_all else None
        if not is_all:
            # Outside of any transaction: this may take a while. Whatever happens to the library
            # meanwhile, the answer is about one model.
            heard = [
                [known or self._hear(each, view.space) for each, known in zip(*both, strict=True)]
                for both in zip(asked, stored, strict=True)
            ]
            with self._database.read() as connection, self._turns:
                later = Snapshot(connection, view.space)
                # Without any where an upgrade has dropped what that model said.
                index = self._index.current(later)
                result = answer(self._view(later, index if len(index) else view.index), heard)
        self._tidy()
        return cast("Answer", result)

    def _view(self, snapshot: Snapshot, index: Index) -> View:
        pieces = known_pieces(self._database.beside, index)
        return View(snapshot, index, was_chosen=self._was_chosen(snapshot), pieces=pieces)

    def _stored(self, snapshot: Snapshot, found: Found) -> Analysis | None:
        return snapshot.stored(found, was_chosen=self._was_chosen(snapshot))

    def _was_chosen(self, snapshot: Snapshot) -> bool:
        """Whether the model that answers is the one that somebody asked for."""
        return self._lineage is None or snapshot.space.id == self._model.id

    def _hear(self, asked: Asked, space: EmbeddingSpace) -> Heard:
        """What is not stored: a new analysis."""
        analysis = self._analyse(asked.found, space, asked.start_s, asked.end_s)
        return heard_from(asked, analysis)

    def find(self, query: str, k: int, *, max_per_artist: int | None, sure: bool) -> FindResult:
        from soundalike.library.by_words import find_by_words, known_vocabulary

        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            vocabulary = known_vocabulary(snapshot, self._model)
            view = self._view(snapshot, self._current(snapshot))
            found = find_by_words(
                view, vocabulary, query, k=k, max_per_artist=max_per_artist, sure=sure
            )
        self._tidy()
        return found

    def words(self) -> tuple[KnownWord, ...]:
        from soundalike.library.by_words import known_vocabulary, known_words

        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            vocabulary = known_vocabulary(snapshot, self._model)
            found = known_words(self._current(snapshot), snapshot, vocabulary)
        self._tidy()
        return found

    def duplicates(self) -> tuple[DuplicateGroup, ...]:
        from soundalike.library.copies import duplicate_groups

        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            found = duplicate_groups(self._current(snapshot), snapshot)
        self._tidy()
        return found

    def versions(
        self,
        queries: Sequence[SeedQuery],
        kinds: Collection[VersionKind],
        progress: Callable[[int, int], None] | None,
    ) -> VersionsResult:
        from soundalike.library.versions import all_versions, known_pairs, versions_of

        if queries:
            return self._with_heard(
                [queries], lambda view, heard: versions_of(view, heard[0], kinds)
            )
        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            index = self._current(snapshot)
            pairs = known_pairs(self._database.beside, index, snapshot)
        result = all_versions(self._database, snapshot.space, index, pairs, kinds, progress)
        self._tidy()
        return result

    def compare(self, a: Query, b: Query) -> Comparison:
        from soundalike.similarity.passages import compare_analyses

        with self._database.read() as connection:
            snapshot = self._snapshot(connection)
            both = [find(snapshot, query) for query in (a, b)]
            stored = [
                query.analysis if isinstance(query, Heard) else self._stored(snapshot, found)
                for query, found in zip((a, b), both, strict=True)
            ]
            distribution = self._index.current(snapshot).distribution
        a_analysis, b_analysis = (
            self._analyse(found, snapshot.space) if analysis is None else analysis
            for found, analysis in zip(both, stored, strict=True)
        )
        self._tidy()
        return compare_analyses(
            a_analysis,
            b_analysis,
            a=both[0].name,
            b=both[1].name,
            a_path=both[0].path,
            b_path=both[1].path,
            distribution=distribution,
        )

    def resolve_playlist(self, playlist: Playlist) -> PlaylistResolution:
        from soundalike.library.playlist_entries import resolve

        @contextmanager
        def snapshots() -> Iterator[Snapshot]:
            with self._database.read() as connection:
                yield self._snapshot(connection)

        return resolve(playlist, snapshots)

    def _upgrade(self, connection: Connection) -> Upgrade | None:
        return None if self._lineage is None else upgrade_state(connection, self._lineage)

    def _snapshot(self, connection: Connection) -> Snapshot:
        """The library in this transaction, as the model that answers in it sees it."""
        if self._lineage is None:
            return Snapshot(connection, self._model)
        here = position(connection)
        if self._answering is None or self._answering[0] != here:
            self._answering = (here, query_space(connection, self._lineage))
        return Snapshot(connection, self._answering[1], here)

    def _current(self, snapshot: Snapshot) -> Index:
        """The index; refused where there is none because of the model."""
        index = self._index.current(snapshot)
        if len(index):
            return index
        from soundalike.library.overview import models_in_use

        others = models_in_use(snapshot.connection)
        if others:
            raise ModelMismatch(
                f"the library has analyses by {', '.join(others)}, but none by {self._model.id}: "
                f"scan its folders again, or use what is there with --model "
                f"{next(iter(others)).partition('@')[0]} (in Python: Library(model=...))"
            )
        return index

    def _tidy(self) -> None:
        """What a question leaves to do: keep the index, and name what was damaged in it."""
        damaged, self._damaged = self._damaged, []
        if damaged:
            self._put_damage(damaged)
        self._index.save()

    def _put_damage(self, damaged: Sequence[tuple[list[int], EmbeddingSpace]]) -> None:
        from soundalike.library.scan.store import Store

        for track_ids, space in damaged:
            # A library that cannot be written answers from what is whole all the same.
            with suppress(LibraryError), self._database.write() as connection:
                model_id = Store.model_row(connection, space)
                if model_id is not None:
                    store = Store(connection, model_id, time.time())
                    store.put_damage(track_ids, space.id)
                    store.log_changes()

    def _analyse(
        self,
        found: Found,
        space: EmbeddingSpace,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> Analysis:
        """A new analysis, of what is not stored."""
        older = self._lineage.installed if self._lineage else ()
        model = next((each for each in (self._model, *older) if each.id == space.id), None)
        if model is None:
            raise ModelMismatch(
                f"{found.name} is not analysed, and {space.id}, which answers for now, is "
                f"not installed any more: finish the upgrade to {self._model.id} "
                f"(soundalike scan --upgrade), then ask again"
            )
        if found.track is not None and found.track.absence and is_gone(os.fspath(found.path)):
            raise UnreadableFile(
                found.path, f"{found.track.absence}, and it has to be read for this"
            )
        if model.id not in self._analyzers:
            self._analyzers[model.id] = self._make_analyzer(model.key)
        return cast(
            "Analysis",
            self._analyzers[model.id].from_file(found.path, start_s=start_s or 0.0, end_s=end_s),
        )
