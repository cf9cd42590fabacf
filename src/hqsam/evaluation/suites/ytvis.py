"""The layout of YTVIS and HQ-YTVIS: one JSON file in which an object has a list of masks, one for each frame."""

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites import locate
from hqsam.evaluation.suites.suite import Split
from hqsam.formats.coco_reader import rle_of_segmentation
from hqsam.formats.files import read_json
from hqsam.masks.rle import decode

Annotation = dict[str, Any]


def open_ytvis(data: Path, split: Split) -> OpenSplit:
    """Open an annotation file, and a folder with a folder of frames for each video; each frame is a sample.

    Raises:
        DataError: a file or folder is missing, or the annotations are not as YTVIS has them.
    """
    path, folder = locate.find_file(data, split.truth), locate.find_folder(data, split.images)
    content = read_json(path)
    try:
        objects: dict[int, list[Annotation]] = defaultdict(list)
        for annotation in content.get("annotations") or []:
            objects[annotation["video_id"]].append(annotation)
        samples = tuple(
            sample
            for video in content["videos"]
            for sample in _frames(split.name, folder, video, objects.pop(video["id"], []))
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not as YTVIS has it: {type(error).__name__}: {error}") from error
    _check(content, objects, path)
    locate.require_files([sample.image for sample in samples], f"frames of {split.name}")
    return OpenSplit(split.name, samples, content)


def _check(content: dict[str, Any], homeless: dict[int, list[Annotation]], path: Path) -> None:
    if not content.get("annotations"):
        raise DataError(
            f"{path} has no annotations: the true masks of YTVIS's own validation set are not published; "
            "keep a part of the training set for validation, in the same format"
        )
    if homeless:
        raise DataError(
            f"{path} has annotations of {len(homeless)} videos that it does not list, such as {min(homeless)}"
        )


def _frames(name: str, folder: Path, video: dict[str, Any], objects: list[Annotation]) -> list[EvaluationSample]:
    size_hw, files = (int(video["height"]), int(video["width"])), video["file_names"]
    for annotation in objects:
        if len(annotation["segmentations"]) != len(files):
            raise DataError(
                f"object {annotation['id']} has {len(annotation['segmentations'])} masks, and its video "
                f"{video['id']} has {len(files)} frames"
            )
    return [
        EvaluationSample(
            f"{name}/{video['id']}/{Path(file).stem}",
            folder / file,
            partial(_targets, objects, frame, size_hw),
            size_hw,
            {"video_id": video["id"], "frame": frame},
        )
        for frame, file in enumerate(files)
    ]


def _targets(objects: list[Annotation], frame: int, size_hw: tuple[int, int]) -> list[Target]:
    """Return the objects that are seen in a frame, without crowds."""
    return [
        _target(annotation, frame, size_hw)
        for annotation in objects
        if annotation["segmentations"][frame] and not annotation.get("iscrowd", 0)
    ]


def _target(annotation: Annotation, frame: int, size_hw: tuple[int, int]) -> Target:
    name, about = f"ann-{annotation['id']}", {"category_id": annotation["category_id"], "track": annotation["id"]}
    try:
        return Target(name, decode(rle_of_segmentation(annotation["segmentations"][frame], size_hw)), about=about)
    except DataError as error:
        return Target(name, None, about=about, unusable=str(error))
