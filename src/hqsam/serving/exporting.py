"""Annotations as files in any format that `hqsam segment` writes, by the same writers."""

import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from hqsam import storage
from hqsam.formats import coco, format_named, yolo
from hqsam.formats.document import Document, MaskedObject, labels_of
from hqsam.images.reading import read_image
from hqsam.serving.asks import current_ask
from hqsam.serving.gallery import Gallery
from hqsam.serving.refusal import Refusal
from hqsam.serving.store.annotations import Annotations
from hqsam.serving.store.tables import ImageRow

_STORED = (".png", ".jpg")
"""Compressed already."""


def export(
    rows: Sequence[ImageRow], format_name: str, folder: Path, annotations: Annotations, gallery: Gallery
) -> Path:
    """Write the annotations of these photos into an empty folder: one file, or a zip of several; which it is.

    Raises:
        OptionError: there is no such format.
        Refusal: 404, there is nothing to write.
        Gone: nobody waits for it any more.
    """
    format_named(format_name)
    places = _places(rows)
    if format_name == "coco":
        documents = [_document(row, annotations, None) for row in rows]
        return coco.write_dataset(documents, folder / "annotations_coco.json")
    classes = _all_labels(rows, annotations) if format_name == "yolo" else []
    files: list[Path] = []
    for row, place in zip(rows, places, strict=True):
        current_ask().check()
        document = _document(row, annotations, gallery if format_named(format_name).needs_pixels else None)
        if format_name == "yolo":
            files += yolo.write(document, folder / place, classes=classes)
        else:
            files += format_named(format_name).write(document, folder / place)
    if not files:
        raise Refusal(404, "not_found", "there is nothing to export: no photo has an annotation yet")
    files = list(dict.fromkeys(files))
    return files[0] if len(files) == 1 else _zipped(files, folder, f"annotations_{format_name}.zip")


def _document(row: ImageRow, annotations: Annotations, gallery: Gallery | None) -> Document:
    kept = annotations.of_image(row.id)
    objects = tuple(MaskedObject(one.content.rle, one.content.class_name, one.content.score) for one in kept)
    pixels = None if gallery is None else read_image(gallery.photo(row.id).path, gallery.max_pixels)
    return Document(row.name, (row.height, row.width), objects, pixels)


def _all_labels(rows: Sequence[ImageRow], annotations: Annotations) -> list[str]:
    """So that a class has one number in all files."""
    return labels_of([_document(row, annotations, None) for row in rows])


def _places(rows: Sequence[ImageRow]) -> list[Path]:
    """The folder of each photo's files: where the photo is, or one of its own where two would write the same names."""
    parents = [Path(*PurePosixPath(row.name).parent.parts) for row in rows]
    # Two names that differ only in case are one file on macOS and Windows.
    names = [str(parent / Path(row.name).stem).casefold() for parent, row in zip(parents, rows, strict=True)]
    return [
        parent if names.count(name) == 1 else parent / f"{Path(row.name).stem}-{row.id}"
        for parent, name, row in zip(parents, names, rows, strict=True)
    ]


def _zipped(files: Sequence[Path], folder: Path, name: str) -> Path:
    with storage.replacing(folder / name) as temporary_path, zipfile.ZipFile(temporary_path, "w") as archive:
        for file in files:
            current_ask().check()
            how = zipfile.ZIP_STORED if file.suffix in _STORED else zipfile.ZIP_DEFLATED
            archive.write(file, file.relative_to(folder), compress_type=how)
    return folder / name
