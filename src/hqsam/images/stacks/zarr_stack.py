"""OME-Zarr, versions 0.4 and 0.5: images in chunks, in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from hqsam import optional
from hqsam.errors import HqsamError, ImageError
from hqsam.images.stacks.stack import Stack, StackLayout, check_axes, unit_named

_MARKS = ("zarr.json", ".zgroup", ".zattrs")
"""A file of one of these names makes a folder a group of Zarr."""


def is_ome_zarr(path: Path) -> bool:
    """Return True for a folder that is a group of Zarr."""
    return path.is_dir() and any((path / name).is_file() for name in _MARKS)


def described(path: Path) -> Path:
    """Return the file that describes an OME-Zarr: it changes with the image, its folder with every label image.

    Other files and folders are returned themselves.
    """
    marks = (path / name for name in (".zattrs", "zarr.json"))
    return path if path.is_file() else next((mark for mark in marks if mark.is_file()), path)


@dataclass(frozen=True)
class ZarrImage:
    """An image of an OME-Zarr: its group, and what its metadata tells."""

    group: Any
    """The open `zarr.Group`."""
    metadata: Mapping[str, Any]
    """All of the OME metadata of the group."""
    multiscale: Mapping[str, Any]
    """The first entry of `multiscales`."""
    version: str
    """The version of OME-Zarr, such as "0.4"."""

    @property
    def axes(self) -> list[str]:
        """The names of the axes of the arrays, in their order."""
        return [each["name"] if isinstance(each, Mapping) else str(each) for each in self.multiscale["axes"]]

    @property
    def datasets(self) -> Sequence[Mapping[str, Any]]:
        """The levels of the pyramid, the finest first."""
        return self.multiscale["datasets"]


def open_zarr_image(path: Path) -> ZarrImage:
    """Open the group of an image to read it.

    Raises:
        ImageError: it is damaged, or is no image of an OME-Zarr.
        MissingExtra: zarr is not installed.
    """
    zarr = optional.require("zarr", extra="science")
    try:
        group = zarr.open_group(str(path), mode="r")
        attributes = dict(group.attrs)
    except Exception as error:  # on damaged files it raises whatever it trips over
        raise ImageError(f"cannot read {path} as a group of Zarr: {error}") from error
    metadata = attributes.get("ome", attributes)
    _refuse_collections(path, metadata)
    multiscale = _first(path, metadata)
    version = str(metadata.get("version") or multiscale.get("version") or "0.4")
    return ZarrImage(group, metadata, multiscale, version)


class ZarrStack(Stack):
    """The finest level of an image of an OME-Zarr."""

    def __init__(self, path: Path) -> None:
        """Open an image.

        Raises:
            ImageError: it is damaged, or is no image of an OME-Zarr.
            MissingExtra: zarr is not installed.
        """
        image = open_zarr_image(path)
        try:
            self._array = image.group[image.datasets[0]["path"]]
            layout = _layout(path, image, self._array)
        except HqsamError:
            raise
        except Exception as error:  # as above: metadata that is not as it has to be
            raise ImageError(f"cannot read {path}: {type(error).__name__}: {error}") from error
        self._axes = [name.lower() for name in image.axes]
        super().__init__(path, layout)

    def read(self, t: int, c: int, z: int, rows: slice, columns: slice) -> Num[np.ndarray, "rows columns"]:
        """Return a part of a plane."""
        at = {"t": t, "c": c, "z": z, "y": rows, "x": columns}
        try:
            values = np.asarray(self._array[tuple(at.get(axis, 0) for axis in self._axes)])
        except Exception as error:  # codecs raise whatever they trip over
            raise ImageError(f"cannot read {self.path}: {error}") from error
        return values if self._axes.index("y") < self._axes.index("x") else values.T


def scales_of(transformations: Sequence[Mapping[str, Any]] | None, count: int) -> list[float]:
    """Return the scale of each axis that a list of `coordinateTransformations` tells; 1 where it tells none."""
    for each in transformations or ():
        if each.get("type") == "scale":
            return [float(value) for value in each["scale"]]
    return [1.0] * count


def _first(path: Path, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    multiscales = metadata.get("multiscales")
    first = multiscales[0] if isinstance(multiscales, Sequence) and multiscales else None
    if not isinstance(first, Mapping) or not first.get("axes") or not first.get("datasets"):
        raise ImageError(
            f"{path} is a group of Zarr, but no image of an OME-Zarr of version 0.4 or 0.5: its metadata has no "
            "multiscales with axes and datasets"
        )
    return first


def _refuse_collections(path: Path, metadata: Mapping[str, Any]) -> None:
    if "plate" in metadata or "well" in metadata:
        raise ImageError(f"{path} is a plate or a well of many images; give one of them, such as {path / 'A/1/0'}")
    if "bioformats2raw.layout" in metadata:
        there = sorted(each.name for each in path.iterdir() if each.name.isdecimal())
        raise ImageError(f"{path} is a collection of images; give one of them: {', '.join(map(str, there)) or 'none'}"
                         f", as in {path / (there or ['0'])[0]}")  # fmt: skip


def _layout(path: Path, image: ZarrImage, array: Any) -> StackLayout:
    axes = image.axes
    if len(axes) != len(array.shape):
        raise ImageError(f"{path} has {len(axes)} axes ({', '.join(axes)}) and arrays of the shape {array.shape}")
    sizes = check_axes(path, axes, array.shape)
    whole = scales_of(image.multiscale.get("coordinateTransformations"), len(axes))
    own = scales_of(image.datasets[0].get("coordinateTransformations"), len(axes))
    units = {
        each["name"].lower(): unit_named(each.get("unit"))
        for each in image.multiscale["axes"]
        if isinstance(each, Mapping) and each.get("unit")
    }
    steps = {axis.lower(): one * two for axis, one, two in zip(axes, whole, own, strict=True)}
    shown = image.metadata.get("omero") or {}
    channels = list(shown.get("channels") or ())
    count = sizes.get("c", 1)
    return StackLayout(
        sizes=sizes,
        dtype=np.dtype(array.dtype),
        steps={axis: step for axis, step in steps.items() if axis in units},
        units=units,
        channels=tuple(_name(channels, c) for c in range(count)),
        declared=tuple(_window(channels, c) for c in range(count)) if channels else (),
        shown_z=(shown.get("rdefs") or {}).get("defaultZ"),
    )


def _name(channels: list[Any], c: int) -> str:
    return str(channels[c].get("label") or c) if c < len(channels) else str(c)


def _window(channels: list[Any], c: int) -> tuple[float, float] | None:
    """Return the values that are shown as black and white."""
    window = channels[c].get("window") if c < len(channels) else None
    if not window or not {"start", "end"} <= set(window) or not window["start"] < window["end"]:
        return None
    return float(window["start"]), float(window["end"])
