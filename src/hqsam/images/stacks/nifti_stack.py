"""NIfTI volumes of scanners: slices along the third axis, time along the fourth."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from hqsam import optional
from hqsam.errors import HqsamError, ImageError
from hqsam.images.stacks.stack import Stack, StackLayout, unit_named

_ENDINGS = (".nii", ".nii.gz")


def is_nifti(path: Path) -> bool:
    """Return True for a file that is named as a NIfTI."""
    return path.name.lower().endswith(_ENDINGS) and path.is_file()


class NiftiStack(Stack):
    """A NIfTI file. A plane [y, x] has the voxels (i, j) of a k: x is i, and y is j, as they are stored."""

    is_scan = True

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            ImageError: it is damaged, or has other axes than i, j, k and time.
            MissingExtra: nibabel is not installed.
        """
        self.image = open_nifti(path)
        sizes = dict(zip("xyzt", (int(size) for size in self.image.shape), strict=False))
        steps, units = _distances(self.image)
        window = _window(self.image.header)
        super().__init__(
            path,
            StackLayout(
                sizes={axis: sizes[axis] for axis in "tzyx" if axis in sizes},
                dtype=np.dtype(np.float64) if _is_scaled(self.image) else self.image.get_data_dtype(),
                steps=steps,
                units=units,
                declared=() if window is None else (window,),
                is_window=True,
            ),
        )

    def read(self, t: int, c: int, z: int, rows: slice, columns: slice) -> Num[np.ndarray, "rows columns"]:
        """Return a part of a slice, with the file's slope and intercept."""
        where = (columns, rows, z, t)[: len(self.image.shape)]
        try:
            values = np.asarray(self.image.dataobj[where])
        except Exception as error:  # on damaged files it raises whatever it trips over
            raise ImageError(f"cannot read {self.path}: {error}") from error
        return values.reshape(columns.stop - columns.start, rows.stop - rows.start).T


def open_nifti(path: Path) -> Any:
    """Open a file with nibabel, without its voxels.

    Raises:
        ImageError: it is damaged, or has other axes than i, j, k and time.
        MissingExtra: nibabel is not installed.
    """
    nibabel = optional.require("nibabel", extra="science")
    try:
        image = nibabel.load(path)
        shape, kind = image.shape, image.get_data_dtype().kind
    except HqsamError:
        raise
    except Exception as error:  # as above
        raise ImageError(f"cannot read {path}: {error}") from error
    if not 2 <= len(shape) <= 4:
        raise ImageError(f"{path} has {len(shape)} axes; expected i, j, k, and time if there is more")
    if kind not in "uif":
        raise ImageError(f"{path} has voxels of {image.get_data_dtype()}; expected integers or floats")
    return image


def _distances(image: Any) -> tuple[dict[str, float], dict[str, str]]:
    space, time = image.header.get_xyzt_units() if hasattr(image.header, "get_xyzt_units") else ("mm", "sec")
    zooms = [float(value) for value in image.header.get_zooms()]
    steps = {axis: step for axis, step in zip("xyzt", zooms, strict=False) if step > 0}
    unit = unit_named(space) or "millimeter"  # which NIfTI means where a file does not say
    units = {axis: unit_named(time) or "second" if axis == "t" else unit for axis in steps}
    return steps, units


def _is_scaled(image: Any) -> bool:
    slope, intercept = (getattr(image.dataobj, name, None) for name in ("slope", "inter"))
    return (slope, intercept) not in ((1.0, 0.0), (None, None), (1, 0))


def _window(header: Any) -> tuple[float, float] | None:
    """Return the values that the file shows as black and white."""
    try:
        low, high = float(header["cal_min"]), float(header["cal_max"])
    except (KeyError, ValueError):
        return None
    return (low, high) if low < high else None
