"""Prompts as Label Studio sends them: the smart regions that an annotator has drawn for one object or for several."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool

from hqsam.errors import PromptError
from hqsam.masks.rle_pack import unpack
from hqsam.serving.http.label_studio.bitmasks import read_bitmask

Point = tuple[float, float]
Box = tuple[float, float, float, float]
KINDS = ("keypointlabels", "rectanglelabels", "brushlabels", "bitmasklabels")
_PERCENT = 100.0


@dataclass
class ObjectPrompt:
    """What was drawn of one object, in pixels."""

    label: str
    to_name: str
    """The name of the image tag."""
    points: list[Point] = field(default_factory=list)
    point_labels: list[int] = field(default_factory=list)
    box: Box | None = None
    mask: Bool[np.ndarray, "height width"] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `Session.check`."""
        clicks = {"points": self.points, "labels": self.point_labels} if self.points else {}
        return clicks | {"box": self.box, "mask": self.mask}

    @property
    def says_where(self) -> bool:
        """True if anything tells where the object is; clicks beside it alone do not."""
        return self.box is not None or self.mask is not None or 1 in self.point_labels


def read_prompts(items: Iterable[Any], size_hw: tuple[int, int]) -> list[ObjectPrompt]:
    """Return the objects that a request's `context.result` asks for.

    What has one label is one object. Several rectangles of a label are an object each: clicks on the object count for
    the rectangles that they lie in, clicks beside it for all.

    Args:
        items: clicks (`keypointlabels`, with `is_positive` of the item or `positive` of its value), rectangles
            (`rectanglelabels`, also rotated), in percent of the image, and strokes of a brush (`brushlabels`,
            `bitmasklabels`).
        size_hw: height and width of the image.

    Raises:
        PromptError: an item is of another type, or damaged.
    """
    drawn: dict[tuple[str, str], list[tuple[Any, int]]] = {}
    for item in items:
        try:
            key, mark = (str(item["to_name"]), str(item["value"][item["type"]][0])), _mark(item, size_hw)
        except PromptError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise PromptError(f"this is no click, rectangle or brush of Label Studio: {str(item)[:200]}") from error
        drawn.setdefault(key, []).append(mark)
    objects = [one for (to_name, label), marks in drawn.items() for one in _objects(label, to_name, marks)]
    return [one for one in objects if one.says_where]


def _mark(item: Mapping[str, Any], size_hw: tuple[int, int]) -> tuple[Any, int]:
    """Return a point, a box or a mask, and whether it is on the object (1) or beside it (0)."""
    kind, value = item["type"], item["value"]
    is_positive = item.get("is_positive", value.get("positive", value.get("is_positive", True)))
    match kind:
        case "keypointlabels":
            return _pixels(float(value["x"]), float(value["y"]), size_hw), int(bool(is_positive))
        case "rectanglelabels":
            return box_of_rectangle(value, size_hw), 1
        case "brushlabels":
            return unpack(value["rle"], size_hw), 1
        case "bitmasklabels":
            return read_bitmask(value["imageDataURL"], size_hw), 1
    raise PromptError(f"{kind} is not understood as a prompt; of the smart tools use those of {', '.join(KINDS)}")


def _pixels(x: float, y: float, size_hw: tuple[int, int]) -> Point:
    height, width = size_hw
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError("not finite")
    last_x, last_y = math.nextafter(width, 0), math.nextafter(height, 0)  # 100 % is behind the last pixel
    return min(max(x / _PERCENT * width, 0.0), last_x), min(max(y / _PERCENT * height, 0.0), last_y)


def box_of_rectangle(value: Mapping[str, Any], size_hw: tuple[int, int]) -> Box:
    """Return the box around a rectangle in percent, which may be rotated about its upper left corner.

    Raises:
        LookupError, TypeError, ValueError: it is damaged.
    """
    height, width = size_hw
    x, y, wide, high = (float(value[name]) / _PERCENT for name in ("x", "y", "width", "height"))
    turn = math.radians(float(value.get("rotation") or 0))
    cos, sin = math.cos(turn), math.sin(turn)
    corners = [
        (
            x * width + dx * wide * width * cos - dy * high * height * sin,
            y * height + dx * wide * width * sin + dy * high * height * cos,
        )
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1))
    ]
    xs, ys = zip(*corners, strict=True)
    if not all(map(math.isfinite, (*xs, *ys))):
        raise ValueError("not finite")
    return max(0.0, min(xs)), max(0.0, min(ys)), min(float(width), max(xs)), min(float(height), max(ys))


def _objects(label: str, to_name: str, marks: list[tuple[Any, int]]) -> list[ObjectPrompt]:
    points = [mark for mark in marks if isinstance(mark[0], tuple) and len(mark[0]) == 2]
    boxes: list[Box] = [mark for mark, _ in marks if isinstance(mark, tuple) and len(mark) == 4]
    masks = [mark for mark, _ in marks if isinstance(mark, np.ndarray)]
    mask = np.logical_or.reduce(masks) if masks else None
    objects = []
    for box in boxes or [None]:
        own = [(point, sign) for point, sign in points if len(boxes) < 2 or not sign or _contains(box, point)]
        places, signs = [point for point, _ in own], [sign for _, sign in own]
        objects.append(ObjectPrompt(label, to_name, places, signs, box, mask))
    return objects


def _contains(box: Box | None, point: Point) -> bool:
    return box is not None and box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
