"""Segment what the features of a vector file point at, in an image that is open."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hqsam.geo.vector_prompts import PixelPrompt, VectorPrompts, attribute_columns, pixel_prompts
from hqsam.masks.columns import DEFAULT_LABEL
from hqsam.masks.instances import Instances
from hqsam.masks.rle import Rle
from hqsam.predict.session import Session
from hqsam.predict.sources import check_source

_AT_ONCE = 16
"""Prompts of one call: masks of the image's size are made for each."""
_LABELS = ("label", "class")
"""Attributes that name the class of an object."""


def segment_features(session: Session, vector: VectorPrompts, **how: Any) -> Instances:
    """Return a mask for each feature that lies on the image; its attributes become columns.

    >>> buildings = segment_features(session, read_vector_prompts("boxes.gpkg"))
    >>> buildings.save("out", "gpkg", orthogonal=True)

    Args:
        session: an image with a place on a map.
        vector: the features.
        how: `source`, `detail` and `snap`, as for `Session.segment`.

    Returns:
        Masks in the order of the features. The attribute `label` or `class` is the label, all others are columns.

    Raises:
        DataError: the image has no place, or no feature lies on it.
    """
    prompts = pixel_prompts(vector, session.georeference, session.image_size_hw, session.image_name)
    rles, scores = segment_pixel_prompts(session, prompts, **how)
    found = instances_of(prompts, rles, scores, session.image_size_hw, session.image_name)
    source = check_source(how.get("source"), session.engine.config)
    return replace(found, image=session.image, metadata={"source": source, "georeference": session.georeference})


def segment_pixel_prompts(
    session: Session, prompts: Sequence[PixelPrompt], **how: Any
) -> tuple[list[Rle], list[float]]:
    """Return the mask of each prompt as run lengths, and its score."""
    rles: dict[int, Rle] = {}
    scores: dict[int, float] = {}
    for numbers, arguments in _calls(prompts, session.image_size_hw):
        found = session.segment(**arguments, **how)
        rles |= dict(zip(numbers, found.rle, strict=True))
        scores |= dict(zip(numbers, map(float, found.scores), strict=True))
    return [rles[number] for number in range(len(prompts))], [scores[number] for number in range(len(prompts))]


def instances_of(
    prompts: Sequence[PixelPrompt],
    rles: Sequence[Rle],
    scores: Sequence[float],
    size_hw: tuple[int, int],
    image_name: str,
) -> Instances:
    """Return masks with the attributes of their prompts."""
    columns = attribute_columns(prompts)
    name = next((name for name in _LABELS if name in columns), None)
    labels = [DEFAULT_LABEL if one is None else str(one) for one in columns.pop(name)] if name else DEFAULT_LABEL
    return Instances.from_rle(rles, size_hw, scores=scores, labels=labels, columns=columns, image_name=image_name)


def _calls(prompts: Sequence[PixelPrompt], size_hw: tuple[int, int]) -> Iterator[tuple[list[int], dict[str, Any]]]:
    """Yield the arguments of `Session.segment` for prompts of one kind, and the numbers of these prompts."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for number, prompt in enumerate(prompts):
        clicks = 0 if prompt.points is None else len(prompt.points)
        groups.setdefault((clicks, bool(prompt.polygons)), []).append(number)
    for (clicks, has_mask), numbers in groups.items():
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            yield from _call([prompts[n] for n in some], some, clicks, has_mask, size_hw)


def _call(
    prompts: list[PixelPrompt], numbers: list[int], clicks: int, has_mask: bool, size_hw: tuple[int, int]
) -> Iterator[tuple[list[int], dict[str, Any]]]:
    if clicks:
        points = np.stack([prompt.points for prompt in prompts if prompt.points is not None])
        yield numbers, {"points": points, "labels": np.ones(points.shape[:2], np.int64)}
        return
    boxes = np.stack([prompt.box for prompt in prompts if prompt.box is not None])
    if not has_mask:
        yield numbers, {"boxes": boxes}
        return
    masks = np.stack([prompt.mask(size_hw) for prompt in prompts])
    filled = masks.any(axis=(1, 2))
    for chosen, given in ((filled, {"mask": masks[filled]}), (~filled, {})):  # one between pixels is its box alone
        if chosen.any():
            some = [numbers[row] for row in np.flatnonzero(chosen)]
            yield some, {"boxes": boxes[chosen], **given}
