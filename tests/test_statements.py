"""Questions about some tracks look these up, and do not go through all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import fake_model, open_library
from sqlalchemy import Select, create_engine, text

from soundalike.library import statements


@pytest.mark.file
@pytest.mark.parametrize(
    "statement",
    [
        statements.excerpts_of_tracks,
        statements.fingerprints_of_tracks,
        statements.music_of_tracks,
        statements.rows_of_tracks,
        statements.starts_of_tracks,
        statements.tracks_with_ids,
    ],
)
def test_tracks_are_found_by_their_numbers(
    tmp_path: Path, statement: Callable[[str, str], Select[Any]]
) -> None:
    model = fake_model()
    open_library(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'library.db'}")
    asked = statement(model.name, model.version).params(track_ids=[1, 2, 3], content_ids=[1, 2, 3])
    compiled = asked.compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]
    engine.dispose()
    assert [step for step in plan if step.startswith("SCAN")] == []
    assert any("USING INTEGER PRIMARY KEY (rowid=?)" in step for step in plan)
