"""Instance annotations as COCO and LVIS have them: one JSON file about many photos.

Crowds are passed over: they mark groups that nobody told apart.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool

from hqsam.data.dataset import MaskDataset
from hqsam.data.images import downscaled, inspect_image, load_image, scaled_size
from hqsam.data.issues import DataIssue
from hqsam.data.sample import Sample
from hqsam.errors import DataError
from hqsam.formats.coco import mask_of_segmentation
from hqsam.formats.files import read_json
from hqsam.masks import rle
from hqsam.masks.overlap import disjoint_labels

Mask = Bool[np.ndarray, "height width"]

_SAMPLED = 50
"""Names of photos that are looked for, to find out in which folder they are."""


@dataclass(frozen=True)
class CocoImage:
    """One photo and its annotations."""

    image: Path
    name: str
    size_hw: tuple[int, int]
    """As the annotations have it."""
    segmentations: str = field(repr=False)
    """A list of polygons or run lengths, as JSON: a hundred thousand images of Python lists would fill the memory."""

    def read(self, longest_side: int | None = None) -> Sample:
        """The photo and a number for each annotation, counted from 1.

        A pixel of several objects goes to the smallest; those that lose pixels to it are whole in `Sample.whole`.

        Raises:
            DataError: the photo cannot be read or has another size, or it has no usable mask.
        """
        image = load_image(self.image)
        if image.shape[:2] != self.size_hw:
            raise DataError(f"{self.image}: {self._differs(image.shape[:2])}")
        masks, _ = self._masks()
        if not masks:
            raise DataError(f"{self.image} has no annotation with a usable mask")
        size = scaled_size(self.size_hw, longest_side)
        masks = [_resized(mask, size) for mask in masks]
        labels = disjoint_labels(masks).astype(np.uint16)
        areas = np.bincount(labels.reshape(-1), minlength=len(masks) + 1)[1:]
        covered = {k + 1: mask for k, mask in enumerate(masks) if np.count_nonzero(mask) != areas[k]}
        return Sample(
            downscaled(image, size, smoothly=True),
            labels,
            self.name,
            {k: rle.encode(mask) for k, mask in covered.items()},
        )

    def inspect(self) -> tuple[int, list[DataIssue]]:
        """How many objects there are, and what is wrong or odd."""
        try:
            photo = inspect_image(self.image)
        except DataError as error:
            return 0, [DataIssue("unreadable_image" if self.image.exists() else "no_image", self.name, str(error))]
        if photo.size_hw != self.size_hw:
            return 0, [DataIssue("other_size", self.name, self._differs(photo.size_hw))]
        masks, causes = self._masks()
        found = [DataIssue("skipped_objects", self.name, "; ".join(causes))] if causes else []
        if not masks:
            found.append(DataIssue("no_objects", self.name, f"{self.image} has no annotation with a usable mask"))
        return len(masks), found

    def _masks(self) -> tuple[list[Mask], list[str]]:
        """The masks, and of those that cannot be used why."""
        masks, causes = [], []
        for segmentation in json.loads(self.segmentations):
            try:
                mask = mask_of_segmentation(segmentation, self.size_hw)
            except (DataError, ValueError, TypeError, OverflowError) as error:
                causes.append(str(error))
                continue
            if mask.shape != self.size_hw:
                causes.append(f"a mask of {mask.shape[1]} x {mask.shape[0]} pixels")
            elif not mask.any():
                causes.append("a mask without pixels")
            else:
                masks.append(mask)
        return masks, causes

    def _differs(self, size_hw: tuple[int, ...]) -> str:
        height, width = self.size_hw
        return f"the photo is {size_hw[1]} x {size_hw[0]} pixels, and its annotations are for {width} x {height}"


def open_coco(path: Path, images: Path | None = None, name: str | None = None) -> MaskDataset:
    """The photos of an annotation file that have objects.

    Args:
        path: the JSON file.
        images: the folder that the file names are in. By default it is looked for beside the file and above it.
        name: of the set; by default the file's.

    Raises:
        DataError: the file is not as COCO has it, or its photos are nowhere to be found.
    """
    content = read_json(path)
    name = name or path.stem
    try:
        segmentations, crowds = _by_image(content)
        rows = [row for row in content["images"] if segmentations.get(row["id"])]
        files = {row["id"]: _file_of(row) for row in rows}
        folder = images or _folder_of(path, list(files.values()))
        items = [
            CocoImage(
                folder / files[row["id"]],
                f"{name}/{files[row['id']]}",
                (int(row["height"]), int(row["width"])),
                json.dumps(segmentations[row["id"]]),
            )
            for row in rows
        ]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} is not as COCO has it ({type(error).__name__}: {error}); expected the lists images (id, "
            "file_name, height, width) and annotations (image_id, segmentation)"
        ) from error
    if not items:
        raise DataError(f"{path} lists {len(content['images'])} images, and none has an annotation with a mask")
    about = f"{path.name}: {len(items)} of {len(content['images'])} images have objects, {crowds} crowds passed over"
    once, doubled = _told_apart(items)
    return MaskDataset(name=name, items=once, about=about, issues=doubled)


def is_coco(path: Path) -> bool:
    """Whether a JSON file looks like annotations, by its first lines: large files are not read for it."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError:
        return False
    return start.lstrip().startswith(b"{") and any(
        key in start for key in (b'"images"', b'"annotations"', b'"categories"')
    )


def _by_image(content: dict[str, Any]) -> tuple[dict[Any, list[Any]], int]:
    """The segmentations of each image, and how many crowds were passed over."""
    found: dict[Any, list[Any]] = defaultdict(list)
    crowds = 0
    known = {row["id"] for row in content["images"]}
    for annotation in content["annotations"]:
        if annotation["image_id"] not in known:
            raise ValueError(
                f"annotation {annotation.get('id')} is of image {annotation['image_id']}, which is not listed"
            )
        if annotation.get("iscrowd", 0):
            crowds += 1
        elif annotation.get("segmentation"):
            found[annotation["image_id"]].append(annotation["segmentation"])
    return found, crowds


def _file_of(row: dict[str, Any]) -> str:
    """LVIS has addresses instead of names; their last two parts are COCO's folder and file."""
    return str(row["file_name"]) if "file_name" in row else "/".join(PurePosixPath(row["coco_url"]).parts[-2:])


def _folder_of(path: Path, files: Sequence[str]) -> Path:
    """The folder in which most of the photos are."""
    asked = files[:: max(1, len(files) // _SAMPLED)]
    around = [path.parent, path.parent.parent]
    split = path.stem.split("_")[-1]  # instances_val2017.json is about val2017/
    places = [place / inner for place in around for inner in ("", "images", split, f"images/{split}", path.stem)]
    found = {place: sum((place / file).is_file() for file in asked) for place in places}
    best = max(places, key=lambda place: found[place])
    if asked and not found[best]:
        looked = ", ".join(str(place) for place in places if place.is_dir())
        raise DataError(f"none of the photos of {path} is there, such as {asked[0]}; looked in {looked}")
    return best


def _told_apart(items: Sequence[CocoImage]) -> tuple[tuple[CocoImage, ...], tuple[DataIssue, ...]]:
    """The photos that are listed once, and findings about the others."""
    counts = Counter(item.name for item in items)
    doubled = [DataIssue("doubled", name, f"listed {count} times") for name, count in counts.items() if count > 1]
    return tuple(item for item in items if counts[item.name] == 1), tuple(doubled)


def _resized(mask: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    return downscaled(mask.astype(np.uint8), size_hw, smoothly=False).astype(bool)
