"""Files that are encoded anew while somebody listens: a process each, and not too many of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

from soundalike.closing import Closing
from soundalike.errors import Busy, DecoderCrashed, SoundalikeError
from soundalike.workers.calls import error_of

__all__ = ["Transcoders", "Transcoding"]

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from soundalike.audio.streaming import main; sys.exit(main(sys.argv[2:]))"
)
_CHUNK = 1 << 16
# A disk that does not answer for so long is as good as gone.
_MOST_WAIT_S = 60.0


class Transcoders:
    """Processes that decode and encode, each for one listener.

    Parameters
    ----------
    most : that may run at the same time; more are refused.
    most_memory : bytes of address space of each, where the system can be told so.
    most_wait_s : seconds that whoever reads waits for the next part; then it is given up.
    """

    def __init__(
        self,
        most: int = 4,
        *,
        most_memory: int = 4_000_000_000,
        most_wait_s: float = _MOST_WAIT_S,
    ) -> None:
        self.most = most
        self.most_wait_s = most_wait_s
        self._most_memory = most_memory
        self._lock = threading.Lock()
        self._running: set[Transcoding] = set()
        self._is_closed = False

    @property
    def running(self) -> int:
        """How many there are now."""
        return len(self._running)

    def start(self, path: Path, file_format: str, start_s: float = 0.0) -> Transcoding:
        """Begin with a file, see ``audio.streaming``; whoever starts it has to close it.

        Raises
        ------
        Busy : too many run already, or all were ended.
        """
        with self._lock:
            if self._is_closed:
                raise Busy("nothing more is played: the program ends", 30.0)
            if len(self._running) >= self.most:
                raise Busy(f"{self.most} files are being converted for players", 5.0)
            arguments = [os.fspath(path), file_format, str(start_s), str(self._most_memory)]
            transcoding = Transcoding(self, path, arguments)
            self._running.add(transcoding)
        return transcoding

    def close(self) -> None:
        """End all at once, without waiting for that."""
        with self._lock:
            self._is_closed = True
            running = list(self._running)
        for each in running:
            each.kill()

    def forget(self, transcoding: Transcoding) -> None:
        """It has ended, and makes room for another."""
        with self._lock:
            self._running.discard(transcoding)


class Transcoding(Closing):
    """A file that is being encoded. As a context manager it ends with the block."""

    def __init__(self, owner: Transcoders, path: Path, arguments: list[str]) -> None:
        self._owner, self._path = owner, path
        self._reading = threading.Lock()
        self._is_given_up = False
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps(sys.path), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                # Ctrl-C in the terminal is for the server, which ends this.
                start_new_session=True,
            )
        except BaseException:
            self._errors.close()
            raise

    def read(self) -> bytes:
        """The next part, some 10 kB; waits for it. b"" at the end of the file.

        Raises
        ------
        AudioError, InvalidArgument : as ``audio.streaming.stream_audio``.
        DecoderCrashed : the process died, was ended, or nothing came of it.
        """
        limit = threading.Timer(self._owner.most_wait_s, self._give_up)
        limit.daemon = True
        limit.start()
        try:
            return self._read()
        finally:
            limit.cancel()

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        with self._reading:
            is_open = not self._process.stdout.closed
            data: bytes = (self._process.stdout.read(_CHUNK) or b"") if is_open else b""
        if not data and (code := self._process.wait()) != 0:
            raise self._error(code)
        return data

    def _give_up(self) -> None:
        self._is_given_up = True
        self.kill()

    def kill(self) -> None:
        """End the process; a thread that reads finds out."""
        self._process.kill()

    def close(self) -> None:
        """End it, and make room for another."""
        self.kill()
        self._process.wait()
        assert self._process.stdout is not None
        # A thread that still reads has the end of it by now.
        with self._reading:
            self._process.stdout.close()
        self._errors.close()
        self._owner.forget(self)

    def _error(self, code: int) -> SoundalikeError:
        if self._is_given_up:
            reason = f"nothing came of it for {self._owner.most_wait_s:g} s, and it was given up"
            return DecoderCrashed(self._path, reason)
        lines: list[bytes] = []
        with contextlib.suppress(ValueError):
            self._errors.seek(0)
            lines = self._errors.read().splitlines()
        for line in reversed(lines):
            with contextlib.suppress(ValueError):
                told: Any = json.loads(line)
                if isinstance(told, dict):
                    return error_of(self._path, told["kind"], told["reason"])
        reason = lines[-1].decode("utf-8", "replace") if lines else f"code {code}"
        return DecoderCrashed(self._path, f"the process that read it ended: {reason}")
