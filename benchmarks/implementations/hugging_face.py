"""The implementation of transformers: SamHQModel, with our functions for its processor, which needs torchvision."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.implementations import Point
from benchmarks.implementations.torchvision_import import let_torchvision_import
from hqsam.geometry import Frame
from hqsam.model.config import MODELS, VITS
from hqsam.model.preprocess import normalise_and_pad, resize_longest_side

let_torchvision_import()
from transformers import SamHQConfig, SamHQModel, SamHQVisionConfig  # noqa: E402  (it imports torchvision)


class Transformers:
    """transformers in one precision, with weights of its own."""

    def __init__(self, model: str, device: str, file: Path, precision: str) -> None:
        vit = VITS[model]
        vision = SamHQVisionConfig(
            hidden_size=vit.width,
            num_hidden_layers=vit.depth,
            num_attention_heads=vit.heads,
            mlp_dim=vit.mlp_ratio * vit.width,
            global_attn_indexes=list(vit.global_blocks),
        )
        self.config, self.device, self.precision = MODELS[model], torch.device(device), getattr(torch, precision)
        whole = SamHQConfig(vision_config=vision, mask_decoder_config={"vit_dim": vit.width})
        self.model = SamHQModel(whole).eval()
        nn.Module.to(self.model, self.device, self.precision)  # its own `to` has no types

    def open(self, image: np.ndarray) -> dict[str, Any]:
        pixels = normalise_and_pad([resize_longest_side(image, self.config.image_size)], self.config)
        with torch.inference_mode():
            embeddings, early = self.model.get_image_embeddings(pixels.to(self.device, self.precision))
        frame = Frame((image.shape[0], image.shape[1]), self.config.image_size)
        return {"image_embeddings": embeddings, "intermediate_embeddings": early, "frame": frame}

    def click(self, session: dict[str, Any], point: Point) -> np.ndarray:
        points = session["frame"].points_to_model(np.array([[[point]]]))
        points = torch.as_tensor(points, dtype=self.precision, device=self.device)
        labels = torch.ones(points.shape[:-1], dtype=torch.int64, device=self.device)
        return self._ask(session, input_points=points, input_labels=labels)

    def batch(self, session: dict[str, Any], boxes: np.ndarray) -> np.ndarray:
        corners = session["frame"].points_to_model(boxes.reshape(1, -1, 2, 2)).reshape(1, -1, 4)
        return self._ask(session, input_boxes=torch.as_tensor(corners, dtype=self.precision, device=self.device))

    @torch.inference_mode()
    def _ask(self, session: dict[str, Any], **prompts: torch.Tensor) -> np.ndarray:
        features = dict(session)
        frame: Frame = features.pop("frame")
        output = self.model(multimask_output=False, **prompts, **features)
        return np.concatenate([(frame.masks_to_image(mask.float()) > 0).numpy() for mask in output.pred_masks[0].cpu()])
