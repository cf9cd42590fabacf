"""Refine masks in one crop of the image: it is encoded by itself, and its answer merged along the edges."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from hqsam.engines import EncodedImage, Engine
from hqsam.geometry import Frame, clip_boxes
from hqsam.masks.boundary import iou
from hqsam.masks.boxes import box_of_mask
from hqsam.model.hq_sam import Source
from hqsam.model.preprocess import prepare_image
from hqsam.predict.decode_prompts import decode_prompts
from hqsam.predict.detail_crops import DetailCrop
from hqsam.predict.multiscale_logits import MultiscaleLogits, Patch, cell_centres_in_image, cell_size_in_image
from hqsam.prompts import POSITIVE, Prompts

_BAND = 2.0
"""Distance from the edge, in old cells, up to which new logits count in full; at twice that, not at all."""

_LEAST_AGREEMENT = {"objects": 0.4, "edges": 0.8}
"""The IoU of old and new mask in the crop below which the new one is about something else, and is not taken.

The first look at a small thing in a large image may be far off, and so a new look at the whole may differ; a part of an
edge is easily taken for another thing.
"""

_RIM = 0.08
"""The share of a crop's side along its rim in which the new logits fade out, where the image goes on."""

_SURELY_OUTSIDE = -7.0
"""The logit of a mask prompt in the square's padding: 99.9 % outside."""

Cells = Float32[np.ndarray, "mask_size mask_size"]


@dataclass(frozen=True, eq=False)
class CropRefiner:
    """An encoded crop that refines the masks whose edges pass through it."""

    crop: DetailCrop
    image_size_hw: tuple[int, int]
    engine: Engine
    encoded: EncodedImage

    @classmethod
    def encode(cls, pixels: UInt8[np.ndarray, "height width 3"], crop: DetailCrop, engine: Engine) -> "CropRefiner":
        """Encode a crop of the image."""
        _, resized = prepare_image(np.ascontiguousarray(pixels[crop.window]), engine.config)
        return cls(crop, (pixels.shape[0], pixels.shape[1]), engine, engine.encode([resized])[0])

    def patches(
        self, multiscale: dict[int, MultiscaleLogits], prompts: dict[int, Prompts], source: Source
    ) -> dict[int, Patch]:
        """Return new logits in this crop for masks whose edges pass through it, as far as they are to be trusted.

        Args:
            multiscale: what is known of each mask, by any number.
            prompts: what each was asked with: one prompt each.
            source: whose masks.
        """
        known = {row: self._logits_in_crop(one) for row, one in multiscale.items()}
        known = {row: cells for row, cells in known.items() if self._has_edge(cells)}
        found = self._decode({row: self._prompts_in_crop(prompts[row], cells) for row, cells in known.items()}, source)
        merged = {row: self._merged(known[row], found[row], multiscale[row].cell_size) for row in known}
        return {
            row: Patch(self.crop.x0, self.crop.y0, self.frame, cells)
            for row, cells in merged.items()
            if cells is not None
        }

    @cached_property
    def frame(self) -> Frame:
        """The place of the crop in the model's square."""
        return Frame(self.crop.size_hw, self.engine.config.image_size, self.engine.config.fit)

    @cached_property
    def _cell_centres(self) -> tuple[Cells, Cells]:
        """The x and y of the cells in the crop."""
        return cell_centres_in_image(self.frame, self.engine.config.mask_size)

    @cached_property
    def _in_crop(self) -> Bool[np.ndarray, "mask_size mask_size"]:
        """The cells that are no padding."""
        (x, y), (height, width) = self._cell_centres, self.crop.size_hw
        return (x < width) & (y < height)

    @cached_property
    def _trust(self) -> Cells:
        """1 within the crop, fading to 0 along those sides of its rim beyond which the image goes on."""
        (x, y), (height, width), crop = self._cell_centres, self.crop.size_hw, self.crop
        far = np.float32(max(height, width))
        to_rim = [
            x if crop.x0 > 0 else far,
            y if crop.y0 > 0 else far,
            width - x if crop.x1 < self.image_size_hw[1] else far,
            height - y if crop.y1 < self.image_size_hw[0] else far,
        ]
        return np.clip(np.minimum.reduce(np.broadcast_arrays(*to_rim)) / (_RIM * far), 0, 1).astype(np.float32)

    def _logits_in_crop(self, multiscale: MultiscaleLogits) -> Cells:
        """Return a mask's logits so far, at this crop's cells."""
        x, y = self._cell_centres
        known = multiscale.sample(x + self.crop.x0, y + self.crop.y0)
        return np.where(self._in_crop, known, np.float32(_SURELY_OUTSIDE))

    def _has_edge(self, known: Cells) -> bool:
        inside = known[self._in_crop] > 0
        return bool(inside.any() and not inside.all())

    def _prompts_in_crop(self, prompt: Prompts, known: Cells) -> Prompts:
        """Return the prompt in the crop's pixels, with the mask so far as mask prompt.

        Where the crop does not hold the box, or none of the clicks, the box of what is known stands for them. It does
        not beside clicks: a wrong mask would get a wrong box, from which no click brings it back.
        """
        origin, (height, width) = np.array([self.crop.x0, self.crop.y0]), self.crop.size_hw
        points, boxes = prompt.points - origin, None
        here = ((points[0] >= 0) & (points[0] < (width, height))).all(axis=1)
        if prompt.boxes is not None:
            boxes = prompt.boxes - np.tile(origin, 2)
        holds_box = boxes is not None and (boxes[0, :2] >= 0).all() and (boxes[0, 2:] <= (width, height)).all()
        if not holds_box and (boxes is not None or not (prompt.labels[0, here] == POSITIVE).any()):
            boxes = self._box_of(known)
        return Prompts(self.frame, points[:, here], prompt.labels[:, here], boxes, known[None])

    def _box_of(self, known: Cells) -> Float[np.ndarray, "1 4"]:
        """Return the box around what is known to be inside, in the crop's pixels."""
        cells = box_of_mask(known > 0)[None]
        return clip_boxes(self.frame.boxes_to_image(cells * (self.frame.model_size / len(known))), self.crop.size_hw)

    def _decode(self, asked: dict[int, Prompts], source: Source) -> dict[int, Cells]:
        """Return the crop's own logits for each prompt."""
        answers: dict[int, Cells] = {}
        rows = list(asked)
        for numbers, prompts in Prompts.batches(list(asked.values())):
            logits = decode_prompts(self.engine, self.encoded, prompts, source).logits[:, 0].numpy()
            answers |= {rows[number]: cells for number, cells in zip(numbers, logits, strict=True)}
        return answers

    def _merged(self, known: Cells, found: Cells, known_cell: float) -> Cells | None:
        """Return the new logits near the known edge, the known ones elsewhere; None if they are of different things."""
        inside = known > 0
        if iou(inside & self._in_crop, (found > 0) & self._in_crop) < _LEAST_AGREEMENT[self.crop.shows]:
            return None
        closer_by = known_cell / cell_size_in_image(self.frame, len(known))
        new = np.clip(2 - _distance_to_edge(inside) / (_BAND * closer_by), 0, 1) * self._trust
        return (known + new * (found - known)).astype(np.float32)


def _distance_to_edge(inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Return the distance of each cell to the edge, in cells, from either side."""
    to_outside, to_inside = (
        cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for side in (inside, ~inside)
    )
    return np.maximum(to_outside, to_inside)
