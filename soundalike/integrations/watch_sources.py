"""Where the news of a folder comes from: the system's events, or asking now and then."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import Any

from soundalike.errors import MissingExtra
from soundalike.library.scan.excludes import MARK
from soundalike.library.scan.walk import is_audio_name

__all__ = ["Source"]

# How often its thread looks whether it is to end.
_WAKE_MS = 500
# The first look at a large folder on a slow disk takes long.
_BEGIN_S = 600.0


class Source:
    """A thread that puts the paths at which something happened into a queue.

    An entry is this source with a set of paths, or with None when it can tell no more:
    :attr:`trouble` says why, and is empty before.

    Parameters
    ----------
    folder : to be watched, with all that is below it.
    poll_s : ask so often; None to listen.
    """

    def __init__(self, folder: str, news: SimpleQueue[Any], *, poll_s: float | None) -> None:
        self._folder = folder
        self._news = news
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="soundalike-watch", daemon=True)
        self.trouble = ""

    @staticmethod
    def check_installed() -> None:
        """Raise MissingExtra where watchfiles is not installed."""
        try:
            import watchfiles  # noqa: F401
        except ImportError as error:
            raise MissingExtra("watching folders", "watch") from error

    def begin(self) -> str | None:
        """Begin; from the return on nothing is missed. What is wrong, if it cannot."""
        self._thread.start()
        self._begun.wait(_BEGIN_S)
        return self.trouble or None

    def end(self) -> None:
        """End, without waiting for the thread."""
        self._stop.set()

    def _run(self) -> None:
        # watchfiles passes by folders that may not be read only where it passes by everything that
        # is wrong, the limits of the system among it: so that is the second choice.
        passes_by = False
        while True:
            try:
                self._listen(passes_by=passes_by)
            except PermissionError as error:
                if not passes_by:
                    passes_by = True
                    if self._begun.is_set():
                        # Whatever happened meanwhile.
                        self._news.put((self, {self._folder}))
                    continue
                self._fail(error)
            except Exception as error:
                self._fail(error)
            self._begun.set()
            return

    def _listen(self, *, passes_by: bool) -> None:
        import watchfiles

        for changes in watchfiles.watch(
            self._folder,
            watch_filter=None,
            stop_event=self._stop,
            rust_timeout=_WAKE_MS,
            yield_on_timeout=True,
            force_polling=self._poll_s is not None,
            poll_delay_ms=round(1000 * (self._poll_s or 0)),
            ignore_permission_denied=passes_by,
        ):
            # The first of these, with or without news, comes when all folders are watched.
            self._begun.set()
            paths = {path for change, path in changes if _matters(change.name, path)}
            if paths and not self._stop.is_set():
                self._news.put((self, paths))

    def _fail(self, error: Exception) -> None:
        self.trouble = _words(error)
        if self._begun.is_set() and not self._stop.is_set():
            self._news.put((self, None))


def _matters(change: str, path: str) -> bool:
    """Whether it may be about music."""
    name = os.path.basename(path)
    if name.startswith("."):
        return name == MARK
    if os.path.isdir(path):
        # What changes in a folder has news of its own.
        return change == "added"
    return is_audio_name(name) or not os.path.lexists(path)


def _words(error: Exception) -> str:
    """What is wrong, and what to do."""
    text = str(error)
    if "watch limit" in text or "No space left" in text or "os error 28" in text:
        return (
            "the system watches no more folders for this user, so it is asked now and then "
            "instead; to raise the limit: sysctl fs.inotify.max_user_watches=524288"
        )
    if "os error 24" in text or "Too many open files" in text:
        return (
            "the system has no more watchers for this user, so it is asked now and then instead; "
            "to raise the limit: sysctl fs.inotify.max_user_instances=512"
        )
    return f"it cannot be listened to ({text}), so it is asked now and then instead"
