"""JSON as Meta's data set SA-1B has it: one image, and the records that SAM's mask generator makes."""

from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, write_json
from hqsam.masks import rle
from hqsam.masks.instances import Instances

_KNOWN = {"id", "segmentation", "bbox", "area", "predicted_iou", "label"}


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `photo_sam.json`; boxes are x, y, width, height, with the width and height counted in pixels."""
    height, width = instances.image_size_hw
    image = {"image_id": 1, "file_name": instances.image_name, "width": width, "height": height}
    records = [{"id": number, **record} for number, record in enumerate(instances.records(), start=1)]
    return [write_json(paths.path("_sam.json"), {"image": image, "annotations": records})]


def read(path: Path) -> list[Instances]:
    """Read the image of the file with its masks; what else records say becomes columns, None where one does not.

    Raises:
        DataError: it cannot be read, or a record does not fit the image.
    """
    content = read_json(path)
    try:
        image, records = content["image"], content["annotations"]
        names = dict.fromkeys(name for record in records for name in record if name not in _KNOWN)
        instances = Instances.from_masks(
            (rle.decode(record["segmentation"]) for record in records),
            (int(image["height"]), int(image["width"])),
            scores=[_score(record) for record in records],
            labels=[str(record.get("label", "object")) for record in records],
            columns={name: tuple(record.get(name) for record in records) for name in names},
            image_name=str(image["file_name"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not as SA-1B has it: {type(error).__name__}: {error}") from error
    return [instances]


def _score(record: dict[str, Any]) -> float | None:
    score = record.get("predicted_iou")
    return None if score is None else float(score)
