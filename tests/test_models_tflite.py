"""TensorFlow Lite's files, read without it: what FlatBuffers wrote, and what damage does."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_files import CONV_2D, DEQUANTIZE, Stored, write_tflite

from soundalike.errors import ModelError
from soundalike.models.tflite import read_tflite

TENSORS = (
    Stored("input", (1, 4, 2, 1)),
    Stored("kernel", (3, 2, 2, 1), np.arange(-6, 6, dtype=np.int8), [0.5, 0.25, 2.0], [0, 1, -1]),
    Stored("bias", (3,), np.array([np.pi, -1, 0], np.float32)),
    Stored("sizes", (2,), np.array([7, -7], np.int32), [0.125]),
    Stored("output ü", (1, 3, 1, 3)),
)
STEPS = ((DEQUANTIZE, (3,), (4,)), (CONV_2D, (0, 1, 2), (4,)), (CONV_2D, (0, 1, -1), (4,)))
CONTENT = write_tflite(TENSORS, STEPS)


def test_a_file_reads_back() -> None:
    model = read_tflite(CONTENT)
    assert [(step.kind, step.inputs, step.outputs) for step in model.operators] == list(STEPS)
    assert len(model.tensors) == len(TENSORS)
    for found, wanted in zip(model.tensors, TENSORS, strict=True):
        assert (found.name, found.shape) == (wanted.name, wanted.shape)
        if wanted.values is None:
            assert found.values is None
        else:
            assert found.values is not None
            assert found.values.dtype == wanted.values.dtype
            np.testing.assert_array_equal(found.values, wanted.values.reshape(wanted.shape))
        np.testing.assert_array_equal(found.scales, np.asarray(wanted.scales, np.float32))
        n_scales = len(wanted.scales)
        np.testing.assert_array_equal(found.zero_points, wanted.zero_points or [0] * n_scales)
        assert found.axis == wanted.axis


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x89PNG\r\n\x1a\n" + bytes(100), b"\x1c\0\0\0TFL4" + bytes(100)]
)
def test_other_files(content: bytes) -> None:
    with pytest.raises(ModelError, match="it is not a TensorFlow Lite file"):
        read_tflite(content)


def test_a_file_without_a_graph() -> None:
    # A table whose vtable has no fields.
    content = struct.pack("<I4sHHi", 12, b"TFL3", 4, 4, 4)
    with pytest.raises(ModelError, match="is damaged: it holds no graph"):
        read_tflite(content)


def test_a_file_that_is_cut_short() -> None:
    for length in range(8, len(CONTENT), 3):
        with pytest.raises(ModelError, match="the TensorFlow Lite file is damaged"):
            read_tflite(CONTENT[:length])


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.integers(8, len(CONTENT) - 1), st.integers(0, 255)), min_size=1, max_size=4
    )
)
def test_damage_is_told_or_harmless(changes: list[tuple[int, int]]) -> None:
    content = bytearray(CONTENT)
    for at, byte in changes:
        content[at] = byte
    try:
        model = read_tflite(bytes(content))
    except ModelError as error:
        assert "damaged" in str(error)  # noqa: PT017
        return
    for tensor in model.tensors:
        assert tensor.values is None or tensor.values.shape == tensor.shape


@settings(max_examples=300)
@given(st.integers(0, len(CONTENT) // 4 - 1), st.integers(0, 2**32 - 1))
def test_offsets_to_anywhere(word: int, value: int) -> None:
    content = bytearray(CONTENT)
    struct.pack_into("<I", content, 4 * word, value)
    try:
        read_tflite(bytes(content))
    except ModelError as error:
        assert "TensorFlow Lite" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (Stored("a", (5,), np.zeros(4, np.float32)), r"'a' of the shape \(5,\) has 16 bytes"),
        (Stored("a", (-2, -2), np.zeros(4, np.float32)), r"'a' of the shape \(-2, -2\) has 16"),
        (
            Stored("a", (2, 2), np.zeros(4, np.int8), [1.0, 2.0], [0, 0], 2),
            r"'a' of the shape \(2, 2\) has 2 scales",
        ),
        (Stored("a", (2,), np.zeros(2, np.int8), [1.0], [0, 0]), "1 scales, but 2 zero points"),
    ],
)
def test_tensors_that_do_not_fit(tensor: Stored, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        read_tflite(write_tflite([tensor], []))


def test_steps_that_do_not_fit() -> None:
    with pytest.raises(ModelError, match="an operator uses a tensor that is not there"):
        read_tflite(write_tflite(TENSORS, [(CONV_2D, (0, 5), (1,))]))
