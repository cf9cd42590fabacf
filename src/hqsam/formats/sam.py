"""JSON as Meta's data set SA-1B has it: one image, and the records that SAM's mask generator makes."""

from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.formats.coco_reader import rle_of_segmentation
from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import read_json, write_json
from hqsam.formats.left_out import take_each, warn_of
from hqsam.masks import rle
from hqsam.masks.columns import given_name
from hqsam.masks.instance_outputs import RECORD_KEYS
from hqsam.masks.instances import Instances


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_sam.json`; boxes are x, y, width, height, with the width and height counted in pixels."""
    height, width = instances.image_size_hw
    image = {"image_id": 1, "file_name": instances.image_name, "width": width, "height": height}
    records = [{"id": number, **record} for number, record in enumerate(instances.records(), start=1)]
    return [write_json(paths.path("_sam.json"), {"image": image, "annotations": records})]


def read(path: Path) -> list[Instances]:
    """Read the image of the file with its masks; warns of records that are left out.

    What else records say becomes columns, None where one does not.

    Raises:
        DataError: it cannot be read, or is not as SA-1B has it.
    """
    content = read_json(path)
    try:
        image = content["image"]
        size_hw, name = (int(image["height"]), int(image["width"])), str(image["file_name"])
        entries = [(str(record.get("id", place)), record) for place, record in enumerate(content["annotations"])]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not as SA-1B has it: {type(error).__name__}: {error}") from error
    taken, left_out = take_each(entries, lambda record: _masked(record, size_hw), "damaged records")
    warn_of(left_out, path)
    records = [record for record, _ in taken]
    names = dict.fromkeys(name for record in records for name in record if name not in RECORD_KEYS)
    instances = Instances.from_rle(
        (mask for _, mask in taken),
        size_hw,
        scores=[record["predicted_iou"] for record in records],
        labels=[str(record.get("label", "object")) for record in records],
        columns={given_name(name, RECORD_KEYS): tuple(record.get(name) for record in records) for name in names},
        image_name=name,
    )
    return [instances]


def _masked(record: dict[str, Any], size_hw: tuple[int, int]) -> tuple[dict[str, Any], rle.Rle]:
    score = record.get("predicted_iou")
    mask = rle_of_segmentation(record["segmentation"], size_hw)
    return {**record, "predicted_iou": None if score is None else float(score)}, mask
