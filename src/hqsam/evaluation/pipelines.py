"""Pipelines: how an image and its ground truth are given to a model, and how logits become a mask of the image.

    user      the session that every user gets: the image padded or squashed as the model has it, prompts drawn in its
              own pixels, masks as the session makes them
    official  how the paper's numbers of the four fine sets were made: all squashed to the model's square, prompts
              drawn there, and logits brought to the image's size in one bilinear step. The image itself is squashed as
              in HQ-SAM's evaluation, without smoothing; models that squash every image (SAM 2) do it their own way

The two give different numbers. A report always names the one it used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional as F

from hqsam.data.prompting import box_of
from hqsam.geometry import Fit, Frame
from hqsam.masks.boxes import box_of_mask
from hqsam.model.preprocess import resize_image
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session

Mask = Bool[np.ndarray, "height width"]
Gray = UInt8[np.ndarray, "height width"]
ShownMask = Bool[np.ndarray, "shown_height shown_width"]
"""A mask in the pixels of what the session is opened with."""
Pipeline = Literal["user", "official"]


@dataclass(frozen=True, eq=False)
class FramedImage:
    """An image as a pipeline gives it to the model; prompts are in its own pixels, or in those of the square."""

    shown: UInt8[np.ndarray, "_ _ 3"]
    """The pixels that the session is opened with: the image itself, or squashed to the model's square."""
    frame: Frame
    """The image's place in the model's square, padded or squashed."""
    in_square: bool
    """True if prompts are drawn in the model's square and not in the image."""
    fit: Fit
    """The model's own way to fit an image into its square."""

    @classmethod
    def of(
        cls, pipeline: Pipeline, image: UInt8[np.ndarray, "height width 3"], size: int, fit: Fit = "pad"
    ) -> "FramedImage":
        """Frame an image for a model that sees `size` x `size` pixels, into which it fits images by `fit`."""
        official = pipeline == "official"
        frame = Frame((image.shape[0], image.shape[1]), size, "squash" if official else fit)
        return cls(resize_image(image, frame) if official and fit == "pad" else image, frame, official, fit)

    @property
    def shown_hw(self) -> tuple[int, int]:
        """Height and width of what prompts are drawn in."""
        return self.frame.resized_hw if self.in_square else self.frame.image_size_hw

    def show(self, mask: Mask, gray: Gray | None = None) -> ShownMask:
        """Return a mask of the image in the pixels that prompts are drawn in.

        `gray` is the stored mask that it was cut from.
        Masks are squashed as images are and only then cut. A structure so thin that nothing of it is left, on which
        the official code fails, is kept as the pixels that its own pixels fall into.
        """
        if not self.in_square:
            return mask
        values = torch.from_numpy(np.array(mask * 255.0 if gray is None else gray, np.float32))
        height, width = self.frame.resized_hw
        squashed = F.interpolate(values[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0] > 128
        return squashed.numpy() if squashed.any() else self._touched_by(mask)

    def box_of(self, shown: ShownMask) -> Float[np.ndarray, "4"]:
        """Return the box x0, y0, x1, y1 of a mask that `show` returned.

        Officially it ends on the last pixels themselves; one of a single pixel, which would have no area, after them.
        """
        official = box_of(shown).astype(np.float64)
        has_area = (official[2:] > official[:2]).all()
        return official if self.in_square and has_area else box_of_mask(shown).astype(np.float64)

    def show_box(self, box_xyxy: Sequence[float]) -> Float[np.ndarray, "4"]:
        """Return a box of the image in the pixels that prompts are drawn in."""
        box = np.asarray(box_xyxy, np.float64)
        return self.frame.boxes_to_model(box) if self.in_square else box

    def mask_prompt(self, coarse: Mask, mask_size: int) -> np.ndarray:
        """Return a coarse mask, of any size over the whole image, as a mask prompt.

        Officially it is 0 outside and 255 inside in the decoder's size, as HQ-SAM was trained; these are no logits. SAM
        2 gets logits, as the session makes them.
        """
        if self.in_square and self.fit == "squash":
            return _resized(coarse, self.shown_hw)
        if self.in_square:
            return _resized(coarse, (mask_size, mask_size)) * np.float32(255)
        return _resized(coarse, self.frame.image_size_hw)

    def mask(self, logits: Float[np.ndarray, "h w"]) -> Mask:
        """Return the mask of the image that logits mean."""
        return self.frame.masks_in_image(torch.from_numpy(logits[None]))[0].numpy()

    def _touched_by(self, mask: Mask) -> ShownMask:
        shown = np.zeros(self.frame.resized_hw, bool)
        columns, rows = self.frame.points_to_model(np.argwhere(mask)[:, ::-1]).astype(int).T
        shown[rows, columns] = True
        return shown


def encode(segmenter: Segmenter, images: Sequence[FramedImage]) -> Iterator[Session]:
    """Yield the sessions of several images, encoded in one batch; prompts and masks of each are in `shown_hw`."""
    sessions = segmenter.open_many([image.shown for image in images], batch_size=max(1, len(images)))
    for image, session in zip(images, sessions, strict=True):
        frame = session.frame
        if frame.image_size_hw != image.shown_hw:
            frame = replace(frame, image_size_hw=image.shown_hw)
        yield replace(session, frame=frame)


def _resized(mask: Mask, size_hw: tuple[int, int]) -> ShownMask:
    """Return a mask resized bilinearly and cut at one half; one of that size already stays as it is."""
    return cv2.resize(mask.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
