"""ONNX graphs converted to OpenVINO's IR: an .xml file with the graph and a .bin file with the weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hqsam import storage
from hqsam.errors import OutputError
from hqsam.graphs.weights_beside import KEY, weights_beside
from hqsam.optional import require
from hqsam.weights.digest import sha256_of_file

SECTION = "hqsam"
"""The place of a graph's description in the model's runtime information."""

_UNKNOWN = "digest of the weights, which are not yet written"


def convert_graph(source: Path, target: Path) -> None:
    """Convert an ONNX file to IR in float32, with its description.

    Args:
        source: the ONNX file.
        target: the .xml file; the .bin file lies beside it under the same name.

    Raises:
        OutputError: it cannot be written.
        MissingExtra: the packages of hqsam[openvino] are not installed.
    """
    onnx = require("onnx", extra="openvino")
    properties = onnx.load(str(source), load_external_data=False).metadata_props
    # Not `convert_model`, which reports its use to OpenVINO's makers.
    model = require("openvino", extra="openvino").Core().read_model(str(source))
    _resize_as_pillow(model)
    save_ir(model, target, {each.key: each.value for each in properties})


def _resize_as_pillow(model: Any) -> None:
    """Give resizing with antialiasing the mode in which OpenVINO antialiases; in that of ONNX files it does not."""
    ops = require("openvino.opset11", extra="openvino")
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Interpolate" or not node.get_attributes()["antialias"]:
            continue
        sides = ops.constant(np.array([2, 3], np.int64))
        size = ops.gather(node.input_value(1), sides, ops.constant(np.int64(0)))
        nothing = [0, 0, 0, 0]
        resized = ops.interpolate(node.input_value(0), size, "bilinear_pillow", "sizes", nothing, nothing, axes=sides)
        resized.set_friendly_name(node.get_friendly_name())
        node.output(0).replace(resized.output(0))


def save_ir(model: Any, target: Path, metadata: Mapping[str, str]) -> None:
    """Write an OpenVINO model with a description; the .xml comes last, so that a graph without weights is never there.

    Raises:
        OutputError: it cannot be written.
    """
    openvino = require("openvino", extra="openvino")
    for name, value in {**metadata, KEY: _UNKNOWN}.items():
        model.set_rt_info(value, [SECTION, name])
    with storage.replacing(target) as temporary:
        try:
            openvino.save_model(model, str(temporary), compress_to_fp16=False)
        except RuntimeError as error:  # of a full disk it says no more than that a stream failed
            raise OutputError(f"cannot write {target}: {error}; is the disk full?") from error
        weights = weights_beside(temporary)
        graph = temporary.read_text(encoding="utf-8")
        temporary.write_text(graph.replace(_UNKNOWN, sha256_of_file(weights)), encoding="utf-8")
        storage.move_into_place(weights, weights_beside(target))


def description_of(model: Any) -> dict[str, str]:
    """Return the description in an OpenVINO model, as text by names; empty for a foreign model."""
    if not model.has_rt_info([SECTION]):
        return {}
    section = model.get_rt_info([SECTION])
    values = getattr(section, "value", section)
    return {name: str(getattr(value, "value", value)) for name, value in values.items()}
