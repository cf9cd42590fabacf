"""The photo with its masks and prompts drawn on it."""

from pathlib import Path

from hqsam.formats.document import Document
from hqsam.formats.files import write_png
from hqsam.pictures.overlay import overlay


def write(document: Document, folder: Path) -> list[Path]:
    """`photo_overlay.png`.

    Raises:
        OptionError: the document was made without the photo.
    """
    picture = overlay(document.required_pixels("overlay"), document.masks, document.marks)
    return [write_png(document.path(folder, "_overlay.png"), picture)]
