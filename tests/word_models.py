"""A small model that tells words: an ONNX file of a few kilobytes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from soundalike.models.contract import Calibration, ModelMetadata, Word, Words

WORDS = Words(
    (
        # What is louder in the lower half of the bands is an organ, what is louder above drums.
        Word("organ", "instrument", 0.7, 0.9),
        Word("drums", "instrument", 0.7, 0.8),
        Word("harp", "instrument", 0.6, 0.85),  # is never heard
        Word("sad", "mood", 0.5, None),  # goes with the organ
    )
)
LABELS = ("one", "other")


def word_model(
    *,
    name: str = "words",
    version: str = "1",
    words: Words = WORDS,
    tags: tuple[str, ...] = (),
) -> bytes:
    """The content of a file.

    Parameters
    ----------
    tags : for a model of tags, which hears them as the first words are heard, and has no words.
    """
    labels = tags or LABELS
    generator = np.random.default_rng(0)
    nodes, constants = [], []

    def constant(value: np.ndarray) -> str:
        label = f"constant {len(constants)}"
        constants.append(numpy_helper.from_array(value, label))
        return label

    def node(kind: str, inputs: list[str], output: str, **attributes: int) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    means = node("ReduceMean", ["log_mel", constant(np.array([2]))], "means", keepdims=0)
    halves = np.repeat(np.float32([[1], [-1]]), 64, axis=0) / 64
    every = halves @ np.float32([[0.1, -0.1, 0, 0.02]])
    heard = every[:, : len(words)]
    if words:
        bias = np.float32([0, 0, -6, 0])[: len(words)]
        node("Add", [node("MatMul", [means, constant(heard)], "heard"), constant(bias)], "words")
    matrix = generator.normal(size=(128, 8)).astype(np.float32)
    node("MatMul", [means, constant(matrix)], "embedding")
    told = every[:, : len(tags)] if tags else matrix[:, : len(LABELS)] / 1000
    node("MatMul", [means, constant(told.astype(np.float32))], "logits")
    sizes = {"logits": len(labels), "embedding": 8} | ({"words": len(words)} if words else {})
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", 128, 128])],
        [
            helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n", size])
            for each, size in sizes.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    kind = "tags" if tags else "genres"
    metadata = ModelMetadata(name, version, labels, "for tests", kind=kind, words=words)
    calibration = {} if tags else Calibration(1.0, 0.9).to_metadata()
    helper.set_model_props(model, metadata.to_metadata() | calibration)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content
