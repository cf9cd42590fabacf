"""One mask's logits at several scales: some parts of them are finer than the rest."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32

from hqsam.geometry import Frame
from hqsam.masks.windows import Window


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of the image that was encoded by itself: there, its logits are the mask's."""

    x0: int
    y0: int
    frame: Frame
    """The place of the part in the model's square."""
    logits: Float32[np.ndarray, "mask_size mask_size"]
    """The logits in that square; above 0 is inside."""

    @property
    def window(self) -> Window:
        """The rows and columns of the image in this patch."""
        height, width = self.frame.image_size_hw
        return slice(self.y0, self.y0 + height), slice(self.x0, self.x0 + width)


@dataclass(frozen=True, eq=False)
class MultiscaleLogits:
    """A mask's logits, and patches over them, the last on top."""

    frame: Frame
    logits: Float32[np.ndarray, "mask_size mask_size"]
    patches: tuple[Patch, ...] = ()

    @property
    def cell_size(self) -> float:
        """The distance of its logits at the finest, in pixels of the image."""
        frames = [self.frame, *(patch.frame for patch in self.patches)]
        return min(cell_size_in_image(frame, len(self.logits)) for frame in frames)

    def with_patch(self, patch: Patch) -> "MultiscaleLogits":
        """Return the same with one more patch on top."""
        return replace(self, patches=(*self.patches, patch))

    def mask(self) -> Bool[np.ndarray, "height width"]:
        """Return the mask at the image's size."""
        mask = self.frame.masks_in_image(torch.from_numpy(self.logits[None]))[0].numpy()
        for patch in self.patches:
            mask[patch.window] = patch.frame.masks_in_image(torch.from_numpy(patch.logits[None]))[0].numpy()
        return mask

    def in_window(self, rows: slice, columns: slice) -> Float32[np.ndarray, "rows columns"]:
        """Return logits of the image's size in a part of it."""
        values = self.frame.window_in_image(torch.from_numpy(self.logits), rows, columns).numpy()
        height, width = self.frame.image_size_hw
        top, left = rows.indices(height)[0], columns.indices(width)[0]
        for patch in self.patches:
            _paste(patch, values, top, left)
        return values

    def sample(self, x: Float32[np.ndarray, "h w"], y: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
        """Return logits at places of the image, between those that there are."""
        values = _sample(self.logits, self.frame, x, y)
        for patch in self.patches:
            rows, columns = patch.window
            there = (x >= columns.start) & (x < columns.stop) & (y >= rows.start) & (y < rows.stop)
            if there.any():
                finer = _sample(patch.logits, patch.frame, x - patch.x0, y - patch.y0)
                values = np.where(there, finer, values)
        return values


def cell_size_in_image(frame: Frame, mask_size: int) -> float:
    """Return how wide one of the square's logits is, in pixels of the image."""
    return frame.model_size / mask_size / float(frame.scale_xy.max())


def cell_centres_in_image(
    frame: Frame, mask_size: int
) -> tuple[Float32[np.ndarray, "{mask_size} {mask_size}"], Float32[np.ndarray, "{mask_size} {mask_size}"]]:
    """Return x and y of the centres of all logits of a square, also those in its padding, in pixels of the image."""
    middles = (np.arange(mask_size) + 0.5) * (frame.model_size / mask_size)
    x, y = ((middles / scale).astype(np.float32) for scale in frame.scale_xy)
    across, down = np.meshgrid(x, y)
    return across, down


def _sample(logits: Float[np.ndarray, "m m"], frame: Frame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sample logits bilinearly; beyond the outermost logits it is those."""
    cells_a_pixel = frame.scale_xy * (len(logits) / frame.model_size)
    column, row = (place * scale - 0.5 for place, scale in zip((x, y), cells_a_pixel, strict=True))
    return cv2.remap(
        logits, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _paste(patch: Patch, values: Float[np.ndarray, "rows columns"], top: int, left: int) -> None:
    """Overwrite what a patch covers of values whose first pixel is (left, top) of the image."""
    (rows, columns), (height, width) = patch.window, values.shape
    y0, y1 = max(rows.start, top), min(rows.stop, top + height)
    x0, x1 = max(columns.start, left), min(columns.stop, left + width)
    if y0 < y1 and x0 < x1:
        finer = patch.frame.window_in_image(
            torch.from_numpy(patch.logits), slice(y0 - patch.y0, y1 - patch.y0), slice(x0 - patch.x0, x1 - patch.x0)
        )
        values[y0 - top : y1 - top, x0 - left : x1 - left] = finer.numpy()
