"""JSON as Meta's data set SA-1B has it: one photo, and the records that SAM's mask generator makes."""

from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.formats.document import Document, MaskedObject
from hqsam.formats.files import read_json, write_json
from hqsam.masks import rle

_KNOWN = {"id", "segmentation", "bbox", "area", "predicted_iou", "label"}


def write(document: Document, folder: Path) -> list[Path]:
    """`photo_sam.json`; boxes are x, y, width, height, with the width and height counted in pixels."""
    height, width = document.size_hw
    image = {"image_id": 1, "file_name": document.image_name, "width": width, "height": height}
    records = [{"id": number, **to_record(one)} for number, one in enumerate(document.objects, start=1)]
    return [write_json(document.path(folder, "_sam.json"), {"image": image, "annotations": records})]


def to_record(one: MaskedObject) -> dict[str, Any]:
    """One object as a record of SAM's; what is known of it beside has the name that it has in `more`."""
    x0, y0, x1, y1 = one.box_xyxy.tolist()
    record = {"segmentation": one.runs, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": one.area}
    record |= {} if one.score is None else {"predicted_iou": one.score}
    record |= {} if one.label == "object" else {"label": one.label}
    return record | dict(one.more)


def read(path: Path) -> list[Document]:
    """The photo of the file, with its objects.

    Raises:
        DataError: it cannot be read, or a record does not fit the photo.
    """
    content = read_json(path)
    try:
        image = content["image"]
        size_hw = int(image["height"]), int(image["width"])
        objects = tuple(_object(record) for record in content["annotations"])
        return [Document(str(image["file_name"]), size_hw, objects)]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not as SA-1B has it: {type(error).__name__}: {error}") from error


def _object(record: dict[str, Any]) -> MaskedObject:
    mask, score = rle.decode(record["segmentation"]), record.get("predicted_iou")
    more = {name: value for name, value in record.items() if name not in _KNOWN}
    return MaskedObject.of(mask, str(record.get("label", "object")), None if score is None else float(score), more)
