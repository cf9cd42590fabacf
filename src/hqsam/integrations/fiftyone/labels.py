"""FiftyOne's labels as prompts, and masks as its `Detections`: all its coordinates are shares of the image's sides."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from hqsam.errors import InputError
from hqsam.masks.instances import Instances
from hqsam.masks.runs import crop_runs, runs_from_rle
from hqsam.masks.windows import window_of_box
from hqsam.optional import require


@dataclass(frozen=True)
class Prompt:
    """What one mask is asked for by, as arguments of `Session.segment`, and the label that it gets."""

    arguments: dict[str, Any]
    label: str | None


def prompts_of(fields: Mapping[str, str], sample: Any, size_hw: tuple[int, int]) -> list[Prompt]:
    """Return the prompts of a sample: one for each detection, for each keypoint, or for each pair of both.

    Of a keypoint with several points all are clicks on one object; its attribute `sam_labels` may say which are beside
    it, as FiftyOne's own SAM models have it. Points that are NaN are left out.

    Args:
        fields: the sample's fields by the arguments of `apply_model` that named them.
        sample: a sample, or a frame of a video.
        size_hw: height and width of the image.

    Raises:
        InputError: a field holds neither Detections nor Keypoints, or boxes and points do not pair up.
    """
    labels: Any = require("fiftyone.core.labels", extra="fiftyone")
    boxes: list[Prompt] = []
    points: list[Prompt] = []
    for field in dict.fromkeys(fields.values()):
        value = sample[field.removeprefix("frames.")]
        if isinstance(value, labels.Detections):
            boxes += [_box_prompt(one, size_hw) for one in value.detections]
        elif isinstance(value, labels.Keypoints):
            points += [_point_prompt(one, size_hw) for one in value.keypoints]
        elif value is not None:
            raise InputError(f"{field} holds {type(value).__name__}; prompts are Detections or Keypoints")
    if boxes and points and len(boxes) != len(points):
        raise InputError(f"there are {len(boxes)} boxes and {len(points)} keypoints; each box needs its keypoint")
    pairs = zip_longest(boxes, points, fillvalue=Prompt({}, None))
    joined = [Prompt(box.arguments | some.arguments, box.label or some.label) for box, some in pairs]
    return [one for one in joined if one.arguments]


def to_detections(instances: Instances) -> Any:
    """Return masks as FiftyOne's `Detections`: the smallest box of each, its pixels in it, and its score.

    Masks without pixels are left out, since they have no box. A mask of `everything` has its `stability`, too.
    """
    labels: Any = require("fiftyone.core.labels", extra="fiftyone")
    height, width = instances.image_size_hw
    found = []
    for one in instances[instances.areas > 0]:
        x0, y0, x1, y1 = one.boxes[0].tolist()
        (left, wide), (top, high) = _shares(x0, x1, width), _shares(y0, y1, height)
        stability = one.columns.get("stability_score")
        more = {} if stability is None else {"stability": float(stability[0])}
        found.append(
            labels.Detection(
                label=one.labels[0] or None,
                bounding_box=[left, top, wide, high],
                mask=np.ascontiguousarray(crop_runs(runs_from_rle(one.rle[0]), height, window_of_box(one.boxes[0]))),
                confidence=None if np.isnan(one.scores[0]) else float(one.scores[0]),
                **more,
            )
        )
    return labels.Detections(detections=found)


def _shares(start: int, end: int, side: int) -> tuple[float, float]:
    """Return where a stretch of pixels begins and how long it is, as shares of a side.

    FiftyOne rounds their product with the side down, so that a share that is too small in its last digit would move
    the mask by a pixel.
    """
    first = start / side
    while int(side * first) < start:
        first = math.nextafter(first, math.inf)
    length = (end - start) / side
    while int(side * (first + length)) < end:
        length = math.nextafter(length, math.inf)
    return first, length


def _box_prompt(detection: Any, size_hw: tuple[int, int]) -> Prompt:
    height, width = size_hw
    x, y, wide, high = detection.bounding_box
    return Prompt({"box": (x * width, y * height, (x + wide) * width, (y + high) * height)}, detection.label)


def _point_prompt(keypoint: Any, size_hw: tuple[int, int]) -> Prompt:
    """Return a keypoint's points in pixels; the prompt is empty if none of them is visible."""
    shares = np.asarray(keypoint.points, np.float64).reshape(-1, 2)
    given = keypoint.get_attribute_value("sam_labels", None)
    inside = np.ones(len(shares), np.int64) if given is None else np.asarray(given).astype(np.int64)
    if len(inside) != len(shares):
        raise InputError(f"a keypoint has {len(shares)} points and {len(inside)} sam_labels; give one for each")
    seen = np.isfinite(shares).all(axis=1)
    if not seen.any():
        return Prompt({}, keypoint.label)
    height, width = size_hw
    # A point at the right or lower edge, 1.0, is in the last pixel.
    pixels = np.minimum(shares[seen] * (width, height), (width - 1, height - 1))
    return Prompt({"points": pixels, "labels": inside[seen]}, keypoint.label)
