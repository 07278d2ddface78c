"""What a library has from music servers besides links: songs that only they have, and taste."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from soundalike.arguments import whole_number
from soundalike.errors import ModelMismatch
from soundalike.library.linking import Linking, check_server_name

if TYPE_CHECKING:
    from soundalike.library.link_records import ServerSong
    from soundalike.library.scan.fetched import Fetch
    from soundalike.library.scan_records import ScanProgress, ScanReport
    from soundalike.library.taste_records import ServerTaste
    from soundalike.library.workers import Workers
    from soundalike.models import ModelInfo
    from soundalike.models.lineage import Lineage

__all__ = ["ServerMusic"]


class ServerMusic(Linking):
    """The part of a :class:`.Library` that takes in what music servers have."""

    model: ModelInfo
    _lineage: Lineage | None
    _workers: Workers

    def scan_songs(
        self,
        name: str,
        songs: Sequence[ServerSong],
        fetch: Fetch,
        *,
        jobs: int | None = None,
        retry: bool = False,
        progress: Callable[[ScanProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> ScanReport:
        """Analyse the songs of a music server that fit no track, from the files that it sends.

        They become tracks whose path is a place on the server (``library.server_places``), which no
        other scan looks at. A song is fetched again when the size of its file is another one, or
        when another model analyses. One that the server has no more is marked as missing. Only a
        few files are on disk at a time. It is stopped and goes on as :meth:`.Library.scan` does.

        Parameters
        ----------
        name : of the server, as for :meth:`link`, which makes the songs known by their ids.
        songs : all that the server has.
        fetch : writes the file of a song; called in several threads.
        jobs, progress, stop : as for :meth:`.Library.scan`.
        retry : try again all songs that failed before.

        Raises
        ------
        InvalidArgument : a name of another form, or jobs below 1.
        ServerError : the server is gone; what is finished is stored.
        OutputError : there is no room for a file.
        LibraryError, ModelError : as for :meth:`.Library.scan`.
        """
        from soundalike.library.scan.fetched import FetchedScan

        if jobs is not None:
            jobs = whole_number("jobs", jobs, least=1)
        check_server_name(name)
        unlinked = self.songs_without_track(name, songs)
        wanted = {each.song.item_id for each in unlinked if each.is_unknown}
        scan = FetchedScan(
            self._database,
            self._workers.setup,
            self.model,
            fetch,
            pool=self._workers.make_pool,
            lineage=self._lineage,
        )
        report = scan.run(
            name, songs, wanted, jobs=jobs, retry=retry, progress=progress, stop_event=stop
        )
        if not report.interrupted:
            with suppress(ModelMismatch):
                self._reader.index()
        return report

    def import_server_taste(self, name: str, songs: Sequence[ServerSong]) -> ServerTaste:
        """Take over stars, ratings and plays of a linked server.

        A star, or a rating of 4 or 5, is a like, one of 1 or 2 a dislike; what was taken back there
        is taken back here. Play counts become plays as far as they are not noted yet; see
        ``library.server_taste`` for when they were. Old plays count less. All or nothing is stored.

        Parameters
        ----------
        songs : with what the listener did with them (``ServerSong.use``).

        Raises
        ------
        TrackNotFound : no server of this name is linked.
        """
        from soundalike.library.server_taste import import_server_taste

        self.linked_server(name)
        return import_server_taste(self._database, name, songs)
