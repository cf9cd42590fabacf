"""Photos that an encoder is calibrated on, and the objects in them that its masks are measured by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Num, UInt8

from hqsam.data.open_dataset import open_dataset
from hqsam.data.sample import Sample
from hqsam.errors import DataError, OptionError
from hqsam.graphs.description import Description
from hqsam.images.reading import read_image
from hqsam.images.walk import images_in
from hqsam.masks.boxes import boxes_of_masks
from hqsam.masks.overlap import box_nms
from hqsam.predict.segmenter import Segmenter

_MOST_PHOTOS, _MOST_OBJECTS = 32, 6
_LEAST_PIXELS = 100
_CLICKS_PER_SIDE = 4
_FREE: Mapping[str, Any] = {"source": None, "candidates": 1}
_SAME_OBJECT = 0.7
"""Boxes whose IoU is larger are of one object."""


@dataclass(frozen=True, eq=False)
class MeasuredPhoto:
    """A photo with boxes around some of its objects, and the masks that are right for them."""

    image: UInt8[np.ndarray, "height width 3"]
    boxes: Num[np.ndarray, "object 4"]
    masks: Bool[np.ndarray, "object height width"]


def choices_of(description: Description) -> dict[str, Any]:
    """Return the source and the candidates that `Session.segment` takes from graphs; of three the first counts."""
    source = None if description.source == "input" else description.source
    return {"source": source, "candidates": 3 if description.candidates == "3" else 1}


def first_of_each(masks: Any, prompts: int) -> Any:
    """Return the first of each prompt's masks, or of what else there is one of for each: with "hq" there is one."""
    return masks[:: len(masks) // prompts]


def measured_photos(
    paths: Sequence[Path], segmenter: Segmenter, choices: Mapping[str, Any] = _FREE
) -> list[MeasuredPhoto]:
    """Read photos, 32 at most, evenly from all that there are.

    Where a folder has masks of its photos, in any layout that training reads, these are right. Else the masks of
    `segmenter` are: of the objects that it finds by clicks on a grid, each by its box.

    Args:
        paths: photos, folders of photos, or data with masks.
        segmenter: the model in float32.
        choices: the source and the candidates that its graphs give: see `choices_of`.

    Raises:
        OptionError: there is no photo.
        ImageError: a photo cannot be read.
    """
    found = [photo for path in paths for photo in _of_path(path, segmenter, choices)]
    if not found:
        raise OptionError(f"--calibrate found no photo with an object in {', '.join(map(str, paths)) or 'nothing'}")
    return [found[number] for number in _spread(len(found))]


def _of_path(path: Path, segmenter: Segmenter, choices: Mapping[str, Any]) -> Iterator[MeasuredPhoto]:
    if path.is_dir() or path.suffix.lower() in (".json", ".yaml", ".yml"):
        try:
            dataset = open_dataset(path)
        except DataError:
            if not path.is_dir():
                raise
        else:
            yield from (photo for number in _spread(len(dataset)) if (photo := _with_masks(dataset[number])))
            return
    files = images_in(path).files if path.is_dir() else [path]
    chosen = (files[number] for number in _spread(len(files)))
    yield from (photo for file in chosen if (photo := _without_masks(file, segmenter, choices)))


def _spread(count: int) -> list[int]:
    return sorted({int(number) for number in np.linspace(0, count - 1, min(count, _MOST_PHOTOS))})


def _with_masks(sample: Sample) -> MeasuredPhoto | None:
    largest = sorted(sample.areas, key=lambda number: -sample.areas[number])[:_MOST_OBJECTS]
    return _measured(sample.image, [sample.mask(number) for number in largest])


def _without_masks(path: Path, segmenter: Segmenter, choices: Mapping[str, Any]) -> MeasuredPhoto | None:
    image = read_image(path)
    session = segmenter.open(image)
    height, width = session.image_size_hw
    steps = (np.arange(_CLICKS_PER_SIDE) + 0.5) / _CLICKS_PER_SIDE
    clicks = np.stack(np.meshgrid(steps * width, steps * height), axis=-1).reshape(-1, 1, 2)
    found = first_of_each(session.segment(points=clicks, labels=np.ones((len(clicks), 1)), **choices), len(clicks))
    kept = box_nms(found.boxes, found.scores, _SAME_OBJECT)[:_MOST_OBJECTS]
    objects = _measured(image, [found.masks[number] for number in kept])
    if objects is None:
        return None
    boxed = session.segment(boxes=objects.boxes, **choices).masks
    return MeasuredPhoto(image, objects.boxes, first_of_each(boxed, len(objects.boxes)))


def _measured(image: np.ndarray, masks: Sequence[np.ndarray]) -> MeasuredPhoto | None:
    large = [mask for mask in masks if np.count_nonzero(mask) >= _LEAST_PIXELS]
    return MeasuredPhoto(image, boxes_of_masks(np.stack(large)), np.stack(large)) if large else None
