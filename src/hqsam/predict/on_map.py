"""What is known of the image's place, given to everything that was found in it."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from hqsam.geo.georeference import Georeference
from hqsam.masks.instances import Instances

_LEAST_WITH_DATA = 0.5
"""Share of a mask that has to have data; what is mostly a gap in the map is no object."""


def on_map(
    found: Instances, georeference: Georeference | None, valid: Bool[np.ndarray, "height width"] | None
) -> Instances:
    """Return masks with the place of their image, and without its pixels that have no data.

    Args:
        found: the masks.
        georeference: the place, if it is known; it becomes the metadata `georeference`.
        valid: the pixels that have data; None if all have.
    """
    if valid is not None:
        found = found.within(valid, _LEAST_WITH_DATA)
        found = found[found.areas > 0]
    if georeference is None:
        return found
    return replace(found, metadata={**found.metadata, "georeference": georeference})
