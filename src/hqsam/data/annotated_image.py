"""An image whose objects are listed in an annotation file: COCO's, LVIS's, YOLO's or labelme's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam.data.images import downscaled, inspect_image, load_image, scaled_size
from hqsam.data.issues import DataIssue
from hqsam.data.sample import Sample
from hqsam.errors import DataError
from hqsam.formats.left_out import LeftOut, in_words
from hqsam.masks import rle
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import disjoint_labels

ReadInstances = Callable[[tuple[int, int]], tuple[Instances, list[LeftOut]]]
"""Takes the image's height and width; returns its objects, and what has no usable mask."""


@dataclass(frozen=True)
class AnnotatedImage:
    """One image of a dataset, and how its objects are read."""

    image: Path
    name: str
    read_instances: ReadInstances = field(repr=False)
    stated_hw: tuple[int, int] | None = None
    """Height and width as the annotations state them; None where they do not."""
    image_id: int | str | None = None
    """The annotation file's id of the image, by which a detector names it."""
    label_file: Path | None = None
    """The file of its labels; None where many images share one."""

    @property
    def truth_files(self) -> tuple[Path, ...]:
        """The file of its labels, where no other image shares it."""
        return () if self.label_file is None else (self.label_file,)

    def read(self, longest_side: int | None = None) -> Sample:
        """Read the image and its objects, numbered from 1 in the file's order.

        A pixel of several objects goes to the smallest; those that lose pixels to it are whole in `Sample.whole`.

        Raises:
            DataError: the image cannot be read or has another size, or it has no usable mask.
        """
        image = load_image(self.image)
        size_hw = image.shape[0], image.shape[1]
        if differs := self._differs(size_hw):
            raise DataError(f"{self.image}: {differs}")
        instances, _ = self.read_instances(size_hw)
        if not len(instances):
            raise DataError(self._without_objects)
        return _sample(image, instances, self.name, longest_side)

    def inspect(self) -> tuple[int, list[DataIssue]]:
        """Return the number of objects, and what is wrong or odd."""
        try:
            info = inspect_image(self.image)
        except DataError as error:
            return 0, [DataIssue("unreadable_image" if self.image.exists() else "no_image", self.name, str(error))]
        if differs := self._differs(info.size_hw):
            return 0, [DataIssue("other_size", self.name, differs)]
        try:
            instances, left_out = self.read_instances(info.size_hw)
        except DataError as error:
            return 0, [DataIssue("unreadable_mask", self.name, str(error))]
        found = [DataIssue("skipped_objects", self.name, in_words(left_out))] if left_out else []
        if not len(instances):
            found.append(DataIssue("no_objects", self.name, self._without_objects))
        return len(instances), found

    @property
    def _without_objects(self) -> str:
        return f"{self.image} has no annotation with a usable mask"

    def _differs(self, size_hw: tuple[int, int]) -> str:
        if self.stated_hw in (None, size_hw):
            return ""
        height, width = self.stated_hw
        return f"the image is {size_hw[1]} x {size_hw[0]} pixels, and its annotations are for {width} x {height}"


def _sample(
    image: UInt8[np.ndarray, "height width 3"], instances: Instances, name: str, longest_side: int | None
) -> Sample:
    size = scaled_size(instances.image_size_hw, longest_side)
    masks = [downscaled(mask.astype(np.uint8), size, smoothly=False).astype(bool) for mask in instances.masks]
    labels = disjoint_labels(masks).astype(np.uint16)
    areas = np.bincount(labels.reshape(-1), minlength=len(masks) + 1)[1:]
    covered = {k + 1: mask for k, mask in enumerate(masks) if np.count_nonzero(mask) != areas[k]}
    return Sample(
        downscaled(image, size, smoothly=True),
        labels,
        name,
        {number: rle.encode(mask) for number, mask in covered.items()},
        dict(enumerate(instances.labels, start=1)),
    )
