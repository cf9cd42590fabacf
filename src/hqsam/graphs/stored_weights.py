"""Weights of an ONNX graph in fewer bytes, for downloads: the runtime makes float32 of them when it loads the graph.

The arithmetic stays float32: only the file is smaller. Casts and products of constants are computed once by every
runtime, so nothing has to know of quantisation.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int8

from hqsam.graphs.onnx_file import write_proto
from hqsam.optional import require

StoredWeights = Literal["float16", "int8"]

_LEAST_SIZE = 1024
"""Numbers in a tensor that is worth it; smaller ones, norms and frequencies of positions among them, stay float32."""

_PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")


def store_weights(path: Path, kind: StoredWeights) -> None:
    """Rewrite an ONNX file with its large weights as float16 or int8.

    Args:
        path: a graph with float32 weights inside the file.
        kind: "int8": weights of convolutions and matrix products are bytes with a scale for each row or column, and all
            other large constants float16, those of depthwise convolutions among them, which are few and matter most;
            "float16": all are that.

    Raises:
        OutputError: it cannot be written; the old file is still there.
    """
    onnx = require("onnx", extra="export")
    proto = onnx.load(path)
    metadata = {each.key: each.value for each in proto.metadata_props}
    multiplied = {name for node in proto.graph.node if node.op_type in _PRODUCTS for name in node.input}
    kept, nodes = [], []
    for tensor in proto.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST_SIZE:
            kept.append(tensor)
        elif kind == "int8" and tensor.name in multiplied and values.ndim > 1 and not _is_depthwise(values):
            _add_int8(onnx, tensor.name, values, kept, nodes)
        else:
            _add_float16(onnx, tensor.name, values, kept, nodes)
    nodes += proto.graph.node
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.initializer.extend(kept)
    proto.graph.node.extend(nodes)
    write_proto(proto, path, {**metadata, "weights_stored_as": kind})


def _is_depthwise(values: np.ndarray) -> bool:
    return values.ndim == 4 and values.shape[1] == 1


def _add_float16(onnx: Any, name: str, values: np.ndarray, kept: list[Any], nodes: list[Any]) -> None:
    stored = f"{name}/float16"
    kept.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
    nodes.append(onnx.helper.make_node("Cast", [stored], [name], f"{name}/cast", to=onnx.TensorProto.FLOAT))


def _add_int8(onnx: Any, name: str, values: np.ndarray, kept: list[Any], nodes: list[Any]) -> None:
    whole, scale = min(
        (_rounded(values, axis) for axis in (0, values.ndim - 1)), key=lambda both: _error(values, *both)
    )
    kept.append(onnx.numpy_helper.from_array(whole, f"{name}/int8"))
    kept.append(onnx.numpy_helper.from_array(scale, f"{name}/scale"))
    nodes.append(onnx.helper.make_node("Cast", [f"{name}/int8"], [f"{name}/whole"], f"{name}/cast", to=1))
    nodes.append(onnx.helper.make_node("Mul", [f"{name}/whole", f"{name}/scale"], [name], f"{name}/scaled"))


def _rounded(values: np.ndarray, axis: int) -> tuple[Int8[np.ndarray, "..."], Float32[np.ndarray, "..."]]:
    """Return bytes, and the scale of each place along an axis."""
    others = tuple(number for number in range(values.ndim) if number != axis)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True) / 127, 1e-12).astype(np.float32)
    return np.rint(values / scale).astype(np.int8), scale


def _error(values: np.ndarray, whole: np.ndarray, scale: np.ndarray) -> float:
    return float(np.square(values - whole * scale).sum())
