"""Export: annotations as files in any format that `hqsam segment` writes, by the same writers."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from hqsam import storage
from hqsam.formats import coco, format_named, yolo
from hqsam.formats.document import Document, MaskedObject, labels_of
from hqsam.images.reading import read_image
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
        documents = [_document(row, annotations, None) for row in rows]
        return coco.write_dataset(documents, folder / "annotations_coco.json")
    classes = _all_labels(rows, annotations) if format_name == "yolo" else []
    files: list[Path] = []
    for row, place in zip(rows, places, strict=True):
        check()
        document = _document(row, annotations, library if format_named(format_name).needs_pixels else None)
        if format_name == "yolo":
            files += yolo.write(document, folder / place, classes=classes)
        else:
            files += format_named(format_name).write(document, folder / place)
    if not files:
        raise NotFoundError("there is nothing to export: no image has an annotation yet")
    files = list(dict.fromkeys(files))
    return files[0] if len(files) == 1 else _zipped(files, folder / f"annotations_{format_name}.zip", check)


def _document(row: ImageRow, annotations: AnnotationTable, library: ImageLibrary | None) -> Document:
    stored = annotations.of_image(row.id)
    objects = tuple(MaskedObject(one.content.rle, one.content.class_name, one.content.score) for one in stored)
    pixels = None if library is None else read_image(library.get(row.id).path, library.max_pixels)
    return Document(row.name, (row.height, row.width), objects, pixels)


def _all_labels(rows: Sequence[ImageRow], annotations: AnnotationTable) -> list[str]:
    """Return the classes of all images, so that a class has one number in all files."""
    return labels_of([_document(row, annotations, None) for row in rows])


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
