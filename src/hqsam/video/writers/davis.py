"""A label map for each frame, as DAVIS has them: the numbers of objects as values, in its palette of colours."""

from pathlib import Path

import numpy as np

from hqsam.errors import OutputError
from hqsam.formats.files import write_png
from hqsam.video.results import VideoResults

_MOST = 255


def write(results: VideoResults, folder: Path) -> None:
    """Write `masks/00000.png` and so on. A pixel that several objects claim goes to the smallest one.

    Raises:
        OutputError: an object has a number above 255, which a map of 8 bits cannot hold; or the disk is full.
    """
    if max(results.video.objects, default=0) > _MOST:
        raise OutputError(f"a label map of DAVIS counts to {_MOST}, and there are more objects; use coco or ytvis")
    for frame in results.frames():
        numbers = np.concatenate([[0], frame.object_id]).astype(np.uint8)
        labels = numbers[np.asarray(frame.label_map("small_on_top"), np.int64)]
        write_png(folder / f"{Path(frame.image_name).stem}.png", labels, palette=PALETTE)


def _palette() -> list[tuple[int, int, int]]:
    """Return the colours of VOC and DAVIS: the bits of a number, dealt out to red, green and blue from the top."""
    colours = []
    for number in range(256):
        colour, bits = [0, 0, 0], number
        for place in range(7, -1, -1):
            for channel in range(3):
                colour[channel] |= ((bits >> channel) & 1) << place
            bits >>= 3
        colours.append((colour[0], colour[1], colour[2]))
    return colours


PALETTE = _palette()
"""Colours for numbers 0 to 255: black, dark red, dark green, olive, ..."""
