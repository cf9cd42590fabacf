"""Run-length encoding as COCO has it: runs down the columns, background first."""

from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_mask

from hqsam.errors import DataError


class Rle(TypedDict):
    """A mask in COCO's compressed run lengths; it is JSON as it stands."""

    size: list[int]
    """Height and width."""
    counts: str


def encode(mask: Bool[np.ndarray, "height width"]) -> Rle:
    """Encode a mask as COCO's compressed run lengths."""
    encoded: Any = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in mask.shape], "counts": encoded["counts"].decode("ascii")}


def decode(rle: Any) -> Bool[np.ndarray, "height width"]:
    """Return the mask of a compressed or an uncompressed (`counts` is a list) COCO encoding.

    Raises:
        DataError: the runs do not fill the size exactly.
    """
    runs = checked_runs(rle)
    height, width = (int(side) for side in rle["size"])
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(inside.reshape(width, height).T)


def checked_runs(rle: Any) -> np.ndarray:
    """Return the runs of a compressed or an uncompressed COCO encoding, background first, without decoding it.

    Raises:
        DataError: the runs do not fill the size exactly. pycocotools reads past its memory on some of these,
            which is why the runs are checked and laid out here.
    """
    try:
        height, width = (int(side) for side in rle["size"])
        runs = run_lengths(rle["counts"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"this is no COCO run-length encoding: {str(rle)[:80]}") from error
    # Each run is looked at by itself, too: the sum of huge ones can overflow to the right number.
    fits = ((runs >= 0) & (runs <= height * width)).all()
    if min(height, width) < 0 or not fits or int(runs.sum()) != height * width:
        raise DataError(
            f"a run-length encoding of size {height} x {width} needs runs of {height * width} pixels in all, "
            f"and these have {int(runs.sum())}; the annotation is damaged or belongs to another image size"
        )
    return runs


def area(rle: Any) -> int:
    """Return how many pixels a mask has, without decoding it."""
    return int(run_lengths(rle["counts"])[1::2].sum())


def run_lengths(counts: str | bytes | list[int]) -> np.ndarray:
    """Return the lengths of the runs in COCO's string: background, mask, background, ...

    A number is written in groups of 5 bits, lowest first, each as one character from "0" on; the sixth bit
    says that more follow, and the last group's fifth bit is the sign. From the fourth number on, it is the
    difference to the number two before.
    """
    if isinstance(counts, list):
        return np.asarray(counts, dtype=np.int64)
    text = counts.encode("ascii") if isinstance(counts, str) else counts
    groups = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    if len(groups) == 0:
        return groups
    ends = (groups & 0x20) == 0
    if (groups < 0).any() or (groups > 0x3F).any() or not ends[-1]:
        raise ValueError("not a COCO string")
    runs = _numbers(groups, ends)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _numbers(groups: np.ndarray, ends: np.ndarray) -> np.ndarray:
    last = np.flatnonzero(ends)
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() > 11:
        raise ValueError("not a COCO string: a number of more than 60 bits")
    shift = 5 * (np.arange(len(groups)) - np.repeat(first, last - first + 1))
    numbers = np.add.reduceat((groups & 0x1F) << shift, first)
    negative = (groups[last] & 0x10) != 0
    return numbers - np.where(negative, np.int64(1) << (shift[last] + 5), 0)
