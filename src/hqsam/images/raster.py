"""Rasters of maps, read in windows by GDAL (rasterio): GeoTIFF, COG, VRT and others, also over https:// and s3://."""

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Bool, Num, UInt8

from hqsam import optional
from hqsam.errors import ImageError
from hqsam.geo.georeference import Georeference
from hqsam.images.raster_source import gdal_name, is_remote
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.to_rgb import eight_bit_alpha, is_transparency, note
from hqsam.images.value_range import ValueRange, check_value_range

_SAMPLED_WHOLE = 1 << 20
"""Pixels of a raster, or of an overview, that is read as a whole to find the range of its values."""
_SAMPLE_SIDE = 128
"""Side of each of 8 x 8 windows that are read of a larger one without overviews."""
_DEFAULT_STRETCH = (2.0, 98.0)
"""Percentiles that become black and white in rasters of more than 8 bits, as in QGIS."""


@contextmanager
def open_raster(source: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> Iterator["RasterWindows"]:
    """Open anything that GDAL reads, to read parts of it.

    >>> with open_raster("https://example.org/field.tif", ReadOptions(bands=(4, 3, 2))) as raster:
    ...     raster.size_hw, raster.georeference, raster.read(slice(0, 512), slice(0, 512))

    Args:
        source: a path; https://, s3://, gs:// or az://, of which GDAL takes credentials from the environment
            (`AWS_ACCESS_KEY_ID`, ...); or one of GDAL's own names, such as /vsizip/maps.zip/map.tif.
        options: `bands` and `stretch` or `value_range`.

    Raises:
        ImageError: it cannot be opened, or has no such band, or a page but the first was asked for.
        MissingExtra: rasterio is not installed.
    """
    if options.page not in (None, 1):
        raise ImageError(
            f"{source} is read by GDAL, which opens its page 1 alone, and page {options.page} was asked for; save that "
            "page as a file of its own"
        )
    with _open_dataset(source) as dataset:
        yield RasterWindows(str(source), dataset, options)


def raster_size_hw(source: str | os.PathLike[str]) -> tuple[int, int]:
    """Return height and width of a raster, without reading its values.

    Raises:
        ImageError: it cannot be opened.
        MissingExtra: rasterio is not installed.
    """
    with _open_dataset(source) as dataset:
        return int(dataset.height), int(dataset.width)


@contextmanager
def _open_dataset(source: str | os.PathLike[str]) -> Iterator[Any]:
    rasterio = optional.require("rasterio", extra="geo")
    errors = optional.require("rasterio.errors", extra="geo")
    settings = {"GDAL_HTTP_MAX_RETRY": "2", "GDAL_HTTP_RETRY_DELAY": "0.5"}
    if is_remote(source):
        settings["GDAL_DISABLE_READDIR_ON_OPEN"] = "EMPTY_DIR"  # folders of servers are not listed
    try:
        with (
            rasterio.Env(**settings),
            _quiet(errors.NotGeoreferencedWarning),
            rasterio.open(gdal_name(source)) as dataset,
        ):
            yield dataset
    except errors.RasterioError as error:
        raise ImageError(f"cannot read {source}: {' '.join(str(error).split())}") from error


@contextmanager
def _quiet(category: type[Warning]) -> Iterator[None]:
    """Ignore a kind of warning while an image is opened; the block after it warns as ever."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


class RasterWindows:
    """A raster of which any part can be read as RGB, with its place on Earth and its pixels without data."""

    def __init__(self, name: str, dataset: Any, options: ReadOptions) -> None:
        self._name, self._dataset = name, dataset
        self.size_hw = (int(dataset.height), int(dataset.width))
        self.georeference = georeference_of(dataset)
        self._bands = _check_bands(name, dataset, options.bands) or _choose_bands(name, dataset)
        if any(np.dtype(dataset.dtypes[band - 1]).kind not in "uif" for band in self._bands):
            raise ImageError(f"{name} has values of {dataset.dtypes[self._bands[0] - 1]}; expected integers or floats")
        self._palette = _palette(dataset, self._bands)
        self._has_gaps = self._may_have_gaps()
        self._ranges = self._choose_ranges(options)

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "rows columns 3"]:
        """Return a part of the raster as uint8 RGB; pixels without data are black."""
        values = self._values(self._bands, (rows, columns))
        pixels = self._to_8_bit(values)
        valid = self.valid(rows, columns)
        return pixels if valid is None else np.where(valid[..., None], pixels, np.uint8(0))

    def valid(self, rows: slice, columns: slice) -> Bool[np.ndarray, "rows columns"] | None:
        """Return which pixels have data, by nodata values, masks, alpha and NaN; None for a raster without gaps."""
        if not self._has_gaps:
            return None
        bands = list(self._bands)
        valid = self._dataset.read_masks(bands, window=_window(rows, columns)).any(axis=0)
        if self._is_float:
            valid &= np.isfinite(self._dataset.read(bands, window=_window(rows, columns))).any(axis=0)
        return valid

    def _values(self, bands: Sequence[int], window: tuple[slice, slice]) -> Num[np.ndarray, "rows columns band"]:
        return self._dataset.read(list(bands), window=_window(*window)).transpose(1, 2, 0)

    def _to_8_bit(self, values: Num[np.ndarray, "rows columns band"]) -> UInt8[np.ndarray, "rows columns 3"]:
        if self._palette is not None:
            return self._palette[np.clip(values[..., 0], 0, len(self._palette) - 1).astype(np.int64)]
        if self._ranges is None:
            scaled = values.astype(np.uint8, copy=False)
        else:
            scaled = np.concatenate(
                [one.to_8_bit(values[..., band : band + 1]) for band, one in enumerate(self._ranges)], axis=2
            )
        return np.ascontiguousarray(scaled if scaled.shape[2] == 3 else np.repeat(scaled[..., :1], 3, axis=2))

    @property
    def _is_float(self) -> bool:
        return any(np.dtype(self._dataset.dtypes[band - 1]).kind == "f" for band in self._bands)

    def _may_have_gaps(self) -> bool:
        """Return True if there may be pixels without data; alpha that is a colour, as infrared, says nothing."""
        flags = {flag.name for band in self._bands for flag in self._dataset.mask_flag_enums[band - 1]}
        if "alpha" in flags:
            alpha_band = next(
                (n for n, one in enumerate(self._dataset.colorinterp, start=1) if one.name == "alpha"), None
            )
            if alpha_band is not None:
                sample = self._sample([*self._bands, alpha_band])
                alpha = eight_bit_alpha(sample[..., -1])
                if not is_transparency(alpha, sample[..., :-1], self._name):
                    return self._is_float
        return bool(flags - {"all_valid"}) or self._is_float

    def _choose_ranges(self, options: ReadOptions) -> list[ValueRange] | None:
        """Return a range of values for each band; None for bytes that are taken as they are."""
        if options.value_range is not None:
            return [check_value_range(options.value_range)] * len(self._bands)
        is_deep = any(np.dtype(self._dataset.dtypes[band - 1]) != np.uint8 for band in self._bands)
        if self._palette is not None or (options.stretch is None and not is_deep):
            return None
        percentiles = options.stretch or _DEFAULT_STRETCH
        sample = self._sample(self._bands, only_valid=True)[0]
        ranges = [_range_of(sample[:, band], percentiles) for band in range(len(self._bands))]
        if options.stretch is None:
            said = ", ".join(f"{one.low:g} to {one.high:g}" for one in ranges)
            low, high = percentiles
            note(
                self._name, "depth",
                f"the values of its bands between the {low:g}th and the {high:g}th percentile ({said}) were scaled to "
                "0 to 255; set others with stretch=(low, high) or --stretch LOW,HIGH, or one range with value_range",
            )  # fmt: skip
        return ranges

    def _sample(self, bands: Sequence[int], only_valid: bool = False) -> np.ndarray:
        """Return values that are spread over the raster, [1, N, bands]: of an overview if there is one."""
        height, width = self.size_hw
        factors = self._dataset.overviews(self._bands[0])
        small = next((f for f in factors if height * width / f**2 <= _SAMPLED_WHOLE), None)
        if height * width <= _SAMPLED_WHOLE or small:
            shape = (-(-height // (small or 1)), -(-width // (small or 1)))
            parts = [self._flat(bands, (slice(0, height), slice(0, width)), shape, only_valid)]
        else:
            tops, lefts = (np.linspace(0, max(0, side - _SAMPLE_SIDE), 8).astype(int).tolist() for side in self.size_hw)
            windows = [
                (slice(top, min(top + _SAMPLE_SIDE, height)), slice(left, min(left + _SAMPLE_SIDE, width)))
                for top, left in product(tops, lefts)
            ]
            parts = [self._flat(bands, window, None, only_valid) for window in windows]
        return np.concatenate(parts)[None]

    def _flat(
        self, bands: Sequence[int], window: tuple[slice, slice], shape: tuple[int, int] | None, only_valid: bool
    ) -> np.ndarray:
        where = {"window": _window(*window)} | ({} if shape is None else {"out_shape": (len(bands), *shape)})
        values = self._dataset.read(list(bands), **where).reshape(len(bands), -1).T
        if not (only_valid and self._has_gaps):
            return values
        return values[self._dataset.read_masks(list(bands), **where).reshape(len(bands), -1).any(axis=0)]


def _window(rows: slice, columns: slice) -> Any:
    windows = optional.require("rasterio.windows", extra="geo")
    return windows.Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)


def georeference_of(dataset: Any) -> Georeference | None:
    """Return where the raster lies; None if it does not say, or by ground control points alone."""
    if dataset.transform.is_identity and dataset.crs is None:
        if dataset.gcps[0]:
            note(dataset.name, "place", "its place is given by ground control points; warp it first (gdalwarp)")
        return None
    return Georeference(tuple(dataset.transform)[:6], _crs(dataset.crs) if dataset.crs else "")


def _crs(crs: Any) -> str:
    """Return the EPSG code of exactly this CRS, else its definition."""
    code = crs.to_epsg(confidence_threshold=100)
    return f"EPSG:{code}" if code else crs.to_wkt(version="WKT2_2019")


def _check_bands(name: str, dataset: Any, bands: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if bands is None:
        return None
    if len(bands) not in (1, 3) or not all(1 <= band <= dataset.count for band in bands):
        raise ImageError(
            f"{name} has {dataset.count} bands, and the bands {', '.join(map(str, bands))} were asked for; choose one, "
            "or three for red, green and blue, counted from 1"
        )
    return bands


def _choose_bands(name: str, dataset: Any) -> tuple[int, ...]:
    """Return the bands that are called red, green and blue; else the first three, or the first."""
    called = {one.name: number for number, one in reversed(list(enumerate(dataset.colorinterp, start=1)))}
    colours = [number for number, one in enumerate(dataset.colorinterp, start=1) if one.name != "alpha"]
    if {"red", "green", "blue"} <= set(called):
        chosen = called["red"], called["green"], called["blue"]
    else:
        chosen = tuple(colours[:3]) if len(colours) >= 3 else tuple(colours[:1]) or (1,)
    if len(colours) > len(chosen):
        said = ", ".join(map(str, chosen))
        note(
            name,
            "bands",
            f"of its {dataset.count} bands {said} were taken; choose others with bands=(4, 3, 2) or --bands",
        )
    return chosen


def _palette(dataset: Any, bands: tuple[int, ...]) -> UInt8[np.ndarray, "colour 3"] | None:
    """Return the colours of a single band of numbers of colours, by number."""
    if len(bands) != 1 or dataset.colorinterp[bands[0] - 1].name != "palette":
        return None
    colours = dataset.colormap(bands[0])
    table = np.zeros((max(colours) + 1, 3), np.uint8)
    for number, colour in colours.items():
        table[number] = colour[:3]
    return table


def _range_of(values: np.ndarray, percentiles: tuple[float, float]) -> ValueRange:
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not values.size:
        return ValueRange(0, 1)
    low, high = (float(one) for one in np.percentile(values, percentiles))
    return ValueRange(low, high) if low < high else ValueRange(min(0.0, low), max(high, 1.0))
