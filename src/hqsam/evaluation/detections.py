"""Boxes of a detector or tracker instead of those of the ground truth, as other tools write them.

    COCO     [{"image_id", "category_id", "score", "bbox": [x, y, width, height]}, ...]
    YTVIS    [{"video_id", "category_id", "score", "bboxes": [[x, y, width, height] or null, ... one a frame]}, ...]
    DAVIS    a folder of a tracker's label maps, VIDEO/00000.png

Where there is no box, that of "segmentation" or of each of "segmentations" is taken: run lengths. Of a suite of several
sets, whose images are numbered apart, the path is a folder with SET.json.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.evaluation.samples import BoxXyxy, EvaluationSample, Target
from hqsam.evaluation.suites.davis import boxes_of_label_maps
from hqsam.evaluation.suites.suite import OpenSuite
from hqsam.formats.coco_reader import canonical_id
from hqsam.formats.files import read_text
from hqsam.masks import rle
from hqsam.masks.boxes import box_of_mask

_Place = tuple[Any, ...]
"""Key of a box: an image's id, or a video's id and a frame."""


def with_detections(suite: OpenSuite, path: Path) -> list[EvaluationSample]:
    """Return the suite's samples with a detector's boxes as targets; samples without a box stay, without targets.

    Raises:
        DataError: a file cannot be read, is of another form, or is about images that are not among the suite's.
    """
    if not path.exists():
        raise DataError(f"there is no detector's file {path}; give a results file as COCO has it: detector:FILE")
    if len(suite.splits) == 1:
        return _by_label_maps(suite.samples, path) if path.is_dir() else _by_json(suite.samples, path)
    if not path.is_dir():
        raise DataError(
            f"{suite.suite.name} has {len(suite.splits)} sets, whose images are numbered apart; expected a folder with "
            f"{suite.splits[0].name}.json and so on, and {path} is a file"
        )
    return [sample for split in suite.splits for sample in _by_json(split.samples, path / f"{split.name}.json")]


def files_of_detections(path: Path) -> list[Path]:
    """Return all files that the boxes come from."""
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _by_json(samples: Sequence[EvaluationSample], path: Path) -> list[EvaluationSample]:
    found = _by_place(path)
    places = [_place(sample) for sample in samples]
    _check_places(found, places, path)
    return [_asked(sample, found.get(place, ())) for sample, place in zip(samples, places, strict=True)]


def _by_label_maps(samples: Sequence[EvaluationSample], folder: Path) -> list[EvaluationSample]:
    if not all("video_id" in sample.about for sample in samples):
        raise DataError(f"{folder} is a folder; expected a results file as COCO has it: detector:FILE")
    boxes = boxes_of_label_maps(folder, samples)
    return [
        _asked(
            sample, [Target(f"object-{track}", None, box, about={"track": track}) for track, box in boxes[sample.name]]
        )
        for sample in samples
    ]


def _asked(sample: EvaluationSample, targets: Collection[Target]) -> EvaluationSample:
    return replace(sample, read=partial(list, targets))


def _by_place(path: Path) -> Mapping[_Place, list[Target]]:
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, list):
        raise DataError(
            f"{path} holds a JSON {type(content).__name__}; expected a list of detections, each with image_id, "
            "category_id, bbox and score"
        )
    found: dict[_Place, list[Target]] = defaultdict(list)
    for number, detection in enumerate(content):
        for place, target in _read_detection(number, detection, path):
            found[place].append(target)
    return found


def _read_detection(number: int, detection: Any, path: Path) -> list[tuple[_Place, Target]]:
    try:
        return list(_targets(number, detection))
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"detection {number} of {path} is not as COCO has it: {type(error).__name__}: {error}; expected image_id, "
            "category_id, score and bbox [x, y, width, height]"
        ) from error


def _targets(number: int, detection: dict[str, Any]) -> Iterator[tuple[_Place, Target]]:
    about = {"category_id": canonical_id(detection["category_id"]), "score": float(detection["score"])}
    if "video_id" not in detection:
        box = _box(detection.get("bbox"), detection.get("segmentation"))
        if box is None:
            raise ValueError("it has neither a bbox nor a segmentation")
        yield (canonical_id(detection["image_id"]),), Target(f"det-{number}", None, box, about=about)
        return
    boxes, masks = detection.get("bboxes"), detection.get("segmentations")
    for frame in range(len(boxes or masks or ())):
        box = _box(boxes and boxes[frame], masks and masks[frame])
        if box is not None:
            yield (detection["video_id"], frame), Target(f"det-{number}", None, box, about=about | {"track": number})


def _box(bbox: Any, segmentation: Any) -> BoxXyxy | None:
    if bbox:
        x, y, width, height = (float(value) for value in bbox)
        return x, y, x + width, y + height
    if not segmentation:
        return None
    x0, y0, x1, y1 = (float(edge) for edge in box_of_mask(rle.decode(segmentation)))
    return None if x1 == 0 else (x0, y0, x1, y1)


def _place(sample: EvaluationSample) -> _Place:
    if "video_id" in sample.about:
        return sample.about["video_id"], sample.about["frame"]
    if "image_id" not in sample.about:
        raise DataError(
            f"{sample.name} has no number by which a detector could name it; detections go with COCO, "
            "LVIS and YTVIS data"
        )
    return (sample.about["image_id"],)


def _check_places(found: Collection[_Place], places: Sequence[_Place], path: Path) -> None:
    known = set(places)
    foreign = [place for place in found if place not in known]
    if foreign:
        some = ", ".join(" frame ".join(map(str, place)) for place in foreign[:3])
        raise DataError(
            f"{path} has boxes for {len(foreign)} images that the suite does not have, such as {some}; expected ids "
            f"like {' frame '.join(map(str, places[0])) if places else 'none, as there are no images'}. Are they of "
            "another split?"
        )
