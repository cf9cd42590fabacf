"""COCO JSON with an image for each frame, and the numbers of the video and of objects, as COCO-VID has them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hqsam.formats.coco import annotation_of, image_entry
from hqsam.formats.files import write_long_json
from hqsam.video.results import VideoResults, seen


def write(results: VideoResults, path: Path) -> None:
    """Write the masks that have a pixel. `instance_id` and `track_id` are the number of the object in all frames."""
    video, indices = results.video, results.indices
    height, width = video.image_size_hw
    images = (
        image_entry(number, video.frames.frame_name(index), video.image_size_hw) | {"video_id": 1, "frame_id": index}
        for number, index in enumerate(indices, start=1)
    )
    content = {
        "info": {"description": "Written by hqsam", "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": _annotations(results),
        "categories": [
            {"id": number, "name": label, "supercategory": ""} for label, number in results.category_ids.items()
        ],
        "videos": [{"id": 1, "name": video.name, "height": height, "width": width, "length": len(indices)}],
    }
    write_long_json(path, content)


def _annotations(results: VideoResults) -> Iterator[dict[str, Any]]:
    category_ids, last = results.category_ids, 0
    for image_id, frame in enumerate(results.frames(), start=1):
        shown = seen(frame)
        for row, label in enumerate(shown.labels):
            last += 1
            annotation = annotation_of(shown, row)
            number = annotation.pop("object_id")
            ids = {"id": last, "image_id": image_id, "category_id": category_ids[label]}
            yield ids | annotation | {"video_id": 1, "instance_id": number, "track_id": number}
