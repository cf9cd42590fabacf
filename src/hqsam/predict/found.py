"""One object that was found unasked: its mask as run lengths, and how it was found."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from hqsam.formats.document import MaskedObject
from hqsam.formats.sam import to_record
from hqsam.masks.rle import Rle, decode
from hqsam.masks.runs import Runs


@dataclass(frozen=True, eq=False)
class Found:
    """An object in the pixels of the upright image. Its mask is made anew each time it is looked at."""

    rle: Rle
    box_xyxy: Int[np.ndarray, "4"]
    """The smallest box around the mask; x1 and y1 are one past its last pixel."""
    area: int
    """In pixels."""
    score: float
    """Predicted IoU, by SAM's own head; 0 for what was filled in and not found."""
    stability: float
    """IoU of the masks cut a little above and a little below."""
    point_xy: tuple[float, float]
    """The click that gave it."""
    crop_box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the part of the image that was looked at."""

    @classmethod
    def of(cls, runs: Runs, size_hw: tuple[int, int], **how: Any) -> "Found":
        """From the mask's runs; `how` are the other fields."""
        return cls(runs.to_rle(size_hw), runs.box_xyxy(size_hw[0]), runs.area, **how)

    @property
    def size_hw(self) -> tuple[int, int]:
        """The image's height and width."""
        height, width = self.rle["size"]
        return height, width

    @property
    def mask(self) -> Bool[np.ndarray, "height width"]:
        """Keep it while you need it."""
        return decode(self.rle)

    def with_runs(self, runs: Runs) -> "Found":
        """The same object with another mask."""
        return replace(self, rle=runs.to_rle(self.size_hw), box_xyxy=runs.box_xyxy(self.size_hw[0]), area=runs.area)

    def to_object(self, label: str = "object") -> MaskedObject:
        """What `hqsam.formats` writes."""
        x0, y0, x1, y1 = self.crop_box
        more = {
            "point_coords": [list(self.point_xy)],
            "stability_score": self.stability,
            "crop_box": [x0, y0, x1 - x0, y1 - y0],
        }
        return MaskedObject(self.rle, label, self.score, more)

    def to_record(self) -> dict[str, Any]:
        """As SAM's generator has it, with COCO's run lengths; boxes are x, y, width, height."""
        return to_record(self.to_object())
