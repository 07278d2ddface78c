"""TensorFlow Lite files, written by the FlatBuffers library from a list of tensors and steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np

TYPES = {np.dtype(np.float32): 0, np.dtype(np.int32): 2, np.dtype(np.int8): 9}
CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE, FULLY_CONNECTED = 3, 4, 6, 9


@dataclass
class Stored:
    """A tensor; ``values`` of None are computed by a step."""

    name: str
    shape: tuple[int, ...]
    values: np.ndarray | None = None
    scales: Sequence[float] = ()
    zero_points: Sequence[int] = ()
    axis: int = 0


def write_tflite(
    tensors: Sequence[Stored], steps: Sequence[tuple[int, Sequence[int], Sequence[int]]]
) -> bytes:
    """A file with these tensors, and steps as (kind, inputs, outputs)."""
    builder = flatbuffers.Builder(1024)

    def table(n_fields: int, fields: dict[int, tuple[str, int]]) -> int:
        builder.StartObject(n_fields)
        for position, (kind, value) in fields.items():
            getattr(builder, f"Prepend{kind}Slot")(position, value, 0)
        return builder.EndObject()

    def vector(values: Sequence[int | float] | np.ndarray, dtype: str) -> tuple[str, int]:
        return "UOffsetTRelative", builder.CreateNumpyVector(np.asarray(values, dtype))

    def tables(offsets: Sequence[int]) -> tuple[str, int]:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return "UOffsetTRelative", builder.EndVector()

    buffers, written = [table(3, {})], []
    for tensor in tensors:
        number = 0
        if tensor.values is not None:
            number = len(buffers)
            content = np.frombuffer(np.ascontiguousarray(tensor.values).tobytes(), np.uint8)
            buffers.append(table(3, {0: vector(content, "u1")}))
        fields = {
            0: vector(tensor.shape, "<i4"),
            3: ("UOffsetTRelative", builder.CreateString(tensor.name)),
        }
        if len(tensor.scales):
            quantisation = {
                2: vector(tensor.scales, "<f4"),
                3: vector(tensor.zero_points or [0] * len(tensor.scales), "<i8"),
                6: ("Int32", tensor.axis),
            }
            fields[4] = ("UOffsetTRelative", table(7, quantisation))
        dtype = np.dtype(np.float32) if tensor.values is None else tensor.values.dtype
        fields |= {1: ("Int8", TYPES[dtype]), 2: ("Uint32", number)}
        written.append(table(10, fields))
    kinds = sorted({kind for kind, _, _ in steps})
    codes = [table(4, {0: ("Int8", kind), 3: ("Int32", kind)}) for kind in kinds]
    operators = []
    for kind, inputs, outputs in steps:
        fields = {1: vector(inputs, "<i4"), 2: vector(outputs, "<i4")}
        operators.append(table(5, {0: ("Uint32", kinds.index(kind)), **fields}))
    graph = table(5, {0: tables(written), 3: tables(operators)})
    parts = {1: tables(codes), 2: tables([graph]), 4: tables(buffers)}
    builder.Finish(table(8, {0: ("Uint32", 3), **parts}), file_identifier=b"TFL3")
    return bytes(builder.Output())


def like_yamnet(seed: int = 0, n_classes: int = 521, *, each_channel: bool = False) -> bytes:
    """A file of YAMNet's shape with weights at random, some of int8 and some of float32.

    Those of int8 have one scale, or one for each channel that comes out.
    """
    draw = np.random.default_rng(seed)
    tensors, steps = [Stored("input", (1, 96, 64, 1))], []

    def weighted(kind: int, shape: tuple[int, ...], n_in: int, *, int8: bool, copied: bool) -> None:
        # Variance stays about the same from layer to layer.
        deviation = np.sqrt(2 / n_in)
        value = len(tensors) - 1
        if int8:
            stored = np.clip(np.rint(draw.standard_normal(shape) * 40), -127, 127).astype(np.int8)
            scales = [deviation / 40] * (shape[0] if each_channel else 1)
            tensors.append(Stored(f"weights {value}", shape, stored, scales))
        else:
            stored = (draw.standard_normal(shape) * deviation).astype(np.float32)
            tensors.append(Stored(f"weights {value}", shape, stored))
        weights = len(tensors) - 1
        if copied:
            tensors.append(Stored(f"copy {value}", shape))
            steps.append((DEQUANTIZE, [weights], [len(tensors) - 1]))
            weights = len(tensors) - 1
        n_out = shape[3] if kind == DEPTHWISE_CONV_2D else shape[0]
        bias = (0.1 * draw.standard_normal(n_out)).astype(np.float32)
        tensors.append(Stored(f"bias {value}", (n_out,), bias))
        bias_at = len(tensors) - 1
        tensors.append(Stored(f"output {value}", (1, n_out)))
        steps.append((kind, [value, weights, bias_at], [len(tensors) - 1]))

    weighted(CONV_2D, (32, 3, 3, 1), 9, int8=False, copied=False)
    before = 32
    for pair, channels in enumerate(
        (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    ):
        weighted(DEPTHWISE_CONV_2D, (1, 3, 3, before), 9, int8=pair > 1, copied=pair > 1)
        weighted(CONV_2D, (channels, 1, 1, before), before, int8=True, copied=False)
        before = channels
    weighted(FULLY_CONNECTED, (n_classes, 1024), 1024, int8=True, copied=False)
    return write_tflite(tensors, steps)
