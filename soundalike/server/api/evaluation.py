"""How good the neighbours in the library are: figures, and a page of them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from fastapi import APIRouter
from pydantic import Field, create_model
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from soundalike.evaluate.neighbours import (
    BASELINE_TRACKS,
    ROBUSTNESS_TRACKS,
    evaluate_library,
)
from soundalike.evaluate.page import evaluation_page
from soundalike.evaluate.records import EvaluationProgress, LibraryEvaluation
from soundalike.evaluate.words import evaluation_document
from soundalike.server.answers import Answer
from soundalike.server.api.job_routes import add_job_routes
from soundalike.server.jobs import Job, JobState, Stopped, state_schema
from soundalike.server.requests import Body
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["evaluation"])

_KIND = "evaluation"
_Document = create_model(
    "EvaluationDocument",
    __base__=schema_of(LibraryEvaluation),
    __doc__="How good the neighbours in the library are.",
    cannot_say=(list[str], Field(description="What the figures cannot say.")),
)
EvaluationState = state_schema("EvaluationState", schema_of(EvaluationProgress), _Document)

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


class EvaluationBody(Body):
    """What is to be measured."""

    k: int = Field(10, ge=1, le=1000, description="How many neighbours count.")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the samples and of the bootstrap.")
    baseline_tracks: int = Field(
        BASELINE_TRACKS, ge=0, le=100_000, description="Decoded for the baseline, at most; 0: none."
    )
    robustness_tracks: int = Field(
        ROBUSTNESS_TRACKS, ge=0, le=10_000, description="Of which changed copies are made; 0: none."
    )


@router.post("/evaluation", response_model=EvaluationState, status_code=202)
def start_evaluation(asked: Asked, body: EvaluationBody) -> Any:
    """Measure how good the neighbours are; `/evaluation/events` tells how far it is.

    One at a time: 409 while another one is running.
    """

    def tell(job: Job, progress: EvaluationProgress) -> None:
        # What is measured by then is of use to whoever stops it, but not where the server ends.
        if asked.closing.is_set():
            raise Stopped
        job.tell(progress)

    def work(job: Job) -> LibraryEvaluation:
        found = evaluate_library(
            asked.library,
            k=body.k,
            seed=body.seed,
            baseline_tracks=body.baseline_tracks,
            robustness_tracks=body.robustness_tracks,
            progress=lambda progress: tell(job, progress),
            stop=job.stop,
        )
        if found.interrupted is not None:
            raise Stopped(found)
        return found

    return Answer(_shown(asked.jobs.start(_KIND, work)), status_code=202)


@router.get("/evaluation/page", response_class=HTMLResponse)
def page(asked: Asked) -> Any:
    """The figures as a page, with pictures; 404 where nothing has been measured yet."""
    result = asked.jobs.state(_KIND).result
    if result is None:
        raise HTTPException(404, "nothing has been measured yet: start an evaluation")
    text = evaluation_page(result)
    headers = {"Content-Security-Policy": _policy(text), "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(text, headers=headers)


def _shown(state: JobState) -> dict[str, Any]:
    result = None if state.result is None else evaluation_document(state.result)
    fields = {name: getattr(state, name) for name in JobState.__dataclass_fields__}
    return {**fields, "result": result}


add_job_routes(
    router,
    _KIND,
    "/evaluation",
    EvaluationState,
    kept="Its figures rest on what was heard by then.",
    shown=_shown,
)


def _policy(text: str) -> str:
    """A page that is whole in itself: no script, and no style but its own."""
    hashes = [
        base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
        for style in _STYLE.findall(text)
    ]
    styles = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; style-src {styles}; img-src data:; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors 'self'; sandbox"
    )
