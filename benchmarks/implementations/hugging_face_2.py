"""The implementation of transformers for SAM 2: Sam2Model, with our functions for its processor."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.implementations import Point
from benchmarks.implementations.torchvision_import import let_torchvision_import
from hqsam.model.config import MODELS
from hqsam.model.preprocess import normalise_and_pad, prepare_image
from hqsam.weights.transformers_config import to_transformers

let_torchvision_import()
from transformers import Sam2Config, Sam2Model  # noqa: E402  (it imports torchvision)


class Transformers2:
    """transformers in one precision, with weights of its own."""

    def __init__(self, model: str, device: str, file: Path, precision: str) -> None:
        self.config, self.device, self.precision = MODELS[model], torch.device(device), getattr(torch, precision)
        torch.manual_seed(0)
        self.model = Sam2Model(Sam2Config(**to_transformers(self.config))).eval()
        nn.Module.to(self.model, self.device, self.precision)  # its own `to` has no types

    @torch.inference_mode()
    def open(self, image: np.ndarray) -> dict[str, Any]:
        frame, prepared = prepare_image(image, self.config)
        pixels = normalise_and_pad([prepared], self.config).to(self.device, self.precision)
        return {"image_embeddings": self.model.get_image_embeddings(pixels), "frame": frame}

    def click(self, session: dict[str, Any], point: Point) -> np.ndarray:
        points = torch.as_tensor(session["frame"].points_to_model(np.array([[[point]]])), dtype=torch.float32)
        labels = torch.ones(points.shape[:-1], dtype=torch.int32)
        return self._ask(session, input_points=points.to(self.device), input_labels=labels.to(self.device))

    def batch(self, session: dict[str, Any], boxes: np.ndarray) -> np.ndarray:
        corners = torch.as_tensor(session["frame"].boxes_to_model(boxes)[None], dtype=torch.float32)
        return self._ask(session, input_boxes=corners.to(self.device))

    @torch.inference_mode()
    def _ask(self, session: dict[str, Any], **prompts: torch.Tensor) -> np.ndarray:
        output = self.model(image_embeddings=session["image_embeddings"], multimask_output=False, **prompts)
        masks = output.pred_masks[0].float().cpu()
        return np.concatenate([(session["frame"].masks_to_image(mask) > 0).numpy() for mask in masks])
