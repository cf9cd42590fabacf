"""Boxes, points, sizes, and `Frame`: the only place where image pixels become model pixels and back.

Coordinates are continuous: (0, 0) is the image's top left corner, pixel (column, row) is named by its own
integers, and a box reaches from (x0, y0) to (x1, y1). The model adds half a pixel where it wants centres.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional as F

_PIXELS_AT_ONCE = 1 << 19
"""How many logits of the image's size are held while a mask is made: 2 MB of them, which fits a core's cache."""


@dataclass(frozen=True)
class Frame:
    """How an image lies in the model's square: its long side scaled to `model_size`, padded below and to the right.

    The arithmetic is official SAM's to the last bit (`ResizeLongestSide`): sides are rounded half up, and x and y
    are scaled apart, each by the ratio of the rounded side to the true one.
    """

    image_size_hw: tuple[int, int]
    model_size: int

    @property
    def resized_hw(self) -> tuple[int, int]:
        """The image's size in the model's pixels; at least 1, where official SAM fails on a very thin image."""
        height, width = self.image_size_hw
        scale = self.model_size * 1.0 / max(height, width)
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    @property
    def scale_xy(self) -> Float[np.ndarray, "2"]:
        """Model pixels for each image pixel, along x and along y."""
        (height, width), (new_height, new_width) = self.image_size_hw, self.resized_hw
        return np.array([new_width / width, new_height / height])

    def points_to_model(self, points_in_image: Shaped[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """(x, y) of the image to (x, y) of the model's square, in float64."""
        return points_in_image.astype(np.float64) * self.scale_xy

    def points_to_image(self, points_in_model: Shaped[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """The way back from `points_to_model`."""
        return points_in_model.astype(np.float64) / self.scale_xy

    def boxes_to_model(self, boxes_in_image: Shaped[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
        """Boxes x0, y0, x1, y1 of the image to the model's square."""
        return boxes_in_image.astype(np.float64) * np.tile(self.scale_xy, 2)

    def boxes_to_image(self, boxes_in_model: Shaped[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
        """The way back from `boxes_to_model`."""
        return boxes_in_model.astype(np.float64) / np.tile(self.scale_xy, 2)

    def mask_to_model(self, mask: Bool[np.ndarray, "height width"], size: int) -> Float[np.ndarray, "{size} {size}"]:
        """How much of each cell of the model's square, cut into `size` x `size` cells, the mask covers: 0 to 1."""
        height, width = self.resized_hw
        how = cv2.INTER_AREA if max(mask.shape) > self.model_size else cv2.INTER_LINEAR
        square = np.zeros((self.model_size, self.model_size), np.float32)
        square[:height, :width] = cv2.resize(np.multiply(mask, 255, dtype=np.uint8), (width, height), interpolation=how)
        return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA) / 255

    def masks_to_image(self, logits: Float[Tensor, "mask h w"]) -> Float[Tensor, "mask height width"]:
        """The decoder's logits at the image's size, by official SAM's two bilinear steps.

        This holds four bytes per pixel and mask. `masks_in_image` makes the masks themselves for a quarter of it,
        `window_in_image` a part of one.
        """
        return _bilinear(self._to_resized(logits), self.image_size_hw)

    def masks_in_image(self, logits: Float[Tensor, "mask h w"]) -> Bool[Tensor, "mask height width"]:
        """Where `masks_to_image` is above zero, one band of rows at a time, so that little memory is needed."""
        height, width = self.image_size_hw
        masks = torch.empty(len(logits), height, width, dtype=torch.bool, device=logits.device)
        rows_at_once = max(1, _PIXELS_AT_ONCE // width)
        for mask, one in zip(masks, logits, strict=True):
            wide = _bilinear(self._to_resized(one[None]), (self.resized_hw[0], width))[0]
            for start in range(0, height, rows_at_once):
                rows = slice(start, start + rows_at_once)
                torch.gt(_some_rows(wide, height, rows), 0, out=mask[rows])
        return masks

    def window_in_image(
        self, logits: Float[Tensor, "h w"], rows: slice, columns: slice
    ) -> Float[Tensor, "rows columns"]:
        """What `masks_to_image` has in these rows and columns, made without the rest."""
        height, width = self.image_size_hw
        wide = _bilinear(self._to_resized(logits[None]), (self.resized_hw[0], width))[0]
        return _some_rows(wide[:, columns], height, rows)

    def _to_resized(self, logits: Float[Tensor, "mask h w"]) -> Float[Tensor, "mask resized_height resized_width"]:
        """The first step: to the model's pixels, without its padding."""
        height, width = self.resized_hw
        return _bilinear(logits, (self.model_size, self.model_size))[..., :height, :width]


def clip_boxes(boxes: Float[np.ndarray, "*batch 4"], size_hw: tuple[int, int]) -> Float[np.ndarray, "*batch 4"]:
    """The part of each box that lies in an image of this size; inside out where nothing of it does."""
    height, width = size_hw
    starts = np.maximum(boxes[..., :2], 0)
    ends = np.minimum(boxes[..., 2:], [width, height])
    return np.concatenate([starts, ends], axis=-1)


def box_areas(boxes: Float[np.ndarray, "box 4"]) -> Float[np.ndarray, "box"]:
    """Width times height; 0 for a box that is empty or inside out."""
    sides = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None)
    return sides.prod(axis=-1)


def _bilinear(maps: Float[Tensor, "mask h w"], size_hw: tuple[int, int]) -> Float[Tensor, "mask height width"]:
    return F.interpolate(maps[:, None], size_hw, mode="bilinear", align_corners=False)[:, 0]


def _some_rows(wide: Float[Tensor, "rows_in width"], rows_out: int, rows: slice) -> Float[Tensor, "rows width"]:
    """Some rows of a bilinear resize to `rows_out` rows.

    In float32 and in torch's order of operations (columns before rows), so that they are `F.interpolate`'s own.
    """
    scale = torch.tensor(len(wide), dtype=torch.float32, device=wide.device) / rows_out
    row = torch.arange(*rows.indices(rows_out), dtype=torch.float32, device=wide.device)
    place = (scale * (row + 0.5) - 0.5).clamp(min=0)
    above = place.long()
    below = (above + 1).clamp(max=len(wide) - 1)
    weight = (place - above)[:, None]
    return wide[above] * (1 - weight) + wide[below] * weight
