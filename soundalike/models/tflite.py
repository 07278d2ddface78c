"""Read networks in TensorFlow Lite's format without TensorFlow.

A file is a FlatBuffer. A *table* begins with the distance back to its *vtable*, which says where in
the table each field lies, or that it has its default; strings, vectors and further tables stand
elsewhere, at an offset from where they are named. Formats: "FlatBuffers internals"; ``schema.fbs``
of TensorFlow Lite, version 3.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ModelError

__all__ = [
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "DEQUANTIZE",
    "FULLY_CONNECTED",
    "Operator",
    "Tensor",
    "TfliteModel",
    "read_tflite",
]

# Of the kinds of operators, those that have weights.
CONV_2D: Final = 3
DEPTHWISE_CONV_2D: Final = 4
DEQUANTIZE: Final = 6
FULLY_CONNECTED: Final = 9

_IDENTIFIER = b"TFL3"
# Positions of fields in their tables.
_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS = 1, 2, 4
_CODE_OLD, _CODE = 0, 3
_GRAPH_TENSORS, _GRAPH_OPERATORS = 0, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_QUANTISATION = 0, 1, 2, 3, 4
_QUANTISATION_SCALE, _QUANTISATION_ZERO_POINT, _QUANTISATION_AXIS = 2, 3, 6
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS = 0, 1, 2

_DTYPES: Final = {
    0: "<f4",
    1: "<f2",
    2: "<i4",
    3: "|u1",
    4: "<i8",
    6: "|b1",
    7: "<i2",
    9: "|i1",
}
# Far beyond any network that is read here; a damaged count must not cost hours.
_MOST_ITEMS = 10_000


@dataclass(frozen=True)
class Tensor:
    """A tensor of the network.

    Attributes
    ----------
    name : as the file has it.
    shape : of the values.
    values : what the file stores, of the stored type and of that shape; None where it is computed,
        or of a type that is not read.
    scales : float32, of quantised values: one, or one for each position on ``axis``; else empty.
    zero_points : int64, as many: the stored number that means 0.
    axis : of the scales.
    """

    name: str
    shape: tuple[int, ...]
    values: NDArray[np.generic] | None
    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    axis: int


@dataclass(frozen=True)
class Operator:
    """A step of the network.

    Attributes
    ----------
    kind : a number of ``BuiltinOperator``, such as :data:`CONV_2D`.
    inputs, outputs : positions of tensors; -1 for an input that is left out.
    """

    kind: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class TfliteModel:
    """The first graph of a file.

    Attributes
    ----------
    tensors : in the file's order.
    operators : in the order in which they run.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]


def read_tflite(content: bytes) -> TfliteModel:
    """The first graph of a TensorFlow Lite file; nothing in it is run.

    Raises
    ------
    ModelError : no such file, or a damaged one.
    """
    if content[4:8] != _IDENTIFIER:
        raise ModelError("it is not a TensorFlow Lite file")
    try:
        return _read(content)
    except (_Damaged, struct.error) as error:
        raise ModelError(f"the TensorFlow Lite file is damaged: {error}") from error


class _Damaged(Exception):
    """What is wrong."""


class _Table:
    """A table of the file, whose fields are read by their position."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at
        (back,) = self._unpack("<i", at)
        self._vtable = at - back
        (self._vtable_bytes,) = self._unpack("<H", self._vtable)

    def _unpack(self, form: str, at: int) -> tuple[int, ...]:
        # A negative position would count from the end of the file.
        if at < 0:
            raise _Damaged("it points before its beginning")
        return struct.unpack_from(form, self._content, at)

    def _field(self, field: int) -> int | None:
        """Where a field's value lies; None where it has its default."""
        entry = 4 + 2 * field
        if entry + 2 > self._vtable_bytes:
            return None
        (offset,) = self._unpack("<H", self._vtable + entry)
        return self._at + offset if offset else None

    def number(self, field: int, form: str = "<i") -> int:
        """A scalar, 0 by default."""
        at = self._field(field)
        return 0 if at is None else self._unpack(form, at)[0]

    def _pointed(self, at: int) -> int:
        return at + self._unpack("<I", at)[0]

    def _vector(self, field: int) -> tuple[int, int]:
        """Where the items of a vector begin, and how many there are."""
        at = self._field(field)
        if at is None:
            return 0, 0
        start = self._pointed(at)
        return start + 4, self._unpack("<I", start)[0]

    def array(self, field: int, dtype: str) -> NDArray[np.generic]:
        """A vector of scalars."""
        start, n = self._vector(field)
        n_bytes = n * np.dtype(dtype).itemsize
        if start + n_bytes > len(self._content):
            raise _Damaged(f"its {len(self._content)} bytes end within a tensor")
        return np.frombuffer(self._content, dtype, n, start)

    def numbers(self, field: int) -> tuple[int, ...]:
        """A short vector of int32."""
        return tuple(self._short(field, "<i4").tolist())

    def text(self, field: int) -> str:
        return self._short(field, "|u1").tobytes().decode("utf-8", "backslashreplace")

    def _short(self, field: int, dtype: str) -> NDArray[np.generic]:
        found = self.array(field, dtype)
        if found.size > _MOST_ITEMS:
            raise _Damaged(f"a list of {found.size:,} numbers")
        return found

    def table(self, field: int) -> _Table | None:
        at = self._field(field)
        return None if at is None else _Table(self._content, self._pointed(at))

    def tables(self, field: int) -> Iterator[_Table]:
        """A vector of tables."""
        start, n = self._vector(field)
        if n > _MOST_ITEMS:
            raise _Damaged(f"a list of {n:,} parts")
        for at in range(start, start + 4 * n, 4):
            yield _Table(self._content, self._pointed(at))


def _read(content: bytes) -> TfliteModel:
    (root,) = struct.unpack_from("<I", content)
    model = _Table(content, root)
    buffers = list(model.tables(_MODEL_BUFFERS))
    kinds = [
        # The old field has a byte, and stays at 127 for newer operators.
        max(code.number(_CODE_OLD, "<b"), code.number(_CODE))
        for code in model.tables(_MODEL_CODES)
    ]
    graph = next(model.tables(_MODEL_SUBGRAPHS), None)
    if graph is None:
        raise _Damaged("it holds no graph")
    tensors = tuple(_tensor(table, buffers) for table in graph.tables(_GRAPH_TENSORS))
    operators = tuple(
        _operator(table, kinds, len(tensors)) for table in graph.tables(_GRAPH_OPERATORS)
    )
    return TfliteModel(tensors, operators)


def _tensor(table: _Table, buffers: list[_Table]) -> Tensor:
    name = table.text(_TENSOR_NAME)
    shape = table.numbers(_TENSOR_SHAPE)
    number = table.number(_TENSOR_BUFFER, "<I")
    if number >= len(buffers):
        raise _Damaged(f"{name!r} lies in buffer {number} of {len(buffers)}")
    stored = buffers[number].array(0, "|u1")
    dtype = _DTYPES.get(table.number(_TENSOR_TYPE, "<b"))
    values: NDArray[np.generic] | None = None
    if stored.size and dtype is not None:
        if min(shape, default=1) < 0 or stored.size != math.prod(shape) * np.dtype(dtype).itemsize:
            raise _Damaged(f"{name!r} of the shape {shape} has {stored.size} bytes")
        values = stored.view(dtype).reshape(shape)
    quantisation = table.table(_TENSOR_QUANTISATION)
    if quantisation is None:
        return Tensor(name, shape, values, np.empty(0, np.float32), np.empty(0, np.int64), 0)
    scales = quantisation.array(_QUANTISATION_SCALE, "<f4").view(np.dtype("<f4"))
    zero_points = quantisation.array(_QUANTISATION_ZERO_POINT, "<i8").view(np.dtype("<i8"))
    axis = quantisation.number(_QUANTISATION_AXIS)
    if scales.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scales.size):
        raise _Damaged(f"{name!r} of the shape {shape} has {scales.size} scales")
    if zero_points.size != scales.size:
        raise _Damaged(f"{name!r} has {scales.size} scales, but {zero_points.size} zero points")
    return Tensor(name, shape, values, scales, zero_points, axis)


def _operator(table: _Table, kinds: list[int], n_tensors: int) -> Operator:
    number = table.number(_OPERATOR_CODE, "<I")
    inputs, outputs = table.numbers(_OPERATOR_INPUTS), table.numbers(_OPERATOR_OUTPUTS)
    if number >= len(kinds):
        raise _Damaged(f"an operator of the kind {number} of {len(kinds)}")
    if not all(-1 <= at < n_tensors for at in (*inputs, *outputs)):
        raise _Damaged("an operator uses a tensor that is not there")
    return Operator(kinds[number], inputs, outputs)
