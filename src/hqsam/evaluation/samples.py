"""Samples of an evaluation: images with targets, which have a ground-truth mask or a detector's box."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

BoxXyxy = tuple[float, float, float, float]
"""A box x0, y0, x1, y1 along pixel edges."""


@dataclass(frozen=True, eq=False)
class Target:
    """One object of an image that is prompted for."""

    name: str
    """The target's name, unique within its sample: "1", "ann-4711", "det-3"."""
    truth: Bool[np.ndarray, "height width"] | None
    """The ground-truth mask; None for a detection, which has none."""
    box: BoxXyxy | None = None
    """A detector's or tracker's box in the image's pixels; None for the box of the ground truth."""
    coarse: Bool[np.ndarray, "height width"] | None = None
    """The mask of a coarser model, where the suite has one (BIG)."""
    gray: UInt8[np.ndarray, "height width"] | None = None
    """The mask as stored, where that is gray: the official pipeline first scales it, then cuts at 128."""
    about: dict[str, Any] = field(default_factory=dict)
    """Values that the metric needs, as JSON: category_id, score, track, ..."""
    unusable: str = ""
    """The reason why it cannot be prompted for, where its mask cannot be read."""


@dataclass(frozen=True)
class EvaluationSample:
    """One image or frame of a video, whose targets are read when they are asked for."""

    name: str
    """The sample's name, unique within the suite and the same in every run: "DIS-VD/abc", "bear/00012"."""
    image: Path
    read: Callable[[], list[Target]]
    """Reads the targets; call `targets`."""
    size_hw: tuple[int, int] | None = None
    """Height and width as the annotations state them; None where only the image's file tells."""
    about: dict[str, Any] = field(default_factory=dict)
    """Its image_id; for a frame video_id and frame, its number in the video from 0 on."""
    truth_files: tuple[Path, ...] = ()
    """The files that hold its targets, and no other sample's, where they may change."""

    def targets(self) -> list[Target]:
        """Read the targets with their masks, which takes time: call it once, in any thread.

        An image without objects has none; neither has a mask that is empty.

        Raises:
            DataError: a file cannot be read, or a mask has another size than its image.
        """
        return self.read()


@dataclass(frozen=True)
class OpenSplit:
    """A split whose files have been found."""

    name: str
    samples: tuple[EvaluationSample, ...]
    annotations: dict[str, Any] | None = None
    """The contents of the annotation file, where a metric works from it."""
    warnings: tuple[str, ...] = ()
    """Words about what was left out of the data."""
    annotation_file: Path | None = None
    """The file as COCO has it, where there is one whose contents are not read yet."""
    truth_files: tuple[Path, ...] = ()
    """Files that hold the targets of many samples, where they may change."""
