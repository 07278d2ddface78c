"""Playlists: made of seeds, gone on with, put in order, sent as a file, and kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Field, FiniteFloat
from starlette.responses import Response

from soundalike.library.playlist_records import ResolvedBy
from soundalike.library.records import Track
from soundalike.library.similar_records import TasteUse
from soundalike.playlists import render_playlist
from soundalike.playlists.folder import KeptPlaylist, file_name_for
from soundalike.recommend.playlist import wished_playlist
from soundalike.recommend.playlist_files import (
    order_playlist,
    playlist_of,
    refresh_playlist,
    wished_extension,
)
from soundalike.recommend.recipes import check_recipe
from soundalike.recommend.records import MadePlaylist, OrderName
from soundalike.recommend.wishes import Wishes
from soundalike.server.answers import Answer, download
from soundalike.server.requests import (
    Body,
    Id,
    LimitsBody,
    SeedBody,
    SeedList,
    UseTaste,
    Weights,
    queries_of,
    uploads_among,
)
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked
from soundalike.show.documents import kept_document, order_document, refresh_document

__all__ = ["TrackIds", "router"]

router = APIRouter(prefix="/api/v1/playlists", tags=["playlists"])

TrackIds = Annotated[list[Id], Field(max_length=20_000, fail_fast=True, examples=[[12, 40, 17]])]
PlaylistName = Annotated[
    str,
    Path(min_length=1, max_length=300, description="Its id, or its name.", examples=["Evening"]),
]
Name = Annotated[str, Field(min_length=1, max_length=300, examples=["Evening"])]
Recipe = Annotated[
    dict[str, Any],
    Field(description="How it was made, as `recipe` of what was made says; it may be made again."),
]

_MEDIA_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "xspf": "application/xspf+xml",
    "jspf": "application/jspf+json",
    "json": "application/json",
}


class _WishesBody(Body):
    without: SeedList = Field([], description="What the tracks are to be unlike.")
    tracks: int | None = Field(
        None, ge=1, le=10_000, description="How many; 25 where no minutes are given either."
    )
    minutes: FiniteFloat | None = Field(
        None, gt=0, le=100_000, description="As near to this length as can be."
    )
    limits: LimitsBody = Field(default_factory=LimitsBody)
    weights: Weights | None = None
    surprise: FiniteFloat = Field(
        0.0, ge=0, le=1, description="Draw among more than the nearest: with 1, ten times as many."
    )
    random_seed: int = Field(0, ge=0, lt=2**63, description="Of the surprise.")
    order: OrderName = Field("smooth", description="Each like the next, or the nearest first.")
    use_taste: UseTaste = True

    def wishes(self, *, with_seeds: bool = False) -> Wishes:
        """Raises ``InvalidArgument`` for what contradicts itself."""
        return Wishes(
            tracks=self.tracks,
            minutes=self.minutes,
            limits=self.limits.playlist_limits(),
            weights=self.weights,
            surprise=self.surprise,
            random_seed=self.random_seed,
            order=self.order,
            with_seeds=with_seeds,
        )


class MakeBody(_WishesBody):
    """What a playlist is to be like."""

    seeds: SeedList = Field(min_length=1)
    with_seeds: bool = Field(False, description="Whether the seeds come first.")


class ExtendBody(_WishesBody):
    """What is to be gone on with, and how; the length is that of what is added."""

    track_ids: TrackIds = Field(min_length=1)
    also: SeedList = Field([], description="What the new tracks are to be like as well.")


class OrderBody(Body):
    """What is to be put in order."""

    track_ids: TrackIds = Field(min_length=1)
    artist_gap: int = Field(
        1, ge=0, le=1000, description="So many others between two tracks of one artist, if it can."
    )
    weights: Weights | None = None
    use_taste: UseTaste = True


class ExportBody(Body):
    """What the file of a playlist is to hold."""

    name: Name
    track_ids: TrackIds
    format: Literal["m3u8", "xspf", "jspf", "json"] = "m3u8"
    recipe: Recipe | None = None


class KeepBody(Body):
    """What a playlist that is kept is to hold."""

    track_ids: TrackIds
    recipe: Recipe | None = None
    name: Name | None = Field(None, description="What it is called from now on.")


@dataclass(frozen=True)
class OrderDocument:
    """The tracks of a playlist in another order.

    Attributes
    ----------
    steps : the similarity of each with the one before it.
    total_step, largest_step, given_total_step, given_largest_step : sum and maximum of 1 -
        similarity of two in a row, now and before.
    n_too_close : pairs of tracks of one artist that are nearer than the gap that was asked for.
    taste : what of a listener's taste had a say; None for nothing.
    not_placed : tracks that cannot be compared, by name.
    """

    tracks: tuple[Track, ...]
    steps: tuple[float, ...]
    smoother_percent: float
    total_step: float
    largest_step: float
    given_total_step: float
    given_largest_step: float
    n_too_close: int
    taste: TasteUse | None
    not_placed: tuple[str, ...]


@dataclass(frozen=True)
class RefreshDocument:
    """A playlist that was made again, what came, and what went, by name."""

    made: MadePlaylist
    came: tuple[Track, ...]
    went: tuple[str, ...]


@dataclass(frozen=True)
class EntryDocument:
    """An entry of a playlist, and the track that it means.

    Attributes
    ----------
    by : how it was found.
    reason : why there is no track.
    """

    name: str
    track: Track | None
    by: ResolvedBy | None
    reason: str | None


@dataclass(frozen=True)
class KeptDocument:
    """A playlist that is kept, with what is in it.

    Attributes
    ----------
    recipe : how it was made; None where it does not say.
    """

    playlist: KeptPlaylist
    entries: tuple[EntryDocument, ...]
    recipe: dict[str, Any] | None


@dataclass(frozen=True)
class KeptList:
    """The playlists that are kept, by name."""

    playlists: tuple[KeptPlaylist, ...]


@router.post("/make", response_model=schema_of(MadePlaylist))
def make(asked: Asked, body: MakeBody) -> Any:
    """Make a playlist of what sounds like some seeds, with the reason for each track.

    Nothing is kept: `PUT /playlists/{name}` keeps it, with its recipe. What was made with an upload
    has no recipe, since that cannot be made again.
    """
    made = wished_playlist(
        asked.library,
        queries_of(asked, body.seeds),
        body.wishes(with_seeds=body.with_seeds),
        without=queries_of(asked, body.without),
        taste=asked.taste(body.use_taste),
    )
    return Answer(_told(made, [*body.seeds, *body.without]))


@router.post("/extend", response_model=schema_of(MadePlaylist))
def extend(asked: Asked, body: ExtendBody) -> Any:
    """Go on with a playlist in its own spirit: what is to be added, with reasons.

    Its tracks are what the new ones are like; they count for the limits on artists and albums, none
    of them comes twice, and the order goes on from the last.
    """
    made = wished_extension(
        asked.library,
        playlist_of(asked.library, body.track_ids),
        body.wishes(),
        also=queries_of(asked, body.also),
        without=queries_of(asked, body.without),
        taste=asked.taste(body.use_taste),
    )
    return Answer(_told(made, [*body.also, *body.without]))


@router.post("/order", response_model=schema_of(OrderDocument))
def order(asked: Asked, body: OrderBody) -> Any:
    """Put tracks in an order in which each sounds like the one before it."""
    found = order_playlist(
        asked.library,
        playlist_of(asked.library, body.track_ids),
        artist_gap=body.artist_gap,
        weights=body.weights,
        taste=asked.taste(body.use_taste),
    )
    return Answer(order_document(found))


@router.post(
    "/export",
    response_class=Response,
    responses={200: {"content": {each: {} for each in _MEDIA_TYPES.values()}}},
)
def export(asked: Asked, body: ExportBody) -> Response:
    """The file of a playlist, with the paths of the tracks on the computer of the library."""
    playlist = playlist_of(asked.library, body.track_ids, body.name, body.recipe)
    file = f"{file_name_for(body.name)}.{body.format}"
    return Response(
        render_playlist(playlist, body.format).content,
        media_type=_MEDIA_TYPES[body.format],
        headers=download(file),
    )


@router.get("", response_model=schema_of(KeptList))
def playlists(asked: Asked) -> Any:
    """The playlists that are kept: the files of a folder, which players read as well."""
    return Answer({"playlists": asked.playlists.all()})


@router.get("/{name}", response_model=schema_of(KeptDocument))
def playlist(asked: Asked, name: PlaylistName) -> Any:
    """A playlist that is kept, and what its entries mean in the library."""
    kept, content = asked.playlists.find(name), asked.playlists.read(name)
    return Answer(kept_document(kept, asked.library.resolve_playlist(content)))


@router.put("/{name}", response_model=schema_of(KeptPlaylist))
def keep(asked: Asked, name: PlaylistName, body: KeepBody) -> Any:
    """Keep a playlist, in the place of the one with this id or name, or as a new file.

    With another `name` it is called so from then on, and keeps its id.
    """
    if body.recipe:
        check_recipe(asked.library, body.recipe)
    with asked.playlists.changing():
        before = asked.playlists.get(name)
        called = body.name or (name if before is None else before.name)
        content = playlist_of(asked.library, body.track_ids, called, body.recipe)
        return Answer(asked.playlists.put(content, None if before is None else before.playlist_id))


@router.delete("/{name}", response_model=schema_of(KeptPlaylist))
def forget(asked: Asked, name: PlaylistName) -> Any:
    """Delete a playlist that is kept; what it was."""
    return Answer(asked.playlists.delete(name))


@router.post("/{name}/refresh", response_model=schema_of(RefreshDocument))
def refresh(asked: Asked, name: PlaylistName) -> Any:
    """Make a playlist that is kept again, by its own recipe, over the library as it is now."""
    return Answer(
        refresh_document(refresh_playlist(asked.library, asked.playlists.find(name).path))
    )


def _told(made: MadePlaylist, seeds: list[SeedBody]) -> MadePlaylist:
    """What was made; without a recipe where it names a file that is gone."""
    return replace(made, recipe={}) if uploads_among(seeds) else made
