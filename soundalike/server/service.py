"""What all requests share: the library, the processes that decode, and what is going on."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from soundalike.errors import LibraryError
from soundalike.library import Library
from soundalike.models.lineage import default_lineage
from soundalike.models.registry import find_model
from soundalike.playlists.folder import PlaylistFolder
from soundalike.recommend.taste_use import taste_in_use
from soundalike.server.guesses import Guesses
from soundalike.server.jobs import Jobs
from soundalike.server.kept import Kept
from soundalike.server.maps import Maps
from soundalike.server.metrics import Metrics
from soundalike.server.outlines import Outlines
from soundalike.server.settings import Settings
from soundalike.server.uploads import Uploads
from soundalike.similarity.taste import Taste
from soundalike.workers.desk import Desk, DeskAnalyzer
from soundalike.workers.jobs import Setup
from soundalike.workers.transcoders import Transcoders

__all__ = ["Asked", "Service"]

# For what is stored last; all has to be over 5 s after the server is told to end.
_JOBS_GRACE_S = 2.0

ANALYZER = "soundalike.analyzer:Analyzer"


class Service:
    """The library and what works for it, for as long as the server runs.

    Parameters
    ----------
    settings : of the server.

    Attributes
    ----------
    library : open; may be asked from any thread.
    desk : the processes that decode and analyse.
    uploads : what was heard in uploaded files.
    maps : the map of the library.
    jobs : what goes on for longer than a request.
    guesses : wrong tokens that wait.
    metrics : what is counted.
    outlines : what is drawn of tracks.
    transcoders : the processes that encode for players.
    sent_files : a folder for uploaded files while they are heard; it goes with the service.
    closing : set when the server ends: what streams or waits has to end, too.

    Raises
    ------
    LibraryError, ModelError : as ``Library``.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closing = threading.Event()
        model = find_model(settings.model) if settings.model else default_lineage().current
        self.desk = Desk(
            Setup(ANALYZER, model.key, most_memory=settings.most_memory),
            size=settings.jobs,
            most_waiting=settings.most_waiting,
            most_s=settings.most_upload_s,
        )
        self.library = Library(
            settings.library,
            model=settings.model,
            analyzer=ANALYZER,
            make_analyzer=lambda key: DeskAnalyzer(self.desk, key),
        )
        self.uploads = Uploads()
        self.jobs = Jobs()
        self.maps = Maps(self.library)
        folder = settings.playlists
        if folder is None:
            folder = self.library.playlists_folder
        self._playlists = None if folder is None else PlaylistFolder(folder)
        self.guesses = Guesses()
        self.metrics = Metrics(self.library, self.desk, self.jobs, self.uploads)
        kept = Kept(settings.cache_folder, settings.most_cache_bytes)
        self.outlines = Outlines(self.library, self.desk, kept)
        self.transcoders = Transcoders(settings.most_streams, most_memory=settings.most_memory)
        self._sent = tempfile.TemporaryDirectory(prefix="soundalike-", ignore_cleanup_errors=True)
        self.sent_files = Path(self._sent.name)

    @property
    def playlists(self) -> PlaylistFolder:
        """The playlists that are kept.

        Raises
        ------
        LibraryError : there is no place for them.
        """
        if self._playlists is None:
            raise LibraryError(
                "a library in memory has no folder for playlists: start the server with --playlists"
            )
        return self._playlists

    def taste(self, wanted: bool = True) -> Taste | None:
        """The listener's taste, where it is wanted and of use."""
        return taste_in_use(self.library) if wanted else None

    def stop(self) -> None:
        """Have everything end that streams or waits, without waiting for it."""
        self.closing.set()
        self.jobs.end()
        self.transcoders.close()

    def end(self) -> None:
        """Have everything end that streams, waits or works; :meth:`close` comes after it."""
        self.stop()
        self.desk.close()

    def close(self) -> None:
        """Let go of everything; a job that does not end in time is left to itself."""
        self.end()
        self.jobs.join(_JOBS_GRACE_S)
        self.library.close()
        self._sent.cleanup()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Asked = Annotated[Service, Depends(_service)]
"""The service, as a parameter of an operation."""
