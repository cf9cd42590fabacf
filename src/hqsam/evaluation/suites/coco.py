"""Layouts with one annotation file as COCO has it: COCO itself, LVIS, UVO, and the 25 sets of SGinW."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hqsam.errors import DataError
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites import locate
from hqsam.evaluation.suites.suite import Split
from hqsam.formats.coco_reader import CocoFile, Entry, instances_of, read_coco
from hqsam.formats.files import size_of_picture
from hqsam.formats.image_lookup import ImageLookup, local_name
from hqsam.formats.left_out import in_words


def open_coco(data: Path, split: Split) -> OpenSplit:
    """Open an annotation file, and a folder with the images that it names.

    Raises:
        DataError: a file or folder is missing, or the annotations are not as COCO has them.
    """
    path = locate.find_file(data, split.truth)
    folder = locate.find_folder(data, split.images) if split.images else data
    file, lookup = read_coco(path), ImageLookup([folder])
    if "categories" not in file.content:
        raise DataError(f"{path} is not as {split.name} has it: KeyError: 'categories'; the scores need classes")
    images = [lookup.find(row["file_name"]) or folder / local_name(row["file_name"]) for row in file.images]
    locate.require_files(images, f"images of {split.name}")
    for row, image in zip(file.images, images, strict=True):
        if not row["height"]:
            row["height"], row["width"] = size_of_picture(image)
    annotations = file.by_image()
    samples = tuple(
        _sample(split.name, row, image, annotations[row["id"]], file.categories)
        for row, image in zip(file.images, images, strict=True)
    )
    left_out = [f"{path.name}: {in_words(file.left_out)}"] if file.left_out else []
    return OpenSplit(split.name, samples, annotations_of(file), tuple(left_out))


def open_lvis(data: Path, split: Split) -> OpenSplit:
    """Open LVIS's annotations; its validation images come from two folders of COCO's, which their addresses name.

    Raises:
        DataError: a file or folder is missing, or the annotations are not as LVIS has them.
    """
    opened = open_coco(data, split)
    assert opened.annotations is not None
    _check_lvis(opened.annotations, locate.find_file(data, split.truth))
    return opened


def annotations_of(file: CocoFile) -> dict[str, Any]:
    """Return an annotation file for measures that work from one: every class has an id and a name."""
    return {**file.content, "images": file.images, "annotations": file.annotations, "categories": file.classes}


def targets_of(annotations: Sequence[Entry], names: Mapping[int | str, str], size_hw: tuple[int, int]) -> list[Target]:
    """Return the objects of an image, and those that cannot be asked about with the reason."""
    instances, left_out = instances_of(annotations, names, size_hw)
    ids, classes = instances.columns["id"], instances.columns["category_id"]
    return [
        *(
            Target(f"ann-{number}", mask, about={"category_id": category})
            for number, category, mask in zip(ids, classes, instances.masks, strict=True)
        ),
        *(Target(f"ann-{one.entry}", None, unusable=one.why) for one in left_out),
    ]


def _check_lvis(content: dict[str, Any], path: Path) -> None:
    needed = {"images": ("neg_category_ids", "not_exhaustive_category_ids"), "categories": ("frequency",)}
    for part, keys in needed.items():
        missing = [key for key in keys if any(key not in entry for entry in content[part])]
        if missing:
            raise DataError(f"{path} is not as LVIS has it: {part} without {', '.join(missing)}")


def _sample(
    name: str, row: Entry, image: Path, annotations: Sequence[Entry], names: Mapping[int | str, str]
) -> EvaluationSample:
    size_hw = row["height"], row["width"]
    read = partial(targets_of, annotations, names, size_hw)
    return EvaluationSample(f"{name}/{row['id']}", image, read, size_hw, {"image_id": row["id"]})
