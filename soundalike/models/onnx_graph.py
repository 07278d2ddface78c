"""Writing the ONNX file of a converted model, node by node.

The only module outside ``research`` that needs ``onnx``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from soundalike.models.contract import INPUT, ModelMetadata

__all__ = ["Graph"]

_OPSET = 18
_IR_VERSION = 9  # what opset 18 came with; the newest would shut out older runtimes


@dataclass
class Graph:
    """Nodes and constants of an ONNX graph as they come up; values are known by their names."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, value: NDArray[np.generic]) -> str:
        """A constant; float64 becomes float32."""
        if value.dtype == np.float64:
            value = value.astype(np.float32)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """A node with one output."""
        name = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def scaled(
        self, value: str, scale: NDArray[np.generic], shift: NDArray[np.generic], **output: str
    ) -> str:
        """``value * scale + shift``."""
        return self.add(
            "Add",
            self.add("Mul", value, self.constant(scale)),
            self.constant(shift),
            **output,
        )

    def reduced(self, kind: str, value: str, *axes: int, **output: str) -> str:
        """``ReduceMean`` or its like over those axes, which go."""
        positions = self.constant(np.asarray(axes, np.int64))
        return self.add(kind, value, positions, keepdims=0, **output)

    def to_file(
        self, metadata: ModelMetadata, input_shape: Sequence[int], output_sizes: Mapping[str, int]
    ) -> bytes:
        """The content of the file (:mod:`soundalike.models.contract`), checked.

        Parameters
        ----------
        input_shape : of one excerpt.
        output_sizes : for each output, how many numbers an excerpt has in it.
        """

        def described(name: str, *shape: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", *shape])

        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                metadata.name,
                [described(INPUT, *input_shape)],
                [described(name, size) for name, size in output_sizes.items()],
                self.constants,
            ),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
            producer_name="soundalike",
        )
        helper.set_model_props(model, metadata.to_metadata())
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content
