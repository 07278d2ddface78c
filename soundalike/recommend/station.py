"""A radio over a library: some tracks at a time, and a state from which it goes on.

The state is JSON. Whoever keeps it, in a file or between two requests, goes on where the radio was,
also after the library has changed: tracks are kept by their ids.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.arguments import whole_number
from soundalike.errors import InvalidArgument, ModelMismatch, SoundalikeError, printable
from soundalike.library.checks import checked_taste, checked_weights
from soundalike.library.library import Library
from soundalike.library.limits import Limits
from soundalike.library.listener import Listener
from soundalike.library.seed_scores import own_rows
from soundalike.library.similar_records import Heard, PassedTrack
from soundalike.library.snapshot import Query
from soundalike.library.view import View
from soundalike.recommend.defaults import PLAYLIST_LIMITS, RADIO_TRACKS
from soundalike.recommend.likeness import Likenesses
from soundalike.recommend.radio import PassedOver, Pick, Radio
from soundalike.recommend.records import RadioItem, RadioPart
from soundalike.recommend.rules import (
    check_library,
    check_no_counts,
    limits_with_playlists,
    taken_words,
)
from soundalike.recommend.seeds import hear_seeds
from soundalike.recommend.wishes import limits_from_json, limits_to_json
from soundalike.similarity.distribution import DECIMALS
from soundalike.similarity.hubness import popularity
from soundalike.similarity.select import VERSION
from soundalike.similarity.taste import Taste

__all__ = ["continue_radio", "start_radio"]

_STATE_VERSION = 2
# Tracks that are named before one; the others are counted.
_NAMED = 20
# What a radio has by rows, and its state by ids.
_BY_ROW = ("liked", "skipped", "came")


def start_radio(
    library: Library,
    seeds: Query | Sequence[Query],
    *,
    tracks: int = RADIO_TRACKS,
    like: Sequence[Query] = (),
    skip: Sequence[Query] = (),
    limits: Limits = PLAYLIST_LIMITS,
    only_playlists: Sequence[str | os.PathLike[str]] = (),
    not_playlists: Sequence[str | os.PathLike[str]] = (),
    weights: Mapping[str, float] | None = None,
    random_seed: int = 0,
    taste: Taste | None = None,
    among: Set[int] | None = None,
) -> RadioPart:
    """The first tracks of a radio from some seeds, and how to go on.

    It draws from what is near to where it is, by the cosine less half of what makes a track a hub
    (CSLS; Conneau et al. 2018), so that it covers the library; moves there slowly, and is pulled
    back to the seeds. An artist comes back late. See ``recommend.radio``, which has the sources.

    Parameters
    ----------
    seeds : as for ``make_playlist``; their mean direction counts.
    tracks : how many now.
    like, skip : tracks that are liked, or not, from the start.
    limits : of what may come; a gap between artists is how many others come between two of an
        artist where there are enough, by default four. A radio has no end, so no limit on how many
        of an artist or album.
    random_seed : the same gives the same.
    taste : of a listener, as for ``make_playlist``; the state keeps it, so that the radio goes on
        as it began.
    among : the ids of the tracks that may come, beside the limits; None for all. It holds for these
        tracks alone: the state does not keep it.
    others : as for ``make_playlist``.

    Raises
    ------
    As ``make_playlist``.
    """
    weights, taste = checked_weights(weights), checked_taste(taste) or None
    check_no_counts(limits, "a radio, which has no end,")
    random_seed = whole_number("random_seed", random_seed, least=0)
    check_library(library)
    heard = hear_seeds(library, seeds, name="seeds").heard
    allowed = limits_with_playlists(library, limits, only_playlists, not_playlists, among)
    with library.view() as view:
        view.check(*heard)
        settings: dict[str, Any] = {"seed": random_seed}
        if limits.artist_gap is not None:
            # How fast an artist is forgotten, so that it may come after so many others.
            settings["memory"] = 0.5 ** (1.0 / (limits.artist_gap + 0.5))
        own = [view.row_of(each) if each.seed.is_whole else None for each in heard]
        rows = [row for row in own if row is not None]
        listener = Listener(view, weights, taste)
        embeddings = listener.transform(view.index.embeddings)
        given: Any = list(dict.fromkeys(rows))
        if len(rows) < len(heard):
            given = listener.transform(np.stack([each.embedding for each in heard]))
        own_tracks, own_copies = own_rows(view, heard)
        closed = own_tracks | set(own_copies)
        told = _given(view, allowed, listener, embeddings, closed)
        radio = Radio(embeddings, given, **settings, **told)
        kept = {
            "seeds": [each.name for each in heard],
            "seed_ids": view.index.track_ids[sorted(closed)].tolist(),
            "limits": limits_to_json(limits),
            "only_playlists": [os.path.abspath(os.path.expanduser(f)) for f in only_playlists],
            "not_playlists": [os.path.abspath(os.path.expanduser(f)) for f in not_playlists],
            "weights": None if weights is None else {k: float(v) for k, v in weights.items()},
            "taste": None if taste is None else taste.to_json(),
        }
        return _part(view, radio, kept, tracks, like, skip, allowed, listener, heard)


def continue_radio(
    library: Library,
    state: Mapping[str, Any],
    *,
    tracks: int = RADIO_TRACKS,
    like: Sequence[Query] = (),
    skip: Sequence[Query] = (),
    file: str | os.PathLike[str] | None = None,
    among: Set[int] | None = None,
) -> RadioPart:
    """The next tracks of a radio.

    Parameters
    ----------
    state : of the part before.
    like : tracks that are liked: more like these comes.
    skip : tracks that were skipped: less like these comes, and their artists not for a while.
    file : that the state was read from, for messages about it.
    among : as for :func:`start_radio`.

    Raises
    ------
    TrackNotFound, AmbiguousTrack : of what is liked or skipped.
    ModelMismatch : the library answers with another model than when the radio began.
    InvalidArgument : no state of a radio; or what is liked or skipped is not analysed.
    """
    check_library(library)
    with _naming(file):
        if state.get("version") != _STATE_VERSION or not isinstance(state.get("radio"), dict):
            raise InvalidArgument(
                f"this is no state of a radio that can be read (version "
                f"{state.get('version')!r}): begin a new one"
            )
        try:
            kept = {name: state[name] for name in _KEPT}
            # A radio of before there was any has none.
            kept["taste"] = state.get("taste")
            taste = None if kept["taste"] is None else Taste.from_json(kept["taste"])
            limits = limits_from_json(kept["limits"])
            allowed = limits_with_playlists(
                library, limits, kept["only_playlists"], kept["not_playlists"], among
            )
            weights = checked_weights(kept["weights"])
            if not all(isinstance(kept[name], list) for name in ("seeds", "seed_ids")):
                raise TypeError("its seeds are no list")
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidArgument(
                f"the state of the radio cannot be read ({error!r}): begin a new one"
            ) from error
    with library.view() as view:
        with _naming(file):
            if state.get("model") != view.model:
                raise ModelMismatch(
                    f"the radio began with {state.get('model')}, and the library answers with "
                    f"{view.model}: begin a new one"
                )
            closed = set(_rows(view, kept["seed_ids"]))
            listener = Listener(view, weights, taste)
            embeddings = listener.transform(view.index.embeddings)
            told = _given(view, allowed, listener, embeddings, closed)
            radio = Radio.from_state(_with_rows(view, state["radio"]), embeddings, **told)
        return _part(view, radio, kept, tracks, like, skip, allowed, listener, ())


@contextmanager
def _naming(file: str | os.PathLike[str] | None) -> Iterator[None]:
    """Begin messages about a state with the file that it is from."""
    try:
        yield
    except SoundalikeError as error:
        if file is None:
            raise
        raise type(error)(f"{printable(file)}: {error}") from error


_KEPT = ("seeds", "seed_ids", "limits", "only_playlists", "not_playlists", "weights")


def _given(
    view: View,
    limits: Limits,
    listener: Listener,
    embeddings: NDArray[np.float32],
    closed: Set[int],
) -> dict[str, Any]:
    """What a radio is told of a view's tracks, with their embeddings as the listener has them."""
    barred = view.barred(limits)
    allowed = barred.allowed.copy()
    allowed[list(closed)] = False
    if not allowed.any():
        raise InvalidArgument(
            f"none of the {len(view):,} tracks may come{taken_words(barred)}: allow more"
        )
    return {
        "allowed": allowed,
        "artists_of": view.artists,
        "copies_of": None if limits.versions else view.same_music,
        "popularity": view.index.kept(("popularity", listener.key), lambda: popularity(embeddings)),
        "bonus": listener.bonus,
    }


def _part(
    view: View,
    radio: Radio,
    kept: Mapping[str, Any],
    tracks: int,
    like: Sequence[Query],
    skip: Sequence[Query],
    limits: Limits,
    listener: Listener,
    heard: Sequence[Heard],
) -> RadioPart:
    tracks = whole_number("tracks", tracks, least=0)
    for queries, tell in ((like, radio.like), (skip, radio.skip)):
        for query in queries:
            tell(_row(view, query))
    before = radio.state()
    picks = list(islice(radio, tracks))
    state = radio.state()
    return RadioPart(
        model=view.model,
        seeds=tuple(kept["seeds"]),
        weights=listener.weights,
        items=_items(view, picks, before, listener, heard),
        limits=limits.in_use,
        searched=int(np.count_nonzero(view.barred(limits).allowed)),
        not_searched=view.index.counts["pending"],
        state={
            "version": _STATE_VERSION,
            "model": view.model,
            **kept,
            "radio": _with_ids(view, state),
        },
        taste=listener.use,
    )


def _items(
    view: View,
    picks: Sequence[Pick],
    before: Mapping[str, Any],
    listener: Listener,
    heard: Sequence[Heard],
) -> tuple[RadioItem, ...]:
    rows = [pick.row for pick in picks]
    previous = before["previous"]
    seeds = [row for each in heard if (row := view.row_of(each)) is not None]
    here = [*rows, *([previous] if previous is not None else []), *seeds]
    likenesses = Likenesses(view, here, listener)
    over = [each for pick in picks for each in pick.passed_over[:_NAMED]]
    named = [
        *rows,
        *(each.row for each in over),
        *(each.of for each in over if each.of is not None),
    ]
    tracks = dict(zip(named, view.tracks(named), strict=True))
    items = []
    for place, pick in enumerate(picks, start=before["n_picked"] + 1):
        other: Heard | int | None = previous
        if other is None and heard:
            own = view.index.embeddings[pick.row]
            other = max(heard, key=lambda each: listener.similarity(each.embedding, own))
        items.append(
            RadioItem(
                place=place,
                track=tracks[pick.row],
                likeness=None if other is None else likenesses.between(other, pick.row),
                seed_similarity=round(pick.similarity_to_seed, DECIMALS),
                rank_before=len(pick.passed_over) + 1,
                round=pick.round,
                passed_over=tuple(
                    PassedTrack(
                        tracks[each.row].track_id,
                        tracks[each.row].name,
                        rank,
                        _rule(view, each),
                        None if each.of is None else tracks[each.of].name,
                    )
                    for rank, each in enumerate(pick.passed_over[:_NAMED], start=1)
                ),
                passed_counts=dict(Counter(_rule(view, each) for each in pick.passed_over)),
                liking=listener.liking_of(pick.row),
            )
        )
        previous = pick.row
    return tuple(items)


def _rule(view: View, over: PassedOver) -> str:
    """What kept a track from coming."""
    is_version = over.of is not None and over.row in view.versions_of([over.of])[0]
    return VERSION if is_version else over.rule


def _row(view: View, query: Query) -> int:
    found = view.find(query)
    row = view.row_of(found)
    if row is None:
        raise InvalidArgument(
            f"{found.name} is not in the library, or not analysed: a radio is told of its tracks"
        )
    return row


def _rows(view: View, track_ids: Sequence[int]) -> list[int]:
    """The rows of the tracks that are still there."""
    rows = (view.index.row_of(whole_number("a track id", each)) for each in track_ids)
    return [row for row in rows if row is not None]


def _with_ids(view: View, state: Mapping[str, Any]) -> dict[str, Any]:
    ids = view.index.track_ids
    found = dict(state)
    for name in _BY_ROW:
        found[name] = ids[np.asarray(state[name], np.intp)].tolist()
    found["copies"] = [ids[both].tolist() for both in state["copies"]]
    if state["previous"] is not None:
        found["previous"] = int(ids[state["previous"]])
    return found


def _with_rows(view: View, state: Mapping[str, Any]) -> dict[str, Any]:
    """
    Raises
    ------
    InvalidArgument : it is no such state.
    """
    found = dict(state)
    try:
        for name in _BY_ROW:
            found[name] = _rows(view, state[name])
        both = (_rows(view, pair) for pair in state["copies"])
        found["copies"] = [pair for pair in both if len(pair) == 2]
        previous = state["previous"]
        found["previous"] = next(iter(_rows(view, [] if previous is None else [previous])), None)
    except (KeyError, TypeError) as error:
        raise InvalidArgument(
            f"the state of the radio cannot be read ({error!r}): begin a new one"
        ) from error
    # The library may have grown.
    found["shape"] = [len(view), view.layout.size]
    return found
