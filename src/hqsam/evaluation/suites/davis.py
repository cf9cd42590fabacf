"""The layout of DAVIS 2017: a folder of frames and a folder of label maps for each video, and a list of videos."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from hqsam.errors import DataError
from hqsam.evaluation.samples import BoxXyxy, EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites import locate
from hqsam.evaluation.suites.suite import Split
from hqsam.formats.mask_images import read_numbers
from hqsam.masks.boxes import box_of_mask

VOID = 255
"""A label of no object, which counts as background, as in the benchmark's own code."""


def open_davis(data: Path, split: Split) -> OpenSplit:
    """Open ImageSets/2017/val.txt, JPEGImages/480p/VIDEO/00000.jpg and Annotations/480p/VIDEO/00000.png; each frame is
    a sample.

    Raises:
        DataError: a file or folder is missing.
    """
    listing = locate.find_file(data, split.listing)
    videos = listing.read_text().split()
    if not videos:
        raise DataError(f"{listing} names no video")
    images, truth = locate.find_folder(data, split.images), locate.find_folder(data, split.truth)
    missing = [video for video in videos if not (images / video).is_dir()]
    if missing:
        raise DataError(f"{len(missing)} of {len(videos)} videos are not in {images}; the first: {missing[0]}")
    return OpenSplit(split.name, tuple(sample for video in videos for sample in _frames(video, images, truth)))


def boxes_of_label_maps(folder: Path, samples: Sequence[EvaluationSample]) -> dict[str, list[tuple[int, BoxXyxy]]]:
    """Read a tracker's label maps, VIDEO/00000.png, as numbers of objects and their boxes, by the names of the samples.

    Raises:
        DataError: the answer for a frame is missing, or has another size than the frame.
    """
    files = [folder / sample.about["video_id"] / f"{sample.image.stem}.png" for sample in samples]
    locate.require_files(files, "label maps")
    return {sample.name: _boxes(file, sample.image) for sample, file in zip(samples, files, strict=True)}


def _frames(video: str, images: Path, truth: Path) -> list[EvaluationSample]:
    frames = locate.list_files(images / video, {".jpg"})
    masks = [truth / video / f"{frame.stem}.png" for frame in frames]
    locate.require_files(masks, f"label maps of {video}")
    objects = max(_numbers(read_numbers(masks[0])), default=0)
    about = {"video_id": video, "frames": len(frames), "objects": objects}
    return [
        EvaluationSample(
            f"{video}/{frame.stem}", frame, partial(_targets, frame, mask, objects), about=about | {"frame": number}
        )
        for number, (frame, mask) in enumerate(zip(frames, masks, strict=True))
    ]


def _targets(frame: Path, mask: Path, objects: int) -> list[Target]:
    """Return the objects of the first frame that are seen in this one; objects that appear later are not evaluated."""
    labels = locate.of_one_size(read_numbers(mask), mask, frame)
    numbers = [number for number in _numbers(labels) if number <= objects]
    return [Target(f"object-{number}", labels == number, about={"track": number}) for number in numbers]


def _numbers(labels: np.ndarray) -> list[int]:
    return [number for number in np.unique(labels).tolist() if number not in (0, VOID)]


def _boxes(file: Path, image: Path) -> list[tuple[int, BoxXyxy]]:
    labels = locate.of_one_size(read_numbers(file), file, image)
    boxes = {number: box_of_mask(labels == number).tolist() for number in _numbers(labels)}
    return [(number, (x0, y0, x1, y1)) for number, (x0, y0, x1, y1) in boxes.items()]
