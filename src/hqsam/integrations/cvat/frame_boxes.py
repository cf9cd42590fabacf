"""A detector's boxes by the names of images, from a COCO file."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.formats.coco_reader import canonical_id
from hqsam.formats.files import read_json
from hqsam.formats.image_lookup import NameIndex

_EXPECTED = "expected COCO's lists images (id, file_name), annotations (image_id, category_id, bbox) and categories"


@dataclass(frozen=True)
class Box:
    """One box of a detector."""

    label: str
    box_xyxy: tuple[float, float, float, float]
    score: float | None


class FrameBoxes:
    """The boxes of each image of a COCO file, which need no masks."""

    def __init__(self, path: str | Path) -> None:
        """Read the file.

        Raises:
            DataError: it cannot be read, or is of another form.
        """
        try:
            content = read_json(Path(path))
            names = {canonical_id(one["id"]): str(one["name"]) for one in content["categories"]}
            images = {canonical_id(one["id"]): str(one["file_name"]) for one in content["images"]}
            self._boxes = _by_image(content["annotations"], names, images)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path} has no boxes: {type(error).__name__}: {error}; {_EXPECTED}") from error
        self.labels = tuple(dict.fromkeys(names.values()))
        """All classes of the file, in its order."""
        self._index = NameIndex(images.values())

    def of(self, frame_name: str) -> list[Box] | None:
        """Return the boxes of an image, also if one of the names has folders that the other lacks; None if unknown."""
        name = self._index.find(frame_name)
        return None if name is None else self._boxes[name]


def _by_image(
    annotations: list[Any], names: Mapping[int | str, str], images: Mapping[int | str, str]
) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = defaultdict(list)
    for one in annotations:
        x, y, width, height = (float(number) for number in one["bbox"])
        label, score = names[canonical_id(one["category_id"])], one.get("score")
        box = Box(label, (x, y, x + width, y + height), None if score is None else float(score))
        boxes[images[canonical_id(one["image_id"])]].append(box)
    return boxes
