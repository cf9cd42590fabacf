"""Files that people want masks in: one file here for each format, reading and writing.

>>> from hqsam.formats import write
>>> write(document, "out", ["png", "coco"])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from hqsam.errors import OptionError
from hqsam.formats import coco, csv, cutout, geojson, label_map, labelme, overlay, png, sam, svg, yolo
from hqsam.formats.document import Document
from hqsam.formats.file_names import is_there, numbered_there


@dataclass(frozen=True)
class Format:
    """How one kind of file is written and, unless it is only to look at, read."""

    about: str
    ending: str
    """What the names of its files have after the photo's stem; `*` where objects are numbered."""
    write: Callable[[Document, Path], list[Path]]
    """Takes the document and a folder; returns the files that it wrote."""
    read: Callable[[Path], list[Document]] | None = None
    needs_pixels: bool = False
    """Whether it is a picture that the photo is needed for."""

    @property
    def suffix(self) -> str:
        """Of its files: .png, .json, ..."""
        return Path(self.ending).suffix or self.ending

    def files_there(self, folder: Path, stem: str) -> list[Path]:
        """Its files in a folder about the photo whose name without suffix is `stem`."""
        path = folder / f"{stem}{self.ending.replace('*', '')}"
        return numbered_there(path) if "*" in self.ending else [path] * is_there(path)


FORMATS: dict[str, Format] = {
    "png": Format("a black and white PNG for each object", "_mask*.png", png.write, png.read),
    "overlay": Format("the photo with masks and prompts drawn on it", "_overlay.png", overlay.write, needs_pixels=True),
    "cutout": Format("each object with a transparent background", "_cutout*.png", cutout.write, needs_pixels=True),
    "coco": Format("COCO JSON, exact, as run lengths", "_coco.json", coco.write, coco.read),
    "svg": Format("vector outlines with holes", ".svg", svg.write, svg.read),
    "label_map": Format("one gray PNG, object numbers as values", "_labels.png", label_map.write, label_map.read),
    "yolo": Format("YOLO segmentation labels and classes.txt", ".txt", yolo.write, yolo.read),
    "labelme": Format("labelme JSON, to edit by hand", ".json", labelme.write, labelme.read),
    "geojson": Format("polygons with holes, in pixels", ".geojson", geojson.write, geojson.read),
    "sam": Format("the records of SAM's mask generator, as in SA-1B", "_sam.json", sam.write, sam.read),
    "csv": Format("a table of areas, scores and boxes", "_objects.csv", csv.write),
}


def write(document: Document, folder: str | PathLike[str], formats: Sequence[str]) -> list[Path]:
    """Write a document into a folder in several formats; the folder is made if it is not there.

    Raises:
        OptionError: a format is not known, or needs the photo and the document is without; nothing was written.
        OutputError: a file cannot be written; those before it are there, whole.
    """
    chosen = [format_named(name) for name in formats]
    for name, each in zip(formats, chosen, strict=True):
        if each.needs_pixels:
            document.required_pixels(name)
    return [path for each in chosen for path in each.write(document, Path(folder))]


def format_named(name: str) -> Format:
    """A row of the table.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in FORMATS:
        raise OptionError(f"there is no format {name!r}; choose from {', '.join(FORMATS)}")
    return FORMATS[name]
