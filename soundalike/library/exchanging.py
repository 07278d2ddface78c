"""What leaves a library as a file and comes from one: the part of it that shares analyses."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundalike.library.exchange.records import ExportReport, ImportReport
    from soundalike.library.reader import Reader
    from soundalike.library.storage.database import Database
    from soundalike.models import ModelInfo

__all__ = ["Exchanging"]


class Exchanging:
    """Files of analyses of a :class:`.Library`."""

    model: ModelInfo
    _database: Database
    _reader: Reader

    def export_analyses(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        folder: str | os.PathLike[str] | None = None,
        relative_to: str | os.PathLike[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> ExportReport:
        """Write what is known of the analysed tracks to a file: ids, paths, tags, embeddings of
        tracks and excerpts, model and version.

        ``docs/integrations/export.md`` says what is in it. The file takes its place when all of it
        is written.

        Parameters
        ----------
        path : of the file; "-" for standard output, as "jsonl".
        format : "npz", "parquet" or "jsonl"; by default what the name ends with.
        folder : only the tracks below it.
        relative_to : write paths below this folder as they are from there.
        progress : called with what is being done, the number of tracks done, and all.

        Raises
        ------
        InvalidArgument : another format, no analysed track, or one that is not below
            ``relative_to``.
        LibraryError : a stored analysis is damaged.
        MissingExtra : "parquet" without pyarrow.
        OutputError : the file cannot be written.
        """
        from soundalike import __version__
        from soundalike.library.exchange.exporting import export

        with self._reader.snapshot() as snapshot:
            return export(
                snapshot,
                path,
                form=format,
                folder=folder,
                relative_to=relative_to,
                version=__version__,
                progress=progress,
            )

    def import_analyses(
        self,
        path: str | os.PathLike[str],
        *,
        base: str | os.PathLike[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> ImportReport:
        """Take over the tracks of a file that :meth:`export_analyses` wrote, without their music.

        They are searched as all others. Music that the library has already, told by the hash of
        its file, gets no second track, and an analysis only where it has none, or one of some
        passages where the file has a whole one. A scan that comes to a file at one of the paths
        reads it; where it is the same music, nothing is analysed again.

        Parameters
        ----------
        base : the folder that paths which are not whole begin at.
        progress : as for :meth:`export_analyses`.

        Raises
        ------
        DataError : it is something else, damaged, or cut off. What came before that place is in
            the library.
        ModelMismatch : another model analysed; nothing was taken over.
        InvalidArgument : a path that is not whole, without ``base``.
        LibraryError : a scan is running, or the database cannot be written.
        MissingExtra : a Parquet file without pyarrow.
        """
        from soundalike.library.exchange.importing import import_analyses

        return import_analyses(self._database, self.model, path, base=base, progress=progress)
