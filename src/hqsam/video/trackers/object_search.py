"""Look for an object that was lost: clicks around its last place, judged by size and colours."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from hqsam.masks.boxes import box_of_mask
from hqsam.predict.session import Session
from hqsam.video.trackers.appearance import colours_of, similarity

_CLICKS_PER_SIDE = 5
_FOUND_AT = 0.5
"""Place, between the colours' similarity to the surroundings (0) and to the object (1), from which it is found: higher
than the one at which it is lost, because a wrong find is followed on."""
_SIZES = (0.4, 2.5)
"""Range of a find's area: at least this share of the last one, at most this share of the usual one."""
_JUDGED = 8
"""Masks whose colours are looked at, those of the highest scores."""


@dataclass(frozen=True, eq=False)
class SearchArea:
    """The place where an object may be."""

    last_mask: Bool[np.ndarray, "height width"]
    """The mask that it was last seen with, which may be the little that something before it left."""
    usual_share: float
    """The usual share of the frame that it takes."""
    lost_for: int
    """Frames since then: the longer, the wider the search."""

    @property
    def usual_area(self) -> float:
        """Its usual area in pixels, not below that of the last mask."""
        return max(self.usual_share * self.last_mask.size, float(self.last_mask.sum()))

    def clicks(self) -> Float32[np.ndarray, "click 2"]:
        """Return points x, y in a grid around the last place, all inside the picture."""
        x0, y0, x1, y1 = box_of_mask(self.last_mask).astype(float)
        across, down = (max(side, self.usual_area**0.5) for side in (x1 - x0, y1 - y0))
        wider = 1 + 0.2 * min(self.lost_for, 30)
        steps = np.linspace(-0.5, 0.5, _CLICKS_PER_SIDE)
        height, width = self.last_mask.shape
        xs = np.clip((x0 + x1) / 2 + steps * (1 + wider) * across, 0, width - 1)
        ys = np.clip((y0 + y1) / 2 + steps * (1 + wider) * down, 0, height - 1)
        return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float32)


def find_again(
    session: Session,
    lab: UInt8[np.ndarray, "rows columns 3"],
    area: SearchArea,
    colours: Float32[np.ndarray, "bin"],
    floor: float,
    source: str | None = None,
) -> tuple[Bool[np.ndarray, "height width"], float] | None:
    """Return the mask that is most like a lost object, and how alike their colours are; None if none is like it.

    Args:
        session: the encoded frame.
        lab: the frame in CIELAB, of any size.
        area: where to look.
        colours: the object's colours.
        floor: the similarity of these to the object's surroundings.
        source: the source of masks.
    """
    last = int(area.last_mask.sum())
    if not last:
        return None
    clicks = area.clicks()[:, None]
    found = session.segment(points=clicks, labels=np.ones(clicks.shape[:2], np.int64), candidates=3, source=source)
    least, most = _SIZES[0] * last, _SIZES[1] * area.usual_area
    areas = np.count_nonzero(found.logits > 0, axis=(1, 2)) / _cells(session) * area.last_mask.size
    fitting = np.flatnonzero((areas >= least) & (areas <= most))
    best = fitting[np.argsort(-found.scores[fitting], kind="stable")][:_JUDGED]
    judged = [(similarity(colours, colours_of(lab, _resized(found.mask(int(row)), lab))), int(row)) for row in best]
    if not judged:
        return None
    alike, row = max(judged)
    return (found.mask(row), alike) if alike >= floor + _FOUND_AT * (1 - floor) else None


def _cells(session: Session) -> float:
    """Return the number of the small logits' cells that the frame takes."""
    scale = session.engine.config.mask_size / session.frame.model_size
    height, width = session.frame.resized_hw
    return height * width * scale**2


def _resized(mask: np.ndarray, lab: np.ndarray) -> np.ndarray:
    return cv2.resize(mask.astype(np.uint8), lab.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
