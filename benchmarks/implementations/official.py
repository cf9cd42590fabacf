"""The official package, segment-anything-hq, used as its README does."""

import contextlib
import io
from pathlib import Path

import numpy as np
import torch

from benchmarks.implementations import Point
from benchmarks.implementations.torchvision_import import let_torchvision_import

let_torchvision_import()
with contextlib.redirect_stdout(io.StringIO()):
    from segment_anything_hq import SamAutomaticMaskGenerator, SamPredictor, sam_model_registry


class SegmentAnythingHq:
    """segment-anything-hq in float32, the one precision that it has."""

    def __init__(self, model: str, device: str, file: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self.model = sam_model_registry[model](checkpoint=str(file)).eval().to(device)
        self.predictor = SamPredictor(self.model)

    def open(self, image: np.ndarray) -> None:
        self.predictor.set_image(image)

    def click(self, session: None, point: Point) -> np.ndarray:
        masks, _, _ = self.predictor.predict(np.array([point]), np.array([1]), multimask_output=False)
        return masks

    def batch(self, session: None, boxes: np.ndarray) -> np.ndarray:
        predictor = self.predictor
        given = torch.as_tensor(boxes, dtype=torch.float32, device=predictor.device)
        given = predictor.transform.apply_boxes_torch(given, predictor.original_size)
        masks, _, _ = predictor.predict_torch(None, None, boxes=given, multimask_output=False)
        return masks[:, 0].cpu().numpy()

    def everything(self, image: np.ndarray, points_per_side: int) -> int:
        generator = SamAutomaticMaskGenerator(
            self.model, points_per_side=points_per_side, pred_iou_thresh=-1e9, stability_score_thresh=0.0
        )
        return len(generator.generate(image))
