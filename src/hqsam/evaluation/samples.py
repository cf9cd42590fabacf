"""What an evaluation asks about: images, and in each the things that have a true mask or a detector's box."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

BoxXyxy = tuple[float, float, float, float]
"""Along pixel edges: x0, y0, x1, y1."""


@dataclass(frozen=True, eq=False)
class Target:
    """One thing to ask about in an image."""

    name: str
    """Unique within its case: "1", "ann-4711", "det-3"."""
    truth: Bool[np.ndarray, "height width"] | None
    """None for a detection, which has no truth of its own."""
    box: BoxXyxy | None = None
    """A detector's or tracker's box in the photo's pixels; None: take the box of the truth."""
    coarse: Bool[np.ndarray, "height width"] | None = None
    """The mask of a coarser model, where the suite has one (BIG)."""
    gray: UInt8[np.ndarray, "height width"] | None = None
    """The mask as stored, where that is a gray picture: the official pipeline first scales it, then cuts at 128."""
    about: dict[str, Any] = field(default_factory=dict)
    """What the metric needs back, as JSON has it: category_id, score, track, ..."""
    unusable: str = ""
    """Why it cannot be asked about, where its mask cannot be read."""


@dataclass(frozen=True)
class EvaluationSample:
    """One image, or one frame of a video."""

    name: str
    """Unique within the suite, and the same in every run: "DIS-VD/abc", "bear/00012"."""
    image: Path
    read: Callable[[], list[Target]]
    """See `targets`."""
    size_hw: tuple[int, int] | None = None
    """The size that the annotations state; None where only the picture knows."""
    about: dict[str, Any] = field(default_factory=dict)
    """image_id; for a frame video_id and frame, its number in the video from 0 on."""

    def targets(self) -> list[Target]:
        """What to ask about, with true masks; reads and decodes them, so call it once, in any thread.

        An image without objects has none; neither has a mask that is empty.

        Raises:
            DataError: a file cannot be read, or a mask has another size than its image.
        """
        return self.read()


@dataclass(frozen=True)
class OpenSplit:
    """A set of images whose files have been found."""

    name: str
    samples: tuple[EvaluationSample, ...]
    annotations: dict[str, Any] | None = None
    """The contents of the annotation file, where a metric works from it."""
    warnings: tuple[str, ...] = ()
    """What was found amiss, and left out."""
    annotation_file: Path | None = None
    """The file as COCO has it, where there is one whose contents are not read yet."""
