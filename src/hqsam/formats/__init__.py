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
from hqsam.formats import (
    coco,
    csv,
    geojson,
    label_geotiff,
    label_map,
    labelme,
    map_tables,
    object_table,
    pictures,
    pixel_geojson,
    plane_labels,
    png,
    sam,
    semantic_map,
    svg,
    yolo,
)
from hqsam.formats.file_names import OutputPaths, is_there, numbered_there
from hqsam.formats.map_features import place_of
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

    needs_place: bool = False
    """True for files about an image with a place on a map, which they keep (`metadata["georeference"]`)."""

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
_ON_MAP = _OUTLINES | {"simplify", "orthogonal"}
_PICTURE = frozenset({"image"})


def _map_format(
    about: str,
    ending: str,
    write: Callable[..., list[Path]],
    read: Callable[[Path], list[Instances]] | None = None,
    options: frozenset[str] = _ON_MAP,
) -> Format:
    return Format(about, ending, write, read, options, needs_place=True)


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
    "pixel_geojson": Format(
        "polygons with holes, in pixels", "_pixels.geojson", pixel_geojson.write, pixel_geojson.read, _OUTLINES
    ),
    "geojson": _map_format("longitude and latitude (RFC 7946)", ".geojson", geojson.write, geojson.read),
    "gpkg": _map_format(
        "GeoPackage, in the image's own CRS", ".gpkg", map_tables.write_geopackage, map_tables.read_geopackage
    ),
    "geoparquet": _map_format(
        "GeoParquet, in the image's own CRS", ".parquet", map_tables.write_geoparquet, map_tables.read_geoparquet
    ),
    "geotiff": _map_format(
        "a label map with its place", "_labels.tif", label_geotiff.write, label_geotiff.read, frozenset()
    ),
    "cog": _map_format(
        "the same as a cloud-optimized GeoTIFF",
        "_cog_labels.tif",
        label_geotiff.write_cog,
        label_geotiff.read,
        frozenset(),
    ),
    "sam": Format("the records of SAM's mask generator, as in SA-1B", "_sam.json", sam.write, sam.read),
    "csv": Format("a table of areas, scores and boxes", "_objects.csv", csv.write),
    "measured": Format("a table of sizes, shapes and values of channels", "_measured.csv", object_table.write_csv),
    "measured_parquet": Format("the same as Parquet", "_measured.parquet", object_table.write_parquet),
    "ome_tiff": Format("a label map with physical distances", "_labels.ome.tif", plane_labels.write),
}

FORMAT_OF_SUFFIX = {
    ".png": "png",
    ".json": "coco",
    ".svg": "svg",
    ".geojson": "geojson",
    ".gpkg": "gpkg",
    ".parquet": "geoparquet",
    ".txt": "yolo",
    ".csv": "csv",
}
"""The format that a suffix means if none is named."""
_TO_READ = FORMAT_OF_SUFFIX | {".tif": "geotiff", ".tiff": "geotiff"}

KEEP_PLACE = frozenset(name for name, each in FORMATS.items() if each.needs_place)
"""Formats that keep the place of an image on a map, and need it."""


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
        image: the image itself, for formats that show it: anything that `segmenter.open` takes. By default the one
            that the masks were made from.
        only: the file, for one format that shall not name it itself.
        options: for those formats that have them: `tolerance`, `corners`, `classes`, `order`, `outlines`; on maps
            `simplify` (in units of the map) and `orthogonal`.

    Raises:
        OptionError: a format or an option is not known, or a format needs the image or its place on a map; nothing was
            written.
        ImageError: the image cannot be read, or is of another size; nothing was written.
        OutputError: a file cannot be written; those before it are there, whole.
    """
    chosen = {name: format_named(name) for name in formats}
    _check_options(options)
    pictures_of_it = [name for name, each in chosen.items() if each.needs_image]
    if pictures_of_it and image is None:
        if instances.image is None:
            raise OptionError(
                f"the format {pictures_of_it[0]!r} is a picture and needs the image; give it as `image=`, "
                f"or choose a format that is made of masks alone"
            )
        image = instances.image.read()
    for name, each in chosen.items():
        if each.needs_place:
            place_of(instances, name)
    if pictures_of_it and image is not None:
        options = options | {"image": read_image_of_size(image, instances.image_size_hw)}
    assert len(instances.rle) == len(instances)  # logits are made into masks here, once for all formats
    paths, written = OutputPaths.of(instances, Path(folder), only), []
    for each in chosen.values():
        some = {name: value for name, value in options.items() if name in each.options}
        written += each.write(instances, paths, **some)
    return written


def read(path: str | PathLike[str], format_name: str = "") -> list[Instances]:
    """Read the masks of a file, as `Instances` of each image in it.

    >>> [houses] = read("town.gpkg")
    >>> houses.metadata["georeference"]

    Args:
        path: the file.
        format_name: a name of `FORMATS`; by default what the suffix means: .png one mask, .json COCO, .txt YOLO,
            .svg, .geojson, .gpkg, .parquet and .tif those of the same names.

    Raises:
        OptionError: there is no such format, it cannot be read, or the suffix means none.
        DataError: the file cannot be read.
        MissingExtra: the format needs a package that is not installed.
    """
    path = Path(path)
    name = format_name or _TO_READ.get(path.suffix.lower(), "")
    if not name:
        raise OptionError(f"{path.name} ends in {path.suffix!r}; name its format, one of {', '.join(FORMATS)}")
    reader = format_named(name).read
    if reader is None:
        raise OptionError(f"the format {name!r} is written to be looked at, and cannot be read")
    return reader(path)


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
