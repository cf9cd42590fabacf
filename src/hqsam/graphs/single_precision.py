"""Graphs without float64, which WebGPU does not have."""

from pathlib import Path

import numpy as np

from hqsam.graphs.onnx_file import write_proto
from hqsam.optional import require


def use_single_precision(path: Path) -> None:
    """Rewrite an ONNX file so that it computes in float32 what it computed in float64.

    The decoder converts points by the image's size in float64. Give it points in the model's pixels, and the side of
    the model's square for both sides of the image: then nothing is rounded.

    Raises:
        OutputError: it cannot be written; the old file is still there.
    """
    onnx = require("onnx", extra="export")
    proto = onnx.load(path)
    double, single = onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT
    constants = list(proto.graph.initializer)
    for node in proto.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == double:
                attribute.i = single
            if attribute.HasField("t"):
                constants.append(attribute.t)
    for tensor in constants:
        if tensor.data_type == double:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    del proto.graph.value_info[:]  # the checker infers them anew
    write_proto(proto, path, {each.key: each.value for each in proto.metadata_props})
