"""J and F of objects that are followed through videos of which every frame counts but the first one of each object.

So YouTube-VOS measures the semi-supervised task, in which an object's mask is given in the frame where it is first
seen. DAVIS 2017 leaves out the last frame, too, and starts all objects in the first: see `davis`.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from hqsam.evaluation.davis import contour_accuracy, label_map_of
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import OpenSplit
from hqsam.masks.boundary import iou


def score_split(split: OpenSplit, rows: Sequence[Row]) -> dict[str, float]:
    """Return J, F and J&F, their mean, as means over all objects of all videos, of each over its frames.

    Where masks of two objects overlap, the pixel goes to the one whose score is higher. A frame in which an object is
    hidden counts 1 if it has no mask there, else 0.
    """
    answers: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        answers[row.sample].append(row)
    values: dict[tuple[object, int], list[tuple[float, float]]] = {}
    for sample in split.samples:
        video = sample.about["video_id"]
        truths = {target.about["track"]: target.truth for target in sample.targets() if target.truth is not None}
        ours = answers[sample.name]
        size_hw = next(iter([mask.shape for mask in truths.values()] + [row.size_hw for row in ours]), (1, 1))
        labels = label_map_of(ours, size_hw)
        begun = {track for known, track in values if known == video}
        for track in begun:
            truth = truths.get(track, np.zeros(size_hw, bool))
            values[video, track].append((iou(labels == track, truth), contour_accuracy(labels == track, truth)))
        for track in truths.keys() - begun:
            values[video, track] = []  # its first frame is given, and does not count
    means = [np.mean(pairs, axis=0) for pairs in values.values() if pairs]
    if not means:
        return {}
    region, contour = np.mean(means, axis=0).tolist()
    return {"J&F": (region + contour) / 2, "J": region, "F": contour}
