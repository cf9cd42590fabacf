"""Every object of an image, unasked: clicks on a grid, and of all their masks those that are good, stable and distinct.

The official generator makes each mask at the photo's size before it looks at it. Here a mask is dropped as early as it
can be known: by its predicted IoU before it is made, by its stability and its box while it is small; only those that
are left reach the photo's size, and as run lengths at that.
"""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import UInt8

from hqsam.engines import Engine
from hqsam.masks.overlap import box_iou
from hqsam.predict.found import Found
from hqsam.predict.grid import points_of, views_of
from hqsam.predict.search import Search, Settled
from hqsam.predict.tidying import tidy
from hqsam.predict.view_search import ViewSearch

Progress = Callable[[int, int], None]
"""Told how many clicks are done, and how many there are. May raise, to stop."""


def find_everything(
    engine: Engine, pixels: UInt8[np.ndarray, "height width 3"], search: Search, progress: Progress | None = None
) -> Iterator[Found]:
    """Masks one by one, each as soon as it is certain to be kept; close the iterator to stop.

    Args:
        engine: the model.
        pixels: the photo.
        search: what to look for.
        progress: called after each batch of clicks.

    Raises:
        OptionError: the model has no such source.
    """
    settled = search.for_engine(engine)
    found = _find(engine, pixels, search, settled, progress or (lambda done, total: None))
    if search.min_mask_region_area == 0:
        return found
    max_iou = max(search.box_nms_thresh, search.crop_nms_thresh)
    return tidy(found, search.min_mask_region_area, max_iou)


def _find(engine: Engine, pixels: np.ndarray, search: Search, settled: Settled, progress: Progress) -> Iterator[Found]:
    views = views_of((pixels.shape[0], pixels.shape[1]), search)
    done, total = 0, sum(len(points_of(view, search)) for view in views)
    taken = np.zeros((0, 4))
    for view in views:
        in_view = ViewSearch(engine, pixels, view, search, settled)
        for clicks in in_view.click():
            done += clicks
            progress(done, total)
        for one in in_view.results():
            box = one.box_xyxy[None]
            if len(views) == 1 or not (box_iou(box, taken) > search.crop_nms_thresh).any():
                taken = np.concatenate([taken, box])
                yield one
