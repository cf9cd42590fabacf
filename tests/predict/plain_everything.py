"""The search for everything as the official generator does it: every mask at the photo's size, and measured there.

The plain twin of `hqsam.predict.everything`: the same masks, far slower, and with gigabytes of memory.
"""

from typing import NamedTuple

import numpy as np
import torch

from hqsam.engines import Engine
from hqsam.geometry import Frame
from hqsam.masks.boxes import boxes_of_masks
from hqsam.masks.overlap import box_nms
from hqsam.model.preprocess import resize_longest_side
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.point_grid import GridCrop, generate_crops, points_in_crop
from hqsam.prompts import Prompts

_CLICKS_AT_ONCE = 64


class Plain(NamedTuple):
    """Masks of the photo's size, and what the official generator says of each."""

    masks: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    stability: np.ndarray
    points: np.ndarray

    def rows(self, index) -> "Plain":
        return Plain(*(column[index] for column in self))


def plain_everything(engine: Engine, pixels: np.ndarray, config: MaskGeneratorConfig) -> Plain:
    """Masks in the order in which the official generator gives them."""
    crops = sorted(generate_crops(pixels.shape[:2], config), key=lambda crop: crop.layer)
    parts = [_in_crop(engine, pixels, crop, config) for crop in crops]
    everything = _joined(parts)
    if len(crops) > 1:
        scores = np.concatenate(
            [np.full(len(part.masks), 1 / np.prod(crop.size_hw)) for part, crop in zip(parts, crops, strict=True)]
        )
        everything = everything.rows(box_nms(everything.boxes, scores, config.crop_nms_thresh))
    return everything


def _in_crop(engine: Engine, pixels: np.ndarray, crop: GridCrop, config: MaskGeneratorConfig) -> Plain:
    x0, y0, x1, y1 = crop.box_xyxy
    frame = Frame(crop.size_hw, engine.config.image_size)
    [encoded] = engine.encode([resize_longest_side(pixels[y0:y1, x0:x1], engine.config.image_size)])
    points = points_in_crop(crop, config)
    parts = []
    for start in range(0, len(points), _CLICKS_AT_ONCE):
        some = points[start : start + _CLICKS_AT_ONCE]
        clicks, labels = Prompts(frame, some[:, None], np.ones((len(some), 1), np.int64)).in_model()
        batch = PromptBatch(torch.from_numpy(clicks), torch.from_numpy(labels))
        logits, scores, _ = engine.decode(encoded, batch, config.source, 3)
        parts.append(_good(logits, scores, some, frame, crop, config, pixels.shape))
    found = _joined(parts)
    found = found.rows(box_nms(found.boxes, found.scores, config.box_nms_thresh))
    corner = np.array([x0, y0])
    masks = np.zeros((len(found.masks), *pixels.shape[:2]), bool)
    masks[:, y0:y1, x0:x1] = found.masks
    return found._replace(masks=masks, boxes=found.boxes + np.tile(corner, 2), points=found.points + corner)


def _good(logits, scores, points, frame, crop, config, image_shape) -> Plain:
    if config.candidates == 1:
        scores, best = scores.max(dim=1, keepdim=True)
        logits = logits[torch.arange(len(best)), best[:, 0] % logits.shape[1]][:, None]
    points = np.repeat(points, logits.shape[1], axis=0)
    logits, scores = frame.masks_to_image(logits.flatten(0, 1)), scores.flatten().numpy()
    good = scores > config.pred_iou_thresh
    logits, scores, points = logits[torch.from_numpy(good)], scores[good], points[good]
    offset = config.stability_score_offset
    stability = ((logits > offset).sum((1, 2)) / (logits > -offset).sum((1, 2))).numpy()
    masks = (logits > 0).numpy()
    boxes = boxes_of_masks(masks)
    keep = (stability >= config.stability_score_thresh) & ~_at_a_cut(boxes, crop, image_shape)
    return Plain(masks, boxes, scores, stability, points).rows(keep)


def _at_a_cut(boxes: np.ndarray, crop: GridCrop, image_shape: tuple) -> np.ndarray:
    inclusive = boxes + np.tile(crop.origin_xy, 2) - np.array([0, 0, 1, 1])
    near_cut = np.isclose(inclusive, crop.box_xyxy, atol=20, rtol=0)
    near_end = np.isclose(inclusive, [0, 0, image_shape[1], image_shape[0]], atol=20, rtol=0)
    return (near_cut & ~near_end).any(axis=1)


def _joined(parts: list[Plain]) -> Plain:
    return Plain(*(np.concatenate(column) for column in zip(*parts, strict=True)))
