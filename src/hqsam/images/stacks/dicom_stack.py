"""DICOM: a series of slices in a folder, sorted by their place in the patient, or a single file."""

import os
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from hqsam import optional
from hqsam.errors import ImageError
from hqsam.images.open_image import first_bytes
from hqsam.images.stacks.stack import Stack, StackLayout
from hqsam.images.to_rgb import note

_LOOKED_AT = 16
"""Files of a folder that are looked at to tell whether it is a series."""
_UNEVEN = 0.05
"""Share of the usual distance between slices by which one may differ."""
_KEPT_SLICES = 4
_HEADER = (
    *(
        "SeriesInstanceUID",
        "SeriesDescription",
        "SOPInstanceUID",
        "InstanceNumber",
        "NumberOfFrames",
        "Rows",
        "Columns",
    ),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SamplesPerPixel"),
    *("PhotometricInterpretation", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "WindowCenter"),
    *("WindowWidth", "BitsAllocated", "PixelRepresentation", "Modality"),
)


def is_dicom(path: Path) -> bool:
    """Return True for a DICOM file, and for a folder with some."""
    if path.is_file():
        return path.suffix.lower() == ".dcm" or _begins_as_dicom(path)
    if not path.is_dir():
        return False
    try:
        with os.scandir(path) as entries:
            files = (Path(entry.path) for entry in entries if entry.is_file() and not entry.name.startswith("."))
            return any(_begins_as_dicom(file) for file in islice(files, _LOOKED_AT))
    except OSError:
        return False


@dataclass(frozen=True)
class _Slice:
    path: Path
    header: Any
    """Its pydicom data set without the pixels."""
    position: float
    """The distance along the normal of the slices."""


class DicomStack(Stack):
    """A DICOM series. A plane [y, x] has the rows and columns of a slice; z rises along the slices' normal."""

    is_scan = True

    affine: Float[np.ndarray, "4 4"] | None
    """From column, row and slice to millimetres to the right, front and top (RAS, as NIfTI); None if not known."""

    def __init__(self, path: Path) -> None:
        """Open a file, or all slices of a folder.

        Raises:
            ImageError: it is damaged, has several series, slices of several sizes or directions, or some are missing.
            MissingExtra: pydicom is not installed.
        """
        slices = _series(path)
        first = slices[0].header
        self._slices, self._is_scaled = slices, any(_is_scaled(one.header) for one in slices)
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self.affine = _affine(path, slices)
        sizes = {"y": int(first.Rows), "x": int(first.Columns)}
        super().__init__(
            path,
            StackLayout(
                sizes={"z": len(slices), **sizes} if path.is_dir() else sizes,
                dtype=np.dtype(np.float64) if self._is_scaled else _dtype(first),
                steps=_steps(first, self.affine, len(slices)),
                units=dict.fromkeys("zyx", "millimeter"),
                declared=tuple(one for one in [_window(first)] if one),
                is_window=True,
                white_is_low=first.PhotometricInterpretation == "MONOCHROME1",
                samples=3 if int(getattr(first, "SamplesPerPixel", 1)) == 3 else 1,
            ),
        )

    @property
    def slice_paths(self) -> tuple[Path, ...]:
        """The file of each slice, by z."""
        return tuple(one.path for one in self._slices)

    def read(
        self, t: int, c: int, z: int, rows: slice, columns: slice
    ) -> Num[np.ndarray, "rows columns"] | Num[np.ndarray, "rows columns 3"]:
        """Return a part of a slice, with its slope and intercept: of a CT in Hounsfield units."""
        if z not in self._kept:
            self._kept[z] = self._decode(self._slices[z].path)
            while len(self._kept) > _KEPT_SLICES:
                self._kept.popitem(last=False)
        return self._kept[z][rows, columns]

    def _decode(self, path: Path) -> np.ndarray:
        pydicom = optional.require("pydicom", extra="science")
        pixels = optional.require("pydicom.pixels", extra="science")
        try:
            found = pydicom.dcmread(path)
            values = found.pixel_array
            return pixels.apply_modality_lut(values, found).astype(np.float64) if self._is_scaled else values
        except Exception as error:  # on damaged files and unknown compressions it raises whatever it trips over
            raise ImageError(f"cannot read {path}: {error}") from error


def _begins_as_dicom(path: Path) -> bool:
    return first_bytes(path, 132)[128:] == b"DICM"


def _series(path: Path) -> list[_Slice]:
    """Return the slices in the order of their places, checked."""
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.is_file())
    pydicom = optional.require("pydicom", extra="science")
    headers, others = [], []
    for file in files:
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_HEADER))
        except pydicom.errors.InvalidDicomError as error:
            others.append(file.name)
            if file == path:
                raise ImageError(f"cannot read {path}: it is no DICOM file") from error
            continue
        except Exception as error:  # as above
            raise ImageError(f"cannot read {file}: {error}") from error
        headers += [(file, header)] if "Rows" in header else []
    if not headers:
        raise ImageError(f"{path} has no DICOM file with an image in it")
    if others:
        note(
            str(path),
            "files",
            f"{len(others)} files in it are no DICOM files and were left out: {', '.join(others[:3])}",
        )
    _refuse_mixtures(path, headers)
    return _sorted(path, headers)


def _refuse_mixtures(path: Path, headers: list[tuple[Path, Any]]) -> None:
    series: dict[str, list[Path]] = {}
    for file, header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append(file)
    if len(series) > 1:
        said = ", ".join(f"{len(files)} files as {files[0].name}" for files in series.values())
        raise ImageError(f"{path} has {len(series)} series ({said}); put each into a folder of its own")
    sizes = {(int(header.Rows), int(header.Columns)) for _, header in headers}
    if len(sizes) > 1:
        raise ImageError(f"{path} has slices of several sizes: {', '.join(f'{w} x {h}' for h, w in sorted(sizes))}")
    frames = next((file for file, header in headers if int(header.get("NumberOfFrames", 1) or 1) > 1), None)
    if frames is not None:
        raise ImageError(f"{frames} has many frames in one file; convert it to NIfTI, for example by dcm2niix")


def _sorted(path: Path, headers: list[tuple[Path, Any]]) -> list[_Slice]:
    placed = [
        header for _, header in headers if {"ImagePositionPatient", "ImageOrientationPatient"} <= set(header.dir())
    ]
    if len(placed) < len(headers):
        if len(headers) > 1:
            note(str(path), "place", "its slices do not say where they lie; they are in the order of their numbers")
        order = sorted(headers, key=lambda one: (int(one[1].get("InstanceNumber", 0) or 0), one[0].name))
        return [_Slice(file, header, float(number)) for number, (file, header) in enumerate(order)]
    directions = np.array([[float(value) for value in header.ImageOrientationPatient] for header in placed])
    if np.abs(directions - directions[0]).max() > 1e-3:
        raise ImageError(
            f"{path} has slices of several directions, as a localizer has; put each into a folder of its own"
        )
    normal = np.cross(directions[0, :3], directions[0, 3:])
    slices = [_Slice(file, header, float(np.dot(_position(header), normal))) for file, header in headers]
    slices.sort(key=lambda one: one.position)
    _refuse_gaps(path, slices)
    return slices


def _refuse_gaps(path: Path, slices: list[_Slice]) -> None:
    distances = np.diff([one.position for one in slices])
    if not len(distances):
        return
    usual = float(np.median(distances))
    same = np.flatnonzero(distances < 1e-3 + _UNEVEN * max(usual, 0) / 10)
    if len(same):
        one, other = slices[same[0]], slices[same[0] + 1]
        raise ImageError(
            f"{path} has {len(same) + 1} or more slices at one place, such as {one.path.name} and {other.path.name}; "
            "expected one slice a place: put each phase or echo into a folder of its own"
        )
    wide = np.flatnonzero(np.abs(distances - usual) > _UNEVEN * usual)
    if len(wide):
        before, after = slices[wide[0]], slices[wide[0] + 1]
        raise ImageError(
            f"{path} has slices missing, or at uneven distances: {before.path.name} and {after.path.name} are "
            f"{distances[wide[0]]:.2f} mm apart, and others {usual:.2f} mm"
        )


def _position(header: Any) -> Float[np.ndarray, "3"]:
    return np.array([float(value) for value in header.ImagePositionPatient])


def _affine(path: Path, slices: list[_Slice]) -> Float[np.ndarray, "4 4"] | None:
    first = slices[0].header
    if not {"ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"} <= set(first.dir()):
        return None
    directions = np.array([float(value) for value in first.ImageOrientationPatient])
    down, across = (float(value) for value in first.PixelSpacing)
    if len(slices) > 1:
        step = (_position(slices[-1].header) - _position(first)) / (len(slices) - 1)
    else:
        step = np.cross(directions[:3], directions[3:]) * float(first.get("SliceThickness") or 1)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = directions[:3] * across, directions[3:] * down, step
    affine[:3, 3] = _position(first)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine  # DICOM counts to the left and to the back


def _steps(header: Any, affine: np.ndarray | None, count: int) -> dict[str, float]:
    if "PixelSpacing" not in header:
        return {}
    down, across = (float(value) for value in header.PixelSpacing)
    thick = float(header.get("SliceThickness") or 0)
    depth = float(np.linalg.norm(affine[:3, 2])) if affine is not None and count > 1 else thick
    return {"y": down, "x": across} | ({"z": depth} if depth > 0 else {})


def _dtype(header: Any) -> np.dtype:
    return np.dtype(
        f"{'i' if header.get('PixelRepresentation', 0) else 'u'}{int(header.get('BitsAllocated', 16)) // 8}"
    )


def _is_scaled(header: Any) -> bool:
    slope, intercept = float(header.get("RescaleSlope", 1) or 1), float(header.get("RescaleIntercept", 0) or 0)
    return (slope, intercept) != (1, 0) or "ModalityLUTSequence" in header


def _window(header: Any) -> tuple[float, float] | None:
    """Return the values that become black and white by the first window, as the standard's linear function has them."""
    centre, width = (_number(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or width <= 1:
        return None
    return centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2


def _number(value: Any) -> float | None:
    """Return a number, or the first of several."""
    first = value if isinstance(value, str | int | float) or value is None else next(iter(value), None)
    return None if first in (None, "") else float(first)
