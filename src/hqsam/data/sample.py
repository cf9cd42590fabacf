"""An image and the objects in it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8, UInt16


@dataclass(frozen=True)
class Sample:
    """An RGB image and its label map: 0 is background or unlabelled, every other number one object."""

    image: UInt8[np.ndarray, "height width 3"]
    labels: UInt16[np.ndarray, "height width"]
    name: str = ""

    @property
    def object_ids(self) -> list[int]:
        """The objects' numbers in the label map, ascending."""
        present = np.flatnonzero(np.bincount(self.labels.reshape(-1)))
        return [int(number) for number in present if number > 0]

    def mask(self, object_id: int) -> Bool[np.ndarray, "height width"]:
        """Where one object is."""
        return self.labels == object_id
