"""COCO's matching of detections with ground truth by their overlaps, and the precision at each recall.

It is for things that faster-coco-eval does not know, such as tubes; where it does, tests compare the two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
NOTHING_WANTED = -1.0
"""Precision in a table where there is nothing of that class and size."""

AreaRange = tuple[float, float]


@dataclass(frozen=True)
class ImageOverlaps:
    """Overlaps of the detections and the ground truth of one class, in one image or video."""

    overlap: Float[np.ndarray, "found wanted"]
    scores: Float[np.ndarray, "found"]
    found_areas: Float[np.ndarray, "found"]
    wanted_areas: Float[np.ndarray, "wanted"]
    crowd: Bool[np.ndarray, "wanted"]
    """Groups that need not be found, and that any number of detections may match."""

    def best(self, most: int) -> "ImageOverlaps":
        """Return the detections with the highest scores, best first; of equal ones, the earlier first."""
        order = np.argsort(-self.scores, kind="stable")[:most]
        return ImageOverlaps(
            self.overlap[order], self.scores[order], self.found_areas[order], self.wanted_areas, self.crowd
        )


def precision(
    overlaps: Sequence[ImageOverlaps], areas: AreaRange = (0, 1e10), most: int = 100
) -> Float[np.ndarray, "threshold recall"]:
    """Return the precision of one class at each of `THRESHOLDS` of overlap and each of `RECALLS`.

    Args:
        scenes: of all images or videos.
        areas: what is smaller or larger does not count, neither as wanted nor, if it matches nothing, as found.
        most: how many finds of an image count.

    Returns:
        From 0 to 1; `NOTHING_WANTED` everywhere if there is nothing that counts.
    """
    overlaps = [image.best(most) for image in overlaps]
    ignored = [image.crowd | _outside(image.wanted_areas, areas) for image in overlaps]
    wanted = sum(int(np.count_nonzero(~each)) for each in ignored)
    if wanted == 0:
        return np.full((len(THRESHOLDS), len(RECALLS)), NOTHING_WANTED)
    order = np.argsort(-np.concatenate([image.scores for image in overlaps]), kind="stable")
    rows: list[np.ndarray] = []
    for threshold in THRESHOLDS:
        verdicts = [
            _verdicts(image, each, _outside(image.found_areas, areas), threshold)
            for image, each in zip(overlaps, ignored, strict=True)
        ]
        rows.append(_at_each_recall(np.concatenate(verdicts)[order], wanted))
    return np.stack(rows)


def _outside(sizes: np.ndarray, areas: AreaRange) -> np.ndarray:
    return (sizes < areas[0]) | (sizes > areas[1])


def _verdicts(image: ImageOverlaps, ignored: np.ndarray, outside: np.ndarray, threshold: float) -> np.ndarray:
    """Return for each detection 1 if it is right, -1 if wrong, 0 if it does not count."""
    verdicts = np.where(outside, 0, -1)
    for find, match in _matches(image, ignored, min(threshold, 1 - 1e-10)):
        verdicts[find] = 0 if ignored[match] else 1
    return verdicts


def _matches(image: ImageOverlaps, ignored: np.ndarray, threshold: float) -> Iterator[tuple[int, int]]:
    """Yield matches: in order of score each detection takes what it overlaps most of what is left; what counts goes
    first."""
    free = np.ones(len(ignored), bool)
    for find, overlap in enumerate(image.overlap):
        possible = (free | image.crowd) & (overlap >= threshold)
        for choice in (possible & ~ignored, possible & ignored):
            if choice.any():
                match = len(choice) - 1 - int(np.where(choice, overlap, -1)[::-1].argmax())  # of equals, the last
                free[match] = False
                yield find, match
                break


def _at_each_recall(verdicts: np.ndarray, wanted: int) -> np.ndarray:
    """Return the best precision at each recall or any higher one; 0 beyond the highest that is reached."""
    right, wrong = np.cumsum(verdicts > 0), np.cumsum(verdicts < 0)
    exact = right / np.maximum(right + wrong, 1)
    envelope = np.append(np.maximum.accumulate(exact[::-1])[::-1], 0.0)
    return envelope[np.searchsorted(right / wanted, RECALLS, side="left")]
