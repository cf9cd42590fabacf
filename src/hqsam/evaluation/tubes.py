"""Average precision of tubes, an object's masks in all frames of a video, as YTVIS and HQ-YTVIS measure it.

A tube is laid out as one mask, its frames side by side: then the intersections and unions over all frames are those
of two masks, and COCO's rules apply as they are.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hqsam.errors import DataError
from hqsam.evaluation.matching import NOTHING_WANTED, ImageOverlaps, precision
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import OpenSplit
from hqsam.formats.coco_reader import mask_or_none
from hqsam.masks import rle
from hqsam.masks.boundary import boundary

AREAS = {"AP_S": (0.0, 128.0**2), "AP_M": (128.0**2, 256.0**2), "AP_L": (256.0**2, 1e10)}
"""Ranges of sizes in YTVIS: of the mean area in the frames in which an object is seen."""

_EVERYTHING = (0.0, 1e10)


@dataclass(frozen=True)
class Tube:
    """An object through a video: its masks by frame; frames in which it is not seen are missing."""

    masks: Mapping[int, Any]
    """COCO's run lengths, by frame."""
    score: float = 1.0
    crowd: bool = False
    areas: Mapping[int, float] = field(default_factory=dict)
    """Areas as an annotation states them, by frame; where it does not, those of the masks count."""

    @property
    def mean_area(self) -> float:
        """Mean area over the frames in which anything of it is seen, in pixels."""
        areas = [self.areas.get(frame) or rle.area(mask) for frame, mask in self.masks.items()]
        seen = [area for area in areas if area]
        return sum(seen) / len(seen) if seen else 0.0

    @cached_property
    def boundaries(self) -> "Tube":
        """The tube of its masks' boundaries, 0.02 of the diagonal wide."""
        return Tube(
            {frame: rle.encode(boundary(rle.decode(mask))) for frame, mask in self.masks.items()},
            self.score,
            self.crowd,
        )

    def side_by_side(self, frames: Sequence[int], size_hw: tuple[int, int]) -> Any:
        """Return one mask of all frames beside each other, from the first at the left, as compressed run lengths."""
        height, width = size_hw
        nothing = np.array([height * width])
        runs = [rle.run_lengths(self.masks[frame]["counts"]) if frame in self.masks else nothing for frame in frames]
        layout: Any = {"size": [height, width * len(frames)], "counts": _joined(runs).tolist()}
        return coco_mask.frPyObjects(layout, *layout["size"])


def _joined(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Return the runs of masks one after another; they alternate from background on, so two of a kind that meet become
    one.

    None but the first may be of length 0: at two of those at one place, pycocotools stops comparing.
    """
    joined: list[int] = []
    for each in runs:
        first, *rest = each.tolist()
        ends_inside = joined and len(joined) % 2 == 0
        if ends_inside and first == 0 and rest:
            joined[-1] += rest.pop(0)
        elif len(joined) % 2:
            joined[-1] += first
        else:
            joined.append(first)
        joined += rest
    return np.array(joined)


def tube_iou(
    found: Sequence[Tube], wanted: Sequence[Tube], frames: Sequence[int], size_hw: tuple[int, int]
) -> np.ndarray:
    """Return the IoU of each tube with each other one, both sums over frames; 0 if all is empty."""
    if not found or not wanted:
        return np.zeros((len(found), len(wanted)))
    tubes, others = ([tube.side_by_side(frames, size_hw) for tube in each] for each in (found, wanted))
    return np.asarray(coco_mask.iou(tubes, others, [0] * len(others)))


def score_split(split: OpenSplit, rows: Sequence[Row]) -> dict[str, float]:
    """Return AP of tubes by masks and by boundaries; for the latter the smaller of mask and boundary IoU counts.

    Only frames that were evaluated count. A tube's score is the detector's or, where there is none, the mean of the
    model's own over its frames.

    Raises:
        DataError: an answer does not say its object or its class, or a mask has another size than the video.
    """
    videos = _videos(split)
    found = _found(rows, videos)
    masks: dict[int, list[ImageOverlaps]] = defaultdict(list)
    boundaries: dict[int, list[ImageOverlaps]] = defaultdict(list)
    for video in videos:
        for category in {*video.wanted, *found[video.id]}:
            both = _overlaps(found[video.id].get(category, []), video.wanted.get(category, []), video)
            masks[category].append(both[0])
            boundaries[category].append(both[1])
    return _summary(masks) | {
        name.replace("AP", "AP_B"): value
        for name, value in _summary(boundaries).items()
        if name in ("AP", "AP50", "AP75")
    }


@dataclass(frozen=True)
class _Video:
    id: int
    size_hw: tuple[int, int]
    frames: tuple[int, ...]
    """The frames that were evaluated."""
    wanted: dict[int, list[Tube]]
    """Ground-truth tubes, by class."""


def _videos(split: OpenSplit) -> list[_Video]:
    assert split.annotations is not None
    frames: dict[int, list[int]] = defaultdict(list)
    for sample in split.samples:
        frames[sample.about["video_id"]].append(sample.about["frame"])
    sizes = {video["id"]: (int(video["height"]), int(video["width"])) for video in split.annotations["videos"]}
    wanted: dict[int, dict[int, list[Tube]]] = {number: defaultdict(list) for number in frames}
    for annotation in split.annotations["annotations"]:
        number = annotation["video_id"]
        if number in frames:
            tube = _true_tube(annotation, frames[number], sizes[number])
            wanted[number][annotation["category_id"]].append(tube)
    return [_Video(number, sizes[number], tuple(asked), wanted[number]) for number, asked in frames.items()]


def _true_tube(annotation: dict[str, Any], frames: Sequence[int], size_hw: tuple[int, int]) -> Tube:
    masks = {
        frame: mask
        for frame in frames
        if annotation["segmentations"][frame]
        and (mask := mask_or_none(annotation["segmentations"][frame], size_hw)) is not None
    }
    stated = annotation.get("areas") or []
    areas = {frame: float(stated[frame]) for frame in masks if frame < len(stated) and stated[frame]}
    return Tube(masks, crowd=bool(annotation.get("iscrowd", 0)), areas=areas)


def _found(rows: Sequence[Row], videos: Sequence[_Video]) -> dict[int, dict[int, list[Tube]]]:
    """Return the predicted tubes by video and class."""
    sizes = {video.id: video.size_hw for video in videos}
    tracks: dict[tuple[int, int, int], list[Row]] = defaultdict(list)
    for row in rows:
        try:
            key = row.about["video_id"], row.about["category_id"], row.about["track"]
        except KeyError as error:
            raise DataError(
                f"the answer about {row.target} of {row.sample} has no {error}, which tubes need"
            ) from error
        if row.size_hw != sizes[key[0]]:
            raise DataError(f"a mask of {row.sample} is {row.size_hw} (height, width), and its video {sizes[key[0]]}")
        tracks[key].append(row)
    found: dict[int, dict[int, list[Tube]]] = {video.id: defaultdict(list) for video in videos}
    for (number, category, _), answers in tracks.items():
        found[number][category].append(_found_tube(answers))
    return found


def _found_tube(answers: Sequence[Row]) -> Tube:
    scores = [float(row.about.get("score", row.score)) for row in answers]
    return Tube({row.about["frame"]: row.rle for row in answers}, sum(scores) / len(scores))


def _overlaps(found: Sequence[Tube], wanted: Sequence[Tube], video: _Video) -> tuple[ImageOverlaps, ImageOverlaps]:
    """Return the overlaps by masks, and by masks and boundaries; crowds have no boundary that would matter."""
    overlap = tube_iou(found, wanted, video.frames, video.size_hw)
    edges = [tube.boundaries for tube in found], [tube.boundaries for tube in wanted]
    crowd = np.array([tube.crowd for tube in wanted], bool)
    both = np.minimum(overlap, tube_iou(*edges, video.frames, video.size_hw))
    both[:, crowd] = overlap[:, crowd]
    about = (
        np.array([tube.score for tube in found], float),
        np.array([tube.mean_area for tube in found], float),
        np.array([tube.mean_area for tube in wanted], float),
        crowd,
    )
    return ImageOverlaps(overlap, *about), ImageOverlaps(both, *about)


def _summary(overlaps: Mapping[int, Sequence[ImageOverlaps]]) -> dict[str, float]:
    """Return the means over classes; what is not defined is left out."""
    every, *sized = (
        np.stack([precision(each, areas) for each in overlaps.values()]) for areas in (_EVERYTHING, *AREAS.values())
    )
    parts = {"AP": every, "AP50": every[:, 0], "AP75": every[:, 5], **dict(zip(AREAS, sized, strict=True))}
    defined = {name: part[part > NOTHING_WANTED] for name, part in parts.items()}
    return {name: float(values.mean()) for name, values in defined.items() if values.size}
