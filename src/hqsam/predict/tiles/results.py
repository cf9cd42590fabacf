"""Files about everything that was found in an image larger than memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqsam.errors import OptionError
from hqsam.formats import coco, format_named, label_geotiff, write
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.stack_labels import DEFAULT_LABELS, check_outside, write_plane_labels
from hqsam.formats.zarr_labels import check_zarr_labels
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.stacks.tiff_stack import is_tiff_stack
from hqsam.images.stacks.zarr_stack import is_ome_zarr
from hqsam.images.tiff import place_tags
from hqsam.masks.instances import Instances
from hqsam.predict.tiles.label_map import write_label_map

_ALWAYS = ("coco", "geotiff")
"""Formats that are written in any case; a label map is a GeoTIFF where the image has a place."""


@dataclass(frozen=True)
class TiledResult:
    """The files about everything that was found in a large image."""

    label_map: Path
    """A TIFF, 32 bits a pixel: 0 is no object, k is the k-th; of an OME-Zarr the group of its new label image."""
    coco: Path
    """The objects with their exact masks, as COCO has them; the k-th has the id k."""
    count: int
    """The number of objects."""
    more: tuple[Path, ...] = ()
    """Files in the formats that were asked for beside these."""


def check_tiled_formats(formats: Sequence[str]) -> None:
    """Look whether formats can be written of an image larger than memory.

    Raises:
        OptionError: one of them is not known, or shows the image.
    """
    for name in formats:
        if format_named(name).needs_image:
            raise OptionError(f"the format {name!r} shows the image, which may be larger than memory; choose another")


def check_label_map(image: Path, folder: Path, labels: str) -> None:
    """Look before the work whether the label map of a stack can be written.

    Raises:
        OptionError: the name is none for a label image.
        OutputError: the folder lies within the image, or the image has such a label image that is not ours.
        MissingExtra: zarr is not installed.
    """
    if is_ome_zarr(image):
        check_outside(folder, image)
        check_zarr_labels(image, labels)


def write_results(
    image: Path,
    folder: Path,
    found: Instances,
    formats: Sequence[str],
    writing: Mapping[str, Any],
    *,
    reading: ReadOptions = DEFAULTS,
    labels: str = DEFAULT_LABELS,
) -> TiledResult:
    """Write a label map, COCO records and files of other formats.

    Raises:
        OptionError: a format needs a place on a map, which the image has not.
        OutputError: a file cannot be written; those before it are there, whole.
    """
    paths = OutputPaths.of(found, folder)
    more = write(found, folder, [name for name in formats if name not in _ALWAYS], **writing)
    tags = place_tags(image)
    if is_ome_zarr(image) or is_tiff_stack(image, any_planes=True):
        label_map = write_plane_labels(image, paths.path("_labels.ome.tif"), found, reading, labels)
    elif "georeference" in found.metadata and not tags:  # of other files than TIFF
        [label_map] = label_geotiff.write(found, paths)
    else:
        tags = [*tags, label_geotiff.objects_tag(found)] if tags else []
        label_map = write_label_map(paths.path("_labels.tif"), found, tags)
    [records] = coco.write(found, paths)
    return TiledResult(label_map, records, len(found), tuple(more))
