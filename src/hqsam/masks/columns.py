"""Columns of `Instances`: arrays or sequences with a row for each mask."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from hqsam.errors import InputError, OptionError
from hqsam.masks.lazy_masks import LazyMasks
from hqsam.masks.regions import innermost_point
from hqsam.masks.rle import Rle
from hqsam.masks.runs import runs_from_rle

DEFAULT_LABEL = "object"
"""The class of a mask that nobody named."""
_GIVEN = "_given"
"""Suffix for the name of a column that would hide a field of a file format."""


def labels_for(labels: str | Sequence[str], count: int) -> tuple[str, ...]:
    """Return a class for each of `count` masks, from one for each or one for all.

    Raises:
        OptionError: there are not as many labels as masks.
    """
    names = (labels,) * count if isinstance(labels, str) else tuple(labels)
    if len(names) != count:
        raise OptionError(f"got {len(names)} labels for {count} masks; give each mask one")
    return names


def compressed(rle: Any, size_hw: tuple[int, int], number: int) -> Rle:
    """Return compressed run lengths of mask number `number`.

    Raises:
        InputError: it is of another size than the image.
    """
    if tuple(rle["size"]) != size_hw:
        raise InputError(
            f"mask {number} is of {list(rle['size'])} (height, width), and the image is {list(size_hw)}; "
            "masks have to be of the upright image's size"
        )
    counts = rle["counts"]
    return rle if isinstance(counts, str) else runs_from_rle(rle).to_rle(size_hw)


def take_rows(column: Any, rows: slice | np.ndarray) -> Any:
    """Return some rows of a column: of an array or a sequence; None and () stay, which say nothing of any mask."""
    if isinstance(column, np.ndarray | LazyMasks):
        return column[rows]
    return tuple(column[row] for row in np.arange(len(column))[rows]) if column else column


def concatenate(columns: Sequence[Any]) -> Any:
    """Return columns below each other: an array if all are arrays, else a tuple."""
    if all(isinstance(column, np.ndarray) for column in columns):
        return np.concatenate(columns)
    return tuple(value for column in columns for value in column)


def rows_of_gaps(name: str, column: Any, masks: LazyMasks) -> Any:
    """Return a column's rows for masks that nobody found: their middle, the whole image, else zeros or None."""
    if name == "point_coords":
        return np.array([[innermost_point(mask)] for mask in masks], float)
    if name == "crop_box":
        return np.array([[0, 0, masks.shape[2], masks.shape[1]]] * len(masks))
    if isinstance(column, np.ndarray):
        return np.zeros((len(masks), *column.shape[1:]), column.dtype)
    return (None,) * len(masks)


def free_name(name: str, own: Collection[str]) -> str:
    """Return the name of a column in a file with fields of its own, none of which it hides.

    `id` becomes `id_given`, and `id_given` in turn `id_given_given`, so that `given_name` can undo it.

    Args:
        name: the name of the column.
        own: the format's own fields, in small letters; capitals make no difference.
    """
    return name + _GIVEN if _without_given(name) in own else name


def given_name(name: str, own: Collection[str]) -> str:
    """Return the name of the column that `free_name` named so."""
    return name.removesuffix(_GIVEN) if _without_given(name) in own else name


def _without_given(name: str) -> str:
    while name.endswith(_GIVEN):
        name = name.removesuffix(_GIVEN)
    return name.lower()


def to_plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
