"""What a listener's taste can be told from: judgements and plays, with what the model hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from soundalike.library.judgements import Said, contents_of_pieces, read_said
from soundalike.library.storage.schema import plays
from soundalike.library.taste_records import Evidence, JudgementKind, Plays
from soundalike.library.taste_stamp import stamp_of

if TYPE_CHECKING:
    from soundalike.library.index import Index
    from soundalike.library.view import View

__all__ = ["read_evidence"]


def read_evidence(view: View) -> Evidence:
    """All of it, for the model that answers."""
    connection, index = view.snapshot.connection, view.index
    said, replaced = read_said(connection)
    said = [each for each in said if each.judgement_id not in replaced]
    played = connection.execute(
        select(plays.c.piece_id, plays.c.played_at, plays.c.share, plays.c.is_skipped)
    ).all()
    piece_ids = sorted(
        {piece for each in said for piece in each.piece_ids} | {row.piece_id for row in played}
    )
    rows, embeddings, index_rows = _heard(view, piece_ids)
    counted = [
        (each, [rows[piece] for piece in each.piece_ids])
        for each in said
        if all(piece in rows for piece in each.piece_ids)
    ]
    # Files that were judged apart may turn out to hold the same audio: that says nothing.
    counted = [(each, own) for each, own in counted if len(set(own)) == len(own)]
    kinds = Counter(each.kind for each in said)
    known = [row for row in played if row.piece_id in rows]
    return Evidence(
        model=view.model,
        layout=view.layout,
        stamp=stamp_of(connection),
        index=index,
        embeddings=embeddings,
        artists=_artists(index, index_rows),
        index_rows=index_rows,
        triplets=_places(counted, ("oddone",), 3),
        pairs=_places(counted, ("alike", "unlike"), 2),
        alike=_is(counted, "alike", ("alike", "unlike")),
        opinions=_places(counted, ("like", "dislike"), 1)[:, 0],
        liked=_is(counted, "like", ("like", "dislike")),
        plays=Plays(
            rows=np.array([rows[row.piece_id] for row in known], np.intp),
            played_at=np.array([row.played_at for row in known], np.float64),
            shares=np.array([row.share for row in known], np.float64),
            is_skipped=np.array([row.is_skipped for row in known], np.bool_),
        ),
        judgements={kind: kinds[kind] for kind in get_args(JudgementKind)},
        not_counted=len(said) - len(counted),
    )


def _heard(
    view: View, piece_ids: Sequence[int]
) -> tuple[dict[int, int], NDArray[np.float32], NDArray[np.intp]]:
    """The row of each piece that the model has heard, and the embeddings and index rows of all."""
    index = view.index
    having = contents_of_pieces(view.snapshot.connection, piece_ids)
    row_of_content = dict(
        zip(index.content_ids[::-1].tolist(), range(len(index) - 1, -1, -1), strict=True)
    )
    _, firsts, audio = np.unique(index.audio_ids, return_index=True, return_inverse=True)
    first_of = firsts[audio] if len(index) else np.zeros(0, np.intp)
    elsewhere = [
        content_id
        for some in having.values()
        for content_id in some
        if not any(each in row_of_content for each in some)
    ]
    stored = view.snapshot.embeddings_of(elsewhere)
    rows: dict[int, int] = {}
    row_of: dict[tuple[str, int], int] = {}
    embeddings: list[NDArray[np.float32]] = []
    index_rows: list[int] = []
    for piece_id, some in having.items():
        there = next((row_of_content[each] for each in some if each in row_of_content), None)
        kept = next((each for each in some if each in stored), None)
        if there is not None:
            there = int(first_of[there])
            key, embedding = ("index", there), index.embeddings[there]
        elif kept is not None:
            key, embedding = ("content", kept), stored[kept]
        else:
            continue
        if key not in row_of:
            row_of[key] = len(embeddings)
            embeddings.append(embedding)
            index_rows.append(-1 if there is None else there)
        rows[piece_id] = row_of[key]
    matrix = np.array(embeddings, np.float32).reshape(-1, view.layout.size)
    return rows, matrix, np.array(index_rows, np.intp)


def _artists(index: Index, rows: NDArray[np.intp]) -> NDArray[np.int64]:
    found = np.zeros(len(rows), np.int64)
    found[rows >= 0] = index.artist_codes[rows[rows >= 0]]
    return found


def _places(
    counted: Sequence[tuple[Said, list[int]]], kinds: Sequence[str], size: int
) -> NDArray[np.intp]:
    found = [own for each, own in counted if each.kind in kinds]
    return np.array(found, np.intp).reshape(-1, size)


def _is(
    counted: Sequence[tuple[Said, list[int]]], kind: str, among: Sequence[str]
) -> NDArray[np.bool_]:
    return np.array([each.kind == kind for each, _ in counted if each.kind in among], np.bool_)
