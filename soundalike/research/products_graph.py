"""The graph of ``similarity.codes``: products of 8-bit codes with a query.

    python -m soundalike.research.products_graph FILE

writes ``products.onnx``. It has no weights::

    codes (n, D) uint8   x   query (D, 2) int8   ->   whole numbers (n, 2)
    (whole numbers x parts (2, 1) + shift (1,)) * scales (n, 1)   ->   products (n, 1)
"""

from __future__ import annotations

import sys

import onnx
from onnx import TensorProto, helper

from soundalike.files import write_file

__all__ = ["products_graph"]

_OPSET, _IR = 13, 8


def products_graph() -> bytes:
    """The file."""
    nodes = [
        helper.make_node("MatMulInteger", ["codes", "query"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["sums"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["sums", "parts"], ["unshifted"]),
        helper.make_node("Add", ["unshifted", "shift"], ["steps"]),
        helper.make_node("Mul", ["steps", "scales"], ["products"]),
    ]
    inputs = [
        helper.make_tensor_value_info("codes", TensorProto.UINT8, ["n", "d"]),
        helper.make_tensor_value_info("query", TensorProto.INT8, ["d", 2]),
        helper.make_tensor_value_info("parts", TensorProto.FLOAT, [2, 1]),
        helper.make_tensor_value_info("shift", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, ["n", 1]),
    ]
    products = helper.make_tensor_value_info("products", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "products", inputs, [products])
    opsets = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="soundalike")
    model.ir_version = _IR
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    write_file(sys.argv[1], products_graph())
