"""One plane of a stack as RGB, of which any part can be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Num, UInt8

from hqsam.errors import ImageError
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.stacks.channels import choose_channels, choose_ranges, to_rgb
from hqsam.images.stacks.open_stack import open_stack
from hqsam.images.stacks.stack import Stack, StackLayout
from hqsam.images.to_rgb import note
from hqsam.images.value_range import ValueRange

_NAMES = {"z": "slices", "t": "timepoints"}


@dataclass(frozen=True)
class Plane:
    """A plane of a stack: one timepoint, one slice, and the channels that are its red, green and blue."""

    stack: Stack
    t: int
    z: int
    channels: tuple[int, ...]
    """The numbers of the channels; one is gray."""
    ranges: tuple[ValueRange | None, ...]
    """The values of each channel that become 0 and 255, the same for all planes of the stack."""

    @property
    def layout(self) -> StackLayout:
        """The axes of the stack, and the distances of its pixels."""
        return self.stack.layout

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.stack.layout.size_hw

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return a part of the plane as uint8 RGB."""
        pixels = to_rgb([self.values(channel, rows, columns) for channel in self.channels], self.ranges)
        return 255 - pixels if self.layout.white_is_low else pixels

    def read_whole(self) -> UInt8[np.ndarray, "height width 3"]:
        """Return the plane as uint8 RGB."""
        height, width = self.size_hw
        return self.read(slice(0, height), slice(0, width))

    def values(self, channel: int, rows: slice, columns: slice) -> Num[np.ndarray, "rows columns *samples"]:
        """Return a part of any channel as it is stored."""
        return self.stack.read(self.t, channel, self.z, rows, columns)

    def at(self, axis: str, number: int) -> "Plane":
        """Return the plane at another place along z or t, shown with the same range of values."""
        return replace(self, z=number) if axis == "z" else replace(self, t=number)

    def valid(self, rows: slice, columns: slice) -> None:
        """Return None: all pixels have data."""
        return

    @property
    def georeference(self) -> None:
        """None: a stack has no place on a map."""
        return


@contextmanager
def open_plane(path: Path, options: ReadOptions = DEFAULTS) -> Iterator[Plane]:
    """Open one plane of a stack; what is not looked at is an `ImageWarning`.

    Args:
        path: the file or folder.
        options: `z`, `t` and `channels`, and the range of values.

    Raises:
        ImageError: it cannot be read, or has no such slice, timepoint or channel.
        MissingExtra: a package that reads it is not installed.
    """
    with open_stack(path) as stack:
        yield choose_plane(stack, options)


def choose_plane(stack: Stack, options: ReadOptions, along: str = "") -> Plane:
    """Return the plane of an open stack that the options name; what is not looked at is an `ImageWarning`.

    Args:
        stack: the stack.
        options: as for `open_plane`.
        along: "z" or "t", if all planes along it will be looked at, about which nothing has to be said.

    Raises:
        ImageError: there is no such slice, timepoint or channel, or a page or bands were asked for.
    """
    if options.page is not None:
        raise ImageError(f"{stack.path} is a stack with axes; choose z=N, t=N or channels=(N,) instead of a page")
    if options.bands is not None:
        raise ImageError(f"{stack.path} is a stack with axes; choose channels=(N,), counted from 0, instead of bands")
    t, z = chosen_place(stack, options)
    for axis, place in (("z", z), ("t", t)):
        if getattr(options, axis) is None and axis != along:
            _tell_of_others(stack.path, axis, place, stack.layout.count(axis))
    if stack.is_scan:
        note(str(stack.path), "medical", "it is a medical scan; hqsam is no medical device and not made for diagnosis")
    channels = choose_channels(stack, options.channels)
    return Plane(stack, t, z, channels, choose_ranges(stack, channels, t, z, options))


def chosen_place(stack: Stack, options: ReadOptions) -> tuple[int, int]:
    """Return the timepoint and the slice that are asked for, or else the first, and the middle one.

    Raises:
        ImageError: there is no such slice or timepoint.
    """
    layout, last = stack.layout, stack.layout.count("z") - 1
    middle = (last + 1) // 2 if layout.shown_z is None else min(layout.shown_z, last)
    return _checked(stack, "t", options.t, 0), _checked(stack, "z", options.z, middle)


def _checked(stack: Stack, axis: str, asked: int | None, usual: int) -> int:
    count = stack.layout.count(axis)
    if asked is not None and not 0 <= asked < count:
        raise ImageError(f"{stack.path} has the {_NAMES[axis]} {axis}=0 to {count - 1}, and {asked} was asked for")
    return usual if asked is None else asked


def _tell_of_others(path: Path, axis: str, place: int, count: int) -> None:
    if count > 1:
        note(
            str(path), _NAMES[axis],
            f"of its {count} {_NAMES[axis]} the one at {axis}={place} was read, no other; choose another with {axis}=N "
            f"or --{axis} N, or segment all of them with `hqsam volume --along {axis}`",
        )  # fmt: skip
