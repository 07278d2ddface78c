"""beets: its items as tracks of a library, and what the library knows as attributes of its items.

Nothing here loads beets: the plugin, ``beetsplug.soundalike``, hands over the items. An item is the
track at the path of its file, by whatever name; where beets moved a file, :func:`follow` or the
next scan finds it again by its content.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from soundalike.errors import TrackNotFound
from soundalike.library import Filter, Library, Limits, ScanProgress, ScanReport, Track
from soundalike.playlists import LeftOut, Playlist, PlaylistEntry, write_playlist
from soundalike.recommend.playlist import wished_playlist
from soundalike.recommend.taste_use import taste_in_use
from soundalike.recommend.wishes import Wishes
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from beets.library import Item

    from soundalike.library.told import Told
    from soundalike.similarity.taste import Taste

__all__ = [
    "ATTRIBUTES",
    "SIMILARITY",
    "Change",
    "Found",
    "ItemScan",
    "ScanPreview",
    "analysed_ids",
    "follow",
    "playlist_of",
    "preview",
    "scan_items",
    "similar_items",
    "write_attributes",
    "write_items",
]

ATTRIBUTES = ("sa_genre", "sa_genre_confidence", "sa_unsure", "sa_bpm", "sa_key", "sa_model")
"""The flexible attributes of an analysed item: text, a number from 0 to 1, true or false, beats a
minute, text, and the ``name@version`` of the model that told all of them."""

SIMILARITY = "sa_similarity"
"""What an answer has for the length of the answer; it is never stored."""

Value = str | float | bool


@dataclass(frozen=True, eq=False)
class ItemScan:
    """What a scan of items did.

    Attributes
    ----------
    gone : items whose files are not there.
    """

    report: ScanReport
    gone: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ScanPreview:
    """What a scan of items would find, in items.

    Attributes
    ----------
    known : analysed, or failed earlier; the scan only looks whether their files have changed.
    new : to be read, and analysed unless the library knows their content from elsewhere.
    gone : without a file.
    """

    known: int
    new: int
    gone: int


@dataclass(frozen=True, eq=False)
class Change:
    """An item whose attributes changed, or would change.

    Attributes
    ----------
    now : all attributes that it has then.
    """

    item: Item
    now: Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class Found:
    """An item of an answer.

    Attributes
    ----------
    similarity : to the nearest seed; None for a seed itself.
    """

    item: Item
    similarity: float | None


def scan_items(
    library: Library,
    items: Sequence[Item],
    *,
    jobs: int | None = None,
    retry: bool = False,
    fast: bool = False,
    progress: Callable[[ScanProgress], None] | None = None,
) -> ItemScan:
    """Analyse the items that the library does not know yet, in several processes.

    What it knows, by path or by content, is not analysed again. A known track whose file is gone is
    marked as missing.

    Raises
    ------
    LibraryError, ModelError : as ``Library.scan``.
    """
    report = library.scan_files(
        [_file_of(item) for item in items], jobs=jobs, retry=retry, fast=fast, progress=progress
    )
    return ItemScan(report, tuple(item for item in items if not os.path.exists(_file_of(item))))


def preview(library: Library | None, items: Sequence[Item]) -> ScanPreview:
    """What :func:`scan_items` would find; ``library`` None where there is none yet."""
    there = [item for item in items if os.path.exists(_file_of(item))]
    tracks = {} if library is None else _tracks_of(library, there)
    known = sum(track.status in ("analysed", "failed") for track in tracks.values())
    return ScanPreview(known, len(there) - known, len(items) - len(there))


def follow(
    library: Library, moves: Iterable[tuple[bytes, bytes]], removed: Iterable[bytes] = ()
) -> ScanReport | None:
    """Tell the library where beets moved or copied files that it knows, and which it deleted.

    Nothing is analysed: their content is known. What the library did not know, it does not know
    afterwards.

    Parameters
    ----------
    moves : from which path to which, in the order in which it happened.
    removed : the paths of items that are no longer beets's.

    Returns
    -------
    What was done; None where nothing concerns the library.

    Raises
    ------
    LibraryError : as ``Library.scan``.
    """
    pairs = [(os.fsdecode(source), os.fsdecode(target)) for source, target in moves]
    deleted = [path for path in map(os.fsdecode, removed) if not os.path.lexists(path)]
    known = set(library.tracks_at([*(source for source, _ in pairs), *deleted]))
    touched: dict[str, None] = dict.fromkeys(path for path in deleted if path in known)
    for source, target in pairs:
        # From place to place to place, within one command.
        if source in known or source in touched:
            touched |= dict.fromkeys((source, target))
    return library.scan_files(list(touched)) if touched else None


def write_attributes(
    library: Library,
    items: Sequence[Item],
    *,
    dry_run: bool = False,
) -> tuple[Change, ...]:
    """Give the items the attributes that the library has for them; nothing is analysed.

    What another model told is replaced as a whole. An item that is not analysed stays as it is.

    Parameters
    ----------
    dry_run : change nothing, only tell.

    Returns
    -------
    The items that changed, which alone are stored.

    """
    tracks = _tracks_of(library, items)
    told = library.told([track.track_id for track in tracks.values()])
    changes = []
    for item in items:
        track = tracks.get(item.id)
        if track is None or track.track_id not in told:
            continue
        now = _attributes(told[track.track_id])
        before = {name: item.get(name, None, with_album=False) for name in ATTRIBUTES}
        different = [name for name in ATTRIBUTES if before[name] != now.get(name)]
        if not different:
            continue
        changes.append(Change(item, now))
        if dry_run:
            continue
        for name in different:
            if name in now:
                item[name] = now[name]
            else:
                del item[name]
        item.store()
    return tuple(changes)


def similar_items(
    library: Library,
    seeds: Sequence[Item],
    within: Sequence[Item],
    k: int,
    *,
    limits: Limits,
    other_albums: bool = False,
    use_taste: bool = True,
) -> tuple[Found, ...]:
    """The items that sound most like some seeds, the most alike first.

    Parameters
    ----------
    within : the items that may come; of copies of a recording one does.
    k : how many at most.
    other_albums : whether none comes of an album that a seed is of.
    use_taste : whether the listener's taste counts, where one is in use.

    Raises
    ------
    TrackNotFound : none of the seeds, or nothing else, is analysed in the library.
    InvalidArgument : limits that leave nothing.
    """
    asked = analysed_ids(library, seeds)
    candidates = _Candidates(library, within, asked, seeds if other_albums else ())
    result = library.similar(
        asked,
        k,
        limits=candidates.within(limits),
        taste=_taste(library, use_taste),
    )
    return tuple(Found(candidates.item(match.track), match.similarity) for match in result.matches)


def playlist_of(
    library: Library,
    seeds: Sequence[Item],
    wishes: Wishes,
    *,
    within: Sequence[Item],
    without: Sequence[Item] = (),
    other_albums: bool = False,
    use_taste: bool = True,
) -> tuple[Found, ...]:
    """A playlist of items from some seeds, in the order in which it is to be heard.

    Parameters
    ----------
    within, other_albums, use_taste : as for :func:`similar_items`.
    without : items that it is to be unlike.

    Raises
    ------
    TrackNotFound, InvalidArgument : as :func:`similar_items`, or a wish that is out of range.
    """
    asked = analysed_ids(library, seeds)
    candidates = _Candidates(library, within, asked, seeds if other_albums else ())
    own = _tracks_of(library, seeds)
    made = wished_playlist(
        library,
        asked,
        replace(wishes, limits=candidates.within(wishes.limits)),
        without=analysed_ids(library, without) if without else (),
        taste=_taste(library, use_taste),
    )
    by_seed = {own[item.id].track_id: item for item in reversed(seeds) if item.id in own}
    return tuple(
        Found(by_seed[each.track.track_id], None)
        if each.likeness is None
        else Found(candidates.item(each.track), each.likeness.similarity)
        for each in made.items
    )


def write_items(
    file: str, name: str | None, items: Sequence[Item], *, relative: bool
) -> tuple[LeftOut, ...]:
    """Write items as a playlist, with the paths that beets has for them.

    Raises
    ------
    OutputError, InvalidArgument : as ``write_playlist``.
    """
    entries = tuple(
        PlaylistEntry(
            Path(_file_of(item)),
            title=item.title or None,
            artist=item.artist or None,
            album=item.album or None,
            duration_s=item.length or None,
            musicbrainz_recording_id=item.mb_trackid or None,
        )
        for item in items
    )
    return write_playlist(file, Playlist(name, entries), relative=relative)


class _Candidates:
    """The items that may come in an answer, and which of them a track is."""

    def __init__(
        self,
        library: Library,
        items: Sequence[Item],
        asked: Sequence[int],
        not_like: Sequence[Item],
    ) -> None:
        albums = {item.album_id for item in not_like if item.album_id is not None}
        allowed = [item for item in items if item.album_id is None or item.album_id not in albums]
        tracks = _tracks_of(library, allowed)
        self._items = {
            tracks[item.id].track_id: item for item in reversed(allowed) if item.id in tracks
        }
        if self._items.keys() <= set(asked):
            raise TrackNotFound(
                f"of {show_count(len(allowed), 'item')} that may come, nothing else is analysed in "
                f"the library {library.location}: let more of them come, or run `beet soundalike "
                f"scan`"
            )

    def within(self, limits: Limits) -> Limits:
        """Some limits, and that only these items come."""
        return replace(limits, only=Filter(track_ids=frozenset(self._items)))

    def item(self, track: Track) -> Item:
        return self._items[track.track_id]


def analysed_ids(library: Library, items: Sequence[Item]) -> list[int]:
    """The tracks of those items that are analysed.

    Raises
    ------
    TrackNotFound : of none.
    """
    tracks = _tracks_of(library, items)
    found = {track.track_id for track in tracks.values() if track.status == "analysed"}
    if not found:
        which = f"{items[0]} is not" if len(items) == 1 else f"none of {len(items):,} items is"
        raise TrackNotFound(
            f"{which} analysed with {library.model.id} in the library {library.location}: run "
            f"`beet soundalike scan` with the same query first"
        )
    return sorted(found)


def _attributes(told: Told) -> dict[str, Value]:
    """What a model says as attributes; those that it does not tell are left out."""
    said: dict[str, Value | None] = {
        "sa_genre": told.genre,
        # So many digits come back from any database as they are.
        "sa_genre_confidence": None if told.confidence is None else round(told.confidence, 4),
        "sa_unsure": None if told.genre is None else told.is_unsure,
        "sa_bpm": None if told.tempo_bpm is None else round(told.tempo_bpm, 2),
        "sa_key": told.key,
        "sa_model": told.model,
    }
    return {name: value for name, value in said.items() if value is not None}


def _taste(library: Library, use_taste: bool) -> Taste | None:
    return taste_in_use(library) if use_taste else None


def _tracks_of(library: Library, items: Sequence[Item]) -> dict[int | None, Track]:
    """The tracks of items, by the items' ids; those of which the library knows nothing are left
    out."""
    paths = {item.id: _file_of(item) for item in items}
    found = library.tracks_at(list(paths.values()))
    return {each: found[path] for each, path in paths.items() if path in found}


def _file_of(item: Item) -> str:
    """beets keeps paths as bytes; they need not be valid UTF-8."""
    return os.fsdecode(item.path)
