"""The table of a volume's objects: sizes, shapes, and the values of every channel, each plane read once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hqsam.formats.object_table import Intensities, channels_of
from hqsam.formats.stack_labels import PlaceInStack
from hqsam.images.stacks.stack import Stack
from hqsam.masks.object_shapes import shape_of
from hqsam.masks.runs import Runs, crop_runs, runs_from_rle
from hqsam.volumes.volume_objects import VolumeObjects


def measured(found: VolumeObjects, stack: Stack) -> list[dict[str, Any]]:
    """Return a row for each object; of a stack in time a row for each object at each timepoint.

    Raises:
        MissingExtra: hqsam[science] is not installed.
        ImageError: the stack cannot be read.
    """
    return _in_time(found, stack) if found.along == "t" else _in_depth(found, stack)


def _in_depth(found: VolumeObjects, stack: Stack) -> list[dict[str, Any]]:
    intensities = {row: Intensities() for row in range(len(found))}
    for z in range(found.planes):
        _add_values(intensities, PlaceInStack(stack, found.across, z), _on(found, z))
    layout, rows = stack.layout, []
    for row, each in enumerate(found.masks):
        about: dict[str, Any] = _about(found, row) | {"voxels": int(found.voxels[row])}
        if found.voxels[row]:
            mask, (z0, y0, x0) = _crop(each, found.size_hw[0])
            depth, high, wide = mask.shape
            about |= {"x0": x0, "y0": y0, "z0": z0, "x1": x0 + wide, "y1": y0 + high, "z1": z0 + depth}
            about |= {"unit": layout.unit} | shape_of(mask, (z0, y0, x0), layout.spacing("zyx"))
            about |= intensities[row].row()
        rows.append(about)
    return rows


def _in_time(found: VolumeObjects, stack: Stack) -> list[dict[str, Any]]:
    layout, rows, height = stack.layout, [], found.size_hw[0]
    for t in range(found.planes):
        there = _on(found, t)
        values = {row: Intensities() for row in there}
        _add_values(values, PlaceInStack(stack, t, found.across), there)
        for row, runs in there.items():
            x0, y0, x1, y1 = runs.box_xyxy(height).tolist()
            mask = crop_runs(runs, height, (slice(y0, y1), slice(x0, x1)))
            time = {"t": t} | ({"time": t * layout.steps["t"]} if "t" in layout.steps else {})
            box = {"pixels": runs.area, "x0": x0, "y0": y0, "x1": x1, "y1": y1, "unit": layout.unit}
            shape = shape_of(mask, (y0, x0), layout.spacing("yx"))
            rows.append(_about(found, row) | time | box | shape | values[row].row())
    return rows


def _about(found: VolumeObjects, row: int) -> dict[str, Any]:
    score = float(found.scores[row])
    return {"id": row + 1, "label": found.labels[row], "score": None if np.isnan(score) else round(score, 6)}


def _on(found: VolumeObjects, plane: int) -> dict[int, Runs]:
    """Return the runs on a plane of the objects that have a pixel there, by their numbers."""
    runs = {row: runs_from_rle(each[plane]) for row, each in enumerate(found.masks) if plane in each}
    return {row: one for row, one in runs.items() if one.area}


def _add_values(intensities: Mapping[int, Intensities], place: PlaceInStack, there: Mapping[int, Runs]) -> None:
    """Add the values of one plane, which is read once, a channel at a time."""
    if not there:
        return
    height, width = place.stack.layout.size_hw
    for name, values in channels_of(place, slice(0, height), slice(0, width)):
        for row, runs in there.items():
            x0, y0, x1, y1 = runs.box_xyxy(height).tolist()
            window = slice(y0, y1), slice(x0, x1)
            intensities[row].add(name, values[window][crop_runs(runs, height, window)])


def _crop(masks: Mapping[int, Any], height: int) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Return an object's mask [z, y, x] in the smallest box around it, and the box's first corner."""
    runs = {plane: one for plane, rle in masks.items() if (one := runs_from_rle(rle)).area}
    boxes = np.array([one.box_xyxy(height) for one in runs.values()])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    first, last = min(runs), max(runs)
    mask = np.zeros((last - first + 1, y1 - y0, x1 - x0), bool)
    for plane, one in runs.items():
        mask[plane - first] = crop_runs(one, height, (slice(y0, y1), slice(x0, x1)))
    return mask, (first, y0, x0)
