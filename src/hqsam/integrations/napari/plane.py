"""The visible plane of an image layer: its pixels, and positions of other layers in it.

napari's coordinates are those of pixel centres: a pixel's own number is its middle, and its edges are half a pixel off.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from hqsam.errors import OptionError


@dataclass(frozen=True)
class Plane:
    """Where a plane lies in the data of an image layer."""

    index: tuple[Any, ...]
    """What `data[index]` takes: a slice for the two visible axes, and a number for each other one."""
    axes: tuple[int, int]
    """The axes of rows and columns."""

    @classmethod
    def visible(cls, layer: Any, dims: Any) -> "Plane":
        """Return the plane of a layer that a viewer with these `dims` shows.

        Raises:
            OptionError: the viewer shows three dimensions, or a plane that the layer does not have.
        """
        axes = tuple(axis - dims.ndim + layer.ndim for axis in dims.displayed)
        if len(axes) != 2 or min(axes) < 0:
            raise OptionError(f"the viewer shows the axes {dims.displayed}; show two that {layer.name} has, in 2D")
        place = np.rint(layer.world_to_data(np.asarray(dims.point)[-layer.ndim :])).astype(int)
        index = tuple(slice(None) if axis in axes else int(place[axis]) for axis in range(layer.ndim))
        sides = zip(index, full_size(layer).shape, strict=False)
        if any(not isinstance(at, slice) and not 0 <= at < side for at, side in sides):
            raise OptionError(f"{layer.name} has nothing at the place that the viewer shows; move to one of its planes")
        return cls(index, axes)

    def of(self, data: Any) -> Shaped[np.ndarray, "height width *channel"]:
        """Return the plane of an array; where that is a NumPy array it is a view, which can be written to."""
        plane = np.asarray(data[self.index])
        return plane.swapaxes(0, 1) if self.axes[0] > self.axes[1] else plane

    def contains(self, positions: Float[np.ndarray, "point axis"]) -> Bool[np.ndarray, "point"]:
        """Return which positions of another layer lie in this plane."""
        others = [axis for axis, at in enumerate(self.index) if not isinstance(at, slice)]
        return (np.rint(positions[:, others]) == [self.index[axis] for axis in others]).all(axis=1)

    def points_xy(self, positions: Float[np.ndarray, "point axis"]) -> Float[np.ndarray, "point 2"]:
        """Return positions as x, y of pixels."""
        return positions[:, [self.axes[1], self.axes[0]]]

    def box_xyxy(self, corners: Float[np.ndarray, "corner axis"]) -> Float[np.ndarray, "4"]:
        """Return the box around a shape along the edges of pixels, as x0, y0, x1, y1."""
        points = self.points_xy(corners)
        return np.concatenate([points.min(axis=0), points.max(axis=0)]) + 0.5


def full_size(layer: Any) -> Any:
    """Return the data of an image layer, of a multiscale one the largest."""
    return layer.data[0] if layer.multiscale else layer.data


def in_image(points_xy: Float[np.ndarray, "point 2"], size_hw: tuple[int, int]) -> Float[np.ndarray, "point 2"]:
    """Return the points that are on the image; a click on the outer half of its last pixels is in them."""
    last = np.array([size_hw[1] - 1, size_hw[0] - 1])
    return np.clip(points_xy, 0, last)


def transform_of(layer: Any) -> dict[str, Any]:
    """Return how a layer lies in the world, as arguments of a new layer above it."""
    names: Iterable[str] = ("scale", "translate", "rotate", "shear", "affine")
    return {name: getattr(layer, name) for name in names}
