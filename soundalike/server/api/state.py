"""The server itself: whether it is well, what it measures, its models, and who may ask."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field, RootModel, create_model
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from soundalike import __version__
from soundalike.facets import Facet, Facets
from soundalike.models.contract import Word, Words
from soundalike.models.registry import ModelInfo, installed_models
from soundalike.server.answers import Answer
from soundalike.server.problems import problem
from soundalike.server.requests import Body
from soundalike.server.schema import schema_of, stands_for
from soundalike.server.security import COOKIE
from soundalike.server.service import Asked
from soundalike.server.tokens import is_token
from soundalike.show.documents import model_document

__all__ = ["metrics_router", "router"]

router = APIRouter(prefix="/api/v1", tags=["server"])
# Where Prometheus looks unless it is told otherwise.
metrics_router = APIRouter(include_in_schema=False)

_COOKIE_S = 180 * 24 * 3600


@stands_for(Facets)
class ModelFacets(RootModel[list[schema_of(Facet)]]):  # type: ignore[misc]
    """The blocks of an embedding."""


@stands_for(Words)
class ModelWords(RootModel[list[schema_of(Word)]]):  # type: ignore[misc]
    """The words that a model gives."""


_Model = create_model(
    "Model",
    __base__=schema_of(ModelInfo),
    __doc__=ModelInfo.__doc__,
    id=(str, Field(description="Name and version.", examples=["soundalike@6"])),
)
_ModelWithCard = create_model(
    "ModelWithCard",
    __base__=_Model,
    __doc__="A model with its card.",
    card=(str, Field(description="Data, split, figures, limits, licence: Markdown.")),
)


class Health(BaseModel):
    """Whether the server answers."""

    status: Literal["ok", "ending"]
    version: str


class SessionBody(Body):
    """What the browser is let in with."""

    token: str = Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")


@router.get("/health", response_model=Health)
async def health(asked: Asked) -> Any:
    """Whether the server answers. It needs no token, and is answered when it is busy, too."""
    status = "ending" if asked.closing.is_set() else "ok"
    return Answer({"status": status, "version": __version__})


@metrics_router.get("/metrics")
@router.get("/metrics", response_class=PlainTextResponse)
def metrics(asked: Asked) -> Any:
    """Counts and times for Prometheus, in its text format; also at `/metrics`."""
    return Response(asked.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/models", response_model=list[_Model])
def models() -> Any:
    """The models that are installed."""
    return Answer([model_document(model) for model in installed_models()])


@router.get("/models/{model_id}", response_model=_ModelWithCard)
def model(
    model_id: Annotated[str, Path(max_length=200, examples=["soundalike@6"])],
) -> Any:
    """One model, with its card."""
    for each in installed_models():
        if each.id == model_id:
            return Answer(model_document(each) | {"card": each.card})
    raise HTTPException(404, f"there is no model {model_id!r}: /models lists what is installed")


@router.post("/session", status_code=204, response_class=Response)
async def start_session(asked: Asked, request: Request, body: SessionBody) -> Response:
    """Let a browser in: the token becomes a cookie that no script can read."""
    token_hash = asked.settings.token_hash
    answer = Response(status_code=204)
    if token_hash is None:
        return answer
    if not is_token(body.token, token_hash):
        if not await asked.guesses.wait():
            return asked.guesses.refusal()
        return problem(401, "WrongToken", "this is not the token of this server")
    # Behind a proxy, the page knows better than this server how it was called.
    is_https = request.url.scheme == "https" or request.headers.get("origin", "").startswith(
        "https://"
    )
    answer.set_cookie(
        COOKIE,
        body.token,
        max_age=_COOKIE_S,
        path="/",
        secure=is_https,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.delete("/session", status_code=204, response_class=Response)
async def end_session() -> Response:
    """Have the browser forget the token."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
