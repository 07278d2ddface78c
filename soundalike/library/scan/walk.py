"""Finding audio files: walking folders, telling files apart, hashing them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from soundalike.errors import InvalidArgument, printable
from soundalike.files import Stamp, stamp_of, why
from soundalike.library.scan.excludes import MARK, Excludes, is_hidden, is_under
from soundalike.urls import url_of

__all__ = [
    "AUDIO_SUFFIXES",
    "FoundFile",
    "Listed",
    "Walk",
    "WalkProblem",
    "canonical",
    "checked_folders",
    "found_file",
    "resolved",
]

_SUFFIXES = """
    .3ga .aa .aac .aax .ac3 .adts .aif .aifc .aiff .alac .amr .ape .au .bwf .caf .dff .dsf .dts
    .eac3 .flac .m4a .m4b .m4p .m4r .mka .mp1 .mp2 .mp3 .mpc .mpga .mpp .oga .ogg .opus .ra .rf64
    .shn .snd .spx .tak .tta .voc .w64 .wav .wave .weba .wma .wv
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
"""Files with other suffixes are not looked at, but counted. Video is left out on purpose."""

_NAME = attrgetter("name")
_FILE_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


class FoundFile(NamedTuple):
    """An audio file on the walk; ``problem`` says why it has no stamp."""

    path: str
    stamp: Stamp | None
    problem: str | None = None


Listed = os.DirEntry[str] | FoundFile
"""A file in a folder: an ordinary one as it was listed, a link looked at already."""


@dataclass(frozen=True, slots=True)
class WalkProblem:
    """A folder that could not be listed."""

    path: str
    reason: str


def canonical(path: str | os.PathLike[str]) -> str:
    """The one name under which a library knows a file: absolute, its folder without links.

    The last part stays as it is, so that a link to a file elsewhere keeps its own name. So does an
    address.
    """
    url = url_of(path)
    if url is not None:
        return url
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def resolved(roots: Iterable[str]) -> list[str]:
    """Folders and files to walk, each once, by the names under which a library knows them."""
    named = (os.path.realpath(root) if os.path.isdir(root) else canonical(root) for root in roots)
    return list(dict.fromkeys(named))


def is_audio_name(name: str) -> bool:
    """Whether the suffix is one of audio."""
    dot = name.rfind(".")
    suffix = name[dot:]
    return dot > 0 and (suffix in AUDIO_SUFFIXES or suffix.lower() in AUDIO_SUFFIXES)


class Walk:
    """Every audio file below some folders, each once, in the order of the names.

    Linked folders are followed, each folder is listed once. A link to a file that the walk
    reaches anyway is left out; one to a file elsewhere counts under its own name, as many
    collections (git-annex, say) are made of such links. Hidden files and folders are left out,
    unless a root is one, and so is what ``excludes`` has.

    Parameters
    ----------
    roots : folders and files.
    excludes : what is left out; by default only what always is.

    Attributes
    ----------
    roots : the folders and files that were asked for, without links.
    followed : folders outside of the roots that links led to.
    empty_roots : folders among the roots without any entry: as an unmounted disk looks.
    ignored : files that are not audio by their names, or hidden.
    problems : folders that could not be listed.
    """

    def __init__(self, roots: Iterable[str], excludes: Excludes | None = None) -> None:
        self.excludes = Excludes({}) if excludes is None else excludes
        self.roots = resolved(roots)
        for root in self.roots:
            if os.path.isdir(root):
                self.excludes.ask_for(root)
        self.followed: list[str] = []
        self.empty_roots: list[str] = []
        self.ignored = 0
        self.problems: list[WalkProblem] = []
        self._folders: set[object] = set()
        self._link_targets: set[str] = set()

    def __iter__(self) -> Iterator[FoundFile]:
        for _, listed in self.folders():
            for item in listed:
                yield item if isinstance(item, FoundFile) else found_file(item)

    def folders(self) -> Iterator[tuple[str, list[Listed]]]:
        """The same folder by folder, and what is an ordinary file not looked at any closer.

        The files that were named come first, each as if it were a folder.
        """
        # A file that was asked for by name counts whatever its suffix is.
        for root in self.roots:
            if os.path.isdir(root) or not os.path.lexists(root):
                continue
            if os.path.islink(root) and not os.path.exists(root) and not is_audio_name(root):
                self.problems.append(_broken_link(root))
            elif not os.path.islink(root) or self._is_new_target(root):
                yield os.path.dirname(root), [found_file(root)]
        pending = [root for root in reversed(self.roots) if os.path.isdir(root)]
        while pending:
            folder = pending.pop()
            if self._is_new(folder):
                below: list[str] = []
                yield folder, self._list(folder, below)
                pending.extend(reversed(below))

    def _is_new(self, folder: str) -> bool:
        try:
            found = os.stat(folder)
        except OSError:
            return True  # listing it will say what is wrong
        key: object = (found.st_dev, found.st_ino) if found.st_ino else folder
        if key in self._folders:
            return False
        self._folders.add(key)
        return True

    def _list(self, folder: str, below: list[str]) -> list[Listed]:
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=_NAME)
        except FileNotFoundError:
            return []  # went away since its parent was listed
        except OSError as error:
            self.problems.append(WalkProblem(folder, why(error)))
            return []
        if not entries and folder in self.roots:
            self.empty_roots.append(folder)
        asked_for = self.excludes.is_asked_for
        if not asked_for(folder) and any(entry.name == MARK for entry in entries):
            return []
        excluded = self.excludes.inside(folder)
        listed: list[Listed] = []
        for entry in entries:
            if excluded is not None and excluded(entry.name) and not asked_for(entry.path):
                continue
            if entry.is_symlink():
                listed += self._link(entry, below)
            elif entry.is_dir(follow_symlinks=False):
                if not is_hidden(entry.name) or asked_for(entry.path):
                    below.append(entry.path)
            elif is_audio_name(entry.name) and entry.name[0] != ".":
                if not self._link_targets or entry.path not in self._link_targets:
                    listed.append(entry)
            else:
                self.ignored += 1
        return listed

    def _link(self, entry: os.DirEntry[str], below: list[str]) -> list[Listed]:
        if is_hidden(entry.name):
            self.ignored += 1
            return []
        target = os.path.realpath(entry.path)
        if os.path.isdir(target):
            if not any(is_under(target, folder) for folder in [*self.roots, *self.followed]):
                self.followed.append(target)
                self.excludes.ask_for(target, found_in=os.path.dirname(entry.path))
            below.append(target)
        elif is_audio_name(entry.name):
            if self._is_new_target(entry.path):
                return [found_file(entry.path)]
        elif not os.path.exists(entry.path) and not _FILE_SUFFIX.fullmatch(
            os.path.splitext(entry.name)[1]
        ):
            # Without a suffix it was most likely a folder: music that is not found is reported.
            self.problems.append(_broken_link(entry.path))
        else:
            self.ignored += 1
        return []

    def has_other_name(self, path: str) -> bool:
        """Whether a path is a link to a file that the walk reaches by another name."""
        if not os.path.islink(path):
            return False
        target = os.path.realpath(path)
        return target in self._link_targets or self._is_reached(target)

    def _is_new_target(self, link: str) -> bool:
        target = os.path.realpath(link)
        if not os.path.exists(target):
            return True  # broken, each by itself
        if self._is_reached(target) or target in self._link_targets:
            return False
        self._link_targets.add(target)
        return True

    def _is_reached(self, target: str) -> bool:
        """Whether the walk finds a link's target by itself."""
        if not os.path.isfile(target):
            return False
        if target in self.roots:
            return True
        for root in self.roots:
            if is_under(target, root):
                parts = os.path.relpath(target, root).split(os.sep)
                return (
                    is_audio_name(target)
                    and not any(map(is_hidden, parts))
                    and not self.excludes.has(target)
                )
        return False


def found_file(place: str | os.DirEntry[str]) -> FoundFile:
    """A file with its size and time, or with what is wrong with it."""
    path = place if isinstance(place, str) else place.path
    try:
        return FoundFile(path, stamp_of(place))
    except OSError as error:
        if os.path.islink(path):
            return FoundFile(path, None, _broken_link(path).reason)
        return FoundFile(path, None, why(error))


def _broken_link(path: str) -> WalkProblem:
    return WalkProblem(path, f"broken link to {printable(os.path.realpath(path))}")


def checked_folders(folders: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The folders and files to scan, as text, the user's home filled in.

    Raises
    ------
    InvalidArgument : none is given, or one is not there or cannot be read; the message names it.
    """
    if isinstance(folders, (str, os.PathLike)):
        raise InvalidArgument(f"folders must be a list, such as [{os.fspath(folders)!r}]")
    if not folders:
        raise InvalidArgument("name at least one folder to scan")
    checked = [os.path.expanduser(folder) for folder in folders]
    for folder in checked:
        try:
            if os.path.isdir(folder):
                os.scandir(folder).close()
            else:
                os.stat(folder)
        except OSError as error:
            raise InvalidArgument(
                f"{printable(folder)}: {why(error)}; nothing was scanned"
            ) from error
    return checked
