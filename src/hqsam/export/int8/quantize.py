"""The encoder of an exported folder in int8, in place of the one in float32."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hqsam import storage
from hqsam.engines.exported.engine import ExportedEngine
from hqsam.engines.exported.graph_file import GraphFolder, open_folder
from hqsam.engines.exported.onnxruntime import OnnxRuntimeGraph
from hqsam.engines.exported.openvino import OpenVinoGraph
from hqsam.errors import OptionError
from hqsam.export.int8.measure import MOST_LOST, mean_iou, photo_ious
from hqsam.export.int8.onnx_layers import OPERATIONS, quantize_onnx
from hqsam.export.int8.openvino_layers import quantize_openvino
from hqsam.export.int8.photos import MeasuredPhoto, choices_of, measured_photos
from hqsam.graphs.folder import SUFFIXES, FileFormat
from hqsam.graphs.openvino_file import save_ir
from hqsam.graphs.weights_beside import weights_beside
from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.preprocess import prepare_image
from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter


@dataclass(frozen=True, kw_only=True)
class Int8Report:
    """Size and masks of an encoder before and after."""

    photos: int
    float_bytes: int
    int8_bytes: int
    float_iou: float
    int8_iou: float
    float_layers: int | None
    """Layers that stay float, of those that could be int8; None for OpenVINO."""
    layers: int | None

    def __str__(self) -> str:
        size = f"{self.float_bytes / 1e6:.1f} MB in float32, {self.int8_bytes / 1e6:.1f} MB in int8"
        kept = "" if self.layers is None else f"; {self.float_layers} of {self.layers} layers stay float"
        ious = f"mean IoU {self.float_iou:.4f} in float32, {self.int8_iou:.4f} in int8"
        return f"encoder: {size}; {ious}, on {self.photos} photos{kept}"


def quantize_folder(folder: Path, file_format: FileFormat, paths: Sequence[Path]) -> Int8Report:
    """Quantise the encoder of a folder that `write_graphs` wrote in float32.

    Args:
        folder: the folder, with our own names.
        file_format: the format of its graphs.
        paths: photos, folders of photos, or data with masks; see `measured_photos`.

    Raises:
        OptionError: there is no photo; or no int8 encoder is found that keeps the masks.
        OutputError: the encoder cannot be written.
        MissingExtra: NNCF is not installed, which OpenVINO's graphs need.
    """
    graphs = open_folder(folder, SUFFIXES[file_format], OnnxRuntimeGraph if file_format == "onnx" else OpenVinoGraph)
    engine = ExportedEngine(graphs, file_format)
    photos = measured_photos(paths, Segmenter(engine), choices_of(graphs.description))
    feeds = [engine.encoder_feeds(prepare_image(photo.image, engine.config)[1]) for photo in photos]
    before = mean_iou(graphs, graphs.encoder, photos), _bytes(graphs.encoder.path)
    write = _write_onnx if file_format == "onnx" else _write_openvino
    after, kept, layers = write(graphs, feeds, photos, before[0])
    return Int8Report(
        photos=len(photos),
        float_bytes=before[1],
        int8_bytes=_bytes(graphs.encoder.path),
        float_iou=before[0],
        int8_iou=after,
        float_layers=kept,
        layers=layers,
    )


def _write_onnx(
    graphs: GraphFolder, feeds: list[dict[str, Any]], photos: list[MeasuredPhoto], float_iou: float
) -> tuple[float, int, int]:
    onnx = require("onnx", extra="export")
    path = graphs.encoder.path

    def measured(file: Path) -> float:
        return mean_iou(graphs, OnnxRuntimeGraph(file), photos)

    with storage.scratch_folder(path) as scratch, storage.replacing(path) as temporary:
        kept = quantize_onnx(path, temporary, feeds, lambda file: measured(file) >= float_iou - MOST_LOST, scratch)
        model = onnx.load(str(temporary))
        onnx.helper.set_model_props(model, _metadata(graphs))
        onnx.save(model, str(temporary))
        onnx.checker.check_model(str(temporary), full_check=True)
    weights_beside(path).unlink(missing_ok=True)  # weights of a large encoder in float32
    after = measured(path)
    _check_enough(after, float_iou, "onnxruntime", "--format openvino chooses layers by another way")
    return after, len(kept), _quantizable(model) + len(kept)


def _check_enough(after: float, before: float, tool: str, other: str) -> None:
    if after < before - MOST_LOST:
        raise OptionError(
            f"{tool} found no int8 encoder that keeps the masks: mean IoU {after:.4f} beside {before:.4f} in float32, "
            f"and at most {MOST_LOST} may be lost. Nothing was exported. {other}, more photos may help, and without "
            "--quantize the graphs are in float32"
        )


def _quantizable(model: Any) -> int:
    """Return how many layers of a quantised model read int8 weights."""
    weights = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    return sum(node.op_type in OPERATIONS and node.input[1] in weights for node in model.graph.node)


def _write_openvino(
    graphs: GraphFolder, feeds: list[dict[str, Any]], photos: list[MeasuredPhoto], float_iou: float
) -> tuple[float, None, None]:
    path, metadata = graphs.encoder.path, _metadata(graphs)

    def compiled_ious(compiled: Any, some: Iterable[MeasuredPhoto]) -> list[float]:
        return photo_ious(graphs, OpenVinoGraph.from_compiled(compiled, path, metadata), some)

    has_attention = not isinstance(graphs.description.config.encoder, EfficientNetLiteConfig)
    model = require("openvino", extra="openvino").Core().read_model(str(path))
    quantized = quantize_openvino(model, feeds, photos, compiled_ious, float_iou, has_attention)
    with storage.scratch_folder(path) as scratch:
        save_ir(quantized, scratch / path.name, metadata)
        after = mean_iou(graphs, OpenVinoGraph(scratch / path.name, torch.float32), photos)
    # NNCF hands on what it has, also where it could not reach the limit.
    _check_enough(after, float_iou, "NNCF", "--format onnx chooses layers by another way")
    save_ir(quantized, path, metadata)
    return after, None, None


def _metadata(graphs: GraphFolder) -> dict[str, str]:
    return replace(graphs.description, role="encoder", precision="int8").to_metadata()


def _bytes(path: Path) -> int:
    """Return the size of a graph with the weights that lie beside it."""
    return sum(file.stat().st_size for file in (path, weights_beside(path)) if file.exists())
