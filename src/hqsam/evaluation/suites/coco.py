"""Layouts with one annotation file as COCO has it: COCO itself, LVIS, UVO, and the 25 sets of SGinW."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from hqsam.errors import DataError
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites import locate
from hqsam.evaluation.suites.suite import Split
from hqsam.formats.coco import mask_of_segmentation
from hqsam.formats.files import read_json

Annotation = dict[str, Any]


def open_coco(data: Path, split: Split) -> OpenSplit:
    """An annotation file, and a folder with the images that it names.

    Raises:
        DataError: a file or folder is missing, or the annotations are not as COCO has them.
    """
    return _open(data, split, lambda image: str(image["file_name"]))


def open_lvis(data: Path, split: Split) -> OpenSplit:
    """The same; LVIS's validation images come from two folders of COCO's, which their addresses name.

    Raises:
        DataError: as above.
    """
    opened = _open(data, split, lambda image: "/".join(PurePosixPath(image["coco_url"]).parts[-2:]))
    assert opened.annotations is not None
    _check_lvis(opened.annotations, locate.find_file(data, split.truth))
    return opened


def _open(data: Path, split: Split, file_of: Callable[[dict[str, Any]], str]) -> OpenSplit:
    path = locate.find_file(data, split.truth)
    folder = locate.find_folder(data, split.images) if split.images else data
    content = read_json(path)
    try:
        by_image: dict[int, list[Annotation]] = defaultdict(list)
        for annotation in content["annotations"]:
            by_image[annotation["image_id"]].append(annotation)
        samples = tuple(
            _case(split.name, image, folder / file_of(image), by_image[image["id"]]) for image in content["images"]
        )
        _check(content, path)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is not as {split.name} has it: {type(error).__name__}: {error}") from error
    locate.require_files([sample.image for sample in samples], f"images of {split.name}")
    return OpenSplit(split.name, samples, content)


def _check(content: dict[str, Any], path: Path) -> None:
    images = {image["id"] for image in content["images"]}
    categories = {category["id"] for category in content["categories"]}
    for annotation in content["annotations"]:
        if annotation["image_id"] not in images or annotation["category_id"] not in categories:
            raise DataError(
                f"annotation {annotation['id']} of {path} is of an image or a class that the file does not list"
            )


def _check_lvis(content: dict[str, Any], path: Path) -> None:
    needed = {"images": ("neg_category_ids", "not_exhaustive_category_ids"), "categories": ("frequency",)}
    for part, keys in needed.items():
        missing = [key for key in keys if any(key not in entry for entry in content[part])]
        if missing:
            raise DataError(f"{path} is not as LVIS has it: {part} without {', '.join(missing)}")


def _case(name: str, image: dict[str, Any], path: Path, annotations: list[Annotation]) -> EvaluationSample:
    size_hw = (int(image["height"]), int(image["width"]))
    return EvaluationSample(
        f"{name}/{image['id']}", path, partial(targets_of, annotations, size_hw), size_hw, {"image_id": image["id"]}
    )


def targets_of(annotations: list[Annotation], size_hw: tuple[int, int]) -> list[Target]:
    """The objects of an image; neither crowds, which nobody has to find, nor empty ones."""
    targets: list[Target] = []
    for annotation in annotations:
        if annotation.get("iscrowd", 0) or not annotation.get("segmentation"):
            continue
        truth = _truth(annotation, size_hw)
        if truth.any():
            about = {"category_id": annotation["category_id"]}
            targets.append(Target(f"ann-{annotation['id']}", truth, about=about))
    return targets


def _truth(annotation: Annotation, size_hw: tuple[int, int]) -> Any:
    try:
        truth = mask_of_segmentation(annotation["segmentation"], size_hw)
    except (LookupError, TypeError, ValueError) as error:
        raise DataError(f"annotation {annotation['id']} has no mask that can be read: {error}") from error
    if truth.shape != size_hw:
        raise DataError(
            f"the mask of annotation {annotation['id']} is {truth.shape} (height, width), and its image {size_hw}"
        )
    return truth
