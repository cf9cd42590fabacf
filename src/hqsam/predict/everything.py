"""The mask generator: clicks on a grid, and of all their masks those that are good, stable and distinct.

The official generator makes each mask at the image's size before it looks at it. Here a mask is dropped as early as it
can be known: by its predicted IoU before it is made, by its stability and its box while it is small; only those that
are left reach the image's size, and as run lengths at that.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import UInt8

from hqsam.engines import Engine
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import box_iou
from hqsam.predict.crop_mask_generator import CropMaskGenerator
from hqsam.predict.mask_generator_config import MaskGeneratorConfig, ResolvedConfig
from hqsam.predict.point_grid import generate_crops, points_in_crop
from hqsam.predict.small_regions import postprocess_small_regions

Progress = Callable[[int, int], None]
"""A function that is called with how many clicks are done, and how many there are. It may raise, to stop."""


def find_everything(
    engine: Engine,
    pixels: UInt8[np.ndarray, "height width 3"],
    config: MaskGeneratorConfig,
    progress: Progress | None = None,
) -> Iterator[Instances]:
    """Yield masks one by one, each as soon as it is certain to be kept; close the iterator to stop.

    Args:
        engine: the model.
        pixels: the image.
        config: what to look for.
        progress: called after each batch of clicks, and with the same numbers while edges are made finer.

    Raises:
        OptionError: the model has no such source.
    """
    resolved = config.resolve(engine)
    found = _find(engine, pixels, config, resolved, progress or (lambda done, total: None))
    if config.min_mask_region_area == 0:
        return found
    max_iou = max(config.box_nms_thresh, config.crop_nms_thresh)
    return postprocess_small_regions(found, config.min_mask_region_area, max_iou)


def nothing(pixels: UInt8[np.ndarray, "height width 3"]) -> Instances:
    """Return no masks of an image, with the columns that those of `find_everything` have."""
    columns = {
        "point_coords": np.zeros((0, 1, 2)),
        "stability_score": np.zeros(0),
        "crop_box": np.zeros((0, 4), np.int64),
    }
    return Instances.empty((pixels.shape[0], pixels.shape[1])).with_columns(**columns)


def _find(
    engine: Engine, pixels: np.ndarray, config: MaskGeneratorConfig, resolved: ResolvedConfig, progress: Progress
) -> Iterator[Instances]:
    crops = generate_crops((pixels.shape[0], pixels.shape[1]), config)
    done, total = 0, sum(len(points_in_crop(crop, config)) for crop in crops)
    taken = np.zeros((0, 4))

    def may_stop() -> None:
        progress(done, total)

    for crop in crops:
        in_crop = CropMaskGenerator(engine, pixels, crop, config, resolved, may_stop)
        for clicks in in_crop.decode_points():
            done += clicks
            progress(done, total)
        for one in in_crop.masks():
            box = one.boxes
            if len(crops) == 1 or not (box_iou(box, taken) > config.crop_nms_thresh).any():
                taken = np.concatenate([taken, box])
                yield one
