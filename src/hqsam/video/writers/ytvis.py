"""YTVIS JSON: for each object a list of masks, one for each frame, None where it is not seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.formats.files import write_long_json
from hqsam.masks.rle import Rle
from hqsam.video.results import VideoResults


def write(results: VideoResults, path: Path) -> None:
    """Write one video with the frames that were looked at; scores are means over the frames that show the object."""
    video = results.video
    height, width = video.image_size_hw
    names = [video.frames.frame_name(index) for index in results.indices]
    about = {"id": 1, "name": video.name, "height": height, "width": width, "length": len(names)}
    content = {
        "info": {"description": "Written by hqsam", "version": "1.0"},
        "videos": [about | {"file_names": [f"{Path(video.name).stem}/{name}" for name in names]}],
        "annotations": _annotations(results),
        "categories": [{"id": number, "name": label} for label, number in results.category_ids.items()],
    }
    write_long_json(path, content)


def _annotations(results: VideoResults) -> Iterator[dict[str, Any]]:
    """Yield each object with its masks, which are read again as they are written."""
    height, width = results.video.image_size_hw
    done, total = 0, len(results.video.objects) * len(results.indices)
    for number, one in list(results.video.objects.items()):
        boxes, areas, scores = [], [], []
        for frame in results.frames_of(number):
            x0, y0, x1, y1 = (0, 0, 0, 0) if frame is None else frame.boxes[0].tolist()
            boxes.append(None if frame is None else [x0, y0, x1 - x0, y1 - y0])
            areas.append(None if frame is None else int(frame.areas[0]))
            scores += [] if frame is None else [float(frame.scores[0])]
            done += 1
            results.progress(done, total)
        yield {
            "id": number,
            "video_id": 1,
            "category_id": results.category_ids[one.label],
            "iscrowd": 0,
            "height": height,
            "width": width,
            "score": round(float(np.mean(scores or [0.0])), 6),
            "segmentations": _masks(results, number),
            "bboxes": boxes,
            "areas": areas,
        }


def _masks(results: VideoResults, number: int) -> Iterator[Rle | None]:
    for frame in results.frames_of(number):
        yield None if frame is None else frame.rle[0]
