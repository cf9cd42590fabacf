"""Masks as Label Studio's regions: a PNG in a data: URI, or its own run lengths."""

import uuid
from typing import Any

from hqsam.masks import rle
from hqsam.masks.rle_pack import pack
from hqsam.masks.runs import Runs
from hqsam.serving.http.label_studio.bitmasks import write_bitmask
from hqsam.serving.http.label_studio.labeling_config import MaskTag


def region(tag: MaskTag, label: str, runs: Runs, size_hw: tuple[int, int], score: float) -> dict[str, Any]:
    """Return a mask as an item of a prediction's `result`.

    Args:
        tag: the tag that it belongs to.
        label: its label.
        runs: the mask, down the columns.
        size_hw: height and width of the image.
        score: predicted IoU.
    """
    if tag.type == "brushlabels":
        value = {"format": "rle", "rle": pack(runs, size_hw)}
    else:
        value = {"imageDataURL": write_bitmask(rle.decode(runs.to_rle(size_hw)))}
    height, width = size_hw
    return {
        "id": uuid.uuid4().hex[:10],
        "type": tag.type,
        "from_name": tag.name,
        "to_name": tag.to_name,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": value | {tag.type: [label]},
        "score": score,
        "readonly": False,
    }
