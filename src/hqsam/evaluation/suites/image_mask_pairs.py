"""Layouts in which every image has one mask of one object: the four fine sets, and BIG."""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam.errors import DataError
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites import locate
from hqsam.evaluation.suites.suite import Split
from hqsam.formats.files import read_picture


def open_folders(data: Path, split: Split) -> OpenSplit:
    """Open IMAGES/NAME.jpg and MASKS/NAME.png, as HQSeg-44K's validation sets are laid out.

    Raises:
        DataError: a folder or a mask is missing.
    """
    images = locate.list_files(locate.find_folder(data, split.images), {".jpg"})
    folder = locate.find_folder(data, split.truth)
    masks = [folder / f"{image.stem}.png" for image in images]
    locate.require_files(masks, f"masks of {split.name}")
    samples = (
        EvaluationSample(f"{split.name}/{image.stem}", image, partial(_one_object, image, mask))
        for image, mask in zip(images, masks, strict=True)
    )
    return OpenSplit(split.name, tuple(samples))


def open_big(data: Path, split: Split) -> OpenSplit:
    """Open NAME_im.jpg and NAME_gt.png in one folder; NAME_seg.png is another model's coarse mask, where it is there.

    Raises:
        DataError: the folder or a mask is missing.
    """
    folder = locate.find_folder(data, split.images)
    images = [path for path in locate.list_files(folder, {".jpg"}) if path.stem.endswith("_im")]
    if not images:
        raise DataError(f"no NAME_im.jpg in {folder}; {locate.describe_folder(folder)}")
    stems = [image.stem.removesuffix("_im") for image in images]
    masks = [folder / f"{stem}_gt.png" for stem in stems]
    locate.require_files(masks, f"masks of {split.name}")
    samples = (
        EvaluationSample(f"{split.name}/{stem}", image, partial(_one_object, image, mask, folder / f"{stem}_seg.png"))
        for stem, image, mask in zip(stems, images, masks, strict=True)
    )
    return OpenSplit(split.name, tuple(samples))


def _one_object(image: Path, mask: Path, coarse: Path | None = None) -> list[Target]:
    gray = read_gray(mask, image)
    rough = read_gray(coarse, image) > 128 if coarse is not None and coarse.is_file() else None
    truth = gray > 128
    return [Target("1", truth, coarse=rough, gray=gray)] if truth.any() else []


def read_gray(path: Path, image: Path) -> UInt8[np.ndarray, "height width"]:
    """Read a mask of one object as gray from 0 to 255, of its image's size. Of colours red counts, as officially.

    A mask of 0 and 1 is taken for one of 0 and 255.

    Raises:
        DataError: a file cannot be read, or the two differ in size.
    """
    picture, _ = read_picture(path)
    pixels = np.asarray(picture if picture.mode in ("L", "LA") else picture.convert("RGB"))
    gray = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 0])
    gray = locate.of_one_size(gray, path, image)
    return gray * np.uint8(255) if gray.max(initial=0) == 1 else gray
