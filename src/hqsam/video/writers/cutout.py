"""The objects without their background: a webm with transparency, or a PNG for each frame."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam.formats.files import write_png
from hqsam.images.cutout import cutout
from hqsam.video.frames import RgbImage
from hqsam.video.results import VideoResults
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.writers.video_encoder import encoding


def write(results: VideoResults, path: Path) -> None:
    """Write a webm in VP9 with an alpha channel, which browsers and editors lay over other pictures."""
    options = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"}
    with encoding(path, results.video.image_size_hw, "libvpx-vp9", "yuva420p", options) as add:
        for (pixels, frame), time in zip(results.pictures(), results.times_ms(), strict=True):
            add(_cut(pixels, frame), time)


def write_pngs(results: VideoResults, folder: Path) -> None:
    """Write `cutouts/00000.png` and so on, exact, with the colours of the frame."""
    for pixels, frame in results.pictures():
        write_png(folder / f"{Path(frame.image_name).stem}.png", _cut(pixels, frame))


def _cut(pixels: RgbImage, frame: TrackedFrame) -> UInt8[np.ndarray, "height width 4"]:
    return cutout(pixels, frame.label_map() > 0)
