"""Which images GDAL reads, and by which name: addresses, VRTs and files with a place on Earth."""

import os
import re
from pathlib import Path
from typing import Any

from hqsam import optional
from hqsam.images.image_info import HEIF_SUFFIXES, IMAGE_SUFFIXES, TIFF_SUFFIXES, begins_as_image, is_tiff
from hqsam.images.open_image import first_bytes
from hqsam.images.read_options import ReadOptions
from hqsam.images.tiff import has_place

_REMOTE = re.compile(r"^(https?|s3|gs|az):/+(?=[^/])", re.IGNORECASE)
_FILE_SYSTEMS = {"s3": "/vsis3/", "gs": "/vsigs/", "az": "/vsiaz/"}
"""GDAL's virtual file systems of object stores; web servers have /vsicurl/."""
_JPEG_2000 = (".jp2", ".j2k")


def is_remote(image: Any) -> bool:
    """Return True for https://, s3://, gs://, az:// and GDAL's virtual file systems (/vsi...)."""
    name = _name(image)
    return name is not None and bool(_REMOTE.match(name) or name.startswith("/vsi"))


def is_raster(image: Any, options: ReadOptions) -> bool:
    """Return True for what GDAL has to read: maps at addresses, files that Pillow does not know, files with a place.

    A local TIFF with a place is read by GDAL if rasterio is installed, and else as any TIFF.
    """
    name = _name(image)
    if name is None:
        return False
    suffix, path = Path(name).suffix.lower(), Path(name)
    if is_remote(name):  # photos of the web are for the caller to download
        return suffix not in IMAGE_SUFFIXES or suffix in (*TIFF_SUFFIXES, *_JPEG_2000)
    if not path.is_file():
        return False
    if options.bands is not None or options.stretch is not None:
        return True
    if not optional.is_installed("rasterio"):
        return suffix == ".vrt"
    if suffix in IMAGE_SUFFIXES + HEIF_SUFFIXES or begins_as_image(first_bytes(path)):
        return (is_tiff(first_bytes(path)) and has_place(path)) or (suffix in _JPEG_2000 and _has_place(path))
    return True


def gdal_name(source: str | os.PathLike[str]) -> str:
    """Return GDAL's name of a source.

    A `Path` of an address has lost one of its two slashes, which comes back here.
    """
    name = _name(source) or ""
    remote = _REMOTE.match(name)
    if not remote:
        return name
    scheme, rest = remote[1].lower(), name[remote.end() :]
    return f"/vsicurl/{scheme}://{rest}" if scheme.startswith("http") else f"{_FILE_SYSTEMS[scheme]}{rest}"


def _has_place(path: Path) -> bool:
    rasterio = optional.require("rasterio", extra="geo")
    try:
        with rasterio.open(path) as dataset:
            return dataset.crs is not None
    except rasterio.errors.RasterioError:
        return False


def _name(image: Any) -> str | None:
    if isinstance(image, Path):
        return image.as_posix() if _REMOTE.match(image.as_posix()) else str(image)
    return os.fspath(image) if isinstance(image, str | os.PathLike) and isinstance(os.fspath(image), str) else None
