"""Hundreds of masks over their photo, drawn at once: each pixel has the colour of the topmost mask, edges are crisp."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from hqsam.images.overlay import line_width
from hqsam.images.palette import INK, WHITE, colour_of
from hqsam.images.row_chunks import row_chunks
from hqsam.masks.label_map import paint
from hqsam.masks.runs import Runs

_LINE = 0.35
"""The reach of a line to either side, in widths of an overlay's contour."""


def label_map_overlay(
    image: UInt8[np.ndarray, "height width 3"], masks: Sequence[Runs], opacity: float = 0.5
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the image under a veil of colours, small masks over large ones, with a line where the colour changes.

    It takes the time of one mask, however many there are; `images.overlay` draws each mask by itself.
    """
    labels = paint(masks, image.shape[:2])
    colours = np.array([WHITE, *(colour_of(index) for index in range(len(masks)))], np.float32)
    veil = np.array([0.0, *[opacity] * len(masks)], np.float32)
    width = line_width(labels.shape)
    drawn = np.empty(image.shape, np.uint8)
    for chunk in row_chunks(labels.shape, margin=math.ceil(_LINE * width) + 2):
        around = np.ascontiguousarray(labels[chunk.around])
        own, line = around[chunk.inner], _edges(around, width)[chunk.inner][..., None]
        under = image[chunk.rows].astype(np.float32)
        under += (colours[own] - under) * veil[own][..., None]
        bright = np.where(own[..., None] > 0, 0.45 * colours[own] + 0.55 * np.array(WHITE, np.float32), INK)
        drawn[chunk.rows] = np.rint(under + (bright - under) * line)
    return drawn


def _edges(labels: np.ndarray, width: float) -> np.ndarray:
    """Return the share of each pixel, 0 to 1, that a line along the borders of the labels covers."""
    change = np.zeros(labels.shape, bool)
    change[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    change[1:] |= labels[1:] != labels[:-1]
    distance = cv2.distanceTransform((~change).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(_LINE * width + 0.5 - distance, 0, 1)
