"""Boxes, points, sizes, and `Frame`: the only place where image pixels become model pixels and back.

Coordinates are continuous: (0, 0) is the image's top left corner, pixel (column, row) is named by its own
integers, and a box reaches from (x0, y0) to (x1, y1). The model adds half a pixel where it wants centres.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Shaped
from torch import Tensor
from torch.nn import functional as F

_PIXELS_AT_ONCE = 1 << 19
"""Logits of the image's size that are held while a mask is made: 2 MB, which fits a core's cache."""

Fit = Literal["pad", "squash"]
"""The way that an image is brought into the model's square.

- "pad": the long side fills the square, and the rest is padding below or to the right (SAM).
- "squash": both sides fill the square, whatever the aspect (SAM 2, and HQ-SAM's own evaluation).
"""


@dataclass(frozen=True)
class Frame:
    """The placement of an image in the model's square; converts points, boxes and masks between the two.

    Padded, the arithmetic is official SAM's to the last bit (`ResizeLongestSide`): sides are rounded half up, and x
    and y are scaled apart, each by the ratio of the rounded side to the true one.

    Args:
        image_size_hw: height and width of the image.
        model_size: side of the model's square, in pixels.
        fit: whether the image keeps its aspect and is padded, or is squashed.
    """

    image_size_hw: tuple[int, int]
    model_size: int
    fit: Fit = "pad"

    @property
    def resized_hw(self) -> tuple[int, int]:
        """The image's height and width in the model's pixels; at least 1, where official SAM fails on thin images."""
        if self.fit == "squash":
            return self.model_size, self.model_size
        height, width = self.image_size_hw
        scale = self.model_size * 1.0 / max(height, width)
        return max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5))

    @property
    def scale_xy(self) -> Float[np.ndarray, "2"]:
        """Model pixels for each image pixel, along x and along y."""
        (height, width), (new_height, new_width) = self.image_size_hw, self.resized_hw
        return np.array([new_width / width, new_height / height])

    def points_to_model(self, points_in_image: Shaped[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """Convert (x, y) of the image to (x, y) of the model's square, in float64."""
        return points_in_image.astype(np.float64) * self.scale_xy

    def points_to_image(self, points_in_model: Shaped[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
        """Convert (x, y) of the model's square to (x, y) of the image, in float64."""
        return points_in_model.astype(np.float64) / self.scale_xy

    def boxes_to_model(self, boxes_in_image: Shaped[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
        """Convert boxes x0, y0, x1, y1 of the image to the model's square, in float64."""
        return boxes_in_image.astype(np.float64) * np.tile(self.scale_xy, 2)

    def boxes_to_image(self, boxes_in_model: Shaped[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
        """Convert boxes x0, y0, x1, y1 of the model's square to the image, in float64."""
        return boxes_in_model.astype(np.float64) / np.tile(self.scale_xy, 2)

    def mask_to_model(self, mask: Bool[np.ndarray, "height width"], size: int) -> Float[np.ndarray, "{size} {size}"]:
        """Return the share, 0 to 1, of each cell of the model's square that a mask covers.

        Args:
            mask: a mask of the image, at any resolution.
            size: the square is cut into `size` x `size` cells.
        """
        height, width = self.resized_hw
        method = cv2.INTER_AREA if max(mask.shape) > self.model_size else cv2.INTER_LINEAR
        square = np.zeros((self.model_size, self.model_size), np.float32)
        resized = cv2.resize(np.multiply(mask, 255, dtype=np.uint8), (width, height), interpolation=method)
        square[:height, :width] = resized
        return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA) / 255

    def masks_to_image(self, logits: Float[Tensor, "mask h w"]) -> Float[Tensor, "mask height width"]:
        """Resize the decoder's logits to the image's full size, by SAM's two bilinear steps; squashed ones in one step.

        This holds four bytes per pixel and mask. `masks_in_image` makes the masks themselves for a quarter of it,
        `window_in_image` a part of one.
        """
        return _bilinear(self._without_padding(logits), self.image_size_hw)

    def masks_in_image(self, logits: Float[Tensor, "mask h w"]) -> Bool[Tensor, "mask height width"]:
        """Return full-size masks: `masks_to_image` above 0, made a band of rows at a time to save memory."""
        height, width = self.image_size_hw
        masks = torch.empty(len(logits), height, width, dtype=torch.bool, device=logits.device)
        rows_at_once = max(1, _PIXELS_AT_ONCE // width)
        for mask, one in zip(masks, logits, strict=True):
            grid = self._without_padding(one[None])
            wide = _bilinear(grid, (grid.shape[1], width))[0]
            for start in range(0, height, rows_at_once):
                rows = slice(start, start + rows_at_once)
                torch.gt(_resized_rows(wide, 0, len(wide), height, rows), 0, out=mask[rows])
        return masks

    def window_in_image(
        self, logits: Float[Tensor, "h w"], rows: slice, columns: slice
    ) -> Float[Tensor, "rows columns"]:
        """Return `masks_to_image` in these rows and columns, at the cost of the window alone."""
        height, width = self.image_size_hw
        rows, columns = slice(*rows.indices(height)[:2]), slice(*columns.indices(width)[:2])
        part, origin, grid_hw = self._grid_window(logits, rows, columns)
        part = _resized_rows(part.T, origin[1], grid_hw[1], width, columns).T
        return _resized_rows(part, origin[0], grid_hw[0], height, rows)

    def mask_columns(
        self, logits: Float32[np.ndarray, "h w"], rows: slice, columns: slice
    ) -> Iterator[tuple[int, Bool[np.ndarray, "column row"]]]:
        """Yield a window of a mask of the image from left to right, some columns at a time.

        Equal to `masks_in_image` but for rounding (its logits differ by a millionth). Columns, because run lengths go
        down them.

        Yields:
            The number of the first column, and the columns, each as a row.
        """
        height, width = self.image_size_hw
        grid, origin, grid_hw = self._grid_window(torch.from_numpy(logits), rows, columns)
        part = _resized_rows_fast(grid.numpy(), origin[0], grid_hw[0], height, rows)
        part = torch.from_numpy(part).T.contiguous().numpy()  # torch transposes by blocks, three times as fast
        at_once = max(1, _PIXELS_AT_ONCE // max(1, part.shape[1]))
        for left in range(columns.start, columns.stop, at_once):
            some = slice(left, min(left + at_once, columns.stop))
            yield left, _resized_rows_fast(part, origin[1], grid_hw[1], width, some) > 0

    def _without_padding(self, logits: Float[Tensor, "mask h w"]) -> Float[Tensor, "mask grid_height grid_width"]:
        """The grid that is stretched over the image: the logits at the model's size, without its padding.

        Logits of a squashed image have no padding, and official code stretches them as they are.
        """
        if self.fit == "squash":
            return logits
        height, width = self.resized_hw
        return _bilinear(logits, (self.model_size, self.model_size))[..., :height, :width]

    def _grid_window(
        self, logits: Float[Tensor, "h w"], rows: slice, columns: slice
    ) -> tuple[Float[Tensor, "grid_rows grid_columns"], tuple[int, int], tuple[int, int]]:
        """The part of `_without_padding` that a window of the image is made of; its corner; the whole grid's size."""
        squashed = self.fit == "squash"
        grid_hw = (logits.shape[0], logits.shape[1]) if squashed else self.resized_hw
        sides = zip(grid_hw, self.image_size_hw, (rows, columns), strict=True)
        tall, wide = (_source_range(size_in, size_out, some) for size_in, size_out, some in sides)
        part = logits[tall, wide] if squashed else self._window_at_model_size(logits, tall, wide)
        return part, (tall.start, wide.start), grid_hw

    def _window_at_model_size(
        self, logits: Float[Tensor, "h w"], rows: slice, columns: slice
    ) -> Float[Tensor, "rows columns"]:
        """A part of the logits at the model's size, made from the logits below it and one more all around."""
        times = self.model_size // len(logits)
        cells = [slice(max(0, side.start // times - 1), -(-side.stop // times) + 1) for side in (rows, columns)]
        part = logits[cells[0], cells[1]][None]
        part = _bilinear(part, (times * part.shape[1], times * part.shape[2]))[0]
        top, left = times * cells[0].start, times * cells[1].start
        return part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def clip_boxes(boxes: Float[np.ndarray, "*batch 4"], size_hw: tuple[int, int]) -> Float[np.ndarray, "*batch 4"]:
    """Cut boxes x0, y0, x1, y1 at the edges of an image; a box outside it comes back inside out."""
    height, width = size_hw
    starts = np.maximum(boxes[..., :2], 0)
    ends = np.minimum(boxes[..., 2:], [width, height])
    return np.concatenate([starts, ends], axis=-1)


def box_areas(boxes: Float[np.ndarray, "box 4"]) -> Float[np.ndarray, "box"]:
    """Return width times height; 0 for a box that is empty or inside out."""
    sides = np.clip(boxes[..., 2:] - boxes[..., :2], 0, None)
    return sides.prod(axis=-1)


def _bilinear(maps: Float[Tensor, "mask h w"], size_hw: tuple[int, int]) -> Float[Tensor, "mask height width"]:
    return F.interpolate(maps[:, None], size_hw, mode="bilinear", align_corners=False)[:, 0]


def _source_range(size_in: int, size_out: int, some: slice) -> slice:
    """The rows, of `size_in`, that a bilinear resize to `size_out` reads for some of its rows; or a few more."""
    scale = size_in / size_out
    first, last = int(scale * (some.start + 0.5) - 0.5) - 1, int(scale * (some.stop - 0.5) - 0.5) + 3
    first = min(max(first, 0), size_in - 1)
    return slice(first, min(max(last, first + 1), size_in))


def _resized_rows(part: Float[Tensor, "_ width"], first: int, size_in: int, size_out: int, rows: slice) -> Tensor:
    """Some rows of a bilinear resize of `size_in` rows to `size_out`; `part` has those from row `first` on.

    In float32 and in torch's order of operations (columns before rows), so that they are `F.interpolate`'s own.
    """
    above, below, weight = _interpolation(size_in, size_out, rows, part.device)
    return part[above - first] * (1 - weight[:, None]) + part[below - first] * weight[:, None]


def _resized_rows_fast(part: np.ndarray, first: int, size_in: int, size_out: int, rows: slice) -> np.ndarray:
    """`_resized_rows` computed in place, which is faster and rounds differently."""
    above, below, weight = (each.numpy() for each in _interpolation(size_in, size_out, rows, torch.device("cpu")))
    start, step = part[above - first], part[below - first]
    step -= start
    step *= weight[:, None]
    step += start
    return step


def _interpolation(size_in: int, size_out: int, some: slice, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The two source rows of each row of a bilinear resize, and the weight of the second."""
    scale = torch.tensor(size_in, dtype=torch.float32, device=device) / size_out
    row = torch.arange(*some.indices(size_out), dtype=torch.float32, device=device)
    position = (scale * (row + 0.5) - 0.5).clamp(min=0)
    above = position.long()
    return above, (above + 1).clamp(max=size_in - 1), position - above
