"""Detection in the image and in crops of it, where small objects are large enough to be seen."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from hqsam.errors import OptionError
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.point_grid import GridCrop, generate_crops, is_near_crop_edge
from hqsam.text.detector import Detections, Detector


def detect_in_crops(
    detector: Detector,
    pixels: UInt8[np.ndarray, "height width 3"],
    labels: Sequence[str],
    threshold: float | None = None,
    crops: int = 0,
) -> Detections:
    """Return the boxes that a detector finds in an image and in its crops, in the image's pixels, duplicates and all.

    Args:
        detector: is asked once for the image and once for each crop.
        pixels: the image in RGB.
        labels: what to look for.
        threshold: lowest score; None is the detector's own.
        crops: layers of crops, as the mask generator has them: layer n is 2^n x 2^n crops that overlap. A box that ends
            where a crop was cut off is left out.

    Raises:
        OptionError: that is no number of layers.
    """
    if isinstance(crops, bool) or not isinstance(crops, int) or crops < 0:
        raise OptionError(f"crops is {crops!r}; give a number of layers, 0 or more")
    config = MaskGeneratorConfig(crop_n_layers=crops)
    size_hw = (pixels.shape[0], pixels.shape[1])
    found = [_in_crop(detector, pixels, labels, threshold, crop) for crop in generate_crops(size_hw, config)]
    return Detections(
        np.concatenate([one.boxes for one in found]),
        np.concatenate([one.scores for one in found]),
        tuple(label for one in found for label in one.labels),
    )


def _in_crop(
    detector: Detector, pixels: np.ndarray, labels: Sequence[str], threshold: float | None, crop: GridCrop
) -> Detections:
    x0, y0, x1, y1 = crop.box_xyxy
    found = detector.detect(np.ascontiguousarray(pixels[y0:y1, x0:x1]), labels, threshold)
    boxes = np.asarray(found.boxes, np.float64).reshape(-1, 4)
    whole = np.flatnonzero(~is_near_crop_edge(boxes, crop, (pixels.shape[0], pixels.shape[1])))
    return Detections(boxes + np.tile(crop.origin_xy, 2), np.asarray(found.scores), found.labels).rows(whole)
