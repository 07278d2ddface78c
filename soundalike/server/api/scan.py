"""Filling the library: what it holds, scans with their progress, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from soundalike.library.info_records import LibraryInfo
from soundalike.library.scan_records import Failure, ScanProgress, ScanReport
from soundalike.server.answers import Answer
from soundalike.server.api.job_routes import add_job_routes
from soundalike.server.jobs import Job, Stopped, state_schema
from soundalike.server.requests import Body
from soundalike.server.schema import schema_of
from soundalike.server.service import Asked, Service

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["library"])

_KIND = "scan"
ScanState = state_schema("ScanState", schema_of(ScanProgress), schema_of(ScanReport))

Folder = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Text = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]


class ScanBody(Body):
    """What is to be scanned, and how."""

    folders: list[Folder] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="With all that is below them; by default those that were scanned before.",
        examples=[["/home/ana/Music"]],
    )
    retry: bool = Field(False, description="Also try again what failed before.")
    full: bool = Field(False, description="Read every file, whatever its size and times say.")
    fast: bool = Field(
        False,
        description="Hear only a few passages of what is new or has changed; a later scan without "
        "it analyses these tracks as a whole.",
    )
    exclude: list[Text] | None = Field(
        None,
        max_length=100,
        description="Names and paths to leave out, remembered with the folders; [] for none.",
        examples=[["Podcasts", "*.wma"]],
    )
    pattern: Text | None = Field(
        None,
        description="How the paths below the folders are made, remembered with them.",
        examples=["{artist}/{album}/{track} - {title}"],
    )
    tag_encoding: Text | None = Field(
        None, description="Of text in tags that does not state it.", examples=["cp1251"]
    )
    upgrade: bool = Field(
        False, description="Re-analyse for a new default model, and nothing else."
    )

    @model_validator(mode="after")
    def _fits(self) -> ScanBody:
        given = (self.exclude, self.pattern, self.tag_encoding)
        is_set_up = any(each is not None for each in given)
        if is_set_up and self.folders is None:
            raise ValueError(
                "exclude, pattern and tag_encoding are remembered with folders: name those"
            )
        others = self.retry or self.full or self.fast
        if self.upgrade and (self.folders is not None or others):
            raise ValueError("upgrade goes with nothing else: ask for one, then the other")
        return self


class FailureList(BaseModel):
    """What could not be analysed."""

    total: int = Field(examples=[1])
    failures: list[schema_of(Failure)]  # type: ignore[valid-type]


@router.get("/library", response_model=schema_of(LibraryInfo))
def library(asked: Asked) -> Any:
    """What the library holds, and the folders that were scanned."""
    return Answer(asked.library.info())


@router.post("/scan", response_model=ScanState, status_code=202)
def start_scan(asked: Asked, body: ScanBody) -> Any:
    """Start a scan; `/scan/events` tells how far it is.

    One at a time: 409 while another one is running, here or in another program.
    """

    def scan(job: Job) -> ScanReport:
        if body.upgrade:
            return asked.library.reanalyse(progress=job.tell, stop=job.stop)
        return asked.library.scan(
            body.folders,
            retry=body.retry,
            full=body.full,
            fast=body.fast,
            exclude=body.exclude,
            pattern=body.pattern,
            tag_encoding=body.tag_encoding,
            progress=job.tell,
            stop=job.stop,
        )

    return _started(asked, scan)


add_job_routes(
    router,
    _KIND,
    "/scan",
    ScanState,
    kept="What is finished is kept; the next one goes on from there.",
)


@router.get("/failures", response_model=FailureList)
def failures(asked: Asked) -> Any:
    """What could not be analysed, why, and what to do."""
    found = asked.library.failures()
    return Answer({"total": len(found), "failures": found})


@router.post("/failures/retry", response_model=ScanState, status_code=202)
def retry_failures(asked: Asked) -> Any:
    """Try again what failed, and nothing else: a scan, of which `/scan/events` tells."""

    def retry(job: Job) -> ScanReport:
        return asked.library.retry_failures(progress=job.tell, stop=job.stop)

    return _started(asked, retry)


def _started(service: Service, scan: Callable[[Job], ScanReport]) -> Answer:
    def work(job: Job) -> ScanReport:
        report = scan(job)
        if report.interrupted:
            raise Stopped(report)
        return report

    return Answer(service.jobs.start(_KIND, work), status_code=202)
