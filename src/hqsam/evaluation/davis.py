"""DAVIS 2017's metrics: region similarity (J) and contour accuracy (F) of each frame and over a video.

Pont-Tuset et al., 2017, as the benchmark's own code computes them for the semi-supervised task: the first frame, which
is given, and the last do not count; each object counts the same.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float

from hqsam.errors import DataError, InputError
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import EvaluationSample, OpenSplit
from hqsam.masks import rle
from hqsam.masks.boundary import iou
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.windows import Window, grow_window, window_of_box

TOLERANCE = 0.008
"""Largest distance of contours that agree, as a share of the diagonal."""


class Statistics(NamedTuple):
    """J or F of one object over its frames."""

    mean: float
    recall: float
    """Share of the frames whose score is above 0.5."""
    decay: float
    """Mean of the first quarter of the frames minus that of the last."""


def score_split(split: OpenSplit, rows: Sequence[Row]) -> dict[str, float]:
    """Return J and F with recall and decay, means over all objects of all videos, and J&F, the mean of J and F.

    Where masks of two objects overlap, the pixel goes to the one whose score is higher: a label map, in which the
    benchmark wants its answers, has one label a pixel. An object without an answer in a frame has an empty mask.
    """
    answers: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        answers[row.sample].append(row)
    values: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for sample in split.samples:
        if 0 < sample.about["frame"] < sample.about["frames"] - 1:
            for track, pair in _of_each_object(sample, answers[sample.name]):
                values[sample.about["video_id"], track].append(pair)
    return _scores(values.values()) if values else {}


def _scores(objects: Collection[Sequence[tuple[float, float]]]) -> dict[str, float]:
    """Return the means over objects, of each of which J and F are given frame by frame."""
    regions, contours = (
        np.mean([statistics(np.array([pair[part] for pair in frames])) for frames in objects], axis=0).tolist()
        for part in (0, 1)
    )
    return {
        "J&F": (regions[0] + contours[0]) / 2,
        **dict(zip(("J", "J_recall", "J_decay"), regions, strict=True)),
        **dict(zip(("F", "F_recall", "F_decay"), contours, strict=True)),
    }


def _of_each_object(sample: EvaluationSample, rows: Sequence[Row]) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield J and F of every object of the video in this frame, also of those that are hidden in it."""
    truths = {target.about["track"]: target.truth for target in sample.targets() if target.truth is not None}
    sizes = [truth.shape for truth in truths.values()] + [row.size_hw for row in rows]
    nothing = np.zeros(sizes[0] if sizes else (1, 1), bool)
    labels = label_map_of(rows, nothing.shape)
    for track in range(1, sample.about["objects"] + 1):
        truth, predicted = truths.get(track, nothing), labels == track
        yield track, (iou(predicted, truth), contour_accuracy(predicted, truth))


def label_map_of(rows: Sequence[Row], size_hw: tuple[int, ...]) -> np.ndarray:
    """Return the objects' numbers in one map, the best scored painted last.

    Raises:
        DataError: an answer is of another size.
    """
    labels = np.zeros(size_hw, np.uint16)
    for row in sorted(rows, key=lambda row: row.score):
        if row.size_hw != size_hw:
            raise DataError(f"a mask of {row.sample} is {row.size_hw} (height, width), and its frame {size_hw}")
        labels[rle.decode(row.rle)] = row.about["track"]
    return labels


def statistics(values: Float[np.ndarray, "frame"]) -> Statistics:
    """Return the statistics of one object over the frames that count."""
    edges = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(int)
    quarters = [values[start : stop + 1] for start, stop in pairwise(edges)]
    decay = quarters[0].mean() - quarters[3].mean()
    return Statistics(float(values.mean()), float((values > 0.5).mean()), float(decay))


def contour_accuracy(
    predicted: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "_ _"], tolerance: float = TOLERANCE
) -> float:
    """Return F, the harmonic mean of the shares of both contours within `tolerance` * diagonal of the other one.

    The distance is rounded up. Two masks without contours agree: 1.

    Raises:
        InputError: the masks differ in size.
    """
    if predicted.shape != truth.shape:
        raise InputError(f"masks of {predicted.shape} and {truth.shape} (height, width) cannot be compared; resize one")
    reach = math.ceil(tolerance * math.hypot(*truth.shape))
    # what lies further off can matter to neither contour
    window = grow_window(window_of_box(box_of_mask(predicted | truth)), reach + 1, truth.shape)
    found, wanted = _contour(predicted, window), _contour(truth, window)
    found_length, wanted_length = np.count_nonzero(found), np.count_nonzero(wanted)
    if not found_length or not wanted_length:
        return float(found_length == wanted_length)
    precision = np.count_nonzero(found & _widened(wanted, reach)) / found_length
    recall = np.count_nonzero(wanted & _widened(found, reach)) / wanted_length
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _contour(mask: np.ndarray, window: Window) -> np.ndarray:
    """Return pixels that differ from their neighbour to the right, below, or both, as the benchmark draws contours.

    The window reaches past the mask wherever the image does, so that at its edges there is either nothing to
    see or the image's edge, where a pixel has fewer neighbours and itself takes the place of those it lacks.
    """
    padded = np.pad(mask[window], ((0, 1), (0, 1)), mode="edge")
    here, right, below, across = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    return (here ^ right) | (here ^ below) | (here ^ across)


def _widened(contour: np.ndarray, reach: int) -> np.ndarray:
    """Return all pixels within `reach` pixels of a contour."""
    span = np.arange(-reach, reach + 1)
    disk = (span[:, None] ** 2 + span**2 <= reach**2).astype(np.uint8)
    return cv2.dilate(contour.astype(np.uint8), disk) != 0
