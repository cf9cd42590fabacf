"""Meta's package sam2, used as its README does: plain SAM 2.1, with random weights."""

import contextlib
from pathlib import Path

import numpy as np
import torch

from benchmarks.implementations import Point
from benchmarks.implementations.torchvision_import import let_torchvision_import

let_torchvision_import()
from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator  # noqa: E402  (it imports torchvision)
from sam2.build_sam import build_sam2  # noqa: E402
from sam2.sam2_image_predictor import SAM2ImagePredictor  # noqa: E402


class Sam2:
    """sam2 in float32, or under autocast in bfloat16."""

    def __init__(self, model: str, device: str, file: Path, precision: str) -> None:
        torch.manual_seed(0)
        self.model = build_sam2(f"configs/sam2.1/{model}.yaml", None, device=device)
        self.predictor = SAM2ImagePredictor(self.model)
        self.device, self.precision = device, precision

    def _precision(self) -> contextlib.AbstractContextManager[None]:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16")

    def open(self, image: np.ndarray) -> None:
        with torch.inference_mode(), self._precision():
            self.predictor.set_image(image)

    def click(self, session: None, point: Point) -> np.ndarray:
        with torch.inference_mode(), self._precision():
            masks, _, _ = self.predictor.predict(np.array([point]), np.array([1]), multimask_output=False)
        return masks > 0

    def batch(self, session: None, boxes: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), self._precision():
            masks, _, _ = self.predictor.predict(box=boxes, multimask_output=False)
        return masks.reshape(len(boxes), *masks.shape[-2:]) > 0

    def everything(self, image: np.ndarray, points_per_side: int) -> int:
        generator = SAM2AutomaticMaskGenerator(
            self.model, points_per_side=points_per_side, pred_iou_thresh=-1e9, stability_score_thresh=0.0
        )
        with torch.inference_mode(), self._precision():
            return len(generator.generate(image))
