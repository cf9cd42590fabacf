"""Export: annotations as files in any format that `hqsam segment` writes, by the same writers.

Classes have the numbers of the project in every export: COCO's category ids and the values of semantic maps are the
numbers, YOLO's ids are one less.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hqsam import storage
from hqsam.errors import DataError, ImageError
from hqsam.formats import coco, format_named, write
from hqsam.formats.semantic_map import write_class_table
from hqsam.images.palette import Rgb
from hqsam.images.reading import RgbImage, read_image
from hqsam.masks.instances import Instances
from hqsam.masks.rle import Rle
from hqsam.serving.store.annotations import AnnotationTable
from hqsam.serving.store.classes import ClassInfo
from hqsam.serving.store.errors import FileGoneError, NotFoundError
from hqsam.serving.store.image_library import ImageLibrary
from hqsam.serving.store.tables import ImageRow
from hqsam.storage.file_names import comparable_name, portable_name

_STORED = (".png", ".jpg")
"""Suffixes of files that are compressed already."""
_WITH_TABLES = ("png", "label_map")
"""Formats whose files do not say which class a mask has where every program can read it."""

_OLD_NAMES = {"geojson": "pixel_geojson"}
"""Formats under the names that clients of version 0.1 ask for; images of the server have no place on a map."""


class Exporter:
    """Writes annotations of images, with the classes of the project."""

    def __init__(self, annotations: AnnotationTable, library: ImageLibrary, classes: Sequence[ClassInfo]) -> None:
        """Take what it reads; `classes` are all of the project, also removed ones."""
        self._annotations, self._library = annotations, library
        self._classes = [one for one in classes if not one.removed]
        last = max((one.number for one in classes), default=0)
        known = {one.number: one for one in classes}
        self._options: dict[str, Any] = {  # a number that no class has any more stays empty, so that others keep theirs
            "classes": [known[n].name if n in known else f"unused {n}" for n in range(1, last + 1)],
            "colours": [_rgb(known[n].colour) if n in known else (0, 0, 0) for n in range(1, last + 1)],
        }

    def export(
        self, rows: Sequence[ImageRow], format_name: str, folder: Path, check: Callable[[], None] = lambda: None
    ) -> Path:
        """Write the annotations of these images into an empty folder and return the file: the only one, or a zip.

        `check` is called before each file, and raises to cancel.

        Raises:
            OptionError: there is no such format.
            NotFoundError: there is nothing to write.
            DataError: masks do not fit their image, or it cannot be read; the message names it.
        """
        asked, format_name = format_name, _OLD_NAMES.get(format_name, format_name)
        chosen = format_named(format_name)
        if format_name == "coco":
            numbers = {one.name: one.number for one in self._classes}
            images = [self._instances(row) for row in rows]
            return coco.write_dataset(images, folder / "annotations_coco.json", category_ids=numbers)
        options = {name: value for name, value in self._options.items() if name in chosen.options}
        files: list[Path] = []
        objects: list[list[Any]] = []
        for row, place in zip(rows, _places(rows), strict=True):
            check()
            instances = self._instances(row)
            if "order" in chosen.options:
                options["order"] = "last_on_top" if instances.metadata["layered"] else "small_on_top"
            image = self._pixels(row, instances, format_name) if chosen.needs_image else None
            written = write(instances, folder / place, [format_name], image=image, **options)
            if asked != format_name:  # files have their old names, too
                written = [file.rename(file.with_name(file.name.replace("_pixels.", "."))) for file in written]
            files += written
            if format_name in _WITH_TABLES:
                objects += _object_rows(format_name, instances, [file.relative_to(folder) for file in written])
        if not files:
            raise NotFoundError("there is nothing to export: no image has an annotation yet")
        files = list(dict.fromkeys(files))
        if format_name in _WITH_TABLES and len(files) > 1:
            files += self._tables(folder, objects)
        return files[0] if len(files) == 1 else _zipped(files, folder / f"annotations_{format_name}.zip", check)

    def _instances(self, row: ImageRow) -> Instances:
        """Return an image's masks; where they are layered, from back to front, small ones in front of large ones."""
        contents = [one.content for one in self._annotations.of_image(row.id)]
        is_layered = any(content.z for content in contents)
        if is_layered:
            contents.sort(key=lambda content: (content.z, -content.area))
        return Instances.from_rle(
            [content.rle for content in contents],
            _size_of_masks(row, [content.rle for content in contents]),
            scores=[content.score for content in contents],
            labels=[content.class_name for content in contents],
            image_name=row.name,
            metadata={"layered": is_layered},
        )

    def _pixels(self, row: ImageRow, instances: Instances, format_name: str) -> RgbImage:
        """Return the image that the masks are drawn on.

        Raises:
            DataError: it is gone, damaged or of another size than the masks.
        """
        try:
            pixels = read_image(self._library.get(row.id).path, self._library.max_pixels)
        except (FileGoneError, ImageError) as error:
            why = str(error).removeprefix(f"{row.name}: ")
            raise DataError(_cannot_draw(row, format_name, why)) from error
        if pixels.shape[:2] != instances.image_size_hw:
            height, width = instances.image_size_hw
            raise DataError(_cannot_draw(row, format_name, f"its masks are of an image of {width} x {height}"))
        return pixels

    def _tables(self, folder: Path, objects: list[list[Any]]) -> list[Path]:
        numbers = {one.name: one.number for one in self._classes}
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["file", "value", "class", "class_name"])
        table.writerows([file, value, numbers[name], name] for file, value, name in objects)
        storage.write_text(folder / "objects.csv", text.getvalue())
        classes = [(one.number, one.name, _rgb(one.colour)) for one in self._classes]
        return [write_class_table(folder / "classes.csv", classes), folder / "objects.csv"]


def _size_of_masks(row: ImageRow, rles: Sequence[Rle]) -> tuple[int, int]:
    """Return height and width of an image's masks: those of the file that they were made on, though it was replaced.

    Raises:
        DataError: they are of several sizes, because it was replaced between them.
    """
    sizes = sorted({(height, width) for height, width in (rle["size"] for rle in rles)})
    if len(sizes) > 1:
        named = " and ".join(f"{width} x {height}" for height, width in sizes)
        raise DataError(
            f"{row.name} has masks of {named}, because its file was replaced by one of another size; delete those that "
            "do not fit it, or export the other images alone"
        )
    return sizes[0] if sizes else (row.height, row.width)


def _cannot_draw(row: ImageRow, format_name: str, why: str) -> str:
    return (
        f"{row.name} cannot be drawn: {why}; put the file back, export the other images alone, or take a format that "
        f"needs no images, as png or coco, instead of {format_name}"
    )


def _object_rows(format_name: str, instances: Instances, files: Sequence[Path]) -> list[list[Any]]:
    """Return the file of each mask, the value of its pixels there, and its class."""
    if format_name == "png":
        return [[file.as_posix(), 255, label] for file, label in zip(files, instances.labels, strict=True)]
    return [[files[0].as_posix(), row + 1, label] for row, label in enumerate(instances.labels)]


def _rgb(colour: str) -> Rgb:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _places(rows: Sequence[ImageRow]) -> list[Path]:
    """Return the folder of each image's files: that of the image, or its own where two would write the same names."""
    parents = [Path(*PurePosixPath(row.name).parent.parts) for row in rows]
    # Two names that differ only in case are one file on macOS and Windows.
    names = [comparable_name(str(parent / Path(row.name).stem)) for parent, row in zip(parents, rows, strict=True)]
    return [
        parent if names.count(name) == 1 else parent / f"{Path(row.name).stem}-{row.id}"
        for parent, name, row in zip(parents, names, rows, strict=True)
    ]


def _zipped(files: Sequence[Path], path: Path, check: Callable[[], None]) -> Path:
    with storage.replacing(path) as temporary_path, zipfile.ZipFile(temporary_path, "w") as archive:
        for file in files:
            check()
            how = zipfile.ZIP_STORED if file.suffix in _STORED else zipfile.ZIP_DEFLATED
            place = "/".join(portable_name(part) for part in file.relative_to(path.parent).parts)
            archive.write(file, place, compress_type=how)
    return path
