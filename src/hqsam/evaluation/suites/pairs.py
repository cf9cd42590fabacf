"""Layouts in which every image has one mask of one object: the four fine sets, and BIG."""

from functools import partial
from pathlib import Path

from hqsam.errors import DataError
from hqsam.evaluation.cases import Case, OpenSplit, Target
from hqsam.evaluation.suites import disk
from hqsam.evaluation.suites.pictures import read_gray
from hqsam.evaluation.suites.suite import Split


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


def _one_object(image: Path, mask: Path, coarse: Path | None = None) -> list[Target]:
    gray = read_gray(mask, image)
    rough = read_gray(coarse, image) > 128 if coarse is not None and coarse.is_file() else None
    truth = gray > 128
    return [Target("1", truth, coarse=rough, gray=gray)] if truth.any() else []
