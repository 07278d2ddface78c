"""Small teachers and a small pool, for the tests of what learns from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from soundalike.frontends.log_mel import FRAME_S
from soundalike.models.contract import LOGITS, ModelMetadata
from soundalike.models.yamnet import class_names
from soundalike.research.distill.lessons import LESSONS
from soundalike.research.distill.pool_file import (
    Pool,
    Recording,
    recording_path,
    write_recording,
    write_statement,
)
from soundalike.research.distill.teachers import TEACHERS, TeacherValues
from soundalike.research.distill.words import TAUGHT_WORDS

# teacher -> its frontend, the shape of a patch, and the seconds that it lasts
KINDS = {
    "musicnn": ("musicnn-96", (187, 96), 2.992),
    "yamnet": ("yamnet-64", (96, 64), 0.96),
}
OUTPUTS = {
    name: (LOGITS, *(lesson.output for lesson in LESSONS if lesson.teacher == name))
    for name in TEACHERS
}
"""What a student is taught of, which is all that a pool keeps."""


def teacher_labels(name: str) -> tuple[str, ...]:
    """The classes of a teacher: YAMNet's own, and of musicnn's those that words are taught by."""
    if name == "yamnet":
        return class_names()
    known = dict.fromkeys(
        # With a hyphen before it a tag speaks against a word.
        tag.removeprefix("-")
        for word in TAUGHT_WORDS
        for tag in word.musicnn
    )
    size = TEACHERS[name].outputs[LOGITS]
    return (*known, *(f"tag {number}" for number in range(len(known), size)))


def write_teacher(folder: Path, name: str) -> Path:
    """A model with a teacher's input and outputs, each a linear map of the bands' means.

    The first values of each output are these means themselves, of YAMNet's pooled ones their size.
    """
    frontend, patch, _ = KINDS[name]
    n_bands = patch[1]
    generator = np.random.default_rng(0)
    nodes = [helper.make_node("ReduceMean", ["log_mel", "axes"], ["means"], keepdims=0)]
    constants = [numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")]
    outputs = []
    for output, size in TEACHERS[name].outputs.items():
        matrix = generator.normal(size=(n_bands, size)).astype(np.float32)
        matrix[:, :n_bands] = np.eye(n_bands, min(n_bands, size))
        constants.append(numpy_helper.from_array(matrix, f"{output}.matrix"))
        raw = "pooled.raw" if output == "pooled" else output
        nodes.append(helper.make_node("MatMul", ["means", f"{output}.matrix"], [raw]))
        if raw != output:
            nodes.append(helper.make_node("Abs", [raw], [output]))
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", size]))
    given = helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", *patch])
    model = helper.make_model(
        helper.make_graph(nodes, name, [given], outputs, constants),
        opset_imports=[helper.make_opsetid("", 18)],
    )
    model.ir_version = 9
    metadata = ModelMetadata(
        name, "1", teacher_labels(name), "for tests", kind="tags", frontend=frontend
    )
    helper.set_model_props(model, metadata.to_metadata())
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


def write_teachers(folder: Path) -> dict[str, Path]:
    """Both, under the names that ``soundalike models pull`` gives them."""
    folder.mkdir(parents=True, exist_ok=True)
    return {name: write_teacher(folder, name) for name in TEACHERS}


def small_pool(n: int = 18) -> Pool:
    """Recordings whose loudest third of the bands is what the teachers speak of.

    One of three is shorter than an excerpt, one as long as three.
    """
    generator = np.random.default_rng(1)
    meaning = {
        (name, output): generator.normal(size=(3, TEACHERS[name].outputs[output]))
        for name, outputs in OUTPUTS.items()
        for output in outputs
    }
    recordings = []
    for number in range(n):
        n_frames = (100, 260, 400)[number // 3 % 3]
        frames = generator.integers(0, 100, (128, n_frames), dtype=np.uint8)
        frames[number % 3 * 42 : number % 3 * 42 + 42] += 120
        said = {}
        for name, outputs in OUTPUTS.items():
            patch_s = KINDS[name][2]
            n_patches = int(n_frames * FRAME_S / patch_s)
            arrays = {}
            for output in outputs:
                mean = meaning[name, output][number % 3]
                values = mean + 0.3 * generator.normal(size=(n_patches, len(mean)))
                if output == "pooled":
                    values = np.exp(values)
                elif output == LOGITS:  # most classes are unlikely
                    values = 3 * values - 5
                arrays[output] = values.astype(np.float16)
            said[name] = TeacherValues(np.arange(n_patches) * patch_s, patch_s, arrays)
        recordings.append(Recording(frames, said))
    names = tuple(f"{number}.ogg" for number in range(n))
    packages = tuple(f"package {number % 3}" for number in range(n))
    statement = {
        "teachers": {
            name: {"sha256": "0" * 64, "labels": list(teacher_labels(name))} for name in OUTPUTS
        },
        "sources": [
            {"name": name, "package": package, "semitones": 0, "sha256": "0" * 64}
            for name, package in zip(names, packages, strict=True)
        ],
    }
    return Pool(tuple(recordings), names, packages, statement)


def write_pool(folder: Path, pool: Pool) -> None:
    """As ``soundalike data pool`` leaves it."""
    folder.mkdir(parents=True)
    write_statement(folder, pool.statement)
    for number, recording in enumerate(pool.recordings):
        write_recording(recording_path(folder, number), recording)
