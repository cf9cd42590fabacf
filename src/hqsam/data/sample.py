"""A sample: an image and its objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from hqsam.masks import rle


@dataclass(frozen=True)
class Sample:
    """An RGB image and its label map: 0 is background or unlabelled, every other number one object."""

    image: UInt8[np.ndarray, "height width 3"]
    labels: UInt16[np.ndarray, "height width"]
    name: str = ""
    whole: Mapping[int, rle.Rle] = field(default_factory=dict)
    """Masks of objects that others overlap, which a label map cannot hold, by their numbers."""

    class_names: Mapping[int, str] = field(default_factory=dict)
    """The class of each object, where the data names classes."""

    @property
    def areas(self) -> dict[int, int]:
        """Number of pixels of each object, by its number, ascending."""
        counted = np.bincount(self.labels.reshape(-1))
        seen = {int(number): int(counted[number]) for number in np.flatnonzero(counted) if number > 0}
        return dict(sorted((seen | {number: rle.area(runs) for number, runs in self.whole.items()}).items()))

    @property
    def object_ids(self) -> list[int]:
        """Numbers of the objects, ascending."""
        return list(self.areas)

    def mask(self, object_id: int) -> Bool[np.ndarray, "height width"]:
        """Return the whole mask of one object, whatever overlaps it."""
        if object_id in self.whole:
            return rle.decode(self.whole[object_id])
        return self.labels == object_id
