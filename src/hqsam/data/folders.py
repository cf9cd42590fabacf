"""Folders of images beside folders of masks: SET/images/NAME.* and SET/masks/NAME.png."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hqsam.data.sample import Sample
from hqsam.errors import DataError

_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Pair:
    """Where one image and its mask are on disk."""

    image: Path
    mask: Path
    set_name: str


def read_sets(root: Path, longest_side: int | None = None) -> dict[str, list[Sample]]:
    """Every set below `root` in memory, by its name.

    Raises:
        DataError: there is none, or a file of one cannot be used.
    """
    return {name: [read_pair(pair, longest_side) for pair in pairs] for name, pairs in find_sets(root).items()}


def find_sets(root: Path) -> dict[str, list[Pair]]:
    """Every folder below `root` that holds `images` and `masks`, by its name.

    Raises:
        DataError: there is none, or an image has no mask.
    """
    folders = sorted(path.parent for path in [root / "images", *root.glob("*/images")] if path.is_dir())
    sets = {folder.name: pairs_of(folder) for folder in folders}
    if not sets:
        raise DataError(f"no images in {root}; expected {root}/SET/images/NAME.jpg beside {root}/SET/masks/NAME.png")
    return sets


def pairs_of(folder: Path) -> list[Pair]:
    """The pairs of one set, sorted by name."""
    images = sorted(path for path in (folder / "images").iterdir() if path.suffix.lower() in _IMAGE_SUFFIXES)
    pairs = [Pair(path, folder / "masks" / f"{path.stem}.png", folder.name) for path in images]
    missing = [pair.mask.name for pair in pairs if not pair.mask.is_file()]
    if missing:
        raise DataError(f"{len(missing)} images in {folder} have no mask; the first: {', '.join(missing[:3])}")
    return pairs


def read_pair(pair: Pair, longest_side: int | None = None) -> Sample:
    """Read a pair; with `longest_side`, larger photos are scaled down to it, in pixels.

    Raises:
        DataError: a file cannot be read, or the two differ in size.
    """
    image, labels = cv2.imread(str(pair.image), cv2.IMREAD_COLOR_RGB), cv2.imread(str(pair.mask), cv2.IMREAD_UNCHANGED)
    if image is None or labels is None:
        raise DataError(f"{pair.image if image is None else pair.mask} cannot be read as an image")
    if labels.ndim != 2 or labels.shape != image.shape[:2]:
        expected = f"{image.shape[1]} x {image.shape[0]} pixels with one channel"
        raise DataError(f"{pair.mask} has the shape {labels.shape}; its image asks for {expected}")
    scale = min(1.0, (longest_side or np.inf) / max(labels.shape))
    if scale < 1:
        size_wh = (round(labels.shape[1] * scale), round(labels.shape[0] * scale))
        image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(labels, size_wh, interpolation=cv2.INTER_NEAREST)
    return Sample(image, labels.astype(np.uint16), f"{pair.set_name}/{pair.image.stem}")
