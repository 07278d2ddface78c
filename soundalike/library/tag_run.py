"""Writing results into the tags of many files, and taking that back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from soundalike.audio import audio_digest, probe, read_tags
from soundalike.audio.tag_fields import Field
from soundalike.audio.tag_writing import joined, read_fields, write_fields
from soundalike.errors import AudioError, LibraryError, UntaggableFormat
from soundalike.files import content_digest, stamp_of, why
from soundalike.library.reader import Reader
from soundalike.library.scan.folders import encoding_of
from soundalike.library.scan.interrupt import StopOnInterrupt
from soundalike.library.scan.transactions import Transactions
from soundalike.library.scan.walk import canonical
from soundalike.library.tag_names import OWN_FIELDS, STANDARD_FIELDS
from soundalike.library.tag_records import (
    FieldChange,
    SkippedFile,
    TaggedFile,
    TagReport,
)
from soundalike.library.tag_undo import UndoEntry, UndoLog
from soundalike.library.tag_values import tag_values
from soundalike.workers.jobs import Facts

__all__ = ["TagRun", "TagWishes"]

Fields = Mapping[str, Field | None]
Progress = Callable[[int, int, Path], None]

_SCAN_FIRST = "scan its folder first"


@dataclass(frozen=True, slots=True)
class TagWishes:
    """What is to be written.

    Attributes
    ----------
    fields : names; those of ``STANDARD_FIELDS`` only where the model is sure.
    overwrite : standard fields also where a file has them.
    remove : take the fields away instead.
    keep_mtime : of the files.
    dry_run : write nothing.
    """

    fields: tuple[str, ...] = OWN_FIELDS
    overwrite: bool = False
    remove: bool = False
    keep_mtime: bool = False
    dry_run: bool = False


class _Skip(Exception):
    """Why a file is left as it is."""

    def __init__(self, reason: str, advice: str, *, failed: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.advice, self.failed = reason, advice, failed


@dataclass
class _Tally:
    files: list[TaggedFile] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[SkippedFile] = field(default_factory=list)
    interrupted: bool = False


class TagRun:
    """One run over some files, in a library whose lock of scans is held unless it is a dry run."""

    def __init__(
        self, reader: Reader, session: Transactions, wishes: TagWishes, undo: UndoLog | None
    ) -> None:
        self._reader = reader
        self._session = session
        self._wishes = wishes
        self._undo = undo
        self._tally = _Tally()
        self._started = time.monotonic()
        with session.reading() as store:
            self._folders = store.folders.all()

    def write(
        self, track_ids: Sequence[int], progress: Progress | None, stop: StopOnInterrupt
    ) -> TagReport:
        """Write what the library knows of some tracks into their files."""
        for done, track_id in enumerate(track_ids):
            if stop.requested:
                self._tally.interrupted = True
                break
            with self._reader.snapshot() as snapshot:
                track = snapshot.tracks_by_id([track_id])[track_id]
            if progress is not None:
                progress(done, len(track_ids), track.path)
            with self._skipping(track.path):
                self._check_known(track_id, track.path)
                self._apply(track.path, track_id, self._wanted(track_id))
        return self._report()

    def take_back(
        self, entries: Sequence[UndoEntry], progress: Progress | None, stop: StopOnInterrupt
    ) -> TagReport:
        """Put back what stood in fields, as far as nobody else has changed them since."""
        for done, entry in enumerate(entries):
            if stop.requested:
                self._tally.interrupted = True
                break
            path, track_id = self._found(entry)
            if progress is not None:
                progress(done, len(entries), path)
            with self._skipping(path):
                self._restore(path, track_id, entry)
        return self._report()

    @contextmanager
    def _skipping(self, path: Path) -> Iterator[None]:
        try:
            yield
        except _Skip as skip:
            reason, advice, failed = skip.reason, skip.advice, skip.failed
        except AudioError as error:
            reason, advice = error.reason, error.advice
            failed = not isinstance(error, UntaggableFormat)
        else:
            return
        self._tally.skipped.append(SkippedFile(path, reason, advice, failed))

    def _check_known(self, track_id: int, path: Path) -> None:
        """Whether the file is the one that was analysed.

        Raises
        ------
        _Skip : it is not, or is gone.
        """
        with self._session.reading() as store:
            known = store.known_id(track_id)
            found = store.found([track_id]).get(track_id)
        try:
            now = stamp_of(os.fspath(path))
        except OSError as error:
            raise _Skip(f"{why(error)}", "check that its disk is mounted") from error
        if known is None or found is None or known.stamp is None:
            raise _Skip("not analysed", _SCAN_FIRST, failed=False)
        if now.is_like(known.stamp):
            return
        # A hard link or other permissions change the ctime, and nothing else.
        same = now[:2] == known.stamp[:2] and content_digest(os.fspath(path)) == found.digest
        if not same:
            raise _Skip("changed since it was analysed", _SCAN_FIRST)

    def _wanted(self, track_id: int) -> dict[str, Field | None]:
        if self._wishes.remove:
            return dict.fromkeys(self._wishes.fields)
        try:
            values = tag_values(self._reader.analysis(track_id))
        except LibraryError as error:
            raise _Skip("not analysed", _SCAN_FIRST, failed=False) from error
        return {
            name: Field(values[name]) if name in values else None for name in self._wishes.fields
        }

    def _apply(self, path: Path, track_id: int, wanted: Fields) -> None:
        now, takes_several = read_fields(path, frozenset(wanted))
        changes: dict[str, Field | None] = {}
        for name, new in wanted.items():
            old = now[name]
            if new is not None and not takes_several:
                new = joined(new)
            if (old and old.values) == (new and new.values):
                continue
            if name in STANDARD_FIELDS and not self._wishes.remove:
                # Theirs stays where we have nothing to say, and where nobody asked for more.
                has_one = old is not None or (name == "GENRE" and read_tags(path).genre is not None)
                if new is None or (has_one and not self._wishes.overwrite):
                    continue
            changes[name] = new
        self._change(path, track_id, {name: now[name] for name in changes}, changes)

    def _restore(self, path: Path, track_id: int | None, entry: UndoEntry) -> None:
        now, _ = read_fields(path, frozenset(entry.after))
        changes: dict[str, Field | None] = {}
        others = []
        for name, old in entry.before.items():
            there, written = now[name], entry.after[name]
            if (there and there.values) == (old and old.values):
                continue
            if (there and there.values) != (written and written.values):
                others.append(name)
            else:
                changes[name] = old
        self._change(path, track_id, {name: now[name] for name in changes}, changes)
        if others:
            raise _Skip(
                f"{', '.join(others)}: somebody else has changed this since; left as it is",
                "mend it by hand, if need be",
            )

    def _change(self, path: Path, track_id: int | None, old: Fields, new: Fields) -> None:
        if not new:
            self._tally.unchanged += 1
            return
        parted = False
        if not self._wishes.dry_run:
            entry = UndoEntry(os.fspath(path), track_id, old, new)
            undo = self._undo
            done = write_fields(
                path,
                new,
                keep_mtime=self._wishes.keep_mtime,
                before=(lambda: undo.add(entry)) if undo is not None else (lambda: None),
            )
            parted = done.parted
            if track_id is not None:
                self._tell_library(track_id, path, done.digest)
        changes = tuple(
            FieldChange(name, _values(old[name]), _values(field)) for name, field in new.items()
        )
        self._tally.files.append(TaggedFile(path, track_id, changes, parted))

    def _tell_library(self, track_id: int, path: Path, digest: bytes) -> None:
        """Store that the track has another content now, with the same sound."""
        info = probe(path)
        tags = read_tags(path, encoding_of(os.fspath(path), self._folders))
        facts = Facts(info.sample_rate, info.channels, info.codec, tags)
        # After the file was read, so that a change meanwhile shows in the next scan.
        stamp = stamp_of(os.fspath(path))
        with self._session.writing() as store:
            track = store.known_id(track_id)
            known = store.found([track_id]).get(track_id)
            if track is None or known is None or track.content_id is None:
                return
            sound = known.audio_digest
            if sound is None:
                sound = audio_digest(path)
                store.set_audio(track.content_id, sound)
            content = store.content(digest)
            store.set_audio(content.content_id, sound)
            store.share_analyses(content.content_id, sound)
            store.set_content(track, content, stamp)
            store.put_facts(content.content_id, facts)

    def _found(self, entry: UndoEntry) -> tuple[Path, int | None]:
        """Where the file of an entry is now, and its track."""
        here = canonical(entry.path)
        with self._session.reading() as store:
            by_path = store.known([here]).get(here)
            by_id = None if entry.track_id is None else store.known_id(entry.track_id)
        if by_path is not None:
            return Path(entry.path), by_path.track_id
        if by_id is not None and not os.path.lexists(entry.path):
            # It has moved since, and a scan has seen that.
            return Path(by_id.path), by_id.track_id
        return Path(entry.path), None

    def _report(self) -> TagReport:
        if self._tally.files and not self._wishes.dry_run:
            with self._session.writing() as store:
                store.drop_orphans()
        return TagReport(
            files=tuple(self._tally.files),
            unchanged=self._tally.unchanged,
            skipped=tuple(self._tally.skipped),
            undo_file=self._undo.path if self._undo is not None and self._undo.is_used else None,
            dry_run=self._wishes.dry_run,
            interrupted=self._tally.interrupted,
            elapsed_s=time.monotonic() - self._started,
        )


def _values(field: Field | None) -> tuple[str, ...] | None:
    return None if field is None else field.values
