"""Label images in an OME-Zarr: a group below `labels` of the image that they are for, by the version of that image.

The image itself is only read. The group is written under a temporary name and renamed, so that it is there whole or
not at all.
"""

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hqsam import optional, storage
from hqsam.errors import DataError, OptionError, OutputError
from hqsam.formats.files import read_json
from hqsam.images.stacks.zarr_stack import ZarrImage, is_ome_zarr, open_zarr_image
from hqsam.masks.label_blocks import LabelBlock
from hqsam.version import __version__

ROWS_AT_ONCE = 512
"""Rows of a plane that are written at a time; chunks have as many, or fewer, and as many columns."""
_MARK = "hqsam"
"""The attribute by which a label image is known for one of ours, which may be replaced."""


def check_zarr_labels(image: Path, name: str) -> None:
    """Look whether a label image can be written.

    Raises:
        OptionError: the name is none for a folder.
        OutputError: the image cannot be written to, or has a label image of this name that is not ours.
        ImageError: it is no image of an OME-Zarr.
        MissingExtra: zarr is not installed.
    """
    if not name or name in (".", "..") or any(sign in name for sign in '/\\:*?"<>|') or name.startswith("."):
        raise OptionError(f"{name!r} is no name for a label image; give letters and digits, such as nuclei")
    open_zarr_image(image)
    storage.check_folder(image / "labels")
    there = image / "labels" / name
    if there.exists() and _MARK not in _attributes(there):
        raise OutputError(
            f"{there} is there already, and not written by hqsam; choose another name for the labels (--labels NAME)"
        )


def write_zarr_labels(image: Path, name: str, blocks: Iterable[LabelBlock]) -> Path:
    """Write a label image of an OME-Zarr, and return its group.

    It has the axes of the image without channels, the same levels and the same distances.

    Args:
        image: the group of the image.
        name: the name of the label image.
        blocks: the labels; what no block has is 0.

    Raises:
        OptionError: the name is none for a folder.
        OutputError: it cannot be written, or is there and not ours; what was there is untouched.
        ImageError: it is no image of an OME-Zarr.
        MissingExtra: zarr is not installed.
    """
    check_zarr_labels(image, name)
    opened = open_zarr_image(image)
    labels = image / "labels"
    if is_ome_zarr(labels):
        with storage.replacing_folder(labels / name) as folder, _own_errors(labels / name):
            _write_group(folder, opened, name, blocks)
        with _own_errors(labels):
            _add_name(labels, opened, name)
    else:
        with storage.replacing_folder(labels) as folder, _own_errors(labels):
            _new_group(folder, opened, _listed(opened, [name]))
            _write_group(folder / name, opened, name, blocks)
    _consolidate_anew(image)
    return labels / name


def _write_group(folder: Path, image: ZarrImage, name: str, blocks: Iterable[LabelBlock]) -> None:
    group = _new_group(folder, image, _metadata(image, name))
    axes = [axis.lower() for axis in image.axes]
    kept = [number for number, axis in enumerate(axes) if axis != "c"]
    levels = [_new_array(group, image, each["path"], kept) for each in image.datasets]
    touched = _write_finest(levels[0], [axes[number] for number in kept], blocks)
    places = [_places(each, kept) for each in image.datasets]
    for (finer, coarser), (one, other) in zip(pairwise(levels), pairwise(places), strict=True):
        picked = [_nearest(*each) for each in zip(coarser.shape, finer.shape, other, one, strict=True)]
        touched = _write_coarser(finer, coarser, picked, touched)


def _new_group(folder: Path, image: ZarrImage, attributes: Mapping[str, Any]) -> Any:
    zarr = optional.require("zarr", extra="science")
    return zarr.create_group(
        store=str(folder), zarr_format=image.group.metadata.zarr_format, attributes=dict(attributes), overwrite=True
    )


def _new_array(group: Any, image: ZarrImage, path: str, kept: list[int]) -> Any:
    source = image.group[path]
    shape = [source.shape[number] for number in kept]
    chunks = (*(1,) * (len(shape) - 2), *(min(ROWS_AT_ONCE, max(1, size)) for size in shape[-2:]))
    axes = [image.axes[number] for number in kept]
    if group.metadata.zarr_format == 2:
        more: dict[str, Any] = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    else:
        more = {"dimension_names": axes}
    return group.create_array(path, shape=tuple(shape), dtype="uint32", chunks=chunks, fill_value=0, **more)


def _write_finest(array: Any, axes: list[str], blocks: Iterable[LabelBlock]) -> set[tuple[int, ...]]:
    """Write the labels, and return the places of the planes that have any."""
    touched = set()
    for block in blocks:
        if not block.labels.any():
            continue
        place = tuple({"t": block.t, "z": block.z}[axis] for axis in axes[:-2])
        array[(*place, block.rows)] = block.labels
        touched.add(place)
    return touched


def _write_coarser(
    finer: Any, coarser: Any, picked: list[np.ndarray], touched: set[tuple[int, ...]]
) -> set[tuple[int, ...]]:
    """Write a level by labels of the finer one, some rows at a time; return the places of planes that have any.

    Args:
        finer: the array of the finer level.
        coarser: the array to write.
        picked: for each axis the pixels of the finer level that are taken.
        touched: the places of planes of the finer level that have labels.
    """
    written = set()
    for place in np.ndindex(*coarser.shape[:-2]):
        source = tuple(int(picked[axis][number]) for axis, number in enumerate(place))
        if source not in touched:
            continue
        for top in range(0, coarser.shape[-2], ROWS_AT_ONCE):
            rows = picked[-2][top : top + ROWS_AT_ONCE]
            band = np.asarray(finer[(*source, slice(int(rows[0]), int(rows[-1]) + 1))])
            coarser[(*place, slice(top, top + len(rows)))] = band[rows - rows[0]][:, picked[-1]]
        written.add(place)
    return written


def _places(dataset: Mapping[str, Any], kept: list[int]) -> list[tuple[float, float]]:
    """Return the distance of pixels along each axis, and the place of the first one."""
    scale, start = [1.0] * (max(kept) + 1), [0.0] * (max(kept) + 1)
    for each in dataset.get("coordinateTransformations") or ():
        scale = each.get("scale", scale)
        start = each.get("translation", start)
    return [(float(scale[number]), float(start[number])) for number in kept]


def _nearest(small: int, large: int, coarse: tuple[float, float], fine: tuple[float, float]) -> np.ndarray:
    """Return for each pixel along an axis the one of the finer level that lies nearest to it."""
    step, start = coarse[0] / fine[0], (coarse[1] - fine[1]) / fine[0]
    if small < large and step == 1:  # distances that do not tell of the smaller size
        step = large / small
    return np.clip(np.floor(np.arange(small) * step + start + 0.5), 0, large - 1).astype(np.int64)


def _metadata(image: ZarrImage, name: str) -> dict[str, Any]:
    """Return the attributes of a label image, with the distances of the image's own levels."""
    kept = [number for number, axis in enumerate(image.axes) if axis.lower() != "c"]
    said = image.multiscale
    multiscale: dict[str, Any] = {
        "name": name,
        "axes": [said["axes"][number] for number in kept],
        "datasets": [
            {
                "path": each["path"],
                "coordinateTransformations": _without_channels(each.get("coordinateTransformations"), kept),
            }
            for each in image.datasets
        ],
        "type": "nearest",
    }
    if said.get("coordinateTransformations"):
        multiscale["coordinateTransformations"] = _without_channels(said["coordinateTransformations"], kept)
    about = {"source": {"image": "../../"}}
    mark = {_MARK: __version__}
    if image.group.metadata.zarr_format == 2:
        return {
            "multiscales": [{"version": image.version, **multiscale}],
            "image-label": {"version": image.version, **about},
            **mark,
        }
    return {"ome": {"version": image.version, "multiscales": [multiscale], "image-label": about}, **mark}


def _without_channels(transformations: Any, kept: list[int]) -> list[dict[str, Any]]:
    found = []
    for each in transformations or [{"type": "scale", "scale": [1.0] * (max(kept) + 1)}]:
        kind = str(each.get("type"))
        values = each.get(kind)
        found.append({**each, kind: [values[number] for number in kept]} if isinstance(values, list) else dict(each))
    return found


def _listed(image: ZarrImage, names: list[str]) -> dict[str, Any]:
    """Return the attributes of the group of all label images."""
    if image.group.metadata.zarr_format == 2:
        return {"labels": names}
    return {"ome": {"version": image.version, "labels": names}}


def _add_name(labels: Path, image: ZarrImage, name: str) -> None:
    attributes = _attributes(labels)
    listed = attributes.get("ome", attributes).get("labels", [])
    if name not in listed:
        _replace_attributes(labels, _merged(attributes, _listed(image, [*listed, name])))


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {**old, **new} if "ome" not in new else {**old, "ome": {**old.get("ome", {}), **new["ome"]}}


def _attributes(group: Path) -> dict[str, Any]:
    """Return the attributes of a group as they are on disk."""
    try:
        if (group / "zarr.json").is_file():
            return dict(read_json(group / "zarr.json").get("attributes", {}))
        return read_json(group / ".zattrs") if (group / ".zattrs").is_file() else {}
    except DataError as error:
        raise OutputError(str(error)) from error


def _replace_attributes(group: Path, attributes: dict[str, Any]) -> None:
    if (group / "zarr.json").is_file():
        path, content = group / "zarr.json", {**read_json(group / "zarr.json"), "attributes": attributes}
    else:
        path, content = group / ".zattrs", attributes
    storage.write_text(path, json.dumps(content, indent=2) + "\n")


def _consolidate_anew(image: Path) -> None:
    """Add the labels to consolidated metadata, if the image has such: readers that use it look nowhere else."""
    has_it = (image / ".zmetadata").is_file()
    if not has_it and (image / "zarr.json").is_file():
        has_it = bool(read_json(image / "zarr.json").get("consolidated_metadata"))
    if has_it:
        with _own_errors(image), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Consolidated metadata")  # that version 3 has it only by custom
            optional.require("zarr", extra="science").consolidate_metadata(str(image))


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage.output_error(path, error) from error
