"""OME-TIFF files and stacks of ImageJ."""

import re
from collections import OrderedDict
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Num

from hqsam import optional
from hqsam.errors import HqsamError, ImageError
from hqsam.images.image_info import is_tiff
from hqsam.images.open_image import first_bytes
from hqsam.images.stacks.stack import Stack, StackLayout, check_axes, unit_named
from hqsam.images.tiff_page import TiffPage

_OPEN_PAGES = 8
"""Pages whose decoded strips are kept."""
_DISTANCES = {"z": "PhysicalSizeZ", "y": "PhysicalSizeY", "x": "PhysicalSizeX", "t": "TimeIncrement"}
"""Names of distances in OME-XML; their units are micrometres and seconds where it names none."""


def is_tiff_stack(path: Path, any_planes: bool = False) -> bool:
    """Return True for an OME-TIFF or a TIFF of ImageJ with several planes, or with `any_planes` also with one.

    False if tifffile is not installed.
    """
    if not (path.is_file() and is_tiff(first_bytes(path)) and optional.is_installed("tifffile")):
        return False
    tifffile = optional.require("tifffile", extra="science")
    try:
        with tifffile.TiffFile(path) as tiff:
            if not (tiff.is_ome or tiff.is_imagej) or not tiff.series:
                return False
            series = tiff.series[0]
            planes = prod(size for name, size in zip(series.axes, series.shape, strict=True) if name not in "YXS")
            return planes > 1 or any_planes
    except Exception:  # noqa: BLE001  (on damaged files it raises whatever it trips over; they are read as any TIFF)
        return False


class TiffStack(Stack):
    """The first image of an OME-TIFF, or a stack of ImageJ."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            ImageError: it is damaged, or has axes that are not known.
            MissingExtra: tifffile is not installed.
        """
        tifffile = optional.require("tifffile", extra="science")
        try:
            self._tiff = tifffile.TiffFile(path)
            self._series = self._tiff.series[0]
            layout = _layout(path, self._tiff, self._series)
        except HqsamError:
            raise
        except Exception as error:  # as above
            raise ImageError(f"cannot read {path}: {error}") from error
        super().__init__(path, layout)
        inside = len(self._series.keyframe.shape)
        axes = self._series.axes.lower()
        self._outer = axes[: len(axes) - inside]
        self._outer_shape = tuple(int(size) for size in self._series.shape[: len(axes) - inside])
        self._channels_in_page = "c" in axes[len(self._outer) :]
        self._open: OrderedDict[int, TiffPage] = OrderedDict()

    def read(
        self, t: int, c: int, z: int, rows: slice, columns: slice
    ) -> Num[np.ndarray, "rows columns"] | Num[np.ndarray, "rows columns 3"]:
        """Return a part of a plane; black where a file of several leaves a plane out."""
        at = {"t": t, "c": c, "z": z}
        index = int(
            np.ravel_multi_index([at.get(axis, 0) for axis in self._outer], self._outer_shape) if self._outer else 0
        )
        page = self._page(index)
        if page is None:
            return np.zeros((rows.stop - rows.start, columns.stop - columns.start), self.layout.dtype)
        values = page.read(rows, columns)
        if self._channels_in_page:
            return values[..., c]
        return values[..., :3] if self.layout.samples == 3 else values[..., 0]

    def close(self) -> None:
        """Close the file."""
        self._tiff.close()

    def _page(self, index: int) -> TiffPage | None:
        if index not in self._open:
            pages, offset = self._series.pages, 0
            if len(pages) == 1 and index:  # ImageJ keeps planes behind the first without pages for them
                page, offset = pages[0], index * self._series.keyframe.nbytes
            else:
                page = pages[index]
            if page is None:
                return None
            self._open[index] = TiffPage(str(self.path), page, offset)
            while len(self._open) > _OPEN_PAGES:
                self._open.popitem(last=False)
        self._open.move_to_end(index)
        return self._open[index]


def _layout(path: Path, tiff: Any, series: Any) -> StackLayout:
    names = [name for name in series.axes if name != "S"]
    shape = [size for name, size in zip(series.axes, series.shape, strict=True) if name != "S"]
    samples = dict(zip(series.axes, series.shape, strict=True)).get("S", 1)
    sizes = check_axes(path, names, shape)
    about = _ome(tiff.ome_metadata) if tiff.is_ome else _imagej(tiff.imagej_metadata or {}, series.keyframe)
    count = sizes.get("c", 1)
    channels = about.pop("channels", ())[:count]
    named = tuple(channels[c] if c < len(channels) and channels[c] else str(c) for c in range(count))
    declared = about.pop("declared", ())
    return StackLayout(
        sizes=sizes,
        dtype=series.dtype,
        channels=named,
        declared=declared if len(declared) == count else declared[:1] * count,
        samples=3 if samples >= 3 else 1,
        **about,
    )


def _ome(xml: str) -> dict[str, Any]:
    """Return distances, units and channels that OME-XML tells of its first image."""
    root = ElementTree.fromstring(xml)
    pixels = next((each for each in root.iter() if each.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return {}
    steps, units = {}, {}
    for axis, name in _DISTANCES.items():
        if (step := _positive(pixels.get(name))) is not None:
            steps[axis], units[axis] = step, unit_named(pixels.get(f"{name}Unit", "s" if axis == "t" else "µm"))
    channels = tuple(each.get("Name", "") for each in pixels if each.tag.rpartition("}")[2] == "Channel")
    bits = pixels.get("SignificantBits", "")
    declared = ((0, 2 ** int(bits) - 1),) if bits.isdecimal() and int(bits) not in (8, 16, 32, 64) else ()
    return {"steps": steps, "units": units, "channels": channels, "declared": declared}


def _imagej(facts: dict[str, Any], page: Any) -> dict[str, Any]:
    """Return distances, units and the ranges of display that ImageJ keeps."""
    unit = unit_named(facts.get("unit"))
    steps: dict[str, float] = {}
    for axis, tag in (("x", 282), ("y", 283)):
        ratio = page.tags.valueof(tag)
        if unit and ratio and all(ratio):
            steps[axis] = float(ratio[1] / ratio[0])
    if unit and (depth := _positive(facts.get("spacing"))) is not None:
        steps["z"] = depth
    units = dict.fromkeys(steps, unit)
    if (interval := _positive(facts.get("finterval"))) is not None:
        steps["t"], units["t"] = interval, unit_named(facts.get("tunit", "s")) or "second"
    shown = facts.get("Ranges") or tuple(facts[name] for name in ("min", "max") if name in facts)
    pairs = zip(shown[::2], shown[1::2], strict=False)
    declared = tuple((float(low), float(high)) for low, high in pairs if low < high)
    return {"steps": steps, "units": units, "declared": declared}


def _positive(said: Any) -> float | None:
    if said is None or not re.fullmatch(r"[-+0-9.eE]+", str(said)):
        return None
    return float(said) if 0 < float(said) < float("inf") else None
