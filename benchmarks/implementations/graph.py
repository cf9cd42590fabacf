"""OpenVINO running our plain model's graph, from the pixels to the features that a session keeps.

Images are prepared by our own functions, so that the two differ by nothing but what runs the network.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import openvino
import torch
from torch import Tensor, nn

from hqsam.hardware import available_threads
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.model.preprocess import normalise_and_pad, resize_longest_side
from hqsam.weights.load import load_model


class OpenVino:
    """OpenVINO in one precision. It opens images, and does not decode."""

    def __init__(self, model: str, device: str, file: Path, precision: str) -> None:
        self.config = MODELS[model]
        graph = openvino.Core().read_model(_written_graph(file))
        hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        hints["INFERENCE_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", str(available_threads()))
        self.compiled = openvino.compile_model(graph, "CPU", hints)

    def open(self, image: np.ndarray) -> list[np.ndarray]:
        pixels = normalise_and_pad([resize_longest_side(image, self.config.image_size)], self.config)
        return [np.array(part) for part in self.compiled(pixels.numpy()).values()]


def _written_graph(file: Path) -> Path:
    """Return the graph of a checkpoint, kept beside it: tracing takes a minute, and is not what is measured."""
    path = file.with_suffix(".xml")
    if not path.exists():
        model = load_model(file)
        example = torch.zeros(1, 3, model.config.image_size, model.config.image_size)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing is told that sizes are fixed, which here they are
            graph = openvino.convert_model(_Opening(model), example_input=example, input=list(example.shape))
        openvino.save_model(graph, path, compress_to_fp16=False)
    return path


class _Opening(nn.Module):
    """Encoder and HQ features as one graph: what is computed once an image."""

    def __init__(self, model: HQSam) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.model.encode_image(images)
        hq = self.model.hq_features(features)
        assert hq is not None
        return features.final, hq
