"""The mask generator's grid of clicks over the image, and over crops of it that overlap."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float

from hqsam.predict.mask_generator_config import MaskGeneratorConfig

_NEAR = 20.0
"""Pixels from a crop's edge within which a mask's box ends if the mask is taken to be cut off."""


@dataclass(frozen=True)
class GridCrop:
    """The image, or a crop of it, that is encoded by itself."""

    box_xyxy: tuple[int, int, int, int]
    layer: int
    """0 is the whole image; layer n has 2^n x 2^n crops."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """The height and width in pixels."""
        x0, y0, x1, y1 = self.box_xyxy
        return y1 - y0, x1 - x0

    @property
    def origin_xy(self) -> np.ndarray:
        """The crop's top left corner in the image."""
        return np.array(self.box_xyxy[:2])


def build_point_grid(per_side: int) -> Float[np.ndarray, "point 2"]:
    """Return the centres of `per_side` x `per_side` equal cells, x and y from 0 to 1, row by row."""
    along = np.linspace(1 / (2 * per_side), 1 - 1 / (2 * per_side), per_side)
    y, x = np.meshgrid(along, along, indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def points_in_crop(crop: GridCrop, config: MaskGeneratorConfig) -> Float[np.ndarray, "point 2"]:
    """Return the clicks for a crop, in its own pixels."""
    if config.point_grids is not None:
        grid = np.asarray(config.point_grids[crop.layer], np.float64)
    else:
        grid = build_point_grid(max(1, int(config.points_per_side / config.crop_n_points_downscale_factor**crop.layer)))
    return grid * crop.size_hw[::-1]


def generate_crops(size_hw: tuple[int, int], config: MaskGeneratorConfig) -> list[GridCrop]:
    """Return the image and its crops, in the order in which masks of one make way for another's: smallest first."""
    height, width = size_hw
    crops = [GridCrop((0, 0, width, height), 0)]
    for layer in range(1, config.crop_n_layers + 1):
        crops += [GridCrop(box, layer) for box in _crop_boxes(size_hw, 2**layer, config.crop_overlap_ratio)]
    return sorted(crops, key=lambda crop: math.prod(crop.size_hw))


def is_near_crop_edge(
    boxes: Float[np.ndarray, "box 4"], crop: GridCrop, size_hw: tuple[int, int]
) -> Bool[np.ndarray, "box"]:
    """Return which boxes, in the crop's pixels, end where the crop was cut off and the image goes on."""
    height, width = size_hw
    in_image = boxes + np.tile(crop.origin_xy, 2)
    near_cut = np.abs(in_image - crop.box_xyxy) <= _NEAR
    near_end = np.abs(in_image - [0, 0, width, height]) <= _NEAR
    return np.asarray((near_cut & ~near_end).any(axis=1))


def _crop_boxes(size_hw: tuple[int, int], per_side: int, overlap_ratio: float) -> list[tuple[int, int, int, int]]:
    """Return `per_side` x `per_side` boxes that overlap by a share of the short side, less the smaller they are."""
    height, width = size_hw
    overlap = int(overlap_ratio * min(size_hw) * (2 / per_side))
    high, wide = (math.ceil((overlap * (per_side - 1) + side) / per_side) for side in size_hw)
    lefts, tops = ([(side - overlap) * place for place in range(per_side)] for side in (wide, high))
    return [
        (left, top, min(left + wide, width), min(top + high, height))
        for left, top in product(lefts, tops)
        if left < width and top < height
    ]
