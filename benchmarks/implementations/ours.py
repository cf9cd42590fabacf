"""hqsam itself, as its users load it."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.implementations import Point
from hqsam.predict.segmenter import load


class Ours:
    """hqsam in one precision, on one backend."""

    def __init__(self, model: str, device: str, file: Path, precision: str, backend: str) -> None:
        self.segmenter = load("nano" if model == "nano" else file, device, precision, backend)

    def open(self, image: np.ndarray) -> Any:
        return self.segmenter.open(image)

    def click(self, session: Any, point: Point) -> np.ndarray:
        return session.segment(points=[point], labels=[1]).masks

    def batch(self, session: Any, boxes: np.ndarray) -> np.ndarray:
        return session.segment(boxes=boxes).masks

    def stream(self, images: list[np.ndarray], box: np.ndarray) -> int:
        return sum(int(session.segment(box=box).masks.sum()) for session in self.segmenter.open_many(images))

    def everything(self, image: np.ndarray, points_per_side: int) -> int:
        found = self.segmenter.everything(
            image, points_per_side=points_per_side, pred_iou_thresh=-1e9, stability_score_thresh=0.0
        )
        return len(found.scores)
