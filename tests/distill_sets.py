"""A small teacher and a small pool, for the tests of what learns from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from soundalike.research.distill.pool_file import Pool
from soundalike.research.distill.teacher import LESSONS, make_lessons


def write_teacher(path: Path, *, lacking: str = "") -> Path:
    """A model with the teacher's input and outputs, each a linear map of the bands' means.

    The first 96 values of the embedding are these means themselves.
    """
    generator = np.random.default_rng(0)
    nodes = [helper.make_node("ReduceMean", ["log_mel", "axes"], ["means"], keepdims=0)]
    constants = [numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")]
    outputs = []
    for lesson in LESSONS:
        if lesson.output == lacking:
            continue
        matrix = generator.normal(size=(96, lesson.size)).astype(np.float32)
        if lesson.output == "embedding":
            matrix[:, :96] = np.eye(96)
        constants.append(numpy_helper.from_array(matrix, f"{lesson.output}.matrix"))
        nodes.append(
            helper.make_node("MatMul", ["means", f"{lesson.output}.matrix"], [lesson.output])
        )
        outputs.append(
            helper.make_tensor_value_info(lesson.output, TensorProto.FLOAT, ["n", lesson.size])
        )
    given = helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", 187, 96])
    graph = helper.make_graph(nodes, "teacher", [given], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def small_pool(n: int = 48) -> Pool:
    """Segments whose loudest of three parts of the bands is what the teacher speaks of."""
    generator = np.random.default_rng(1)
    frames = generator.integers(0, 100, (n, 128, 128), dtype=np.uint8)
    part = np.arange(n) % 3
    for row, which in enumerate(part):
        frames[row, which * 42 : which * 42 + 42] += 120
    meaning = generator.normal(size=(3, 1756))
    outputs = meaning[part] + 0.1 * generator.normal(size=(n, 1756))
    tracks = []
    for which, n_frames in enumerate((100, 400, 600)):
        track = generator.integers(0, 100, (128, n_frames), dtype=np.uint8)
        track[which * 42 : which * 42 + 42] += 120
        tracks.append(track)
    return Pool(
        frames,
        np.zeros(n, dtype=np.uint8),
        make_lessons(outputs.astype(np.float32)),
        tuple(tracks),
        ("first", "second", "third"),
        {"seed": 1},
    )
