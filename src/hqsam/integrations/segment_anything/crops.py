"""Official helpers for grids of clicks and for crops, made of hqsam's functions. A crop is x0, y0, x1, y1."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from hqsam.errors import OptionError
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.point_grid import GridCrop, build_point_grid, generate_crops, is_near_crop_edge


def build_all_layer_point_grids(
    n_per_side: int, n_layers: int, scale_per_layer: int
) -> list[Float[np.ndarray, "point 2"]]:
    """Return a grid for the image and for each layer of crops, each `scale_per_layer` times coarser than the last."""
    return [build_point_grid(max(1, int(n_per_side / scale_per_layer**layer))) for layer in range(n_layers + 1)]


def batch_iterator(batch_size: int, *args: Any) -> Iterator[list[Any]]:
    """Yield at most `batch_size` rows of each argument at a time.

    Raises:
        OptionError: the arguments have different numbers of rows.
    """
    if len({len(one) for one in args}) != 1:
        raise OptionError(f"these have {[len(one) for one in args]} rows; give at least one, and all of one length")
    for start in range(0, len(args[0]), batch_size):
        yield [one[start : start + batch_size] for one in args]


def generate_crop_boxes(
    im_size: tuple[int, ...], n_layers: int, overlap_ratio: float
) -> tuple[list[list[int]], list[int]]:
    """Return the boxes of an image (height, width) and of its crops, and the layer of each."""
    height, width = im_size
    views = generate_crops(
        (height, width), MaskGeneratorConfig(crop_n_layers=n_layers, crop_overlap_ratio=overlap_ratio)
    )
    views.sort(key=lambda view: (view.layer, view.box_xyxy))
    return [list(view.box_xyxy) for view in views], [view.layer for view in views]


def is_box_near_crop_edge(
    boxes: Shaped[Tensor, "box 4"], crop_box: list[int], orig_box: list[int]
) -> Bool[Tensor, "box"]:
    """Mark boxes, in a crop's pixels, that end within 20 pixels of where the crop was cut and the image goes on."""
    x0, y0, x1, y1 = crop_box
    found = is_near_crop_edge(boxes.cpu().double().numpy(), GridCrop((x0, y0, x1, y1), 0), (orig_box[3], orig_box[2]))
    return torch.from_numpy(found).to(boxes.device)


def uncrop_boxes_xyxy(boxes: Shaped[Tensor, "*batch 4"], crop_box: list[int]) -> Shaped[Tensor, "*batch 4"]:
    """Move boxes from a crop's pixels to those of the image."""
    return boxes + torch.tensor(2 * crop_box[:2], device=boxes.device)


def uncrop_points(points: Shaped[Tensor, "*batch 2"], crop_box: list[int]) -> Shaped[Tensor, "*batch 2"]:
    """Move points from a crop's pixels to those of the image."""
    return points + torch.tensor(crop_box[:2], device=points.device)


def uncrop_masks(
    masks: Shaped[Tensor, "*batch h w"], crop_box: list[int], orig_h: int, orig_w: int
) -> Shaped[Tensor, "*batch {orig_h} {orig_w}"]:
    """Put masks of a crop into the image, with nothing outside of the crop."""
    x0, y0, x1, y1 = crop_box
    return F.pad(masks, (x0, orig_w - x1, y0, orig_h - y1))
