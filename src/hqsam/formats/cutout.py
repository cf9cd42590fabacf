"""Each object without its background: a PNG with transparency, as large as the photo."""

from pathlib import Path

from hqsam.formats.document import Document
from hqsam.formats.files import write_png
from hqsam.images.cutout import cutout


def write(document: Document, folder: Path) -> list[Path]:
    """`photo_cutout.png`, or `photo_cutout_01.png`, `photo_cutout_02.png`, ...

    Raises:
        OptionError: the document was made without the photo.
    """
    photo = document.required_pixels("cutout")
    paths = []
    for number, one in enumerate(document.objects):
        alpha = document.soft_alpha(number) if document.soft_alpha else one.mask
        paths.append(write_png(document.object_path(folder, "_cutout.png", number), cutout(photo, alpha)))
    return paths
