"""Export: annotations as files in any format that `hqsam segment` writes, by the same writers."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hqsam import storage
from hqsam.formats import coco, format_named, write
from hqsam.images.reading import read_image
from hqsam.masks.instances import Instances
from hqsam.serving.store.annotations import AnnotationTable
from hqsam.serving.store.errors import NotFoundError
from hqsam.serving.store.image_library import ImageLibrary
from hqsam.serving.store.tables import ImageRow

_STORED = (".png", ".jpg")
"""Compressed already."""


def export(
    rows: Sequence[ImageRow],
    format_name: str,
    folder: Path,
    annotations: AnnotationTable,
    library: ImageLibrary,
    check: Callable[[], None],
) -> Path:
    """Write the annotations of these images into an empty folder and return the file: the only one, or a zip.

    `check` is called before each file, and raises to cancel.

    Raises:
        OptionError: there is no such format.
        NotFoundError: there is nothing to write.
    """
    format_named(format_name)
    places = _places(rows)
    if format_name == "coco":
        return coco.write_dataset([_instances(row, annotations) for row in rows], folder / "annotations_coco.json")
    # A class has one number in all files.
    options: dict[str, Any] = {"classes": _all_labels(rows, annotations)} if format_name == "yolo" else {}
    files: list[Path] = []
    for row, place in zip(rows, places, strict=True):
        check()
        image = None
        if format_named(format_name).needs_image:
            image = read_image(library.get(row.id).path, library.max_pixels)
        files += write(_instances(row, annotations), folder / place, [format_name], image=image, **options)
    if not files:
        raise NotFoundError("there is nothing to export: no image has an annotation yet")
    files = list(dict.fromkeys(files))
    return files[0] if len(files) == 1 else _zipped(files, folder / f"annotations_{format_name}.zip", check)


def _instances(row: ImageRow, annotations: AnnotationTable) -> Instances:
    contents = [one.content for one in annotations.of_image(row.id)]
    return Instances.from_rle(
        [content.rle for content in contents],
        (row.height, row.width),
        scores=[content.score for content in contents],
        labels=[content.class_name for content in contents],
        image_name=row.name,
    )


def _all_labels(rows: Sequence[ImageRow], annotations: AnnotationTable) -> list[str]:
    return sorted({one.content.class_name for row in rows for one in annotations.of_image(row.id)})


def _places(rows: Sequence[ImageRow]) -> list[Path]:
    """Return the folder of each image's files: that of the image, or its own where two would write the same names."""
    parents = [Path(*PurePosixPath(row.name).parent.parts) for row in rows]
    # Two names that differ only in case are one file on macOS and Windows.
    names = [str(parent / Path(row.name).stem).casefold() for parent, row in zip(parents, rows, strict=True)]
    return [
        parent if names.count(name) == 1 else parent / f"{Path(row.name).stem}-{row.id}"
        for parent, name, row in zip(parents, names, rows, strict=True)
    ]


def _zipped(files: Sequence[Path], path: Path, check: Callable[[], None]) -> Path:
    with storage.replacing(path) as temporary_path, zipfile.ZipFile(temporary_path, "w") as archive:
        for file in files:
            check()
            how = zipfile.ZIP_STORED if file.suffix in _STORED else zipfile.ZIP_DEFLATED
            archive.write(file, file.relative_to(path.parent), compress_type=how)
    return path
