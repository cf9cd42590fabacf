"""The official helpers for masks, over our own functions. Boxes reach from the first pixel to the last, as theirs."""

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
    """Each mask as COCO's uncompressed run lengths, `counts` being a list."""
    masks = tensor.cpu().numpy()
    return [{"size": list(mask.shape), "counts": run_lengths(encode(mask)["counts"]).tolist()} for mask in masks]


def rle_to_mask(rle: dict[str, Any]) -> Bool[np.ndarray, "height width"]:
    """The mask of run lengths, compressed or not."""
    return decode(rle)


def area_from_rle(rle: dict[str, Any]) -> int:
    """How many pixels a mask has, by its run lengths."""
    return area(rle)


def coco_encode_rle(uncompressed_rle: dict[str, Any]) -> dict[str, Any]:
    """Uncompressed run lengths as COCO's string, ready for JSON."""
    height, width = uncompressed_rle["size"]
    return dict(runs_from_rle(uncompressed_rle).to_rle((height, width)))


def batched_mask_to_box(masks: Bool[Tensor, "*batch height width"]) -> Int[Tensor, "*batch 4"]:
    """The smallest box around each mask: x0, y0, x1, y1 of its first and last pixels; zeros for an empty one."""
    flat = masks.reshape(-1, *masks.shape[-2:])
    boxes = boxes_of_masks(flat.cpu().numpy())
    boxes[:, 2:] = np.maximum(boxes[:, 2:] - 1, 0)
    return torch.from_numpy(boxes).reshape(*masks.shape[:-2], 4).to(masks.device)


def box_xyxy_to_xywh(box_xyxy: Any) -> Any:
    """A box's corner, and its far corner less that; a tensor or an array of 4, as it came."""
    box_xywh = box_xyxy + 0
    box_xywh[2:] -= box_xyxy[:2]
    return box_xywh


def calculate_stability_score(
    masks: Float[Tensor, "*batch height width"], mask_threshold: float, threshold_offset: float
) -> Float[Tensor, "*batch"]:
    """IoU of the masks cut so much above and so much below the threshold; NaN if nothing is above either."""
    inner, outer = ((masks > mask_threshold + cut).sum((-2, -1)) for cut in (threshold_offset, -threshold_offset))
    return inner / outer


def remove_small_regions(
    mask: Bool[np.ndarray, "height width"], area_thresh: float, mode: Literal["holes", "islands"]
) -> tuple[Bool[np.ndarray, "height width"], bool]:
    """A mask without holes, or pieces, of fewer pixels; and whether it has any. The largest piece always stays.

    A hole is any piece of the outside, also along the image's border, and what touches at a corner belongs together.
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
    """Without small holes and then without small pieces; and whether there were any."""
    mask, had_holes = remove_small_regions(mask, area_thresh, "holes")
    mask, had_islands = remove_small_regions(mask, area_thresh, "islands")
    return mask, had_holes or had_islands
