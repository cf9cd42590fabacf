"""Layouts in which every image has a mask beside it: the four fine sets, BIG, and any folder."""

from functools import partial
from pathlib import Path

from hqsam.errors import DataError
from hqsam.evaluation.cases import Case, OpenSplit, Target
from hqsam.evaluation.suites import disk
from hqsam.evaluation.suites.pictures import objects_of, read_gray
from hqsam.evaluation.suites.suite import Split

_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_NAMES = (("images", "masks"), ("images", "labels"), ("im", "gt"), ("image", "mask"))


def open_folders(data: Path, split: Split) -> OpenSplit:
    """IMAGES/NAME.jpg and MASKS/NAME.png, as HQSeg-44K's validation sets are laid out.

    Raises:
        DataError: a folder or a mask is missing.
    """
    images = disk.files_in(disk.find_folder(data, split.images), {".jpg"})
    folder = disk.find_folder(data, split.truth)
    masks = [folder / f"{image.stem}.png" for image in images]
    disk.first_missing(masks, f"masks of {split.name}")
    cases = (
        Case(f"{split.name}/{image.stem}", image, partial(_one_object, image, mask))
        for image, mask in zip(images, masks, strict=True)
    )
    return OpenSplit(split.name, tuple(cases))


def open_big(data: Path, split: Split) -> OpenSplit:
    """NAME_im.jpg and NAME_gt.png in one folder; NAME_seg.png is another model's coarse mask, where it is there.

    Raises:
        DataError: the folder or a mask is missing.
    """
    folder = disk.find_folder(data, split.images)
    images = [path for path in disk.files_in(folder, {".jpg"}) if path.stem.endswith("_im")]
    if not images:
        raise DataError(f"no NAME_im.jpg in {folder}; {disk.found_in(folder)}")
    stems = [image.stem.removesuffix("_im") for image in images]
    masks = [folder / f"{stem}_gt.png" for stem in stems]
    disk.first_missing(masks, f"masks of {split.name}")
    cases = (
        Case(f"{split.name}/{stem}", image, partial(_one_object, image, mask, folder / f"{stem}_seg.png"))
        for stem, image, mask in zip(stems, images, masks, strict=True)
    )
    return OpenSplit(split.name, tuple(cases))


def open_any_folder(data: Path, split: Split) -> OpenSplit:
    """DIR/images and DIR/masks, or several such sets as DIR/SET/images and DIR/SET/masks; im and gt will do, too.

    A mask is one object, or a label map in which every number but 0 is one.

    Raises:
        DataError: there are no such folders, or a mask is missing.
    """
    sets = {folder: names for folder in [data, *sorted(data.glob("*/"))] for names in [_names_in(folder)] if names}
    if not sets:
        raise DataError(f"{data} has no images/ beside masks/, and none of its folders has; {disk.found_in(data)}")
    cases = (case for folder, names in sets.items() for case in _cases_of(data, folder, *names))
    return OpenSplit(split.name, tuple(cases))


def _names_in(folder: Path) -> tuple[str, str] | None:
    return next((names for names in _NAMES if all((folder / name).is_dir() for name in names)), None)


def _cases_of(data: Path, folder: Path, images_name: str, masks_name: str) -> list[Case]:
    images = disk.files_in(folder / images_name, _IMAGES)
    masks = [folder / masks_name / f"{image.stem}.png" for image in images]
    disk.first_missing(masks, f"masks of {folder}")
    prefix = f"{folder.name}/" if folder != data else ""
    return [
        Case(f"{prefix}{image.stem}", image, partial(_all_objects, image, mask))
        for image, mask in zip(images, masks, strict=True)
    ]


def _one_object(image: Path, mask: Path, coarse: Path | None = None) -> list[Target]:
    gray = read_gray(mask, image)
    rough = read_gray(coarse, image) > 128 if coarse is not None and coarse.is_file() else None
    truth = gray > 128
    return [Target("1", truth, coarse=rough, gray=gray)] if truth.any() else []


def _all_objects(image: Path, mask: Path) -> list[Target]:
    objects, gray = objects_of(mask, image)
    return [Target(str(number), truth, gray=gray) for number, truth in objects.items() if truth.any()]
