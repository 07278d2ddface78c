"""Playlists that are there already: go on with one, put it in order, make it again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from soundalike.errors import InvalidArgument, TrackNotFound, printable
from soundalike.library.checks import checked_taste, checked_weights
from soundalike.library.library import Library
from soundalike.library.limits import Limits
from soundalike.library.listener import Listener
from soundalike.library.playlist_records import entry_of
from soundalike.library.snapshot import Query
from soundalike.playlists import (
    BASE_KEY,
    BasePair,
    Playlist,
    PlaylistEntry,
    read_playlist,
    write_playlist,
)
from soundalike.recommend.defaults import PLAYLIST_LIMITS
from soundalike.recommend.order import smooth_order
from soundalike.recommend.playlist import RECIPE_VERSION, compose
from soundalike.recommend.records import (
    MadePlaylist,
    OrderedPlaylist,
    OrderName,
    RefreshedPlaylist,
)
from soundalike.recommend.rules import check_library
from soundalike.recommend.seeds import Seeds, findable, hear_recipe, hear_seeds, nothing_in
from soundalike.recommend.taste_use import taste_in_use
from soundalike.recommend.wishes import Wishes
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.taste import Taste

__all__ = [
    "as_playlist",
    "extend_playlist",
    "extended",
    "order_playlist",
    "playlist_of",
    "refresh_playlist",
    "wished_extension",
]

StrPath = str | os.PathLike[str]


def playlist_of(
    library: Library,
    track_ids: Sequence[int],
    name: str | None = None,
    recipe: dict[str, Any] | None = None,
) -> Playlist:
    """Tracks of the library as a playlist.

    Parameters
    ----------
    track_ids : in their order; one may come several times.
    recipe : how it was made, as ``MadePlaylist.recipe`` has it; none, or an empty one, for a
        playlist that somebody put together.

    Raises
    ------
    TrackNotFound : the library has no such track.
    InvalidArgument : the recipe is not made of what JSON has.
    """
    with library.view() as view:
        found = view.snapshot.tracks_by_id(list(dict.fromkeys(track_ids)))
    for track_id in track_ids:
        if track_id not in found:
            raise TrackNotFound(f"there is no track #{track_id} in the library")
    return Playlist(name, tuple(entry_of(found[each]) for each in track_ids), recipe or None)


def as_playlist(made: MadePlaylist, name: str | None = None) -> Playlist:
    """What was made as a playlist that remembers how, for ``write_playlist``."""
    entries = tuple(entry_of(item.track) for item in made.items)
    return Playlist(name, entries, made.recipe)


def extend_playlist(
    library: Library,
    file: StrPath | Playlist,
    *,
    tracks: int | None = None,
    minutes: float | None = None,
    also: Query | Sequence[Query] = (),
    without: Query | Sequence[Query] = (),
    limits: Limits = PLAYLIST_LIMITS,
    only_playlists: Sequence[StrPath] = (),
    not_playlists: Sequence[StrPath] = (),
    weights: Mapping[str, float] | None = None,
    surprise: float = 0.0,
    random_seed: int = 0,
    order: OrderName = "smooth",
    taste: Taste | None = None,
    base: BasePair | None = None,
    among: Set[int] | None = None,
) -> MadePlaylist:
    """What goes on with a playlist in its own spirit: its tracks are the seeds.

    It is chosen and put in order as ``make_playlist`` does it. What the playlist has counts for
    the limits on artists and albums, comes no second time in any version, and the order goes on
    from its last track.

    Parameters
    ----------
    file : a playlist, or its file in any format that ``read_playlist`` knows.
    tracks, minutes : of what is added.
    also : more seeds.
    base : see ``read_playlist``.
    others : as for ``make_playlist``.

    Returns
    -------
    What is added; :func:`extended` puts it behind the playlist.

    Raises
    ------
    PlaylistError : the file cannot be read.
    TrackNotFound : none of its tracks is in the library.
    Others as ``make_playlist``.
    """
    wishes = Wishes(
        tracks=tracks,
        minutes=minutes,
        limits=limits,
        only_playlists=only_playlists,
        not_playlists=not_playlists,
        weights=weights,
        surprise=surprise,
        random_seed=random_seed,
        order=order,
    )
    return wished_extension(
        library, file, wishes, also=also, without=without, taste=taste, base=base, among=among
    )


def wished_extension(
    library: Library,
    file: StrPath | Playlist,
    wishes: Wishes,
    *,
    also: Query | Sequence[Query] = (),
    without: Query | Sequence[Query] = (),
    taste: Taste | None = None,
    base: BasePair | None = None,
    among: Set[int] | None = None,
) -> MadePlaylist:
    """:func:`extend_playlist` by a record of what is wished; raises as that does.

    Parameters
    ----------
    wishes : whose ``taste`` is that a taste is given here. Its seeds stand in the playlist already,
        so that ``with_seeds`` says nothing.
    """
    taste = checked_taste(taste)
    wishes = replace(wishes, taste=bool(taste), with_seeds=False)
    check_library(library)
    content = _content(library, file, base)
    more = hear_seeds(library, also, name="also")
    away = hear_seeds(library, without, name="without")
    return _go_on(library, content, more, away, wishes, taste, among)


def extended(playlist: Playlist, made: MadePlaylist) -> Playlist:
    """A playlist with what was made behind it; its recipe is that of the extension."""
    more = tuple(entry_of(item.track) for item in made.items)
    return replace(playlist, entries=(*playlist.entries, *more), recipe=_renewed(playlist, made))


def order_playlist(
    library: Library,
    file: StrPath | Playlist,
    *,
    artist_gap: int = 1,
    weights: Mapping[str, float] | None = None,
    taste: Taste | None = None,
    base: BasePair | None = None,
) -> OrderedPlaylist:
    """The tracks of a playlist in an order in which each sounds like the one before it.

    The sum of the steps (1 - cosine) is nearly the least there is: 2-opt (Croes 1958) and Or-opt
    (Or 1976), see ``recommend.order``. Entries that are not in the library, or not analysed, stand
    at the end in the order that they had. An extension forgets how it was made: what was added
    cannot be told from what was there before any more.

    Parameters
    ----------
    file : a playlist, or its file in any format that ``read_playlist`` knows, which is not changed.
    artist_gap : so many others stand between two tracks of one artist, where that can be had.
    taste : of a listener, whose metric compares them; what it likes makes no difference.
    base : see ``read_playlist``.

    Raises
    ------
    PlaylistError : the file cannot be read.
    TrackNotFound : none of its tracks is in the library.
    InvalidArgument : it has too many tracks, or a value is out of range.
    """
    check_library(library)
    content = _content(library, file, base)
    playlist = content.playlist
    with library.view() as view:
        placed, rows = [], []
        for at, track_id in enumerate(content.ids):
            row = None if track_id is None else view.index.row_of(track_id)
            if row is not None:
                placed.append(at)
                rows.append(row)
        listener = Listener(view, checked_weights(weights), _metric_of(checked_taste(taste)))
        embeddings = listener.transform(view.index.embeddings[rows])
        use = listener.use
        artists = view.artists(rows)
        tracks = view.tracks(rows)
    found = smooth_order(embeddings, artists=artists, artist_gap=artist_gap)
    order = found.order.tolist()
    others = [at for at in range(len(playlist.entries)) if at not in set(placed)]
    entries = tuple(playlist.entries[at] for at in (*(placed[each] for each in order), *others))
    # Which of an extension's tracks were there before is told by their places.
    is_mixed = (playlist.recipe or {}).get("make") == "extension"
    recipe = None if is_mixed else playlist.recipe
    return OrderedPlaylist(
        playlist=replace(playlist, entries=entries, recipe=recipe),
        tracks=tuple(tracks[each] for each in order),
        steps=tuple(
            round(float(embeddings[a] @ embeddings[b]), DECIMALS) for a, b in pairwise(order)
        ),
        not_placed=tuple(playlist.entries[at] for at in others),
        smoother_percent=found.smoother_percent,
        total_step=found.total_step,
        largest_step=found.largest_step,
        given_total_step=found.given_total_step,
        given_largest_step=found.given_largest_step,
        n_too_close=found.n_too_close,
        taste=use,
    )


def refresh_playlist(
    library: Library,
    file: StrPath,
    *,
    write: bool = True,
    taste: bool | None = None,
    base: BasePair | None = None,
    among: Set[int] | None = None,
) -> RefreshedPlaylist:
    """Make a playlist again, by its own recipe, over the library as it is now.

    Its seeds are looked for again, by their names where they have moved; folders and playlists
    among them are read again. Of an extension, the tracks that stood before stay. The file keeps
    its name, the way in which its paths are written, and what else it says.

    Parameters
    ----------
    file : a playlist that soundalike made, or extended.
    write : whether to write it, whole or not at all; else it is left as it is.
    taste : whether the listener's taste counts, as far as it is in use now; None as it did when the
        playlist was made.
    base : see ``read_playlist``.
    among : as for ``make_playlist``.

    Raises
    ------
    PlaylistError : the file cannot be read.
    InvalidArgument : it has no recipe, or one that cannot be read, or none of its seeds is left.
    OutputError : it cannot be written.
    Others as ``make_playlist``.
    """
    check_library(library)
    playlist = read_playlist(os.path.expanduser(file), base=base)
    kind, n_kept, recipe = _recipe(playlist, file)
    try:
        seeds = hear_recipe(library, recipe.pop("seeds", []))
        away = hear_recipe(library, recipe.pop("without", []))
        wishes = Wishes.from_json(recipe)
        if taste is not None:
            wishes = replace(wishes, taste=taste)
    except InvalidArgument as error:
        raise InvalidArgument(
            f"{printable(file)}: its recipe cannot be followed: {error}. Mend it in the file, or "
            f"make the playlist anew"
        ) from error
    in_use = taste_in_use(library) if wishes.taste else None
    if kind == "extension":
        kept = replace(playlist, entries=playlist.entries[:n_kept])
        content = _resolved(library, kept, file)
        made = _go_on(library, content, seeds, away, wishes, in_use, among)
        old = playlist.entries[n_kept:]
    elif not seeds.heard:
        gone = f"none of its seeds is there any more: {', '.join(seeds.gone)}"
        raise InvalidArgument(
            f"{printable(file)}: {gone if seeds.gone else 'its recipe names no seeds'}. "
            f"Make the playlist anew: soundalike playlist"
        )
    else:
        made = compose(library, seeds, away, wishes, taste=in_use, among=among)
        old = playlist.entries
    entry_by_id: dict[int, PlaylistEntry] = {}
    ids = findable(library, library.resolve_playlist(replace(playlist, entries=old)))
    for entry, track_id in zip(old, ids, strict=True):
        if track_id is not None:
            entry_by_id.setdefault(track_id, entry)
    now = {item.track.track_id for item in made.items}
    # What stays is written as it was, with all that the file says of it.
    entries = tuple(
        _still(entry_by_id.get(item.track.track_id), entry_of(item.track)) for item in made.items
    )
    before = playlist.entries[:n_kept] if kind == "extension" else ()
    fresh = replace(playlist, entries=(*before, *entries), recipe=_renewed(playlist, made))
    left_out = write_playlist(os.path.expanduser(file), fresh, base=base) if write else ()
    return RefreshedPlaylist(
        playlist=fresh,
        made=made,
        came=tuple(each.track for each in made.items if each.track.track_id not in entry_by_id),
        went=tuple(
            entry for entry, each in zip(old, ids, strict=True) if each is None or each not in now
        ),
        left_out=left_out,
    )


@dataclass(frozen=True)
class _Content:
    """A playlist, and for each of its entries the id of its track, if a search can find it."""

    playlist: Playlist
    ids: list[int | None]


def _content(library: Library, file: StrPath | Playlist, base: BasePair | None) -> _Content:
    if isinstance(file, Playlist):
        return _resolved(library, file, file.name or "the playlist")
    return _resolved(library, read_playlist(os.path.expanduser(file), base=base), file)


def _resolved(library: Library, playlist: Playlist, file: StrPath) -> _Content:
    ids = findable(library, library.resolve_playlist(playlist))
    if not any(each is not None for each in ids):
        raise nothing_in(file, len(ids))
    return _Content(playlist, ids)


def _go_on(
    library: Library,
    content: _Content,
    also: Seeds,
    away: Seeds,
    wishes: Wishes,
    taste: Taste | None,
    among: Set[int] | None,
) -> MadePlaylist:
    ids = [each for each in content.ids if each is not None]
    heard = library.hear_all(list(dict.fromkeys(ids)), with_excerpts=False)
    # What is in the playlist, but is to be unlike what comes, tells nothing of its spirit.
    unwanted = {each.seed.key for each in away.heard}
    own = [each for each in heard if each.seed.key not in unwanted]
    seeds = Seeds((*own, *also.heard), also.recipe, also.gone)
    recipe = {"make": "extension", "keep": len(content.playlist.entries)}
    return compose(
        library, seeds, away, wishes, taste=taste, before_ids=ids, recipe=recipe, among=among
    )


def _metric_of(taste: Taste | None) -> Taste | None:
    """A taste without what it likes."""
    return None if taste is None else replace(taste, liking=None)


def _recipe(playlist: Playlist, file: StrPath) -> tuple[str, int, dict[str, Any]]:
    """What a playlist is, how many of its first entries stay, and the rest of its recipe."""
    found = dict(playlist.recipe or {})
    if not found:
        raise InvalidArgument(
            f"{printable(file)}: it does not say how it was made, so it cannot be made again; only "
            f"playlists that soundalike made can. To go on with it: soundalike playlist extend"
        )
    # How paths are written is not how the playlist is made.
    found.pop(BASE_KEY, None)
    version, kind, keep = (found.pop(name, None) for name in ("version", "make", "keep"))
    known = version == RECIPE_VERSION and kind in ("playlist", "extension")
    is_number = type(keep) is int and keep >= 0
    if not known or (kind == "extension" and not is_number):
        raise InvalidArgument(
            f"{printable(file)}: its recipe (version {version}, {kind!r}) is not one that this "
            f"version of soundalike knows"
        )
    return str(kind), keep or 0, found


def _renewed(playlist: Playlist, made: MadePlaylist) -> dict[str, Any]:
    """The recipe of what was made, in a file whose paths are written as they were."""
    base = (playlist.recipe or {}).get(BASE_KEY)
    return made.recipe if base is None else {**made.recipe, BASE_KEY: base}


def _still(old: PlaylistEntry | None, new: PlaylistEntry) -> PlaylistEntry:
    return old if old is not None and old.path == new.path else new
