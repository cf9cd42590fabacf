"""The video with its masks drawn on it; an object has one colour in all frames."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam.images.overlay import overlay
from hqsam.images.palette import colour_of
from hqsam.video.frames import RgbImage
from hqsam.video.results import VideoResults, seen
from hqsam.video.tracked_frame import TrackedFrame
from hqsam.video.writers.video_encoder import encoding, has_encoder


def write(results: VideoResults, path: Path) -> None:
    """Write an mp4 in H.264, which every browser plays, or in MPEG-4 where PyAV was built without it."""
    h264 = has_encoder("libx264")
    codec, options = ("libx264", {"crf": "20", "preset": "veryfast"}) if h264 else ("mpeg4", {"qscale": "3"})
    with encoding(path, results.video.image_size_hw, codec, "yuv420p", options) as add:
        for (pixels, frame), time in zip(results.pictures(), results.times_ms(), strict=True):
            add(draw(pixels, frame), time)


def draw(pixels: RgbImage, frame: TrackedFrame) -> UInt8[np.ndarray, "height width 3"]:
    """Return a frame with its masks drawn on it, each in the colour of its object."""
    shown = seen(frame)
    colours = [colour_of(number - 1) for number in shown.object_id.tolist()]
    return overlay(pixels, [shown.mask(row) for row in range(len(shown))], colours=colours)
