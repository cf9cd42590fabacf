"""File formats that masks are written to and read from, one file for each, and the table of them.

To add a format, add a file with `write` and `read`, and a row to `FORMATS`.

>>> from hqsam.formats import write
>>> write(instances, "out", ["png", "coco"])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from hqsam.errors import OptionError
from hqsam.formats import coco, csv, geojson, label_map, labelme, pictures, png, sam, semantic_map, svg, yolo
from hqsam.formats.file_names import OutputPaths, is_there, numbered_there
from hqsam.images.reading import ImageLike, read_image_of_size
from hqsam.masks.instances import Instances
from hqsam.storage.file_names import name_here


@dataclass(frozen=True)
class Format:
    """A kind of file: how it is written and, unless it is only to look at, read."""

    about: str
    ending: str
    """The end of its files' names, after the image's stem; `*` where masks are numbered."""
    write: Callable[..., list[Path]]
    """A function of instances, `OutputPaths` and some of `options` that returns the files that it wrote."""
    read: Callable[[Path], list[Instances]] | None = None
    options: frozenset[str] = frozenset()
    """The further arguments of `write`: "image" is the image itself, which pictures need."""

    @property
    def needs_image(self) -> bool:
        """True for pictures of the image itself."""
        return "image" in self.options

    @property
    def suffix(self) -> str:
        """The suffix of its files: .png, .json, ..."""
        return Path(self.ending).suffix or self.ending

    def files_there(self, folder: Path, stem: str) -> list[Path]:
        """Return its files in a folder about the image whose name without suffix is `stem`."""
        path = folder / name_here(f"{stem}{self.ending.replace('*', '')}")
        return numbered_there(path) if "*" in self.ending else [path] * is_there(path)


_OUTLINES = frozenset({"tolerance"})
_DRAWN = frozenset({"tolerance", "corners"})
_PICTURE = frozenset({"image"})

FORMATS: dict[str, Format] = {
    "png": Format("a black and white PNG for each object", "_mask*.png", png.write, png.read),
    "overlay": Format(
        "the image with masks and prompts drawn on it", "_overlay.png", pictures.write_overlay, options=_PICTURE
    ),
    "cutout": Format(
        "each object with a transparent background", "_cutout*.png", pictures.write_cutouts, options=_PICTURE
    ),
    "coco": Format("COCO JSON, exact, as run lengths", "_coco.json", coco.write, coco.read, _OUTLINES | {"outlines"}),
    "svg": Format("vector outlines with holes", ".svg", svg.write, svg.read, _OUTLINES),
    "label_map": Format(
        "one gray PNG, object numbers as values", "_labels.png", label_map.write, label_map.read, frozenset({"order"})
    ),
    "semantic_map": Format(
        "one PNG, class numbers as values and colours",
        "_classes.png",
        semantic_map.write,
        semantic_map.read,
        options=frozenset({"classes", "colours", "order"}),
    ),
    "yolo": Format("YOLO segmentation labels and classes.txt", ".txt", yolo.write, yolo.read, _DRAWN | {"classes"}),
    "labelme": Format("labelme JSON, to edit by hand", ".json", labelme.write, labelme.read, _DRAWN),
    "geojson": Format("polygons with holes, in pixels", ".geojson", geojson.write, geojson.read, _OUTLINES),
    "sam": Format("the records of SAM's mask generator, as in SA-1B", "_sam.json", sam.write, sam.read),
    "csv": Format("a table of areas, scores and boxes", "_objects.csv", csv.write),
}


def write(
    instances: Instances,
    folder: str | PathLike[str],
    formats: Sequence[str],
    *,
    image: ImageLike | None = None,
    only: Path | None = None,
    **options: Any,
) -> list[Path]:
    """Write the masks of an image into a folder in several formats; the folder is made if it is not there.

    Args:
        instances: the masks.
        folder: where the files go; they are named after the image.
        formats: names of `FORMATS`.
        image: the image itself, for formats that show it: anything that `segmenter.open` takes.
        only: the file, for one format that shall not name it itself.
        options: for those formats that have them: `tolerance`, `corners`, `classes`, `order`, `outlines`.

    Raises:
        OptionError: a format or an option is not known, or a format needs the image; nothing was written.
        ImageError: the image cannot be read, or is of another size; nothing was written.
        OutputError: a file cannot be written; those before it are there, whole.
    """
    chosen = {name: format_named(name) for name in formats}
    _check_options(options)
    for name, each in chosen.items():
        if each.needs_image and image is None:
            raise OptionError(
                f"the format {name!r} is a picture and needs the image; give it as `image=`, "
                f"or choose a format that is made of masks alone"
            )
    if any(each.needs_image for each in chosen.values()) and image is not None:
        options = options | {"image": read_image_of_size(image, instances.image_size_hw)}
    assert len(instances.rle) == len(instances)  # logits are made into masks here, once for all formats
    paths, written = OutputPaths.of(instances, Path(folder), only), []
    for each in chosen.values():
        some = {name: value for name, value in options.items() if name in each.options}
        written += each.write(instances, paths, **some)
    return written


def format_named(name: str) -> Format:
    """Return a row of the table.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in FORMATS:
        raise OptionError(f"there is no format {name!r}; choose from {', '.join(FORMATS)}")
    return FORMATS[name]


def _check_options(options: dict[str, Any]) -> None:
    known = frozenset[str]().union(*(each.options for each in FORMATS.values())) - {"image"}
    unknown = sorted(options.keys() - known)
    if unknown:
        raise OptionError(f"no format has the option {unknown[0]!r}; choose from {', '.join(sorted(known))}")
