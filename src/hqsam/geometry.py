"""Boxes, points, sizes, and `Frame`: the only place where image pixels become model pixels and back.

Coordinates are continuous: (0, 0) is the image's top left corner, pixel (column, row) is named by its own
integers, and a box reaches from (x0, y0) to (x1, y1). The model adds half a pixel where it wants centres.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Shaped
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
                torch.gt(_some_rows(wide, 0, len(wide), height, rows), 0, out=mask[rows])
        return masks

    def window_in_image(
        self, logits: Float[Tensor, "h w"], rows: slice, columns: slice
    ) -> Float[Tensor, "rows columns"]:
        """What `masks_to_image` has in these rows and columns, made without the rest: it costs what the window is."""
        (height, width), (resized_height, resized_width) = self.image_size_hw, self.resized_hw
        rows, columns = slice(*rows.indices(height)[:2]), slice(*columns.indices(width)[:2])
        tall, wide = _needed(resized_height, height, rows), _needed(resized_width, width, columns)
        part = self._window_in_resized(logits, tall, wide)
        part = _some_columns(part, wide.start, resized_width, width, columns)
        return _some_rows(part, tall.start, resized_height, height, rows)

    def mask_columns(
        self, logits: Float32[np.ndarray, "h w"], rows: slice, columns: slice
    ) -> Iterator[tuple[int, Bool[np.ndarray, "column row"]]]:
        """A window of a mask in the image, some columns at a time from the left: the first's number, and a row each.

        As `masks_in_image` but for rounding (its logits differ by a millionth). Columns, because runs go down them.
        """
        (height, width), (resized_height, resized_width) = self.image_size_hw, self.resized_hw
        tall, wide = _needed(resized_height, height, rows), _needed(resized_width, width, columns)
        part = self._window_in_resized(torch.from_numpy(logits), tall, wide).numpy()
        part = _between_rows(part, tall.start, resized_height, height, rows)
        part = torch.from_numpy(part).T.contiguous().numpy()  # torch transposes by blocks, three times as fast
        at_once = max(1, _PIXELS_AT_ONCE // max(1, part.shape[1]))
        for left in range(columns.start, columns.stop, at_once):
            some = slice(left, min(left + at_once, columns.stop))
            yield left, _between_rows(part, wide.start, resized_width, width, some) > 0

    def _to_resized(self, logits: Float[Tensor, "mask h w"]) -> Float[Tensor, "mask resized_height resized_width"]:
        """The first step: to the model's pixels, without its padding."""
        height, width = self.resized_hw
        return _bilinear(logits, (self.model_size, self.model_size))[..., :height, :width]

    def _window_in_resized(
        self, logits: Float[Tensor, "h w"], rows: slice, columns: slice
    ) -> Float[Tensor, "rows columns"]:
        """A part of what `_to_resized` makes, from the logits below it and one more all around."""
        times = self.model_size // len(logits)
        cells = [slice(max(0, side.start // times - 1), -(-side.stop // times) + 1) for side in (rows, columns)]
        part = logits[cells[0], cells[1]][None]
        part = _bilinear(part, (times * part.shape[1], times * part.shape[2]))[0]
        top, left = times * cells[0].start, times * cells[1].start
        return part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


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


def _needed(size_in: int, size_out: int, some: slice) -> slice:
    """What of `size_in` rows a bilinear resize to `size_out` reads for some of them; some more is read, not less."""
    scale = size_in / size_out
    first, last = int(scale * (some.start + 0.5) - 0.5) - 1, int(scale * (some.stop - 0.5) - 0.5) + 3
    first = min(max(first, 0), size_in - 1)
    return slice(first, min(max(last, first + 1), size_in))


def _some_rows(part: Float[Tensor, "_ width"], first: int, size_in: int, size_out: int, rows: slice) -> Tensor:
    """Some rows of a bilinear resize of `size_in` rows to `size_out`; `part` has those from row `first` on.

    In float32 and in torch's order of operations (columns before rows), so that they are `F.interpolate`'s own.
    """
    above, below, weight = _taps(size_in, size_out, rows, part.device)
    return part[above - first] * (1 - weight[:, None]) + part[below - first] * weight[:, None]


def _between_rows(part: np.ndarray, first: int, size_in: int, size_out: int, rows: slice) -> np.ndarray:
    """The same in place, which is faster, and rounds otherwise."""
    above, below, weight = (tap.numpy() for tap in _taps(size_in, size_out, rows, torch.device("cpu")))
    start, step = part[above - first], part[below - first]
    step -= start
    step *= weight[:, None]
    step += start
    return step


def _some_columns(part: Float[Tensor, "height _"], first: int, size_in: int, size_out: int, columns: slice) -> Tensor:
    """As `_some_rows`, for columns."""
    left, right, weight = _taps(size_in, size_out, columns, part.device)
    return part[:, left - first] * (1 - weight) + part[:, right - first] * weight


def _taps(size_in: int, size_out: int, some: slice, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Which two rows each row of a bilinear resize is made of, and how much of the second."""
    scale = torch.tensor(size_in, dtype=torch.float32, device=device) / size_out
    row = torch.arange(*some.indices(size_out), dtype=torch.float32, device=device)
    place = (scale * (row + 0.5) - 0.5).clamp(min=0)
    above = place.long()
    return above, (above + 1).clamp(max=size_in - 1), place - above
