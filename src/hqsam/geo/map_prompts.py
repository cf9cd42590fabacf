"""Prompts whose coordinates are on a map, in pixels of an image."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hqsam.errors import PromptError
from hqsam.geo.georeference import Georeference

OWN_CRS = "map"
"""The word for the image's own coordinate reference system."""


def prompt_in_pixels(
    prompt: Mapping[str, Any], place: Georeference | None, crs: str, image_name: str = "the image"
) -> dict[str, Any]:
    """Return the arguments of `Session.segment` with boxes and points in pixels.

    Args:
        prompt: `box`, `boxes` and `points` are x, y on the map: easting and northing, or longitude and latitude. A box
            is two opposite corners.
        place: the place of the image.
        crs: their coordinate reference system, such as "EPSG:4326"; "map" is that of the image.
        image_name: for messages.

    Raises:
        OptionError: there is no such CRS, or that of the image is not known.
        PromptError: the image has no place, or the prompt none on it.
    """
    if place is None:
        raise PromptError(
            f"{image_name} has no place on a map that could be read, and coordinates in {crs} need one; give pixels, "
            "without a crs"
        )
    other = "" if crs == OWN_CRS else crs
    changed: dict[str, Any] = {}
    if prompt.get("box") is not None:
        changed["box"] = place.box_to_pixels(prompt["box"], other)
    if prompt.get("boxes") is not None:
        changed["boxes"] = np.stack([place.box_to_pixels(box, other) for box in prompt["boxes"]])
    if prompt.get("points") is not None:
        changed["points"] = place.to_pixels(np.asarray(prompt["points"], np.float64), other)
    return {**prompt, **changed}
