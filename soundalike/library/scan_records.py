"""What a scan of a library tells, and what else changes which tracks there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

__all__ = ["Failure", "Forgotten", "ScanPhase", "ScanProgress", "ScanReport"]

ScanPhase = Literal["walking", "analysing", "reading tags", "re-analysing"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be analysed, or a folder that could not be read.

    Attributes
    ----------
    track_id : None for a folder.
    kind : the name of the error's class, such as "SilentAudio".
    reason : what is wrong, without the path.
    advice : what to do.
    attempts : how often it was tried in this state of the file.
    failed_at : of the last attempt.
    retry_at : from when on a scan tries again by itself; None when only a change of the file (or
        ``retry=True``) can help.
    """

    track_id: int | None
    path: Path
    kind: str
    reason: str
    advice: str
    attempts: int
    failed_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is.

    Attributes
    ----------
    phase : "walking" while folders are listed (``total`` grows), then "analysing" what is new or
        changed, then "reading tags" where their encoding is another now, then "re-analysing" what
        an older model analysed, or what was heard in passages only.
    done, total : files that had to be read; unchanged ones do not count. When re-analysing, the
        library's tracks, those that earlier scans re-analysed among them.
    tracks_per_s : over the last half minute; 0 until something is done.
    left_s : seconds; None while unknown.
    path : the file that was finished last, or the folder that is being listed.
    model : that analyses, ``name@version``.
    is_fast : whether only a few passages of each file are heard.
    """

    phase: ScanPhase
    done: int
    total: int
    tracks_per_s: float
    left_s: float | None
    path: Path | None
    model: str
    is_fast: bool = False


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan did, in files.

    Attributes
    ----------
    analysed : decoded and analysed, new or changed.
    reanalysed : analysed before by an older model, and now by its successor; or heard in passages
        only, and now as a whole. Each of them is counted as unchanged (moved, returned, ...) as
        well.
    fast : of the analysed and re-analysed ones, those of which only some passages were heard.
    retagged : with other tags than before. The audio is that of a file that is known: its
        analysis is kept. Those whose file did not change, but whose tags are
        read in another encoding now, or by ``full``, are counted as unchanged as well.
    unchanged : known already, at the same path with the same content.
    moved : known under a path that is gone; not analysed again.
    copied : at a new path or with new content, but equal to a file that is known: its analysis
        is shared.
    returned : had been missing and is back.
    missing : whose file is gone; found out by this scan.
    removed : no longer in the library, as they lie in a recycle bin, in a folder with a file
        ``.nomedia``, or are excluded.
    failed : files and folders that failed in this scan.
    still_failing : failed earlier, unchanged since, and not tried again.
    ignored : files that are not audio by their name, or hidden; excluded ones do not count.
    elapsed_s : seconds.
    interrupted : stopped by Ctrl-C or SIGTERM; what was finished is stored, and the next scan goes
        on.
    notes : what the user should know, such as that a folder looks unmounted.
    """

    analysed: int
    reanalysed: int
    fast: int
    retagged: int
    unchanged: int
    moved: int
    copied: int
    returned: int
    missing: int
    removed: int
    failed: tuple[Failure, ...]
    still_failing: int
    ignored: int
    elapsed_s: float
    interrupted: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, or would be.

    Attributes
    ----------
    paths : of the tracks, in order.
    missing : how many of them were marked as missing.
    there : how many of the files are still there; the next scan of their folder adds them again.
    folders : scanned folders among it; a scan without folders no longer goes through them.
    """

    paths: tuple[Path, ...]
    missing: int
    there: int
    folders: tuple[Path, ...]
