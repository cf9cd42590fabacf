"""Images and mask images in folders, matched by their names.

images/NAME.jpg + masks/NAME.png         in two folders, under any of the names below; NAME may have folders in it
NAME.jpg + NAME.png                      side by side: of two files of one name, the one without loss is the mask
NAME.jpg + NAME_mask.png                 side by side or in two folders, with any of the endings below
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hqsam.data.dataset import MaskDataset
from hqsam.data.image_mask_pair import ImageMaskPair
from hqsam.data.issues import DataIssue
from hqsam.errors import DataError, DataWarning
from hqsam.formats.mask_images import MASK_ENCODINGS, MaskEncoding, guess_encoding, majority_encoding, read_levels
from hqsam.images.image_info import LOSSY_SUFFIXES
from hqsam.images.walk import describe_skipped, images_in
from hqsam.storage.file_names import comparable_name, composed_name

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "im", "photos", "jpegimages")
MASK_FOLDERS = (
    *("masks", "mask", "gt", "segmentationobject", "labels", "annotations", "masks_max255", "ground_truth"),
    "segmentationclass",
)
"""Names of mask folders in lower case, preferred first; the case of a folder's name does not matter.

VOC and CVAT have several: Annotations holds boxes there, and SegmentationClass merges the objects of a class.
"""

MASK_ENDINGS = ("_mask", "-mask", "_masks", "_gt", "_label", "_labels", "_seg")
"""Endings of a mask's name after its image's. Our own label maps are called `_labels.png`."""

_SAMPLED = 32
"""Number of masks of a dataset that are looked at to guess the encoding of all."""


class FolderFiles(NamedTuple):
    """Images and masks by the names that they have in common."""

    images: Mapping[str, Sequence[Path]]
    masks: Mapping[str, Sequence[Path]]


def pair_dataset(name: str, files: FolderFiles, where: str, encoding: MaskEncoding | None = None) -> MaskDataset:
    """Return the dataset of all images that have a mask; `where` says in words where the files lie.

    Raises:
        DataError: there is no image with a mask.
    """
    files = FolderFiles(files.images, _called_as_images(files))
    pairs, issues = _matched(name, files)
    if not pairs:
        some = [str(next(iter(paths.values()))[0]) for paths in (files.images, files.masks) if paths]
        raise DataError(
            f"{name} ({where}) has {len(files.images)} images and {len(files.masks)} masks, and no two of one name, "
            f"such as {' and '.join(some)}; call each mask as its image"
        )
    encoding = encoding or _encoding_of(pairs)
    pairs = [ImageMaskPair(pair.image, pair.mask, pair.name, encoding) for pair in pairs]
    return MaskDataset(
        name=name, items=tuple(pairs), about=f"{where}; {MASK_ENCODINGS[encoding]}", issues=tuple(issues)
    )


def two_folders(folder: Path) -> tuple[Path, Path] | None:
    """Return the folder of images and the folder of masks in this one, if there are both."""
    below = {child.name.lower(): child for child in _children(folder) if child.is_dir()}
    images = next((below[name] for name in IMAGE_FOLDERS if name in below), None)
    masks = next((below[name] for name in MASK_FOLDERS if name in below and below[name] != images), None)
    return (images, masks) if images and masks else None


def files_in_two_folders(images: Path, masks: Path) -> FolderFiles:
    """Return the files of two folders by name; a mask whose name has an ending goes by its image's."""
    found_images = images_below(images)
    named: dict[str, list[Path]] = defaultdict(list)
    for stem, paths in images_below(masks).items():
        named[_image_stem(stem, found_images) or stem] += paths
    return FolderFiles(found_images, named)


def files_side_by_side(folder: Path) -> FolderFiles:
    """Return the images of a folder whose masks lie beside them, and the masks; nothing where there are no masks."""
    files_by_stem = images_below(folder)
    found_images: dict[str, list[Path]] = defaultdict(list)
    masks: dict[str, list[Path]] = defaultdict(list)
    told_by_suffix = any(
        len({path.suffix.lower() in LOSSY_SUFFIXES for path in paths}) == 2 for paths in files_by_stem.values()
    )
    for stem, paths in files_by_stem.items():
        image_stem = _image_stem(stem, files_by_stem)
        for path in paths:
            is_mask = image_stem or (told_by_suffix and not _is_lossy(path))
            (masks if is_mask else found_images)[image_stem or stem].append(path)
    return FolderFiles(found_images, masks) if masks else FolderFiles({}, {})


def images_below(folder: Path) -> dict[str, list[Path]]:
    """Return every image file in a folder and below, sorted, by its path without the suffix."""
    found: dict[str, list[Path]] = defaultdict(list)
    walk = images_in(folder, skip_results=False)
    for path in walk.files:
        found[composed_name(path.relative_to(folder).with_suffix("").as_posix())].append(path)
    for line in describe_skipped(walk.skipped):
        warnings.warn(DataWarning(f"{folder}: {line}"), stacklevel=2)
    return dict(found)


def _is_lossy(path: Path) -> bool:
    return path.suffix.lower() in LOSSY_SUFFIXES


def _image_stem(stem: str, found_images: Mapping[str, object]) -> str | None:
    """Return the image's name for a mask's name with an ending."""
    names = (stem.removesuffix(ending) for ending in MASK_ENDINGS if stem.endswith(ending))
    return next((name for name in names if name in found_images), None)


def _called_as_images(files: FolderFiles) -> Mapping[str, Sequence[Path]]:
    """Return the masks, those without an image under the name of the one image that differs in case alone."""
    without_mask: dict[str, list[str]] = defaultdict(list)
    for stem in files.images.keys() - files.masks.keys():
        without_mask[comparable_name(stem)].append(stem)
    masks: dict[str, list[Path]] = defaultdict(list)
    for stem, paths in files.masks.items():
        others = [] if stem in files.images else without_mask.get(comparable_name(stem), [])
        masks[others[0] if len(others) == 1 else stem] += paths
    return masks


def _matched(set_name: str, files: FolderFiles) -> tuple[list[ImageMaskPair], list[DataIssue]]:
    pairs: list[ImageMaskPair] = []
    issues: list[DataIssue] = []
    for stem in sorted(files.images.keys() | files.masks.keys()):
        images, masks = files.images.get(stem, ()), files.masks.get(stem, ())
        name = f"{set_name}/{stem}"
        if len(images) == len(masks) == 1:
            pairs.append(ImageMaskPair(images[0], masks[0], name))
            continue
        kind = "no_mask" if not masks else "no_image" if not images else "doubled"
        issues.append(DataIssue(kind, name, ", ".join(str(path) for path in (*images, *masks))))
    return pairs, issues


def _encoding_of(pairs: Sequence[ImageMaskPair]) -> MaskEncoding:
    return majority_encoding([_guess(pair.mask) for pair in pairs[:: max(1, len(pairs) // _SAMPLED)]])


def _guess(mask: Path) -> MaskEncoding | None:
    try:
        return guess_encoding(read_levels(mask))
    except DataError:
        return None


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))
