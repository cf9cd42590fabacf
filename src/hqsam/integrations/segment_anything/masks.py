"""Official helpers for masks, made of hqsam's functions. Boxes reach from the first pixel to the last."""

import math
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hqsam.masks.boxes import boxes_of_masks
from hqsam.masks.regions import components, remove_specks
from hqsam.masks.rle import area, decode, encode, run_lengths
from hqsam.masks.runs import runs_from_rle


def mask_to_rle_pytorch(tensor: Bool[Tensor, "mask height width"]) -> list[dict[str, Any]]:
    """Encode each mask as COCO's uncompressed run lengths, with `counts` as a list."""
    masks = tensor.cpu().numpy()
    return [{"size": list(mask.shape), "counts": run_lengths(encode(mask)["counts"]).tolist()} for mask in masks]


def rle_to_mask(rle: dict[str, Any]) -> Bool[np.ndarray, "height width"]:
    """Decode run lengths, compressed or not, to a mask."""
    return decode(rle)


def area_from_rle(rle: dict[str, Any]) -> int:
    """Count the pixels of a mask by its run lengths."""
    return area(rle)


def coco_encode_rle(uncompressed_rle: dict[str, Any]) -> dict[str, Any]:
    """Compress run lengths to COCO's string, ready for JSON."""
    height, width = uncompressed_rle["size"]
    return dict(runs_from_rle(uncompressed_rle).to_rle((height, width)))


def batched_mask_to_box(masks: Bool[Tensor, "*batch height width"]) -> Int[Tensor, "*batch 4"]:
    """Return the smallest box around each mask, x0, y0, x1, y1 of its first and last pixels; zeros for an empty one."""
    flat = masks.reshape(-1, *masks.shape[-2:])
    boxes = boxes_of_masks(flat.cpu().numpy())
    boxes[:, 2:] = np.maximum(boxes[:, 2:] - 1, 0)
    return torch.from_numpy(boxes).reshape(*masks.shape[:-2], 4).to(masks.device)


def box_xyxy_to_xywh(box_xyxy: Any) -> Any:
    """Turn a box, a tensor or an array of 4, from its corners to its first corner, width and height."""
    box_xywh = box_xyxy + 0
    box_xywh[2:] -= box_xyxy[:2]
    return box_xywh


def calculate_stability_score(
    masks: Float[Tensor, "*batch height width"], mask_threshold: float, threshold_offset: float
) -> Float[Tensor, "*batch"]:
    """Return the IoU of masks cut above and below the threshold by the offset; NaN if both are empty."""
    inner, outer = ((masks > mask_threshold + cut).sum((-2, -1)) for cut in (threshold_offset, -threshold_offset))
    return inner / outer


def remove_small_regions(
    mask: Bool[np.ndarray, "height width"], area_thresh: float, mode: Literal["holes", "islands"]
) -> tuple[Bool[np.ndarray, "height width"], bool]:
    """Remove holes or pieces of fewer pixels than `area_thresh`; the largest piece always stays.

    A hole is any piece of the outside, also along the image's border, and what touches at a corner belongs together.

    Returns:
        The mask, and whether it was changed.
    """
    pieces = components(mask if mode == "islands" else ~mask)
    small = np.bincount(pieces.ravel()) < area_thresh
    small[0] = False
    if not small.any():
        return mask, False
    return (mask | small[pieces] if mode == "holes" else remove_specks(mask, math.ceil(area_thresh))), True


def remove_small_holes_and_islands(
    mask: Bool[np.ndarray, "height width"], area_thresh: float
) -> tuple[Bool[np.ndarray, "height width"], bool]:
    """Remove small holes, then small pieces; return the mask, and whether it was changed."""
    mask, had_holes = remove_small_regions(mask, area_thresh, "holes")
    mask, had_islands = remove_small_regions(mask, area_thresh, "islands")
    return mask, had_holes or had_islands
