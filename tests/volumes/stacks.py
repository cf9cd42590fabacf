"""Stacks of balls, for an engine that sees: what is bright is an object."""

import numpy as np

from tests.images.stacks.files import write_ome_tiff, write_ome_zarr

SIZE_HW = (96, 128)
BALLS = [((5, 40, 35), (4, 24, 24)), ((9, 60, 95), (5, 20, 20))]
"""Centre and radii, z, y, x; they share slices, and do not touch."""
PLANES = 16


def balls(planes=PLANES, size_hw=SIZE_HW, which=BALLS):
    """The values [z, y, x] as uint8, and the mask of each ball."""
    z, y, x = np.mgrid[:planes, : size_hw[0], : size_hw[1]]
    masks = []
    for centre, radii in which:
        away = sum(((one - at) / radius) ** 2 for one, at, radius in zip((z, y, x), centre, radii, strict=True))
        masks.append(away < 1)
    return np.where(np.logical_or.reduce(masks), np.uint8(255), np.uint8(0)), masks


def moving(planes=8):
    """The values [t, y, x] of one disc that moves to the right, and its masks."""
    y, x = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    masks = np.stack([np.hypot(y - 48, x - 30 - 6 * t) < 14 for t in range(planes)])
    return np.where(masks, np.uint8(255), np.uint8(0)), masks


def tiff_of_balls(path):
    return write_ome_tiff(path, balls()[0], "ZYX")


def zarr_of_balls(path, version="0.5"):
    return write_ome_zarr(path, balls()[0], "zyx", version)


def box_around(mask, margin=2):
    rows, columns = np.nonzero(mask)
    return columns.min() - margin, rows.min() - margin, columns.max() + 1 + margin, rows.max() + 1 + margin


def iou(one, other):
    return (one & other).sum() / max(1, (one | other).sum())
