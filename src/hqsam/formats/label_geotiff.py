"""Label maps with a place on a map: GeoTIFF and cloud-optimized GeoTIFF (COG), painted band by band."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from hqsam import optional, storage
from hqsam.errors import DataError, OutputError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.map_features import place_of
from hqsam.images.raster import georeference_of
from hqsam.masks.columns import DEFAULT_LABEL
from hqsam.masks.instances import Instances
from hqsam.masks.label_bands import label_bands
from hqsam.masks.label_map import runs_of_labels

_SIDE = 512
"""The side of the file's tiles, in pixels."""
_OBJECTS = "HQSAM_OBJECTS"
"""The tag with label and score of each object."""


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_labels.tif`: 0 is no object (and nodata), k the k-th; of objects that overlap the smaller is on top.

    Raises:
        OptionError: the image has no place on a map.
        MissingExtra: hqsam[geo] is not installed.
    """
    path = paths.path("_labels.tif")
    with storage.replacing(path) as temporary_path:
        _write_geotiff(instances, temporary_path, path, "geotiff")
    return [path]


def write_cog(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_cog_labels.tif`, the same with smaller copies and an order for reading over a network.

    Raises:
        OptionError: the image has no place on a map.
        MissingExtra: hqsam[geo] is not installed.
    """
    path = paths.path("_cog_labels.tif")
    shutil = optional.require("rasterio.shutil", extra="geo")
    with storage.replacing(path) as temporary_path, TemporaryDirectory(prefix="hqsam-") as folder:
        plain = Path(folder) / "plain.tif"  # the driver can only copy
        _write_geotiff(instances, plain, path, "cog")
        with _own_errors(path):
            shutil.copy(
                plain, temporary_path, driver="COG", compress="DEFLATE", blocksize=_SIDE, overview_resampling="nearest"
            )
    return [path]


def read(path: Path) -> list[Instances]:
    """Read a label map as masks with its place; every number but 0 and nodata is an object.

    Labels and scores are in files that hqsam wrote; others have numbers alone.

    Raises:
        DataError: it cannot be read, or is no map of whole numbers.
        MissingExtra: hqsam[geo] is not installed.
    """
    rasterio, errors = optional.require("rasterio", extra="geo"), optional.require("rasterio.errors", extra="geo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                if file.count != 1 or np.dtype(file.dtypes[0]).kind not in "ui":
                    raise DataError(
                        f"{path} has {file.count} bands of {file.dtypes[0]}; a label map is one of integers"
                    )
                labels, place, said = file.read(1), georeference_of(file), file.tags().get(_OBJECTS, "[]")
                nodata = file.nodata
    except errors.RasterioError as error:
        raise DataError(f"cannot read {path} as a GeoTIFF: {' '.join(str(error).split())}") from error
    if nodata:
        labels[labels == nodata] = 0
    found = _objects(labels, said, path)
    return [found if place is None else replace(found, metadata={"georeference": place})]


def objects_in_words(instances: Instances) -> str:
    """Return label and score of each object as JSON, for a tag of the file."""
    return json.dumps([[label, instances.known_score(row)] for row, label in enumerate(instances.labels)])


def objects_tag(instances: Instances) -> tuple[int, str, int, str, bool]:
    """Return the same as GDAL's own tag of a TIFF (GDAL_METADATA), as tifffile's `extratags` take it."""
    item = f'<Item name="{_OBJECTS}">{escape(objects_in_words(instances))}</Item>'
    return 42112, "s", 0, f"<GDALMetadata>{item}</GDALMetadata>", True


def _objects(labels: np.ndarray, said: str, path: Path) -> Instances:
    try:
        known = [(str(label), None if score is None else float(score)) for label, score in json.loads(said)]
    except (ValueError, TypeError) as error:
        raise DataError(f"what {path} says of its objects is damaged: {error}") from error
    if not known or int(labels.max(initial=0)) > len(known) or int(labels.min(initial=0)) < 0:  # of another program
        numbers = np.unique(labels[labels != 0])
        labels = np.where(labels == 0, 0, np.searchsorted(numbers, labels) + 1)
        known = [(DEFAULT_LABEL, None)] * len(numbers)
    size_hw = (labels.shape[0], labels.shape[1])
    return Instances.from_rle(
        [runs.to_rle(size_hw) for runs in runs_of_labels(labels, len(known))],
        size_hw,
        labels=[label for label, _ in known],
        scores=[score for _, score in known],
        image_name=path.name,
    )


def _write_geotiff(instances: Instances, path: Path, name: Path, format_name: str) -> None:
    place = place_of(instances, format_name)
    rasterio = optional.require("rasterio", extra="geo")
    windows = optional.require("rasterio.windows", extra="geo")
    height, width = instances.image_size_hw
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": "uint32",
        "nodata": 0,
        "crs": place.crs or None,
        "transform": rasterio.Affine(*place.transform),
        "compress": "deflate",
        "tiled": True,
        "blockxsize": _SIDE,
        "blockysize": _SIDE,
        "bigtiff": "IF_SAFER",
    }
    with _own_errors(name), rasterio.open(path, "w", **profile) as file:
        # By its software `images.walk` knows it for no image to work on.
        file.update_tags(**{"TIFFTAG_SOFTWARE": "hqsam", _OBJECTS: objects_in_words(instances)})
        for rows, band in label_bands(instances, _SIDE):
            file.write(band, 1, window=windows.Window(0, rows.start, width, rows.stop - rows.start))


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    errors = optional.require("rasterio.errors", extra="geo")
    try:
        yield
    except errors.RasterioError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
