"""The measure of a quantised encoder: the mean IoU of masks that are made from its features."""

from collections.abc import Iterable

import numpy as np

from hqsam.engines.exported.engine import ExportedEngine
from hqsam.engines.exported.graph_file import GraphFile, GraphFolder
from hqsam.export.int8.photos import MeasuredPhoto, choices_of, first_of_each
from hqsam.masks.boundary import iou
from hqsam.predict.segmenter import Segmenter

MOST_LOST = 0.01
"""Mean IoU that int8 may cost."""


def photo_ious(graphs: GraphFolder, encoder: GraphFile, photos: Iterable[MeasuredPhoto]) -> list[float]:
    """Return each photo's mean IoU of masks by box with those that are right.

    Args:
        graphs: the folder whose decoder makes the masks.
        encoder: the encoder to measure, which need not be the folder's.
        photos: photos with boxes and masks.
    """
    description = graphs.description
    segmenter = Segmenter(ExportedEngine(GraphFolder(description, encoder, graphs.decoder), "measured"))
    choices = choices_of(description)
    found: list[float] = []
    for photo in photos:
        every = segmenter.open(photo.image).segment(boxes=photo.boxes, **choices).masks
        masks = first_of_each(every, len(photo.boxes))
        found.append(float(np.mean([iou(mask, right) for mask, right in zip(masks, photo.masks, strict=True)])))
    return found


def mean_iou(graphs: GraphFolder, encoder: GraphFile, photos: Iterable[MeasuredPhoto]) -> float:
    """Return the mean of `photo_ious`."""
    return float(np.mean(photo_ious(graphs, encoder, photos)))
