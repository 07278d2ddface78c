"""What a library on a server has beside one in a file: files on each machine, and vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike.arguments import whole_number
from soundalike.library.checks import checked_weights, seed_queries
from soundalike.library.limits import NO_LIMITS, Limits
from soundalike.library.location import kept_of

if TYPE_CHECKING:
    from soundalike.library.reader import Reader
    from soundalike.library.similar_records import SimilarResult
    from soundalike.library.snapshot import Query
    from soundalike.library.storage.database import Database

__all__ = ["Shared"]


class Shared:
    """The part of a :class:`.Library` that is about where it is kept, and where it is searched."""

    _database: Database
    _reader: Reader

    @property
    def beside(self) -> Path | None:
        """What the names of the files begin with that this machine keeps of the library, such as
        the index; None for a library in memory. They are caches: to delete them costs time."""
        return self._database.beside

    @property
    def keeping(self) -> Path | None:
        """The same of files that this machine keeps and that are no caches: playlists, old values
        of tags, what was put on servers and players."""
        return self._database.keeping

    @property
    def playlists_folder(self) -> Path | None:
        """Where the server keeps playlists, unless told otherwise; None for a library in memory."""
        return kept_of(self.keeping, "playlists")

    def similar_in_database(
        self,
        query: Query,
        k: int = 10,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        weights: Mapping[str, float] | None = None,
        limits: Limits = NO_LIMITS,
        approximate: bool = False,
    ) -> SimilarResult:
        """As ``Library.similar`` of one track, file or passage, but searched on the server: for a
        machine that is not to read all embeddings once, nor to keep them.

        The matches are the same, but there are no percentiles: these need the pairs of the library.

        Parameters
        ----------
        query, k, start_s, end_s, weights, limits : as for ``Library.similar``; a folder is no
            query here.
        approximate : look through an index of the vectors, which finds nearly all of the nearest in
            less time; :meth:`index_vectors` makes it.

        Raises
        ------
        InvalidArgument : the library is kept in a file, the query is a folder, or there is no index
            of the vectors; or as ``Library.similar``.
        TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch : as ``Library.similar``.
        """
        (seed,) = seed_queries([query], start_s, end_s)
        return self._reader.similar_in_database(
            seed,
            whole_number("k", k, least=1),
            weights=checked_weights(weights),
            limits=limits,
            approximate=approximate,
        )

    def index_vectors(self, *, drop: bool = False) -> int:
        """Make an index (HNSW) of the vectors of the model that answers, for approximate search;
        how many vectors are in it.

        It takes minutes for hundreds of thousands of tracks, in which scans wait, and each scan
        afterwards keeps it up to date. A new model needs another one.

        Parameters
        ----------
        drop : remove it instead.

        Raises
        ------
        InvalidArgument : the library is kept in a file.
        LibraryError : the database cannot be written.
        """
        return self._reader.index_vectors(drop=drop)
