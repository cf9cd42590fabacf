"""The photo with its masks and prompts drawn on it."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam.formats.document import Document
from hqsam.formats.files import write_png
from hqsam.images.label_map_overlay import label_map_overlay
from hqsam.images.overlay import overlay
from hqsam.masks.runs import runs_from_rle

_FEW = 6
"""Up to so many masks are each drawn whole; of more, one would no longer tell whose colour shines through whose."""


def write(document: Document, folder: Path) -> list[Path]:
    """`photo_overlay.png`.

    Raises:
        OptionError: the document was made without the photo.
    """
    return [write_png(document.path(folder, "_overlay.png"), picture_of(document))]


def picture_of(document: Document) -> UInt8[np.ndarray, "height width 3"]:
    """The photo with what the document says on it.

    Raises:
        OptionError: the document was made without the photo.
    """
    photo = document.required_pixels("overlay")
    if len(document.objects) <= _FEW or document.marks is not None:
        return overlay(photo, document.masks, document.marks)
    return label_map_overlay(photo, [runs_from_rle(one.runs) for one in document.objects])
