"""Any folder of images with masks, in all layouts that training takes: `data.open_dataset` finds out what it holds."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from hqsam.data import hqseg44k
from hqsam.data.annotated_image import AnnotatedImage
from hqsam.data.dataset import DatasetItem, MaskDataset
from hqsam.data.issues import ISSUE_KINDS
from hqsam.data.open_dataset import open_datasets
from hqsam.errors import DataError
from hqsam.evaluation.metrics import METRICS
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites.coco import annotations_of
from hqsam.evaluation.suites.suite import OpenSuite, Split
from hqsam.formats.coco_reader import read_coco
from hqsam.formats.files import size_of_picture
from hqsam.formats.image_lookup import ImageLookup, folders_around, local_name
from hqsam.optional import require


def open_folder(data: Path, split: Split) -> OpenSplit:
    """Open whatever training takes, or an annotation file; of data in parts the one for validation.

    Images without a mask are left out.

    Raises:
        DataError: there are no images with masks; the message says what is there and what was expected.
    """
    sets = open_datasets(data, split="training" if hqseg44k.is_root(data) else "validation")
    prefix = f"{next(iter(sets))}/" if len(sets) == 1 else ""  # so that a folder that was moved has the same samples
    samples = [_sample(item, prefix) for one in sets.values() for item in one.items]
    if not samples:
        raise DataError(f"{data} has no image with a mask")
    file = next(iter(sets.values())).annotation_file if len(sets) == 1 else None
    shared = tuple(one.annotation_file for one in sets.values() if one.annotation_file is not None)
    warnings = tuple(_warnings(sets))
    return OpenSplit(split.name, tuple(samples), warnings=warnings, annotation_file=file, truth_files=shared)


def scored_by_precision(suite: OpenSuite) -> OpenSuite:
    """Return a suite with one COCO file so that a detector's boxes are scored by AP; others as they are."""
    (split,) = suite.splits if len(suite.splits) == 1 else (None,)
    if split is None or split.annotation_file is None:
        return suite
    require(METRICS["ap"].package, extra="evaluate")
    file, lookup = read_coco(split.annotation_file), ImageLookup(folders_around(split.annotation_file))
    with_objects = {sample.about["image_id"]: sample for sample in split.samples}
    samples: list[EvaluationSample] = []
    for row in file.images:
        image = lookup.find(row["file_name"])
        if row["id"] in with_objects:
            samples.append(with_objects[row["id"]])
        elif image is not None:  # what a detector finds where there is nothing counts, too
            samples.append(EvaluationSample(local_name(row["file_name"]), image, list, None, {"image_id": row["id"]}))
    sizes = {sample.about["image_id"]: sample.size_hw or size_of_picture(sample.image) for sample in samples}
    for row in file.images:
        row["height"], row["width"] = sizes.get(row["id"], (row["height"], row["width"]))
    scored = replace(split, samples=tuple(samples), annotations=annotations_of(file), annotation_file=None)
    return replace(suite, suite=replace(suite.suite, metric=METRICS["ap"]), splits=(scored,))


def _sample(item: DatasetItem, prefix: str) -> EvaluationSample:
    name = item.name.removeprefix(prefix)
    if not isinstance(item, AnnotatedImage):
        return EvaluationSample(name, item.image, partial(_targets, item), truth_files=item.truth_files)
    about = {} if item.image_id is None else {"image_id": item.image_id}
    read, files = partial(_annotated_targets, item), item.truth_files
    return EvaluationSample(name, item.image, read, item.stated_hw, about, files)


def _targets(item: DatasetItem) -> list[Target]:
    sample = item.read()
    return [Target(str(number), sample.mask(number)) for number in sample.object_ids]


def _annotated_targets(item: AnnotatedImage) -> list[Target]:
    instances, left_out = item.read_instances(item.stated_hw or size_of_picture(item.image))
    about = [{"class": label} for label in instances.labels]
    for row, category in zip(about, instances.columns.get("category_id", ()), strict=False):
        row["category_id"] = category
    targets = [
        Target(str(number), mask, about=row)
        for number, (mask, row) in enumerate(zip(instances.masks, about, strict=True), start=1)
    ]
    return targets + [Target(one.entry, None, unusable=one.why) for one in left_out]


def _warnings(sets: dict[str, MaskDataset]) -> list[str]:
    """Return a line for each dataset and kind of issue."""
    lines: dict[tuple[str, str], list[str]] = {}
    details: dict[tuple[str, str], str] = {}
    for name, one in sets.items():
        for issue in one.issues:
            lines.setdefault((name, issue.kind), []).append(issue.name)
            details.setdefault((name, issue.kind), issue.detail)
    return [
        f"{name}: {details[name, kind]}"
        if kind == "skipped_annotations"
        else f"{name}: {ISSUE_KINDS[kind].about} ({len(names)}, such as {names[0]})"
        for (name, kind), names in lines.items()
    ]
