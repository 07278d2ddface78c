"""Every error that soundalike raises on purpose, under one root.

::

    SoundalikeError
    ├── AudioError               a file that cannot be analysed; carries path, reason and advice
    │   ├── UnreadableFile       missing, a folder, a broken link, not permitted, vanished
    │   │   └── FileAway             only a music server has it, which is away or refuses
    │   ├── UnsupportedAudio     empty, not audio, no audio stream, an unknown codec
    │   ├── ProtectedAudio       encrypted (DRM)
    │   ├── DamagedAudio         audio of which nothing could be decoded
    │   ├── SilentAudio          decodes, but holds no sound
    │   ├── TooShort             decodes, but is shorter than one frame's worth of music
    │   ├── DecoderCrashed       the decoder took its process down with it
    │   └── UnwritableTags       its tags cannot be written, or not without harm
    │       ├── ReadOnlyFile         the file may not be changed
    │       └── UntaggableFormat     no such file's can
    ├── InvalidArgument          a value out of range or of the wrong form
    ├── ModelError               an unknown, damaged or unfit model
    │   └── ModelMismatch        embeddings of two models cannot be compared
    ├── LibraryError             the library cannot be opened or written
    │   ├── TrackNotFound        no track matches the query
    │   ├── AmbiguousTrack       several tracks match the query
    │   └── LibraryInUse         a scan is running, or what must not meet one
    ├── MissingExtra             an optional dependency is not installed
    ├── DataError                a data set that is missing, damaged or laid out differently
    ├── PlaylistError            a playlist file that cannot be read
    │   └── PlaylistNotFound     no playlist is kept by this name
    ├── ServerError              a music server that cannot be reached, or refuses, or is none
    │   └── ServerAway           one that is not there now, and may come back
    ├── ClusterError             a Ray cluster that cannot be joined, or whose nodes cannot work
    ├── TrainingStopped          a process that trained was killed, or failed unforeseen
    ├── Busy                     too much is asked for at once; carries when to come again
    └── OutputError              a file or folder cannot be written

The command line catches the root, prints ``Type: message`` and exits with 1. Any other error is a
fault of soundalike or of a library that it uses, and is told with its place: :func:`with_place`.
"""

from __future__ import annotations

import os
from typing import ClassVar

from soundalike.urls import path_of

__all__ = [
    "AmbiguousTrack",
    "AudioError",
    "Busy",
    "ClusterError",
    "DamagedAudio",
    "DataError",
    "DecoderCrashed",
    "FileAway",
    "InvalidArgument",
    "LibraryError",
    "LibraryInUse",
    "MissingExtra",
    "ModelError",
    "ModelMismatch",
    "OutputError",
    "PlaylistError",
    "PlaylistNotFound",
    "ProtectedAudio",
    "ReadOnlyFile",
    "ServerAway",
    "ServerError",
    "SilentAudio",
    "SoundalikeError",
    "TooShort",
    "TrackNotFound",
    "TrainingStopped",
    "UnreadableFile",
    "UnsupportedAudio",
    "UntaggableFormat",
    "UnwritableTags",
    "printable",
    "with_place",
]


def printable(path: str | os.PathLike[str]) -> str:
    """The path as text that any terminal, file or database takes.

    A name that is not valid in the file system's encoding reaches Python with lone surrogates,
    which no UTF-8 stream accepts; they are shown as ``\\xNN`` (the byte that stood there).
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def with_place(error: BaseException) -> str:
    """The message of an error that nobody foresaw, on one line, and where it was raised.

    Such as "unexpected keyword argument 'x' (decoder.py:97, in open_container)".
    """
    message = " ".join(str(error).split())
    trace = error.__traceback__
    if trace is None:
        return message
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    place = f"({os.path.basename(code.co_filename)}:{trace.tb_lineno}, in {code.co_name})"
    return f"{message} {place}".strip()


class SoundalikeError(Exception):
    """Root of all errors raised on purpose."""


class AudioError(SoundalikeError):
    """A file that cannot be analysed.

    Parameters
    ----------
    path : the file.
    reason : what is wrong with it, without the path.
    """

    advice: ClassVar[str] = "check that the file plays in another program"

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        # Both go to the base class as they are, so that the error survives pickling between
        # the processes of a scan.
        super().__init__(os.fspath(path), reason)
        self.path = path_of(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


class UnreadableFile(AudioError):
    """The file is missing, a folder, a broken link, not permitted, or vanished while read."""

    advice = "check the path, its permissions and that its disk is mounted, then try again"


class FileAway(UnreadableFile):
    """Only a music server has the file, and it cannot be reached, or refuses to send it."""

    advice = "see that the server answers and lets you in, then try again"


class UnsupportedAudio(AudioError):
    """The file is empty, is no audio, or holds a codec that FFmpeg does not know."""

    advice = (
        "FFmpeg cannot read it. If another program plays it, re-encode it with that one; "
        "else it is no audio file: leave it out"
    )


class ProtectedAudio(AudioError):
    """The file is encrypted (DRM)."""

    advice = "get a copy without copy protection: nothing can decode this one"


class DamagedAudio(AudioError):
    """The file claims to be audio, but nothing in it could be decoded."""

    advice = (
        "FFmpeg cannot read it. If another program plays it, re-encode it with that one; "
        "else restore it from a backup or rip it again"
    )


class SilentAudio(AudioError):
    """The file decodes, but never rises above -80 dBFS."""

    advice = "there is no sound to compare: leave it out"


class TooShort(AudioError):
    """The file decodes, but is too short to say anything about."""

    advice = "shorter than half a second: leave it out"


class DecoderCrashed(AudioError):
    """The process that decoded the file died: a bug in a decoder, or no memory left."""

    advice = (
        "FFmpeg or a lack of memory ended its process: scan again; if it happens again, re-encode "
        "the file or leave it out"
    )


class UnwritableTags(AudioError):
    """Tags cannot be written into the file, or not without a change to something else in it."""

    advice = "the file is as it was; write its tags with another program, or leave it out"


class ReadOnlyFile(UnwritableTags):
    """The file may not be changed."""

    advice = "make it writable and run the command again, or leave it out"


class UntaggableFormat(UnwritableTags):
    """Tags of this format are not written."""

    advice = "MP3, FLAC, Ogg Vorbis, Opus and M4A are: convert it, or leave it out"


class InvalidArgument(SoundalikeError):
    """A value out of range or of the wrong form; the message names it and what is accepted."""


class ModelError(SoundalikeError):
    """An unknown, damaged or unfit model."""


class ModelMismatch(ModelError):
    """Embeddings of two different models or versions were about to be compared."""


class LibraryError(SoundalikeError):
    """The library cannot be opened, read or written."""


class TrackNotFound(LibraryError):
    """No track matches the query."""


class AmbiguousTrack(LibraryError):
    """Several tracks match the query; the message lists them."""


class LibraryInUse(LibraryError):
    """Another program scans the library, or does what must not meet a scan."""


class MissingExtra(SoundalikeError):
    """An optional dependency is not installed; the message says which extra brings it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(feature, extra)
        self.feature = feature
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.feature} needs more packages: pip install 'soundalike[{self.extra}]'"


class DataError(SoundalikeError):
    """A data set that is missing, damaged or laid out differently than expected."""


class TrainingStopped(SoundalikeError):
    """A process that trained was killed, or failed in a way that nobody foresaw; the message says
    which one, and how."""


class PlaylistError(SoundalikeError):
    """A playlist file that cannot be read; the message names it, the place in it and what to do."""


class PlaylistNotFound(PlaylistError):
    """No playlist is kept by this name or id."""


class ServerError(SoundalikeError):
    """A music server that cannot be reached, refuses, or answers otherwise than it should; the
    message names it and what to do.

    Parameters
    ----------
    reason : the message.
    code : the number that the server has for what is wrong; None where it did not say.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class ServerAway(ServerError):
    """A server that is not there now: it is down, restarts, or the connection broke. Whoever waits
    may find it again."""


class ClusterError(SoundalikeError):
    """A Ray cluster that cannot be joined, or whose nodes cannot work; the message says what to do
    about it."""


class Busy(SoundalikeError):
    """Too much is asked for at once: nothing was done, and it can be asked for again.

    Parameters
    ----------
    reason : what is busy with what.
    retry_after_s : when to ask again.
    """

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason, retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.args[0]}: try again in {self.retry_after_s:g} s"


class OutputError(SoundalikeError):
    """A file or folder cannot be written; the message names it, the reason and what to do."""
