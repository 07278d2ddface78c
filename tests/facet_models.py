"""A small model with facets, words, tempo and key: an ONNX file of a few kilobytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from soundalike.facets import Facet, Facets
from soundalike.frontends.streams import DESCRIPTORS
from soundalike.models import ModelInfo
from soundalike.models.contract import (
    KEY,
    TEMPO,
    Calibration,
    Familiarity,
    ModelMetadata,
    Word,
    Words,
)
from soundalike.models.registry import changed_registry, inspect_model

# soundalike@1, the last default without facets.
FORMER = Path(__file__).parent / "data" / "models" / "soundalike-1.onnx"
LAYOUT = Facets((Facet("sound", 12, 0.6), Facet("rhythm", 6, 0.25), Facet("harmony", 4, 0.15)))
WORDS = Words(
    (
        # The model says 0.5 for every word, but for what is loud in the highest bands.
        Word("piano", "instrument", 0.1, 0.8),
        Word("female vocals", "voice", 0.9, 0.9),
        Word("sad", "mood", 0.1, None),
        Word("guitar", "instrument", 0.2, 0.85),
    )
)
LABELS = ("calm", "wild")
ALWAYS, NEVER = '{"least": 0}', '{"least": 2}'
"""What calibrates tempo and key so that there is always an answer, or never one."""


def facet_model(
    *,
    name: str = "facets",
    version: str = "1",
    facets: Facets | None = LAYOUT,
    words: Words = WORDS,
    tempo: str | None = ALWAYS,
    key: str | None = ALWAYS,
    without: Sequence[str] = (),
    sizes: dict[str, int] | None = None,
    properties: dict[str, str] | None = None,
) -> bytes:
    """The content of a file.

    Parameters
    ----------
    tempo, key : the properties of these names; None for a model that tells none.
    without : outputs that it lacks.
    sizes : of its inputs beside the frames, where they are to be others than the frontend makes.
    properties : of the file, in place of its own.
    """
    generator = np.random.default_rng(0)
    sizes = DESCRIPTORS | (sizes or {})
    nodes, constants, outputs = [], [], []

    def constant(value: Any) -> str:
        label = f"constant {len(constants)}"
        constants.append(numpy_helper.from_array(np.asarray(value), label))
        return label

    def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def projected(source: str, size: int, n: int, output: str) -> str:
        matrix = generator.normal(size=(size, n)).astype(np.float32)
        return node("MatMul", [source, constant(matrix)], output)

    means = node("ReduceMean", ["log_mel", constant(np.array([2]))], "means", keepdims=0)
    level = node("ReduceMean", [means, constant(np.array([1]))], "level", keepdims=1)
    shape = node("Sub", [means, level], "shape")
    blocks = [projected(shape, 128, LAYOUT.facets[0].size, "sound block")]
    blocks += [
        projected(facet.name, sizes[facet.name], facet.size, f"{facet.name} block")
        for facet in LAYOUT.facets[1:]
    ]
    node("Concat", blocks, "embedding", axis=1)
    scale = constant(np.float32(0.01))
    node("Mul", [projected(shape, 128, len(LABELS), "wide"), scale], "logits")
    node("Mul", [level, constant(np.float32(-0.01))], "distance")
    zeros = constant(np.zeros((128, len(WORDS)), np.float32))
    steps = constant(-np.arange(len(WORDS), dtype=np.float32) / 10)
    node("Add", [node("MatMul", [shape, zeros], "nothing"), steps], "words")
    for output, size in (
        ("logits", len(LABELS)),
        ("embedding", LAYOUT.size),
        ("distance", 1),
        ("words", len(WORDS)),
    ):
        if output not in without:
            outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size]))
    inputs = [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", 128, 128])]
    for each, size in sizes.items():
        inputs.append(helper.make_tensor_value_info(each, TensorProto.FLOAT, ["n", size]))
    graph = helper.make_graph(nodes, "facets", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    metadata = ModelMetadata(
        name, version, LABELS, "for tests", frontend="facets-1", facets=facets, words=words
    )
    said = metadata.to_metadata() | Calibration(1.0, 0.9).to_metadata()
    said |= Familiarity((0.0, 10.0, 20.0)).to_metadata()
    said |= {TEMPO: tempo} if tempo else {}
    said |= {KEY: key} if key else {}
    helper.set_model_props(model, said | (properties or {}))
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def install(folder: Path, content: bytes, *, name: str = "facets") -> ModelInfo:
    """Put a model into a folder of models, with its entry in the registry."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    model = inspect_model(content, path)
    path.write_bytes(content)
    path.with_suffix(".md").write_text(f"# {model.id}\n", encoding="utf-8")
    with changed_registry(folder) as registry:
        registry.put(model)
    return model


def music(seconds: float, *, bpm: float = 120.0, root: float = 220.0, seed: int = 0) -> np.ndarray:
    """A chord over a beat, 22,050 Hz: float32 (n_samples,)."""
    rate = 22_050
    time_s = np.arange(round(seconds * rate)) / rate
    chord = sum(np.sin(2 * np.pi * root * ratio * time_s) for ratio in (1, 5 / 4, 3 / 2)) / 3
    noise = np.random.default_rng(seed).normal(size=time_s.size).clip(-3, 3) / 3
    beat = noise * np.exp(-(time_s % (60 / bpm)) * 30)
    return (0.3 * chord + 0.5 * beat).astype(np.float32)
