"""What a recommendation starts from: tracks, passages, files, folders, playlists; and as a recipe.

A recipe keeps each seed as it was named: a folder is looked at again, a playlist read again. A
track is kept with its names, so that it is found when its file has moved.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from soundalike.errors import InvalidArgument, TrackNotFound, printable
from soundalike.library.library import Library
from soundalike.library.playlist_records import PlaylistResolution, entry_of
from soundalike.library.similar_records import Heard
from soundalike.library.snapshot import Query
from soundalike.playlists import FORMATS, Playlist, PlaylistEntry, read_playlist
from soundalike.urls import url_of

__all__ = [
    "Seeds",
    "as_playlist_file",
    "check_seeds",
    "findable",
    "hear_recipe",
    "hear_seeds",
    "nothing_in",
    "playlist_ids",
]


_TEXTS = ("playlist", "folder", "path", "title", "artist", "album")


@dataclass(frozen=True, eq=False)
class Seeds:
    """What was heard in some seeds.

    Attributes
    ----------
    heard : of each track, file or passage; of folders and playlists all.
    recipe : how each was named, as JSON has it.
    gone : names of those of a recipe that are not there any more.
    """

    heard: tuple[Heard, ...] = ()
    recipe: tuple[dict[str, Any], ...] = ()
    gone: tuple[str, ...] = ()


def hear_seeds(library: Library, queries: Query | Sequence[Query], *, name: str) -> Seeds:
    """What the model hears in seeds as people name them.

    Parameters
    ----------
    queries : one or several, as for ``Library.similar``, or the file of a playlist, which stands
        for its tracks.
    name : of the argument, for messages.

    Raises
    ------
    TrackNotFound, AmbiguousTrack, AudioError, ModelMismatch, PlaylistError : as
        ``Library.similar`` and ``read_playlist``; or none of a playlist is in the library.
    InvalidArgument : a value of the wrong type.
    """
    is_one = isinstance(queries, (str, bytes, os.PathLike)) or not isinstance(queries, Sequence)
    listed: list[Any] = [queries] if is_one else list(queries)  # type: ignore[arg-type]
    heard: list[Heard] = []
    recipe: list[dict[str, Any]] = []
    files = [as_playlist_file(query) for query in listed]
    with library.view() as view:
        folders = [
            None if file else view.folder_of(query)
            for file, query in zip(files, listed, strict=True)
        ]
    named = zip(listed, files, folders, strict=True)
    for (file, folder), group in groupby(named, lambda each: each[1:]):
        if file is not None:
            heard += _hear_playlist(library, file)
            recipe.append({"playlist": os.path.abspath(file)})
        elif folder is not None:
            heard += library.hear_all([Path(folder)], with_excerpts=False)
            recipe.append({"folder": folder})
        else:
            # All that stand in a row at once: one by one takes much longer.
            found = library.hear_all([query for query, *_ in group], with_excerpts=False)
            heard += found
            recipe += map(_track_recipe, found)
    if not heard and listed and name == "seeds":
        raise TrackNotFound("none of the seeds has a track that can be compared")
    return Seeds(tuple(heard), tuple(recipe))


def hear_recipe(library: Library, recipe: Sequence[dict[str, Any]]) -> Seeds:
    """What the model hears in the seeds of a recipe now. Those that are gone are named.

    Raises
    ------
    As :func:`hear_seeds`; and InvalidArgument for what is no recipe.
    """
    heard: list[Heard] = []
    kept: list[dict[str, Any]] = []
    gone: list[str] = []
    check_seeds(recipe)
    for each in recipe:
        try:
            if "playlist" in each:
                heard += _hear_playlist(library, Path(each["playlist"]))
            elif "folder" in each:
                heard += _hear_folder(library, Path(each["folder"]))
            else:
                found = _hear_track(library, each)
                heard.append(found)
                each = _track_recipe(found)
        except TrackNotFound as error:
            # It stays in the recipe: its disk may be back next time.
            gone.append(str(error))
        kept.append(each)
    return Seeds(tuple(heard), tuple(kept), tuple(gone))


def check_seeds(recipe: Any) -> None:
    """
    Raises
    ------
    InvalidArgument : no list of seeds of a recipe.
    """
    if not isinstance(recipe, (list, tuple)):
        raise InvalidArgument(f"{recipe!r} is no list of seeds")
    for each in recipe:
        texts = [each.get(name, "") for name in _TEXTS] if isinstance(each, Mapping) else [None]
        if not all(isinstance(text, str) and "\0" not in text for text in texts):
            raise InvalidArgument(f"{each!r} is no seed of a recipe")


def as_playlist_file(query: Any) -> Path | None:
    """The file of a playlist that a query names; None for anything else."""
    if not isinstance(query, (str, os.PathLike)):
        return None
    path = Path(os.path.expanduser(os.fspath(query)))
    try:
        is_one = path.suffix[1:].lower() in FORMATS and path.is_file()
    except ValueError:  # a null character in it
        return None
    return path if is_one else None


def findable(library: Library, resolution: PlaylistResolution) -> list[int | None]:
    """For each entry of a playlist, the id of its track if a search can find that."""
    index = library.index()
    return [
        each.track.track_id
        if each.track is not None and index.row_of(each.track.track_id) is not None
        else None
        for each in resolution.entries
    ]


def playlist_ids(
    library: Library, files: Sequence[str | os.PathLike[str]], *, may_lack: bool = False
) -> frozenset[int]:
    """The ids of all tracks of some playlists.

    Parameters
    ----------
    may_lack : whether there may be one of which no track is in the library.

    Raises
    ------
    PlaylistError : one cannot be read.
    TrackNotFound : none of the tracks of one is in the library, and that may not be.
    """
    found: set[int] = set()
    for file in files:
        resolution = library.resolve_playlist(read_playlist(os.path.expanduser(file)))
        if not (resolution.tracks or may_lack):
            raise nothing_in(file, len(resolution.entries))
        found.update(track.track_id for track in resolution.tracks)
    return frozenset(found)


def nothing_in(file: str | os.PathLike[str], n_entries: int) -> TrackNotFound:
    """The error for a playlist of which no track can be found."""
    if not n_entries:
        return TrackNotFound(f"{printable(file)}: it has no tracks")
    what = "its only track" if n_entries == 1 else f"none of its {n_entries:,} tracks"
    is_in = "is not in the library" if n_entries == 1 else "is in the library"
    return TrackNotFound(f"{printable(file)}: {what} {is_in}. Scan the folder of its music first")


def _hear_playlist(library: Library, file: Path) -> list[Heard]:
    if not file.is_file():
        raise TrackNotFound(f"{printable(file)}: there is no such playlist any more")
    resolution = library.resolve_playlist(read_playlist(file))
    ids = [each for each in findable(library, resolution) if each is not None]
    if not ids:
        raise nothing_in(file, len(resolution.entries))
    return library.hear_all(list(dict.fromkeys(ids)), with_excerpts=False)


def _hear_folder(library: Library, folder: Path) -> list[Heard]:
    with library.view() as view:
        is_there = view.folder_of(folder) is not None
    if not is_there:
        raise TrackNotFound(f"{printable(folder)}: there is no such folder any more")
    return library.hear_all([folder], with_excerpts=False)


def _track_recipe(heard: Heard) -> dict[str, Any]:
    seed = heard.seed
    names: dict[str, Any] = {"path": url_of(seed.path) or os.path.abspath(seed.path)}
    if seed.track is not None:
        entry = entry_of(seed.track)
        for name in ("title", "artist", "album", "duration_s"):
            if getattr(entry, name) is not None:
                names[name] = getattr(entry, name)
    for name in ("start_s", "end_s"):
        if getattr(seed, name) is not None:
            names[name] = getattr(seed, name)
    return names


def _hear_track(library: Library, recipe: dict[str, Any]) -> Heard:
    names = {name: recipe.get(name) for name in ("title", "artist", "album", "duration_s")}
    try:
        entry = PlaylistEntry(Path(recipe["path"]), **names)
        start_s, end_s = recipe.get("start_s"), recipe.get("end_s")
    except (KeyError, TypeError) as error:
        raise InvalidArgument(f"{recipe!r} is no seed of a recipe") from error
    track = library.resolve_playlist(Playlist(entries=(entry,))).entries[0].track
    query: Query = entry.path if track is None else track.track_id  # type: ignore[assignment]
    if track is None and not os.path.exists(recipe["path"]):
        raise TrackNotFound(printable(recipe["path"]))
    return library.hear(query, start_s, end_s)
