"""Small photos and masks for data folders, written in the ways that people store them."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE_HW = (24, 32)


def photo(path: Path, size_hw: tuple[int, int] = SIZE_HW, seed: int = 0) -> Path:
    """A photo of smooth colours."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
    return save(path, np.asarray(small.resize(size_hw[::-1])))


def labels(objects: int = 1, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """A label map with objects 1, 2, ... as upright bars."""
    found = np.zeros(size_hw, np.uint16)
    for number in range(1, objects + 1):
        found[4:20, 5 * number : 5 * number + 4] = number
    return found


def mask(path: Path, size_hw: tuple[int, int] = SIZE_HW) -> Path:
    """One object, white on black."""
    return save(path, (labels(1, size_hw) * 255).astype(np.uint8))


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write a picture; its suffix says how."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def pairs(folder: Path, count: int = 3, images: str = "images", masks: str = "masks") -> Path:
    """A folder of photos beside a folder of masks."""
    for number in range(count):
        photo(folder / images / f"{number}.jpg", seed=number)
        mask(folder / masks / f"{number}.png")
    return folder
