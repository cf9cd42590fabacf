"""PNG and JSON files, written whole or not at all, and read with errors that name the file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from hqsam import storage
from hqsam.errors import DataError, ImageError
from hqsam.images.image_info import orientation_of, turned_upright, upright_size_hw
from hqsam.images.open_image import open_image


def write_png(
    path: Path,
    pixels: np.ndarray,
    notes: dict[str, str] | None = None,
    palette: Sequence[tuple[int, int, int]] | None = None,
) -> Path:
    """Write pixels as a PNG, with words beside them that no viewer minds, and a palette of colours for numbers."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "hqsam")  # by which `images.walk` knows it for no image to work on
    for key, words in (notes or {}).items():
        info.add_itxt(f"hqsam:{key}", words)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette([part for colour in palette for part in colour])
    with storage.replacing(path) as temporary_path:
        image.save(temporary_path, format="PNG", pnginfo=info)
    return path


def read_picture(path: Path) -> tuple[Image.Image, dict[str, str]]:
    """Read an image, turned upright, and what `write_png` noted beside it.

    Raises:
        DataError: it is missing, damaged, or no picture.
    """
    try:
        with open_image(path) as image:
            image.load()
            _refuse_stack(image, path)
            texts = getattr(image, "text", {})
            image = turned_upright(image, orientation_of(image))
    except DataError:
        raise
    except Exception as error:  # on damaged files Pillow's readers raise whatever they trip over
        raise _unreadable(path, error) from error
    return image, {key[6:]: str(words) for key, words in texts.items() if key.startswith("hqsam:")}


def _refuse_stack(image: Image.Image, path: Path) -> None:
    """Further pages or frames may hold further masks; smaller ones are copies for viewers."""
    pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if pages > 1:
        size = image.size
        image.seek(1)
        if image.size == size:
            raise DataError(
                f"{path} has {pages} pages of one size; a mask or a label map is one page: save each by itself"
            )
        image.seek(0)
        image.load()


def size_of_picture(path: Path) -> tuple[int, int]:
    """Return height and width of an image as it is shown, without decoding it."""
    try:
        with open_image(path) as image:
            return upright_size_hw(image)
    except Exception as error:  # as above
        raise _unreadable(path, error) from error


def write_json(path: Path, content: Any) -> Path:
    """Write JSON that differs only where the content does."""
    storage.write_text(path, json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    return path


def write_long_json(path: Path, content: Mapping[str, Any]) -> Path:
    """Write JSON a piece at a time: iterators in it, also within mappings, become arrays as they are run through.

    Raises:
        OutputError: it cannot be written; no incomplete file was left.
    """
    with storage.replacing(path) as temporary_path, temporary_path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pieces(content))
        file.write("\n")
    return path


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, Iterator):
        yield "["
        for number, item in enumerate(value):
            yield ",\n" if number else ""
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, Mapping):
        yield "{"
        for number, (name, item) in enumerate(value.items()):
            yield ("," if number else "") + json.dumps(name, ensure_ascii=False) + ":"
            yield from _pieces(item)
        yield "}"
    else:
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: it is missing, damaged, or something else than an object.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a JSON {type(content).__name__}, and an object {{...}} was expected")
    return content


def read_text(path: Path) -> str:
    """Read a text file in UTF-8.

    Raises:
        DataError: it is missing or no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _unreadable(path: Path, error: Exception) -> DataError:
    """Return an error that names the file; our own errors name it already."""
    return DataError(str(error) if isinstance(error, ImageError) else f"cannot read {path} as a picture: {error}")
