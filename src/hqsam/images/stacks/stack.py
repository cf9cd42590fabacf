"""Images with axes in time, channel and depth, whatever file they are in."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from hqsam.errors import ImageError

AXES = "tczyx"
"""Names of axes: time, channel, depth, height, width."""

_UNITS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometre", "\\u00B5m", "\\u00b5m"), "micrometer"),
    **dict.fromkeys(("nm", "nanometre"), "nanometer"),
    **dict.fromkeys(("mm", "millimetre"), "millimeter"),
    **dict.fromkeys(("cm", "centimetre"), "centimeter"),
    **dict.fromkeys(("m", "metre"), "meter"),
    **dict.fromkeys(("å", "Å", "ångström"), "angstrom"),
    **dict.fromkeys(("s", "sec"), "second"),
    **dict.fromkeys(("ms", "msec"), "millisecond"),
    **dict.fromkeys(("min",), "minute"),
    **dict.fromkeys(("h",), "hour"),
    **dict.fromkeys(("pixel", "pixels", "unknown", "reference frame", ""), ""),
}
"""Names that OME-Zarr has for units that files call otherwise."""


def unit_named(said: Any) -> str:
    """Return OME-Zarr's name of a unit; "" for none."""
    word = str(said or "").strip()
    return _UNITS.get(word, _UNITS.get(word.lower(), word.lower()))


@dataclass(frozen=True, kw_only=True)
class StackLayout:
    """The axes of a stack, the physical distances between its pixels, and what is known of its channels."""

    sizes: Mapping[str, int]
    """The length of each axis that the stack has, of t, c, z, y and x."""
    dtype: np.dtype
    """The type of its values."""
    steps: Mapping[str, float] = field(default_factory=dict)
    """The physical distance from one pixel to the next along t, z, y or x, where it is known."""
    units: Mapping[str, str] = field(default_factory=dict)
    """The unit of each distance, as OME-Zarr calls it: micrometer, millimeter, second, ..."""
    channels: tuple[str, ...] = ("0",)
    """The name of each channel; its number where it has none."""
    declared: tuple[tuple[float, float] | None, ...] = ()
    """The values that the file shows as black and white, for each channel; empty where it says nothing."""
    is_window: bool = False
    """True where these are what a viewer has to show, however many values lie beyond, as a CT's window."""
    white_is_low: bool = False
    """True where low values are shown white."""
    samples: int = 1
    """1, or 3 for stacks of coloured planes."""
    shown_z: int | None = None
    """The slice that the file asks to be shown first."""

    def count(self, axis: str) -> int:
        """Return the length of an axis; 1 for one that the stack has not."""
        return int(self.sizes.get(axis, 1))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of every plane."""
        return self.count("y"), self.count("x")

    @property
    def unit(self) -> str:
        """The unit of lengths; "pixel" where it is not known, or not the same for y and x."""
        known = {self.units.get(axis, "") for axis in "yx"} if {"y", "x"} <= set(self.steps) else set()
        return known.pop() or "pixel" if len(known) == 1 else "pixel"

    def spacing(self, axes: str) -> tuple[float, ...]:
        """Return the distances of pixels along some axes, in `unit`; 1 for all, where that is a pixel.

        A depth that is not known, or given in another unit, is taken as the distance along x.
        """
        if self.unit == "pixel":
            return (1.0,) * len(axes)
        known = {axis: step for axis, step in self.steps.items() if self.units.get(axis) == self.unit}
        return tuple(float(known.get(axis, self.steps["x"])) for axis in axes)

    def knows_depth(self) -> bool:
        """Return True if the distance of slices is known in the unit of lengths."""
        return "z" in self.steps and self.units.get("z", "") == self.units.get("y", "")


class Stack(ABC):
    """An image with several planes. Use it as a context manager, or call `close`."""

    is_scan = False
    """True for files of medical scanners."""

    def __init__(self, path: Path, layout: StackLayout) -> None:
        """Take the file or folder, and the layout that was read from it.

        Raises:
            ImageError: it has no pixels.
        """
        self.path, self.layout = path, layout
        if 0 in layout.sizes.values():
            raise ImageError(f"{path} has no pixels: {dict(layout.sizes)}")

    @abstractmethod
    def read(
        self, t: int, c: int, z: int, rows: slice, columns: slice
    ) -> Num[np.ndarray, "rows columns"] | Num[np.ndarray, "rows columns 3"]:
        """Return a part of a plane as it is stored: [H, W], or [H, W, 3] of stacks of coloured planes.

        Raises:
            ImageError: it cannot be read.
        """

    def close(self) -> None:  # noqa: B027  (most stacks have nothing to close)
        """Close the file."""

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_axes(path: Path, names: Sequence[str], sizes: Sequence[int]) -> dict[str, int]:
    """Return the length of each axis by its name.

    Raises:
        ImageError: an axis is unknown, comes twice, or y or x is missing.
    """
    axes = [name.lower() for name in names]
    unknown = [name for name, size in zip(axes, sizes, strict=True) if name not in AXES and size > 1]
    if unknown or len(set(axes)) < len(axes) or not {"y", "x"} <= set(axes):
        raise ImageError(
            f"{path} has the axes {', '.join(names)}; expected y and x, and of t (time), c (channel) and z (depth) "
            "those that it has"
        )
    return {name: int(size) for name, size in zip(axes, sizes, strict=True) if name in AXES}
