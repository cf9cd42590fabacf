"""How a photo and its true masks are shown to a model, and how its logits become a mask of the photo.

    user      the session that every user gets: aspect kept, masks by SAM's two bilinear steps
    official  how the paper's numbers of the four fine sets were made: all squashed to the model's square, prompts
              drawn there, and logits brought to the photo's size in one bilinear step

The two give different numbers. A report always names the one it used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, cast, get_args, runtime_checkable

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from hqsam.data.prompting import box_of
from hqsam.errors import OptionError
from hqsam.geometry import Frame
from hqsam.masks.boxes import box_of_mask
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session

Mask = Bool[np.ndarray, "height width"]
Gray = UInt8[np.ndarray, "height width"]
ShownMask = Bool[np.ndarray, "shown_height shown_width"]
"""In the pixels of what the model is shown."""
Pipeline = Literal["user", "official"]


@runtime_checkable
class ModelView(Protocol):
    """A photo as a pipeline shows it. Prompts are in the pixels of what is shown."""

    @property
    def pixels(self) -> UInt8[np.ndarray, "shown_height shown_width 3"]:
        """What the session is opened with."""
        ...

    def show(self, mask: Mask, gray: Gray | None = None) -> ShownMask:
        """A mask of the photo, as it lies in what is shown; `gray` is the picture that it was cut from."""
        ...

    def box_of(self, shown: ShownMask) -> Float[np.ndarray, "4"]:
        """The box of a mask that is shown, as the pipeline gives boxes: x0, y0, x1, y1."""
        ...

    def show_box(self, box_xyxy: Sequence[float]) -> Float[np.ndarray, "4"]:
        """A box of the photo, as it lies in what is shown."""
        ...

    def mask_prompt(self, coarse: Mask, mask_size: int) -> np.ndarray:
        """A coarse mask, of any size over the whole photo, as the pipeline gives mask prompts."""
        ...

    def mask(self, logits: Float[np.ndarray, "h w"]) -> Mask:
        """The mask of the photo that an answer's logits mean."""
        ...


def open_view(pipeline: Pipeline, pixels: UInt8[np.ndarray, "height width 3"], size: int) -> ModelView:
    """The photo as the pipeline shows it to a model that sees `size` x `size` pixels."""
    return UserView(pixels, size) if pipeline == "user" else OfficialView.of(pixels, size)


def check_pipeline(name: str) -> Pipeline:
    """The pipeline of that name.

    Raises:
        OptionError: there is none.
    """
    if name not in get_args(Pipeline):
        raise OptionError(f"unknown pipeline {name!r}; choose official, as the paper, or user, as sessions work")
    return cast("Pipeline", name)


def encode(segmenter: Segmenter, views: Sequence[ModelView]) -> Iterator[Session]:
    """The sessions of several views, encoded in one batch."""
    return segmenter.open_many([view.pixels for view in views], batch_size=max(1, len(views)))


@dataclass(frozen=True, eq=False)
class UserView:
    """The photo as it is."""

    pixels: UInt8[np.ndarray, "height width 3"]
    size: int

    def show(self, mask: Mask, gray: Gray | None = None) -> ShownMask:
        return mask

    def box_of(self, shown: ShownMask) -> Float[np.ndarray, "4"]:
        return box_of_mask(shown).astype(np.float64)

    def show_box(self, box_xyxy: Sequence[float]) -> Float[np.ndarray, "4"]:
        return np.asarray(box_xyxy, np.float64)

    def mask_prompt(self, coarse: Mask, mask_size: int) -> np.ndarray:
        return _resized(coarse, (self.pixels.shape[0], self.pixels.shape[1]))

    def mask(self, logits: Float[np.ndarray, "h w"]) -> Mask:
        height, width = self.pixels.shape[:2]
        return Frame((height, width), self.size).masks_in_image(torch.from_numpy(logits[None]))[0].numpy()


@dataclass(frozen=True, eq=False)
class OfficialView:
    """The photo squashed to the model's square, whatever its aspect."""

    pixels: UInt8[np.ndarray, "size size 3"]
    photo_hw: tuple[int, int]

    @classmethod
    def of(cls, photo: UInt8[np.ndarray, "height width 3"], size: int) -> "OfficialView":
        """Squash a photo: bilinear without smoothing, and fractions cut off, as the official loader does."""
        channels = torch.from_numpy(np.array(photo)).permute(2, 0, 1).float()
        squashed = _bilinear(channels, (size, size)).permute(1, 2, 0)
        return cls(squashed.numpy().astype(np.uint8), (photo.shape[0], photo.shape[1]))

    def show(self, mask: Mask, gray: Gray | None = None) -> ShownMask:
        """Squashed as the photo is, and only then cut.

        A structure so thin that nothing of it is left, on which the official code fails, is kept as the pixels
        that its own pixels fall into.
        """
        values = torch.from_numpy(np.array(mask * 255.0 if gray is None else gray, np.float32))
        height, width = self.pixels.shape[:2]
        squashed = (_bilinear(values[None], (height, width))[0] > 128).numpy()
        return squashed if squashed.any() else self._touched_by(mask)

    def box_of(self, shown: ShownMask) -> Float[np.ndarray, "4"]:
        """The maxima are the last pixels themselves; a box of one pixel, which would have no area, ends one later."""
        box = box_of(shown).astype(np.float64)
        return box if (box[2:] > box[:2]).all() else box_of_mask(shown).astype(np.float64)

    def show_box(self, box_xyxy: Sequence[float]) -> Float[np.ndarray, "4"]:
        return np.asarray(box_xyxy, np.float64) * np.tile(self._scale_xy, 2)

    def mask_prompt(self, coarse: Mask, mask_size: int) -> np.ndarray:
        """0 where it is not and 255 where it is, as HQ-SAM was trained; these are no logits."""
        return _resized(coarse, (mask_size, mask_size)) * np.float32(255)

    def mask(self, logits: Float[np.ndarray, "h w"]) -> Mask:
        return (_bilinear(torch.from_numpy(logits[None]), self.photo_hw)[0] > 0).numpy()

    @property
    def _scale_xy(self) -> np.ndarray:
        return np.array(self.pixels.shape[1::-1]) / np.array(self.photo_hw[::-1])

    def _touched_by(self, mask: Mask) -> ShownMask:
        shown = np.zeros(self.pixels.shape[:2], bool)
        rows, columns = np.nonzero(mask)
        scale_x, scale_y = self._scale_xy
        shown[(rows * scale_y).astype(int), (columns * scale_x).astype(int)] = True
        return shown


def _resized(mask: Mask, size_hw: tuple[int, int]) -> ShownMask:
    """Bilinear, cut at one half; one that is of that size already stays as it is."""
    return cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR) > 0.5


def _bilinear(maps: Tensor, size_hw: tuple[int, int]) -> Tensor:
    return F.interpolate(maps[None], size_hw, mode="bilinear", align_corners=False)[0]
