"""CVAT's detection function: every object of an image, or the objects in a detector's boxes.

>>> cvat-cli task auto-annotate 7 --function-module hqsam.integrations.cvat.detection -p boxes=str:detections.json
"""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hqsam.errors import DataWarning, OptionError
from hqsam.integrations.cvat.frame_boxes import FrameBoxes
from hqsam.integrations.cvat.masks import encode_mask
from hqsam.masks.instances import Instances
from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter, load

if TYPE_CHECKING:
    from PIL.Image import Image

SHAPES = ("mask", "polygon", "rectangle")
_TOLERANCE = 1.0
"""Pixels that a polygon may be off, for outlines that people can edit."""


class DetectionFunction:
    """Annotates one image after another with masks, polygons or rectangles."""

    def __init__(self, segmenter: Segmenter, boxes: FrameBoxes | None, label: str, shape: str, **settings: Any) -> None:
        self._segmenter, self._boxes, self._shape, self._settings = segmenter, boxes, shape, settings
        self._cvat: Any = require("cvat_sdk.auto_annotation", extra="cvat")
        labels = (label,) if boxes is None else boxes.labels
        self._ids = {name: number for number, name in enumerate(labels)}
        self.spec = self._cvat.DetectionFunctionSpec(
            labels=[self._cvat.label_spec(name, number, type=shape) for name, number in self._ids.items()]
        )

    def detect(self, context: Any, image: "Image") -> list[Any]:
        """Return a shape for each object, or one for each of its parts where they are polygons."""
        found = self._everything(image) if self._boxes is None else self._in_boxes(image, context.frame_name)
        least = context.conf_threshold or 0.0
        kept = found[np.isnan(found.scores) | (found.scores >= least)]
        shape = "polygon" if self._shape == "mask" and context.conv_mask_to_poly else self._shape
        return [made for one in kept if one.areas[0] for made in self._shapes(one, shape)]

    def _everything(self, image: "Image") -> Instances:
        (label,) = self._ids
        return self._segmenter.everything(image, **self._settings).with_labels(label)

    def _in_boxes(self, image: "Image", frame_name: str) -> Instances:
        boxes = self._boxes.of(frame_name) if self._boxes else None
        if boxes is None:
            warnings.warn(
                f"there are no boxes for {frame_name}; its name is not in the file", DataWarning, stacklevel=2
            )
        if not boxes:
            return Instances.empty((image.height, image.width))
        found = self._segmenter.open(image).segment(boxes=[one.box_xyxy for one in boxes])
        scores = [mask if one.score is None else one.score for one, mask in zip(boxes, found.scores, strict=True)]
        labels = [one.label for one in boxes]
        return Instances.from_rle(found.to_rle(), found.image_size_hw, scores=scores, labels=labels)

    def _shapes(self, one: Instances, shape: str) -> Iterator[Any]:
        label = self._ids[one.labels[0]]
        if shape == "mask":
            yield self._cvat.mask(label, encode_mask(one.rle[0]))
        elif shape == "rectangle":
            yield self._cvat.rectangle(label, one.boxes[0].astype(float).tolist())
        else:
            for polygon in one.to_polygons(_TOLERANCE)[0]:
                yield self._cvat.polygon(label, polygon.exterior.astype(float).ravel().tolist())


def create(
    model: str = "nano",
    boxes: str = "",
    label: str = "object",
    shape: str = "mask",
    points_per_side: int = 32,
    device: str = "auto",
    precision: str = "auto",
) -> DetectionFunction:
    """Return the function; cvat-cli gives the arguments by `-p NAME=TYPE:VALUE`.

    Args:
        model: a name of `hqsam weights list`, or a checkpoint file.
        boxes: a COCO file of a detector's boxes, whose images have the names of the task's frames and whose categories
            are the labels; "" for every object of an image.
        label: the label of all objects where there are no boxes.
        shape: "mask", "polygon" (without holes, one for each part) or "rectangle".
        points_per_side: the grid of clicks by which every object is found.
        device: as for `hqsam.load`.
        precision: as for `hqsam.load`.

    Raises:
        MissingExtra: cvat-sdk is not installed.
        OptionError: there is no such shape, model, device or precision.
        DataError: the boxes cannot be read.
        DownloadError: the weights are not here and cannot be fetched.
    """
    require("cvat_sdk.auto_annotation", extra="cvat")
    if shape not in SHAPES:
        raise OptionError(f"shape is {shape!r}; choose one of {', '.join(SHAPES)}")
    known = FrameBoxes(boxes) if boxes else None
    return DetectionFunction(load(model, device, precision), known, label, shape, points_per_side=points_per_side)
