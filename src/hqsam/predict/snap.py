"""Snap: the edge of a mask moves to an edge of the photo that lies within a narrow band around it.

No network looks at the photo for it. A guided filter fits the mask, window by window, by a linear function of the
colours, which steps where they do; its answer counts within the band alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt8

from hqsam.images.guided_filter import guided_filter
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.rle import encode
from hqsam.predict.result import Segmentation

Mask = Bool[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class SnapConfig:
    """Sizes of the band and of the filter, found on validation photos (docs/detail.md)."""

    band: float = 0.008
    """Distance from the edge within which pixels may change, as a share of the image's diagonal."""
    radius: float = 0.02
    """Radius of the filter's windows, as a share of the image's diagonal."""
    eps: float = 1e-4
    """Variance of a colour, of 0 to 1, below which a window counts as flat."""


def snap_masks(
    found: Segmentation, pixels: UInt8[np.ndarray, "height width 3"], config: SnapConfig | None = None
) -> Segmentation:
    """Return the same masks with edges that follow those of the photo; logits and scores stay as they are.

    Args:
        found: masks of this photo.
        pixels: the photo, RGB.
        config: sizes of the band and of the filter.
    """
    snapped = (snap_mask(found.mask(row), pixels, config) for row in range(len(found)))
    return replace(found, encoded=tuple(encode(mask) for mask in snapped))


def snap_mask(
    mask: Mask,
    pixels: UInt8[np.ndarray, "height width 3"],
    config: SnapConfig | None = None,
    diagonal: float | None = None,
) -> Mask:
    """Return a mask with its edge moved to edges of the photo nearby.

    Pixels further from the edge than the band stay as they are. No island or hole appears that was not there, and none
    is lost: where the photo shows no edge, the mask's stays.

    Args:
        mask: the mask.
        pixels: the photo, RGB, of the same size.
        config: sizes of the band and of the filter.
        diagonal: pixels of the whole photo's diagonal, where this is a part of it.
    """
    config = config or SnapConfig()
    if not mask.any() or mask.all():
        return mask
    diagonal = diagonal or float(np.hypot(*mask.shape))
    reach, radius = max(1.0, config.band * diagonal), max(1, round(config.radius * diagonal))
    x0, y0, x1, y1 = (int(value) for value in box_of_mask(mask))
    margin = int(reach) + 2 + radius
    window = np.s_[max(0, y0 - margin) : y1 + margin, max(0, x0 - margin) : x1 + margin]
    part = mask[window]
    fitted = guided_filter(pixels[window], part.astype(np.float32), radius, config.eps) > 0.5
    band = _distance_to_edge(part) <= reach
    snapped = mask.copy()
    snapped[window] = without_new_pieces(part, np.where(band, fitted, part), band)
    return snapped


def without_new_pieces(before: Mask, after: Mask, band: Mask) -> Mask:
    """Return a mask that was changed in a band, with the islands and holes that it had; or else the mask before."""
    for changed in _attempts(before, after, band):
        inside = _same_pieces(before, changed, band, _INSIDE)
        cleaned = ~_same_pieces(~before, ~inside, band, _OUTSIDE)
        if _pieces(cleaned, _INSIDE) <= _pieces(before, _INSIDE) and (
            _pieces(~cleaned, _OUTSIDE) <= _pieces(~before, _OUTSIDE)
        ):
            return cleaned
    return before


def _attempts(before: Mask, after: Mask, band: Mask) -> Iterator[Mask]:
    """Yield what to clean, in order; the first is nearly always enough."""
    yield after
    yield _same_pieces(before, after, band, _INSIDE)
    yield ~_same_pieces(~before, ~after, band, _OUTSIDE)


_INSIDE, _OUTSIDE = 8, 4
"""Neighbours by which pixels are one piece: a hole is what no path along pixels' edges leads out of."""


def _same_pieces(before: Mask, after: Mask, band: Mask, neighbours: int) -> Mask:
    """Drop new pieces of a mask and crumbs of old ones; put back what was torn apart or is gone."""
    count, labels = _numbered(after, neighbours)
    old_count, old = _numbered(before, neighbours)
    # The pieces of before that each piece overlaps. All but crumbs reach beyond the band, where nothing changes.
    both = after & before
    numbers = np.unique(labels[both].astype(np.int64) * old_count + old[both])  # rows are many times slower to sort
    pairs = np.stack(np.divmod(numbers, old_count), axis=1)
    beyond = both & ~band
    reaches, has_more = np.zeros(count, bool), np.zeros(old_count, bool)
    reaches[labels[beyond]], has_more[old[beyond]] = True, True
    pairs = pairs[reaches[pairs[:, 0]] | ~has_more[pairs[:, 1]]]
    kept = np.zeros(count, bool)
    kept[pairs[:, 0]] = True
    put_back = np.bincount(pairs[:, 1], minlength=old_count) != 1
    return (after & kept[labels]) | (put_back[old] & before)


def _pieces(mask: Mask, neighbours: int) -> int:
    return _numbered(mask, neighbours)[0]


def _numbered(mask: Mask, neighbours: int) -> tuple[int, Int32[np.ndarray, "height width"]]:
    """Return the number of pieces, counting the outside, and the piece of each pixel."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=neighbours)
    return count, np.asarray(labels, np.int32)


def _distance_to_edge(inside: Mask) -> np.ndarray:
    """Return the distance of each pixel to the nearest one on the other side of the edge."""
    sides: Iterator[np.ndarray] = (
        cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3) for side in (inside, ~inside)
    )
    return np.maximum(*sides)
