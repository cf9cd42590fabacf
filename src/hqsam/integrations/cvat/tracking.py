"""CVAT's tracking function: masks, polygons and rectangles are followed from frame to frame.

>>> cvat-cli function create-native "HQ-SAM" --function-module hqsam.integrations.cvat.tracking -p model=str:vit_l
"""

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from hqsam.errors import PromptError
from hqsam.integrations.cvat.create import create_with
from hqsam.integrations.cvat.masks import crop_of, encode_mask
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.polygons import Polygon, from_polygons, to_polygons
from hqsam.masks.rle import encode
from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter
from hqsam.video.trackers import Memory, tracker_for

if TYPE_CHECKING:
    from PIL.Image import Image

SHAPES = ("mask", "polygon", "rectangle")
_TOLERANCE = 1.0
"""Pixels that a polygon may be off, for outlines that people can edit."""


@dataclass(frozen=True)
class EncodedFrame:
    """A frame that any number of shapes are followed into."""

    frame: Any
    size_hw: tuple[int, int]


@dataclass
class TrackingState:
    """One shape that is followed; it is brought up to each frame in its turn."""

    memory: Memory


class TrackingFunction:
    """Follows shapes; the agent keeps their states between its requests."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter, self._tracker, self._numbers = segmenter, tracker_for(segmenter), count()
        self._cvat: Any = require("cvat_sdk.auto_annotation", extra="cvat")
        self.spec = self._cvat.TrackingFunctionSpec(supported_shape_types=SHAPES)

    def preprocess_image(self, context: Any, image: "Image") -> EncodedFrame:
        """Return the encoded frame."""
        del context
        pixels = np.asarray(image.convert("RGB"))
        return EncodedFrame(self._tracker.encode(pixels, next(self._numbers)), (image.height, image.width))

    def init_tracking_state(self, context: Any, pp_image: EncodedFrame, shape: Any) -> TrackingState:
        """Return the state of a shape on its first frame. Masks and polygons are taken as they are; in a rectangle the
        model finds the object.

        Raises:
            PromptError: the shape has no pixel in the frame.
            DataError: the numbers of a mask are none of CVAT's.
        """
        del context
        if shape.type == "rectangle":
            x0, y0, x1, y1 = shape.points
            box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            answer = self._tracker.answer(pp_image.frame, {"box": np.array(box)})
        else:
            answer = self._tracker.given(pp_image.frame, _mask_of(shape, pp_image.size_hw))
        if not answer.mask.any():
            raise PromptError(f"the {shape.type} has no pixel in the frame, so there is nothing to follow")
        frame = pp_image.frame
        return TrackingState(self._tracker.remember(lambda: frame, frame.index, answer, None, prompted=True))

    def track(self, context: Any, pp_image: EncodedFrame, state: TrackingState) -> Any:
        """Return the shape on the next frame, of the same type; None where the object is not seen. A later frame may
        find it again."""
        ((answer, state.memory),) = self._tracker.step(pp_image.frame, [state.memory], reverse=False)
        if not answer.present or not answer.mask.any():
            return None
        kind = context.original_shape_type
        return self._cvat.TrackableShape(type=kind, points=_points_of(answer.mask, kind))


def _mask_of(shape: Any, size_hw: tuple[int, int]) -> np.ndarray:
    if shape.type == "polygon":
        return from_polygons([Polygon(np.asarray(shape.points, np.float64).reshape(-1, 2))], size_hw)
    crop, (left, top, right, bottom) = crop_of(shape.points)
    mask = np.zeros(size_hw, bool)
    part = mask[top : bottom + 1, left : right + 1]
    part[:] = crop[: part.shape[0], : part.shape[1]]
    return mask


def _points_of(mask: np.ndarray, kind: str) -> list[float]:
    if kind == "mask":
        return [float(number) for number in encode_mask(encode(mask))]
    if kind == "rectangle":
        return box_of_mask(mask).astype(float).tolist()
    outer = [polygon.rings[0] for polygon in to_polygons(mask, _TOLERANCE)]
    return max(outer, key=_area).ravel().tolist()  # CVAT follows one ring: that of the largest part


def _area(ring: np.ndarray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


create = create_with(TrackingFunction)
