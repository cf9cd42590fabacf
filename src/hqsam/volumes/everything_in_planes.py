"""Everything on each plane of a stack, joined from plane to plane."""

from dataclasses import dataclass

import numpy as np

from hqsam.errors import OptionError
from hqsam.masks.instances import Instances
from hqsam.masks.rle import Rle, area
from hqsam.predict.everything import Progress
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.segmenter import Segmenter
from hqsam.video.frames import FrameSource
from hqsam.volumes.join_slices import SliceJoiner

MOST_SHARE = 0.5
"""Share of a plane above which a mask is taken for background."""


@dataclass(frozen=True)
class JoinedPlanes:
    """Settings of the work.

    Raises:
        OptionError: a setting has an impossible value.
    """

    segmenter: Segmenter
    config: MaskGeneratorConfig
    least_overlap: float
    max_gap: int
    most_share: float
    min_planes: int

    def __post_init__(self) -> None:
        SliceJoiner(self.least_overlap, self.max_gap)  # checks both
        if not 0 < self.most_share <= 1:
            raise OptionError(f"a share of {self.most_share} of a plane; give more than 0, up to 1, such as 0.5")
        if self.min_planes < 1:
            raise OptionError(f"objects on at least {self.min_planes} planes; give 1 or more")

    def find(self, frames: FrameSource, planes: range, progress: Progress) -> tuple[list[dict[int, Rle]], list[float]]:
        """Return the masks of each object by plane, and its score: the mean over its planes, by area.

        Raises:
            ImageError: a plane cannot be read.
        """
        joiner = SliceJoiner(self.least_overlap, self.max_gap)
        masks: list[dict[int, Rle]] = []
        scores: list[list[float]] = []
        for done, plane in enumerate(planes, start=1):
            found = self._on_plane(frames.read(plane))
            numbers = joiner.push(found.rle)
            masks += [{} for _ in range(joiner.count - len(masks))]
            scores += [[] for _ in range(joiner.count - len(scores))]
            for row, number in enumerate(numbers):
                masks[number][plane] = found.rle[row]
                scores[number].append(float(found.scores[row]))
            progress(done, len(planes))
        kept = [number for number, each in enumerate(masks) if len(each) >= self.min_planes]
        return [masks[number] for number in kept], [_mean(masks[number], scores[number]) for number in kept]

    def _on_plane(self, pixels: np.ndarray) -> Instances:
        """Return the objects on a plane, each pixel in one of them at most."""
        found = self.segmenter.everything(pixels, self.config)
        found = found[found.areas <= self.most_share * pixels.shape[0] * pixels.shape[1]].disjoint()
        return found[found.areas > 0]


def _mean(masks: dict[int, Rle], scores: list[float]) -> float:
    return round(float(np.average(scores, weights=[area(rle) for rle in masks.values()])), 4)
