"""What `Instances` can do with files and images: the methods that `hqsam/__init__.py` gives it."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hqsam.formats import coco
from hqsam.formats.document import Document, MaskedObject
from hqsam.formats.overlay import picture_of
from hqsam.formats.saving import save as save_document
from hqsam.images import cutout as cutouts
from hqsam.images.reading import ImageLike, read_image_of_size
from hqsam.masks.instances import Instances


def save(
    instances: Instances, path: str | PathLike[str], formats: Sequence[str], image: ImageLike | None
) -> list[Path]:
    """Write instances into a file or a folder; see `Instances.save`."""
    return save_document(_document(instances, image), path, formats)


def to_coco(instances: Instances) -> dict[str, Any]:
    """Return a whole COCO data set of one image."""
    return coco.to_coco([_document(instances)])


def overlay(instances: Instances, image: ImageLike) -> UInt8[np.ndarray, "height width 3"]:
    """Draw instances over their image."""
    return picture_of(_document(instances, image))


def cutout(instances: Instances, image: ImageLike) -> UInt8[np.ndarray, "height width 4"]:
    """Return the image where any of the masks is, transparent elsewhere."""
    pixels = read_image_of_size(image, instances.image_size_hw)
    alphas = [instances.alpha(row) for row in range(len(instances))]
    return cutouts.cutout(pixels, np.maximum.reduce(alphas) if alphas else np.zeros(instances.image_size_hw, bool))


def _document(instances: Instances, image: ImageLike | None = None) -> Document:
    objects = tuple(
        MaskedObject(rle, instances.labels[row], instances.known_score(row), instances.column_values(row))
        for row, rle in enumerate(instances.rle)
    )
    pixels = None if image is None else read_image_of_size(image, instances.image_size_hw)
    return Document(instances.image_name, instances.image_size_hw, objects, pixels, instances.marks())
