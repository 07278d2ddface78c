"""Rows that come some at a time, joined again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.frontends import gathered
from soundalike.frontends.gathered import Gathered


@given(
    sizes=st.lists(st.integers(0, 9), max_size=12),
    width=st.sampled_from([(), (1,), (3,), (2, 2)]),
    block_bytes=st.sampled_from([1, 24, 64, 1 << 20]),
)
def test_rows_come_back_as_they_came(
    sizes: list[int], width: tuple[int, ...], block_bytes: int
) -> None:
    rng = np.random.default_rng(sum(sizes))
    parts = [rng.normal(size=(size, *width)).astype(np.float32) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathered, "_BLOCK_BYTES", block_bytes)
        rows = Gathered()
        for part in parts:
            rows.add(part)
            part.copy()[:] = 0.0
        if not any(sizes):
            assert rows.take().size == 0
            return
        wanted = np.concatenate([part for part in parts if len(part)])
        np.testing.assert_array_equal(rows.take(), wanted, strict=True)
        assert rows.take().size == 0
        rows.add(wanted)
        np.testing.assert_array_equal(rows.take(), wanted, strict=True)


def test_what_was_added_may_be_used_again() -> None:
    rows, part = Gathered(), np.ones((2, 3), np.float32)
    rows.add(part)
    part[:] = 5.0
    rows.add(part)
    assert rows.take().tolist() == [[1.0] * 3] * 2 + [[5.0] * 3] * 2
