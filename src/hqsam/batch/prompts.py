"""Prompts of many images: a detector's boxes in a COCO results file, a JSON beside each image, a column of a table.

Prompts of one image, in JSON, in a column or beside it, are a list of boxes, or an object:

    [[x0, y0, x1, y1], ...]
    {"boxes": [[x0, y0, x1, y1], ...], "labels": ["cup", ...], "scores": [0.9, ...]}
    {"points": [[[x, y], ...], ...], "point_labels": [[1, 0], ...], "labels": [...]}      one list of clicks a prompt
"""

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hqsam.batch.files import read_bytes
from hqsam.batch.items import Blob, Item, ItemPrompt
from hqsam.errors import DataError, DataWarning
from hqsam.formats.coco_reader import canonical_id

_KEYS = {"boxes", "points", "point_labels", "labels", "scores"}
_EXPECTED = "expected a list of boxes [x0, y0, x1, y1], or an object with boxes or points with point_labels"
_SHOWN = 3


def prompts_of_json(data: bytes | str, name: str) -> tuple[ItemPrompt, ...]:
    """Parse the prompts of one image.

    Raises:
        DataError: they are of another form.
    """
    try:
        return prompts_of(json.loads(data), name)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not JSON: {error}; {_EXPECTED}") from error


def prompts_of(content: Any, name: str) -> tuple[ItemPrompt, ...]:
    """Return the prompts of one image from plain values: a list of boxes, or an object of lists.

    Raises:
        DataError: they are of another form.
    """
    given = content if isinstance(content, Mapping) else {"boxes": content}
    unknown = sorted(set(given) - _KEYS)
    if unknown:
        raise DataError(f"{name} has {unknown[0]!r}; {_EXPECTED}")
    try:
        return _prompts(given)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: {error}; {_EXPECTED}") from error


def _prompts(given: Mapping[str, Any]) -> tuple[ItemPrompt, ...]:
    lists = {key: list(value) for key, value in given.items() if value is not None}
    counts = {len(value) for value in lists.values()}
    if len(counts) > 1:
        raise ValueError(f"its lists are of different lengths: { {key: len(value) for key, value in lists.items()} }")
    return tuple(
        _said(
            box=_box(lists["boxes"][row]) if "boxes" in lists else None,
            points=tuple(_numbers(point, 2) for point in lists["points"][row]) if "points" in lists else (),  # type: ignore[misc]
            point_labels=tuple(int(one) for one in lists["point_labels"][row]) if "point_labels" in lists else (),
            label=str(lists["labels"][row]) if "labels" in lists else "object",
            score=float(lists["scores"][row]) if "scores" in lists else None,
        )
        for row in range(counts.pop() if counts else 0)
    )


def _said(**given: Any) -> ItemPrompt:
    """Return a prompt that says something."""
    prompt = ItemPrompt(**given)
    if prompt.box is None and not prompt.points:
        raise ValueError("a prompt has neither a box nor points")
    if len(prompt.points) != len(prompt.point_labels):
        raise ValueError(f"a prompt has {len(prompt.points)} points and {len(prompt.point_labels)} point_labels")
    return prompt


def _box(values: Iterable[Any]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = _numbers(values, 4)
    return x0, y0, x1, y1


def _numbers(values: Iterable[Any], count: int) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"{numbers} is not {count} numbers")
    return numbers


def with_detections(items: Sequence[Item], results: str, names: Mapping[int | str, str] | None = None) -> list[Item]:
    """Return the items with the boxes of a COCO results file: `[{"image_id", "category_id", "bbox", "score"}, ...]`.

    Args:
        items: their images are known by the id of a COCO file, else by name: image_id is the name, the name without
            suffix, or the number that it is, as 000000000139.jpg has 139.
        results: path or URL of the file.
        names: the classes' names by category_id; by default the class is the number.

    Raises:
        DataError: the file cannot be read, is of another form, or has boxes for none of the images.
    """
    found = _by_image(_read_list(results), results, names or {})
    keys = [_keys_of(item) for item in items]
    known = [next((key for key in some if key in found), None) for some in keys]
    foreign = set(found) - {key for key in known if key is not None}
    if foreign and len(foreign) == len(found):
        raise DataError(
            f"{results} has boxes for {len(found)} images, none of which is here: its image_id is such as "
            f"{_some(foreign)}, and the images are known as {_some(keys[0]) if keys else 'none'}. Is it of another set?"
        )
    if foreign:
        told = f"{results}: boxes of {len(foreign)} images that are not here were left out, such as {_some(foreign)}"
        warnings.warn(DataWarning(told), stacklevel=2)
    return [
        replace(item, prompts=() if key is None else tuple(found[key])) for item, key in zip(items, known, strict=True)
    ]


def _read_list(results: str) -> list[Any]:
    data = read_bytes(Blob(results))
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{results} cannot be read as JSON: {error}") from error
    if not isinstance(content, list):
        raise DataError(
            f"{results} holds a JSON {type(content).__name__}; expected a list of detections, each with image_id, "
            "bbox and score, as COCO's results files have it"
        )
    return content


def _by_image(
    detections: Sequence[Any], results: str, names: Mapping[int | str, str]
) -> dict[int | str, list[ItemPrompt]]:
    found: dict[int | str, list[ItemPrompt]] = {}
    for number, one in enumerate(detections):
        try:
            x, y, width, height = _numbers(one["bbox"], 4)
            score = one.get("score")
            category = one.get("category_id")
            prompt = ItemPrompt(
                box=(x, y, x + width, y + height),
                label="object" if category is None else names.get(canonical_id(category), str(category)),
                score=None if score is None else float(score),
            )
            found.setdefault(canonical_id(one["image_id"]), []).append(prompt)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:  # noqa: PERF203
            raise DataError(
                f"detection {number} of {results} is not as COCO has it: {type(error).__name__}: {error}; expected "
                "image_id, category_id, score and bbox [x, y, width, height]"
            ) from error
    return found


def _keys_of(item: Item) -> list[int | str]:
    if item.image_id is not None:
        return [item.image_id]
    path = PurePosixPath(item.name)
    number: list[int | str] = [int(path.stem)] if path.stem.isascii() and path.stem.isdecimal() else []
    return [item.name, path.name, path.stem, *number]


def _some(keys: Iterable[int | str]) -> str:
    return ", ".join(repr(key) for key in sorted(keys, key=str)[:_SHOWN])
