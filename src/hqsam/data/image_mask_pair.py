"""An image and the image of its masks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hqsam.data.images import ImageInfo, downscaled, inspect_image, load_image, scaled_size
from hqsam.data.issues import DataIssue
from hqsam.data.sample import Sample
from hqsam.errors import DataError
from hqsam.formats.mask_images import (
    Levels,
    MaskEncoding,
    guess_encoding,
    has_void,
    labels_of,
    read_labels,
    read_levels,
    values_of,
)

_FEW_PIXELS = 10


@dataclass(frozen=True)
class ImageMaskPair:
    """One sample as two files: an image, and an image of its masks."""

    image: Path
    mask: Path
    name: str
    """The dataset's name, a slash, and the file's name without suffix."""
    encoding: MaskEncoding = "binary"

    @property
    def truth_files(self) -> tuple[Path, ...]:
        """The image of its masks."""
        return (self.mask,)

    def read(self, longest_side: int | None = None) -> Sample:
        """Read both files, scaled down so that the long side has at most `longest_side` pixels.

        Raises:
            DataError: a file cannot be read, or the two differ in size.
        """
        image, labels = load_image(self.image), read_labels(self.mask, self.encoding)
        if labels.shape != image.shape[:2]:
            raise DataError(f"{self.mask}: {_differ(labels.shape, image.shape[:2])}")
        size = scaled_size((labels.shape[0], labels.shape[1]), longest_side)
        return Sample(downscaled(image, size, smoothly=True), downscaled(labels, size, smoothly=False), self.name)

    def inspect(self) -> tuple[int, list[DataIssue]]:
        """Return the number of objects, and what is wrong or odd; reads both files to their ends."""
        try:
            info = inspect_image(self.image)
        except DataError as error:
            return 0, [self._issue("unreadable_image", str(error))]
        try:
            levels = read_levels(self.mask)
            labels = labels_of(levels, self.encoding, self.mask)
        except DataError as error:
            return 0, [self._issue("unreadable_mask", str(error))]
        if labels.shape != info.size_hw:
            return 0, [self._issue("other_size", _differ(labels.shape, info.size_hw) + _on_its_side(info, labels))]
        areas = np.bincount(labels.reshape(-1))[1:]
        found = [*self._of_image(info), *self._of_masks(areas, labels.size), *self._of_levels(levels)]
        return int(np.count_nonzero(areas)), found

    def _of_image(self, info: ImageInfo) -> list[DataIssue]:
        found = []
        if info.mode not in ("RGB", "L"):
            found.append(self._issue("odd_mode", f"{self.image} is {info.mode}"))
        if info.orientation != 1:
            found.append(self._issue("turned", f"{self.image} has the orientation {info.orientation}"))
        return found

    def _of_masks(self, areas: np.ndarray, pixels: int) -> list[DataIssue]:
        present = areas[areas > 0]
        if not len(present):
            return [self._issue("no_objects", f"{self.mask} is 0 everywhere")]
        if present.max() == pixels:
            return [self._issue("all_inside", str(self.mask))]
        tiny = np.count_nonzero(present < _FEW_PIXELS)
        return [self._issue("tiny", f"{self.mask} has {tiny} of its {len(present)} objects")] if tiny else []

    def _of_levels(self, levels: Levels) -> list[DataIssue]:
        looks = guess_encoding(levels)
        if self.encoding == "binary" and looks in ("labels", "colours"):
            said = f"{self.mask} {_values(levels)}, as if they were several objects; it is cut at half"
            return [self._issue("unexpected_values", said)]
        if levels.ndim == 3 or len(values_of(levels)) <= 2 or looks != "binary":
            return [self._issue("void", str(self.mask))] if self.encoding != "binary" and has_void(levels) else []
        if self.encoding == "binary":
            return [self._issue("grey_values", f"{self.mask} {_values(levels)}")]
        said = f"{self.mask} {_values(levels)}, as a mask with grey edges has; each is taken for an object"
        return [self._issue("unexpected_values", said)]

    def _issue(self, kind: str, detail: str) -> DataIssue:
        return DataIssue(kind, self.name, detail)


def _values(levels: Levels) -> str:
    if levels.ndim == 3:
        return "has several colours"
    values = values_of(levels)
    return f"has {len(values)} values from {values[0]} to {values[-1]}"


def _differ(mask_hw: tuple[int, ...], image_hw: tuple[int, ...]) -> str:
    return f"the mask is {mask_hw[1]} x {mask_hw[0]} pixels, and its image {image_hw[1]} x {image_hw[0]}"


def _on_its_side(info: ImageInfo, labels: np.ndarray) -> str:
    if info.orientation >= 5 and labels.shape == info.size_hw[::-1]:
        return f"; the image is turned by its EXIF tag ({info.orientation}), and the mask is not: turn the mask, too"
    return ""
