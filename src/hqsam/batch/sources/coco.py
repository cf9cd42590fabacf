"""Images of a COCO annotation file, with their ids, and its boxes as prompts."""

from dataclasses import replace
from pathlib import Path

from hqsam.batch.files import is_url
from hqsam.batch.items import Blob, Item, ItemPrompt
from hqsam.batch.sources.paths import named
from hqsam.errors import DataError
from hqsam.formats.coco_reader import CocoFile, Entry, read_coco
from hqsam.formats.image_lookup import ImageLookup, folders_around
from hqsam.formats.left_out import warn_of


def find(path: str, images: str | None, with_boxes: bool) -> tuple[list[Item], dict[int | str, str]]:
    """Return the images of a file, in its order, and its classes' names by id.

    An image that is nowhere is kept, and fails when it is read.

    Raises:
        DataError: the file cannot be read, or is no COCO file.
    """
    if is_url(path):
        raise DataError(f"{path}: COCO files are read from a local path; fetch it first (its images may stay there)")
    file = read_coco(Path(path))
    warn_of(file.left_out, Path(path))
    if not file.images:
        raise DataError(f"{path} lists no images")
    lookup = _Lookup(path, images)
    items = [_item(image, images, lookup) for image in file.images]
    return (_with_boxes(items, file) if with_boxes else items), file.categories


class _Lookup:
    """Finds local images in the folder that is named, or around the file."""

    def __init__(self, path: str, images: str | None) -> None:
        folders = [Path(images)] if images is not None else folders_around(Path(path))
        self.folder = str(folders[0])
        self.lookup = ImageLookup(folders)

    def find(self, name: str) -> str:
        found = self.lookup.find(name)
        return str((found or Path(self.folder) / name).absolute())


def _item(image: Entry, images: str | None, lookup: _Lookup) -> Item:
    name = image["file_name"]
    if is_url(name) or (images is not None and is_url(images)):
        return replace(named(name, images or ""), image_id=image["id"])
    return Item(name.replace("\\", "/").lstrip("/"), Blob(lookup.find(name)), image_id=image["id"])


def _with_boxes(items: list[Item], file: CocoFile) -> list[Item]:
    by_image, names = file.by_image(), file.categories
    return [
        replace(item, prompts=tuple(_prompt(one, names) for one in by_image[item.image_id] if one.get("bbox")))
        for item in items
        if item.image_id is not None
    ]


def _prompt(annotation: Entry, names: dict[int | str, str]) -> ItemPrompt:
    x, y, width, height = (float(value) for value in annotation["bbox"])
    label = names.get(annotation["category_id"], str(annotation["category_id"]))
    return ItemPrompt(box=(x, y, x + width, y + height), label=label, score=annotation.get("score"))
