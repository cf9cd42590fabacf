"""An image and the objects in it."""

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
    """The masks of objects that others lie upon, which a label map cannot hold: COCO has such."""

    class_names: Mapping[int, str] = field(default_factory=dict)
    """The class of each object, where the data names classes."""

    @property
    def areas(self) -> dict[int, int]:
        """How many pixels each object has, by its number, ascending."""
        counted = np.bincount(self.labels.reshape(-1))
        seen = {int(number): int(counted[number]) for number in np.flatnonzero(counted) if number > 0}
        return dict(sorted((seen | {number: rle.area(runs) for number, runs in self.whole.items()}).items()))

    @property
    def object_ids(self) -> list[int]:
        """The objects' numbers, ascending."""
        return list(self.areas)

    def mask(self, object_id: int) -> Bool[np.ndarray, "height width"]:
        """Where one object is, whatever lies upon it."""
        if object_id in self.whole:
            return rle.decode(self.whole[object_id])
        return self.labels == object_id
