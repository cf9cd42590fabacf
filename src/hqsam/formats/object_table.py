"""Tables of objects: sizes and places in physical units, shapes, values of every channel, as CSV and Parquet."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num

from hqsam import optional, storage
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.stack_labels import PlaceInStack, place_in_stack
from hqsam.masks.instances import Instances
from hqsam.masks.object_shapes import shape_of
from hqsam.masks.runs import crop_runs, runs_from_rle

Row = dict[str, Any]


def write_csv(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_measured.csv`: a line for each object.

    Raises:
        MissingExtra: hqsam[science] is not installed.
    """
    return [write_rows(paths.path("_measured.csv"), list(measured(instances)))]


def write_parquet(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_measured.parquet`, the same table.

    Raises:
        MissingExtra: hqsam[science] is not installed.
    """
    return [write_rows(paths.path("_measured.parquet"), list(measured(instances)))]


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    """Write a table as CSV or Parquet, by the suffix.

    Raises:
        OutputError: it cannot be written; nothing half-written was left.
        MissingExtra: pyarrow is not installed, which writes Parquet.
    """
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["id"]
    if path.suffix == ".parquet":
        arrow, parquet = (optional.require(name, extra="science") for name in ("pyarrow", "pyarrow.parquet"))
        columns = {name: arrow.array([row.get(name) for row in rows]) for name in names}
        with storage.replacing(path) as temporary_path:
            parquet.write_table(arrow.table(columns), temporary_path)
        return path
    text = io.StringIO()
    table = csv.DictWriter(text, names, restval="")
    table.writeheader()
    table.writerows({name: "" if value is None else value for name, value in row.items()} for row in rows)
    storage.write_text(path, text.getvalue())
    return path


def measured(instances: Instances) -> Iterator[Row]:
    """Yield what is measured of each object of a plane.

    Of a stack, distances and values are those of its file; else pixels, and the colours of the image where it is known.

    Raises:
        MissingExtra: hqsam[science] is not installed.
        ImageError: the image cannot be read any more.
    """
    height, _ = instances.image_size_hw
    with place_in_stack(instances) as place:
        spacing = (1.0, 1.0) if place is None else place.stack.layout.spacing("yx")
        unit = "pixel" if place is None else place.stack.layout.unit
        values = _Values(instances, place)
        for number, rle in enumerate(instances.rle):
            x0, y0, x1, y1 = instances.boxes[number].tolist()
            about = {
                "id": number + 1,
                "label": instances.labels[number],
                "score": _rounded(instances.known_score(number)),
            }
            box = {"pixels": int(instances.areas[number]), "x0": x0, "y0": y0, "x1": x1, "y1": y1}
            if not instances.areas[number]:
                yield about | box
                continue
            mask = crop_runs(runs_from_rle(rle), height, (slice(y0, y1), slice(x0, x1)))
            shape = shape_of(mask, (y0, x0), spacing)
            intensities = Intensities()
            for name, part in values.read(slice(y0, y1), slice(x0, x1)):
                intensities.add(name, part[mask])
            yield about | box | {"unit": unit} | shape | intensities.row()


@dataclass
class Intensities:
    """Mean, least and greatest value of an object in each channel, gathered a part at a time."""

    _sums: dict[str, tuple[int, float, float, float]] = field(default_factory=dict)
    """Count, sum, least and greatest value by the channel's name."""

    def add(self, channel: str, values: Num[np.ndarray, "pixel"]) -> None:
        """Add the values of some of the object's pixels; those that are no numbers are left out."""
        known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if not known.size:
            return
        count, total, low, high = self._sums.get(channel, (0, 0.0, np.inf, -np.inf))
        total += float(known.sum(dtype=np.float64))
        self._sums[channel] = count + known.size, total, min(low, float(known.min())), max(high, float(known.max()))

    def row(self) -> Row:
        """Return the columns of the table."""
        return {
            f"{what}_{channel}": value
            for channel, (count, total, low, high) in self._sums.items()
            for what, value in (("mean", total / count), ("min", low), ("max", high))
        }


class _Values:
    """The channels of an image, a part at a time."""

    def __init__(self, instances: Instances, place: PlaceInStack | None) -> None:
        self._place = place
        self._image = instances.image.read() if place is None and instances.image is not None else None

    def read(self, rows: slice, columns: slice) -> Iterator[tuple[str, np.ndarray]]:
        if self._image is not None:
            part = self._image[rows, columns]
            yield from ((name, part[..., number]) for number, name in enumerate(("red", "green", "blue")))
        if self._place is not None:
            yield from channels_of(self._place, rows, columns)


def channels_of(
    place: PlaceInStack, rows: slice, columns: slice
) -> Iterator[tuple[str, Num[np.ndarray, "rows columns"]]]:
    """Yield the name and the values of each channel in a part of a plane; of coloured planes red, green and blue."""
    for number, name in enumerate(place.stack.layout.channels):
        part = place.stack.read(place.t, number, place.z, rows, columns)
        if part.ndim == 2:
            yield name, part
        else:
            yield from ((colour, part[..., at]) for at, colour in enumerate(("red", "green", "blue")))


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
