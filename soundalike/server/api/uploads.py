"""Files that are sent to search by."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel, Field

from soundalike.server.answers import Answer
from soundalike.server.documents import AnalysisDocument
from soundalike.server.requests import Seconds
from soundalike.server.service import Asked
from soundalike.server.uploads import heard_in
from soundalike.show.documents import analysis_document

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["similar"])


class UploadDocument(BaseModel):
    """What was heard in a file that was sent; the file itself is gone."""

    upload_id: str = Field(description="To be used as a seed, for an hour.")
    name: str = Field(description="Of the file, as it was sent.")
    duration_s: float = Field(description="Of what was heard.")
    analysis: AnalysisDocument


@router.post("/uploads", response_model=UploadDocument)
def upload(
    asked: Asked,
    file: Annotated[UploadFile, File(description="Any audio file.")],
    start_s: Annotated[Seconds | None, Form(description="Only from here on.")] = None,
    end_s: Annotated[Seconds | None, Form(description="Only up to here.")] = None,
) -> Any:
    """Hear a file that you send, to search by it. The file is deleted at once."""
    heard = heard_in(
        asked.library, asked.sent_files, file.file, file.filename or "", start_s, end_s
    )
    assert heard.analysis is not None
    kept = asked.uploads.add(heard.name, heard)
    return Answer(
        {
            "upload_id": kept.upload_id,
            "name": kept.name,
            "duration_s": heard.duration_s,
            "analysis": analysis_document(heard.analysis, timeline=True),
        }
    )
