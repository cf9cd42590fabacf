"""The image that everything is timed on, and the prompts on it."""

from pathlib import Path

import cv2
import numpy as np

from hqsam.images.reading import read_image

_FILE = Path(__file__).parent.parent / "examples" / "astronaut.jpg"


def benchmark_image(long_side: int = 2048) -> np.ndarray:
    """Return a portrait cut to 3:2 and scaled, RGB, by default 2048 x 1365."""
    whole = read_image(_FILE)
    part = whole[: whole.shape[1] * 2 // 3]
    size = (long_side, round(long_side * 2 / 3))
    return cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if long_side > whole.shape[1] else cv2.INTER_AREA)


def points_on(image: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return so many clicks along the diagonal."""
    height, width = image.shape[:2]
    return [(width * (i + 1) // (count + 1), height * (i + 1) // (count + 1)) for i in range(count)]


def boxes_on(image: np.ndarray, count: int) -> np.ndarray:
    """Return boxes [N, 4] in rows over the whole image, each with sides of a tenth of it."""
    height, width = image.shape[:2]
    columns = int(np.ceil(np.sqrt(count)))
    place = np.arange(count)
    corner = np.stack([place % columns, place // columns], axis=1) / columns * 0.9
    return np.concatenate([corner, corner + 0.1], axis=1) * [width, height, width, height]
