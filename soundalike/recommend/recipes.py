"""Recipes of playlists that come from elsewhere: whether they may be followed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soundalike.errors import InvalidArgument, printable
from soundalike.library.checks import checked_weights
from soundalike.library.library import Library
from soundalike.playlists import BASE_KEY, Playlist, PlaylistEntry
from soundalike.recommend.seeds import check_seeds
from soundalike.recommend.wishes import Wishes

__all__ = ["check_recipe"]

_NOT_WISHES = ("version", "make", "keep", "seeds", "without", BASE_KEY)


def check_recipe(library: Library, recipe: Mapping[str, Any]) -> None:
    """Whether a recipe names nothing but tracks of the library.

    One that is followed has files read that it names: seeds that are in no library, and playlists.
    What comes from somebody who may not read any file of this computer must not name such.

    Raises
    ------
    InvalidArgument : it names a file that is no track of the library, a folder or a playlist; or
        it has values that no playlist can be made by.
    """
    lists = [recipe.get(name, []) for name in ("seeds", "without")]
    for each in lists:
        check_seeds(each)
    seeds = [seed for each in lists for seed in each]
    wishes = Wishes.from_json({k: v for k, v in recipe.items() if k not in _NOT_WISHES})
    checked_weights(wishes.weights)
    if BASE_KEY in recipe:
        raise InvalidArgument("the recipe has a base for its paths: leave it out")
    named = [*wishes.only_playlists, *wishes.not_playlists]
    named += [each[kind] for each in seeds for kind in ("playlist", "folder") if kind in each]
    if named:
        raise InvalidArgument(
            f"the recipe names {printable(str(named[0]))}: it may name tracks of the library only"
        )
    if not all("path" in each for each in seeds):
        raise InvalidArgument("the recipe has a seed without a path")
    entries = tuple(PlaylistEntry(Path(each["path"])) for each in seeds)
    for found in library.resolve_playlist(Playlist(entries=entries)).entries:
        if found.by != "path":
            raise InvalidArgument(
                f"the recipe names {printable(found.entry.path or '')}, which is no track of the "
                f"library: it cannot be made again"
            )
