"""Photos and pictures of masks in folders: who belongs to whom.

images/NAME.jpg + masks/NAME.png         in two folders, under any of the names below; NAME may have folders in it
NAME.jpg + NAME.png                      side by side: of two files of one name, the one without loss is the mask
NAME.jpg + NAME_mask.png                 side by side or in two folders, with any of the endings below
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hqsam.data.findings import Finding
from hqsam.data.mask_files import READINGS, Reading, guess, read_levels, vote
from hqsam.data.pairs import Pair
from hqsam.data.sets import SampleSet
from hqsam.errors import DataError
from hqsam.images.image_info import LOSSY_SUFFIXES, is_image_name

IMAGE_FOLDERS = ("images", "image", "imgs", "img", "im", "photos", "jpegimages")
MASK_FOLDERS = ("masks", "mask", "gt", "labels", "annotations", "segmentationobject", "masks_max255", "ground_truth")
"""In small letters; how a folder writes them does not matter."""

MASK_ENDINGS = ("_mask", "-mask", "_masks", "_gt", "_label", "_labels", "_seg")
"""What the name of a mask may have after the photo's. `_labels.png` is what our own label maps are called."""

_ASKED = 32
"""Masks of a set that are looked at to find out how all of them are read."""


class Files(NamedTuple):
    """Photos and masks by their common names."""

    images: Mapping[str, Sequence[Path]]
    masks: Mapping[str, Sequence[Path]]


def mask_set(name: str, files: Files, where: str, reading: Reading | None = None) -> SampleSet:
    """The set of all photos that have a mask. `where` says in words what these files are.

    Raises:
        DataError: there is no photo with a mask.
    """
    pairs, findings = _matched(name, files)
    if not pairs:
        some = [str(next(iter(paths.values()))[0]) for paths in (files.images, files.masks) if paths]
        raise DataError(
            f"{name} ({where}) has {len(files.images)} images and {len(files.masks)} masks, and no two of one name, "
            f"such as {' and '.join(some)}; call each mask as its image"
        )
    reading = reading or _reading_of(pairs)
    pairs = [Pair(pair.image, pair.mask, pair.name, reading) for pair in pairs]
    return SampleSet(name=name, entries=tuple(pairs), about=f"{where}; {READINGS[reading]}", findings=tuple(findings))


def two_folders(folder: Path) -> tuple[Path, Path] | None:
    """The folder of images and the folder of masks in this one, if there are both."""
    below = {child.name.lower(): child for child in _children(folder) if child.is_dir()}
    images = next((below[name] for name in IMAGE_FOLDERS if name in below), None)
    masks = next((below[name] for name in MASK_FOLDERS if name in below and below[name] != images), None)
    return (images, masks) if images and masks else None


def files_in_two_folders(images: Path, masks: Path) -> Files:
    """What is in them, by names; where a mask's name has an ending, it is called as its image."""
    photos = pictures_below(images)
    named: dict[str, list[Path]] = defaultdict(list)
    for stem, paths in pictures_below(masks).items():
        named[_photo_s(stem, photos) or stem] += paths
    return Files(photos, named)


def files_side_by_side(folder: Path) -> Files:
    """The photos in a folder that have their masks beside them; both are empty where there are none such."""
    pictures = pictures_below(folder)
    photos: dict[str, list[Path]] = defaultdict(list)
    masks: dict[str, list[Path]] = defaultdict(list)
    told_by_suffix = any(
        len({path.suffix.lower() in LOSSY_SUFFIXES for path in paths}) == 2 for paths in pictures.values()
    )
    for stem, paths in pictures.items():
        photo = _photo_s(stem, pictures)
        for path in paths:
            is_mask = photo or (told_by_suffix and not _is_lossy(path))
            (masks if is_mask else photos)[photo or stem].append(path)
    return Files(photos, masks) if masks else Files({}, {})


def pictures_below(folder: Path) -> dict[str, list[Path]]:
    """Every picture in a folder and below, by its path without the suffix, sorted."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if is_image_name(path.name):
            found[path.relative_to(folder).with_suffix("").as_posix()].append(path)
    return dict(found)


def _is_lossy(path: Path) -> bool:
    return path.suffix.lower() in LOSSY_SUFFIXES


def _photo_s(stem: str, photos: Mapping[str, object]) -> str | None:
    """The photo that a mask's name with an ending is for."""
    names = (stem.removesuffix(ending) for ending in MASK_ENDINGS if stem.endswith(ending))
    return next((name for name in names if name in photos), None)


def _matched(set_name: str, files: Files) -> tuple[list[Pair], list[Finding]]:
    pairs: list[Pair] = []
    findings: list[Finding] = []
    for stem in sorted(files.images.keys() | files.masks.keys()):
        images, masks = files.images.get(stem, ()), files.masks.get(stem, ())
        name = f"{set_name}/{stem}"
        if len(images) == len(masks) == 1:
            pairs.append(Pair(images[0], masks[0], name))
            continue
        kind = "no_mask" if not masks else "no_image" if not images else "doubled"
        findings.append(Finding(kind, name, ", ".join(str(path) for path in (*images, *masks))))
    return pairs, findings


def _reading_of(pairs: Sequence[Pair]) -> Reading:
    return vote([_guess(pair.mask) for pair in pairs[:: max(1, len(pairs) // _ASKED)]])


def _guess(mask: Path) -> Reading | None:
    try:
        return guess(read_levels(mask))
    except DataError:
        return None


def _children(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))
