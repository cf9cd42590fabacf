"""The methods of `Instances` that write files and draw; `hqsam/__init__.py` enters them in `masks.outputs`."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from hqsam.errors import HqsamError, OptionError
from hqsam.formats import FORMAT_OF_SUFFIX, FORMATS, coco, format_named, pictures, write
from hqsam.images import cutout as cutouts
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.image_info import is_image_name
from hqsam.images.reading import ImageLike, read_image_of_size
from hqsam.masks.instances import Instances

_NOTEBOOK_SIDE = 640
"""The longer side of pictures in notebooks, in pixels."""


def save(
    instances: Instances,
    path: str | PathLike[str],
    formats: Sequence[str],
    image: ImageLike | None = None,
    **options: Any,
) -> list[Path]:
    """Write masks under a name that the caller gives, or into a folder under the names that formats give.

    A path that ends in a suffix of the table above, or of images, is a file, and has to be that of its one format; any
    other path is a folder. Where a format has a file for each mask, the files of several are numbered: cup_01.png,
    cup_02.png.

    Raises:
        OptionError: there is no such format, or the suffix names none or another.
        ImageError: the image cannot be read, or is of another size.
        OutputError: it cannot be written; nothing half-written was left.
    """
    path = Path(path)
    if not _is_file(path, formats):
        return write(instances, path, formats or ["png"], image=image, **options)
    name = _format_of(path, formats)
    if name == "geojson" and not formats and "georeference" not in instances.metadata:
        name = "pixel_geojson"  # the only one that an image without a place can have
    return write(instances, path.parent, [name], image=image, only=path, **options)


def to_coco(instances: Instances) -> dict[str, Any]:
    """Return a whole COCO data set of one image."""
    return coco.to_coco([instances])


def overlay(
    instances: Instances, image: ImageLike | None, prompts: DrawnPrompts | None
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw masks, and prompts if any are given, over their image."""
    return pictures.draw(instances, _image_of(instances, image), prompts)


def cutout(instances: Instances, image: ImageLike | None) -> UInt8[np.ndarray, "height width 4"]:
    """Return the image where any of the masks is, transparent elsewhere."""
    return cutouts.cutout(_image_of(instances, image), instances.soft_alpha())


def to_html(instances: Instances) -> str:
    """Return the masks over their image as HTML, at most `_NOTEBOOK_SIDE` pixels wide and high.

    Where the image is not at hand, because the masks were read from a file or the image is gone, they lie on grey.
    """
    try:
        pixels = _image_of(instances, None)
    except HqsamError:
        pixels = np.full((*instances.image_size_hw, 3), 96, np.uint8)
    picture = Image.fromarray(pictures.draw(instances, pixels, instances.drawn_prompts()))
    picture.thumbnail((_NOTEBOOK_SIDE, _NOTEBOOK_SIDE))
    file = BytesIO()
    picture.save(file, "WEBP", quality=85)
    data, text = b64encode(file.getvalue()).decode(), escape(repr(instances))
    return f'<figure><img alt="{text}" src="data:image/webp;base64,{data}"><figcaption>{text}</figcaption></figure>'


def _image_of(instances: Instances, image: ImageLike | None) -> UInt8[np.ndarray, "height width 3"]:
    """Return the image that is given, or that the masks were made from.

    Raises:
        OptionError: there is neither.
    """
    if image is None:
        if instances.image is None:
            raise OptionError("these masks do not know their image; give it, by its path or as an array")
        image = instances.image.read()
    return read_image_of_size(image, instances.image_size_hw)


def _is_file(path: Path, formats: Sequence[str]) -> bool:
    """Return True if a path is meant as a file: `run.2` is a folder as soon as formats say what goes there."""
    named_as_file = path.suffix.lower() in FORMAT_OF_SUFFIX or is_image_name(path.name) or not formats
    return bool(path.suffix) and named_as_file and not path.is_dir()


def _format_of(path: Path, formats: Sequence[str]) -> str:
    """Return the one format that a file is to have.

    Raises:
        OptionError: the suffix is not that of the format, or there are several formats, or none is known by it.
    """
    if len(formats) > 1:
        raise OptionError(f"{path.name} is one file, and the formats are {', '.join(formats)}; give a folder for them")
    suffix = path.suffix.lower()
    if not formats and suffix not in FORMAT_OF_SUFFIX:
        raise OptionError(
            f"{path.name} ends in {path.suffix!r}; masks are written as {', '.join(FORMAT_OF_SUFFIX)}, or give a "
            f"folder and formats: {', '.join(FORMATS)}"
        )
    name = formats[0] if formats else FORMAT_OF_SUFFIX[suffix]
    expected = format_named(name).suffix
    if suffix != expected:
        raise OptionError(
            f"{path.name} ends in {path.suffix!r}, and the format {name!r} is written as {expected}; "
            f"call it {path.with_suffix(expected).name}, or give a folder"
        )
    return name
