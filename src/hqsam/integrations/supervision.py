"""Masks as supervision's `Detections`, and its boxes as prompts."""

from typing import Any

import numpy as np
from jaxtyping import Float

from hqsam.errors import InputError
from hqsam.masks.instances import Instances
from hqsam.optional import require


def to_supervision(instances: Instances) -> Any:
    """Return masks as a `supervision.Detections` whose `CompactMask` is made from run lengths, without any pixels.

    `class_id` numbers the sorted names of the labels, `data["class_name"]` has the names. Boxes end one past the last
    pixel, as those of `Detections.from_sam` do. `confidence` is None where a score is not known.

    Raises:
        MissingExtra: supervision is not installed.
    """
    sv = require("supervision", extra="supervision")
    compact = require("supervision.detection.compact_mask", extra="supervision").CompactMask
    rows = instances.boxes.astype(np.float32)
    # CompactMask's boxes include their last pixel; an empty mask keeps one pixel, which is background.
    inclusive = np.concatenate([rows[:, :2], np.maximum(rows[:, 2:] - 1, rows[:, :2])], axis=1)
    names, class_id = np.unique(np.array(instances.labels, dtype=str), return_inverse=True)
    return sv.Detections(
        xyxy=rows,
        mask=compact.from_coco_rle(instances.rle, inclusive, image_shape=instances.image_size_hw),
        confidence=None if np.isnan(instances.scores).any() else instances.scores.astype(np.float32),
        class_id=class_id.astype(np.int64),
        data={"class_name": names[class_id]},
    )


def from_supervision(detections: Any) -> Float[np.ndarray, "box 4"]:
    """Return the boxes x0, y0, x1, y1 of a `Detections`, to be given as `session.segment(boxes=...)`.

    Raises:
        InputError: this is no `Detections`, or a coordinate is not a finite number.
    """
    boxes = np.asarray(getattr(detections, "xyxy", None))
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype == object or not np.isfinite(boxes).all():
        raise InputError(
            f"boxes come from a supervision.Detections with finite xyxy [N, 4], and this is {type(detections).__name__}"
        )
    return boxes.astype(np.float64)
