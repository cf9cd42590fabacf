"""Everything on each plane of a stack, joined from plane to plane. What a plane holds is stored at once, for a killed
run to go on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.errors import OptionError
from hqsam.images.read_options import DEFAULTS
from hqsam.masks.rle import Rle, area
from hqsam.predict.everything import Progress
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.tiles.everything_in_tiles import journal_settings
from hqsam.storage import Journal
from hqsam.video.frames.stack_frames import StackFrames
from hqsam.volumes.join_slices import SliceJoiner

MOST_SHARE = 0.5
"""Share of a plane above which a mask is taken for background."""
OnPlane = list[tuple[Rle, float]]
"""The mask and the score of each object on a plane."""


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
    journal: Path | None = None
    """A file that keeps what planes hold."""

    def __post_init__(self) -> None:
        SliceJoiner(self.least_overlap, self.max_gap)  # checks both
        if not 0 < self.most_share <= 1:
            raise OptionError(f"a share of {self.most_share} of a plane; give more than 0, up to 1, such as 0.5")
        if self.min_planes < 1:
            raise OptionError(f"objects on at least {self.min_planes} planes; give 1 or more")

    def find(self, frames: StackFrames, planes: range, progress: Progress) -> tuple[list[dict[int, Rle]], list[float]]:
        """Return the masks of each object by plane, and its score: the mean over its planes, by area.

        Raises:
            ImageError: a plane cannot be read.
            OutputError: the journal is of a run with other settings, or cannot be written.
        """
        joiner = SliceJoiner(self.least_overlap, self.max_gap)
        masks: list[dict[int, Rle]] = []
        scores: list[list[float]] = []
        for done, (plane, found) in enumerate(self._planes(frames, planes), start=1):
            numbers = joiner.push([mask for mask, _ in found])
            masks += [{} for _ in range(joiner.count - len(masks))]
            scores += [[] for _ in range(joiner.count - len(scores))]
            for (mask, score), number in zip(found, numbers, strict=True):
                masks[number][plane] = mask
                scores[number].append(score)
            progress(done, len(planes))
        kept = [number for number, each in enumerate(masks) if len(each) >= self.min_planes]
        return [masks[number] for number in kept], [_mean(masks[number], scores[number]) for number in kept]

    def _planes(self, frames: StackFrames, planes: range) -> Iterator[tuple[int, OnPlane]]:
        """Yield what is on each plane; what the journal has is not looked for again."""
        if self.journal is None:
            yield from ((plane, self._on_plane(frames.read(plane))) for plane in planes)
            return
        with Journal(self.journal) as journal:
            done = {record["plane"]: record["objects"] for record in journal.resume(self._heading(frames))}
            for plane in planes:
                if plane not in done:
                    found = self._on_plane(frames.read(plane))
                    journal.append({"plane": plane, "objects": [[mask["counts"], score] for mask, score in found]})
                    yield plane, found
                else:
                    size = list(frames.size_hw)
                    yield plane, [({"size": size, "counts": counts}, score) for counts, score in done[plane]]

    def _heading(self, frames: StackFrames) -> dict[str, Any]:
        """Return all that the masks on a plane follow from; how they are joined may change."""
        about = journal_settings(self.segmenter.engine, self.config, DEFAULTS)
        return {"stack": frames.name, "content": frames.fingerprint(), "most_share": self.most_share, **about}

    def _on_plane(self, pixels: np.ndarray) -> OnPlane:
        """Return the objects on a plane, each pixel in one of them at most."""
        found = self.segmenter.everything(pixels, self.config)
        found = found[found.areas <= self.most_share * pixels.shape[0] * pixels.shape[1]].disjoint()
        found = found[found.areas > 0]
        return [(mask, float(score)) for mask, score in zip(found.rle, found.scores, strict=True)]


def _mean(masks: dict[int, Rle], scores: list[float]) -> float:
    return round(float(np.average(scores, weights=[area(rle) for rle in masks.values()])), 4)
