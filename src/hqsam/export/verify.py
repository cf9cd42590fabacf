"""Comparison of an exported model with our own engine, on a photo."""

from dataclasses import dataclass

import numpy as np

from hqsam.engines import Engine
from hqsam.graphs.description import Description
from hqsam.images.reading import ImageLike, name_of
from hqsam.predict.segmenter import Segmenter

_CLICKS_PER_SIDE = 3


@dataclass(frozen=True)
class PhotoDifference:
    """The difference between two engines' answers to the same clicks and boxes on one photo."""

    photo: str
    largest_logit: float
    """Largest difference of a logit."""
    least_iou: float
    """Intersection over union of the two masks that agree least."""
    mean_iou: float


def compare_engines(ours: Engine, theirs: Engine, photo: ImageLike, description: Description) -> PhotoDifference:
    """Ask both engines for a grid of clicks and for boxes around each, and compare masks in the photo's pixels.

    Raises:
        ImageError: the photo cannot be read.
    """
    sessions = [Segmenter(engine).open(photo) for engine in (ours, theirs)]
    height, width = sessions[0].image_size_hw
    steps = (np.arange(_CLICKS_PER_SIDE) + 0.5) / _CLICKS_PER_SIDE
    centres = np.stack(np.meshgrid(steps * width, steps * height), axis=-1).reshape(-1, 2)
    reach = np.array([width, height]) / 6
    boxes = np.concatenate([centres - reach, centres + reach], axis=1)
    candidates = 3 if description.candidates == "3" else 1
    source = None if description.source == "input" else description.source
    how = {"candidates": candidates, "source": source}
    prompts = ({"points": centres[:, None], "labels": np.ones((len(centres), 1))}, {"boxes": boxes})
    pairs = [tuple(session.segment(**prompt, **how) for session in sessions) for prompt in prompts]
    largest = max(float(np.abs(a.logits - b.logits).max()) for a, b in pairs)
    ious = [_iou(one, two) for a, b in pairs for one, two in zip(a.masks, b.masks, strict=True)]
    return PhotoDifference(name_of(photo), largest, min(ious), float(np.mean(ious)))


def _iou(one: np.ndarray, two: np.ndarray) -> float:
    union = int((one | two).sum())
    return int((one & two).sum()) / union if union else 1.0
