"""Engines alone: the network's encoder and decoder in our own engine, onnxruntime and OpenVINO, without the rest.

The images are prepared before, and no masks of the image's size are made, which are the same for all.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.implementations import Point
from hqsam.engines import EncodedImage, Engine
from hqsam.engines.build import build_engine, load_engine
from hqsam.engines.exported.engine import ExportedEngine
from hqsam.engines.exported.graph_file import open_folder
from hqsam.engines.exported.openvino import SUFFIX, OpenVinoGraph
from hqsam.export.int8.openvino_layers import quantize_all
from hqsam.graphs.folder import FileFormat, cached_graphs
from hqsam.graphs.openvino_file import save_ir
from hqsam.hardware import pick_precision
from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.preprocess import Pixels, prepare_image
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.optional import require
from hqsam.prompts import PADDING, POSITIVE
from hqsam.weights.load import load_model

_CPU = torch.device("cpu")
_FORMATS: dict[str, FileFormat] = {"onnxruntime": "onnx", "openvino": "openvino"}


class EngineAlone:
    """An engine in one precision; graphs are kept, as tracing takes minutes."""

    def __init__(self, model: str, device: str, file: Path, precision: str, backend: str) -> None:
        source = "nano" if model == "nano" else file
        if backend == "cpu":
            self.engine: Engine = build_engine(load_model(source), _CPU, pick_precision(precision, _CPU), "cpu")
            return
        folder = _graphs(source, _FORMATS[backend])
        if precision == "int8":
            self.engine = _openvino_int8(folder)
        else:
            self.engine = load_engine(folder, _CPU, getattr(torch, precision), backend)

    def prepare(self, image: np.ndarray) -> Pixels:
        self._scale = self.engine.config.image_size / max(image.shape[:2])
        return prepare_image(image, self.engine.config)[1]

    def encode(self, pixels: Pixels) -> EncodedImage:
        return self.engine.encode([pixels])[0]

    def decode(self, image: EncodedImage, point: Point) -> torch.Tensor:
        points = torch.tensor([[[each * self._scale for each in point], [0.0, 0.0]]])
        prompts = PromptBatch(points, torch.tensor([[POSITIVE, PADDING]]))
        return self.engine.decode(image, prompts, self.engine.config.sources[0], 1).logits


def _graphs(source: str | Path, file_format: FileFormat) -> Path:
    """Return a folder of graphs: a checkpoint's lie beside it, those of the bundled model in hqsam's cache."""
    beside = source.parent / f"{source.stem}-{file_format}" if isinstance(source, Path) else None
    return cached_graphs(load_model(source), file_format, beside)


def _openvino_int8(folder: Path) -> Engine:
    """Quantise all layers, on noise: masks of such weights mean nothing, and speed does not depend on them."""
    openvino = require("openvino", extra="openvino")
    graphs = open_folder(folder, SUFFIX, lambda path: OpenVinoGraph(path, torch.float32))
    path, description = graphs.encoder.path, graphs.description
    side = description.config.image_size
    pixels = np.random.default_rng(0).standard_normal((1, 3, side, side), np.float32)
    has_attention = not isinstance(description.config.encoder, EfficientNetLiteConfig)
    quantized = quantize_all(openvino.Core().read_model(str(path)), [{"pixels": pixels}], has_attention)
    with TemporaryDirectory() as scratch:
        save_ir(quantized, Path(scratch) / path.name, description.to_metadata())
        encoder = OpenVinoGraph(Path(scratch) / path.name, torch.float32)
    return ExportedEngine(type(graphs)(description, encoder, graphs.decoder), "openvino int8")
