"""The planes of a stack along time or depth as the frames of a video, read when they are needed."""

import hashlib
from pathlib import Path

from hqsam.errors import ImageError
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.stacks.open_stack import open_stack
from hqsam.images.stacks.plane import choose_plane
from hqsam.images.stacks.zarr_stack import described
from hqsam.video.frames import RgbImage, check_index

_SECONDS = {"second": 1.0, "millisecond": 1e-3, "minute": 60.0, "hour": 3600.0}


class StackFrames:
    """The planes of a stack along one axis, all shown with the same range of values."""

    def __init__(self, path: Path, options: ReadOptions = DEFAULTS, along: str = "") -> None:
        """Open a stack.

        Args:
            path: the file or folder.
            options: the channels, the range of values, and the slice or timepoint along the other axis.
            along: "t" or "z"; by default time, if there are several timepoints.

        Raises:
            ImageError: it cannot be read, has no such plane, or a single one along this axis.
            MissingExtra: a package that reads it is not installed.
        """
        self.path, self.name = path, path.name
        self.stack = open_stack(path)
        layout = self.stack.layout
        self.along = along or ("t" if layout.count("t") > 1 else "z")
        self._count = layout.count(self.along)
        if self._count < 2:
            self.stack.close()
            there = ", ".join(f"{axis} of {size}" for axis, size in layout.sizes.items())
            raise ImageError(f"{path} has nothing to go through along {self.along}; its axes are {there}")
        try:
            self.plane = choose_plane(self.stack, options, self.along)
        except BaseException:
            self.stack.close()
            raise
        self.size_hw = layout.size_hw
        self._options = options

    def __len__(self) -> int:
        return self._count

    def read(self, index: int) -> RgbImage:
        """Return a plane.

        Raises:
            ImageError: there is none of this number, or it cannot be read.
        """
        check_index(index, len(self), self.name)
        return self.plane.at(self.along, index).read_whole()

    def frame_name(self, index: int) -> str:
        """Return a name such as "z00012.png"."""
        return f"{self.along}{index:05d}.png"

    def seconds(self, index: int) -> float | None:
        """Return the time of a plane, if the file tells it."""
        layout = self.stack.layout
        unit = _SECONDS.get(layout.units.get("t", ""))
        return index * layout.steps["t"] * unit if self.along == "t" and unit and "t" in layout.steps else None

    def fingerprint(self) -> str:
        """Return a digest of the file's name, size and time, and of what is looked at in it."""
        about = described(self.path).stat()
        facts = f"{self.name} {about.st_size} {about.st_mtime_ns} {self.along} {self._options}"
        return hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()

    def close(self) -> None:
        """Close the file."""
        self.stack.close()
