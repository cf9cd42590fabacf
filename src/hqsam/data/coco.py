"""Datasets with one annotation file as COCO and LVIS have it, about many images."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hqsam.data.annotated_image import AnnotatedImage
from hqsam.data.dataset import MaskDataset
from hqsam.data.issues import DataIssue
from hqsam.errors import DataError
from hqsam.formats.coco_reader import CocoFile, Entry, instances_of, read_coco
from hqsam.formats.image_lookup import ImageLookup, folders_around, local_name
from hqsam.formats.left_out import LeftOut, in_words
from hqsam.masks.instances import Instances

_KEPT = ("id", "category_id", "segmentation", "score", "iscrowd")


def open_coco(path: Path, images: Path | None = None, name: str | None = None) -> MaskDataset:
    """Open the images of an annotation file that have objects.

    Crowds are left out: they mark groups of objects that are not told apart.

    Args:
        path: the JSON file.
        images: the folder that the file names are in. By default it is looked for beside the file and above it.
        name: of the dataset; by default the file's.

    Raises:
        DataError: the file is not as COCO has it, or its images are nowhere to be found.
    """
    file, name = read_coco(path), name or path.stem
    annotations = file.by_image()
    rows = [row for row in file.images if annotations[row["id"]]]
    left_out = in_words([*file.left_out, *file.crowds])
    if not rows:
        raise DataError(
            f"{path} lists {len(file.images)} images, and none has an annotation with a mask"
            + f"; {left_out}" * bool(left_out)
        )
    folders = [images] if images else folders_around(path)
    lookup = ImageLookup(folders)
    files = {row["id"]: lookup.find(row["file_name"]) for row in rows}
    if not any(files.values()):
        looked = ", ".join(str(folder) for folder in lookup.folders)
        raise DataError(f"none of the images of {path} is there, such as {rows[0]['file_name']}; looked in {looked}")
    items = [
        _item(row, files[row["id"]] or folders[0] / local_name(row["file_name"]), name, annotations[row["id"]], file)
        for row in rows
    ]
    once, doubled = _told_apart(items)
    skipped = [DataIssue("skipped_annotations", name, left_out)] if left_out else []
    about = (
        f"{path.name}: {len(items)} of {len(file.images)} images have objects, {len(file.crowds)} crowds passed over"
    )
    return MaskDataset(name=name, items=once, about=about, issues=(*skipped, *doubled), annotation_file=path)


def is_coco(path: Path) -> bool:
    """Return True if a JSON file looks like annotations by its first lines: large files are not read for it."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError:
        return False
    return start.lstrip().startswith(b"{") and any(
        key in start for key in (b'"images"', b'"annotations"', b'"categories"')
    )


def _item(row: Entry, image: Path, name: str, annotations: Sequence[Entry], file: CocoFile) -> AnnotatedImage:
    stated = (row["height"], row["width"]) if row["height"] else None
    # As text: a hundred thousand images of Python lists would fill the memory.
    text = json.dumps([{key: one[key] for key in _KEPT} for one in annotations])
    read = partial(_instances, text, file.categories)
    return AnnotatedImage(image, f"{name}/{local_name(row['file_name'])}", read, stated, row["id"])


def _instances(text: str, names: Mapping[Any, str], size_hw: tuple[int, int]) -> tuple[Instances, list[LeftOut]]:
    return instances_of(json.loads(text), names, size_hw)


def _told_apart(items: Sequence[AnnotatedImage]) -> tuple[tuple[AnnotatedImage, ...], list[DataIssue]]:
    """Return the images that are listed once, and issues about the others."""
    names, files = Counter(item.name for item in items), Counter(item.image for item in items)
    counts = {item.name: max(names[item.name], files[item.image]) for item in items}
    paths = {item.name: item.image for item in items}
    doubled = [
        DataIssue("doubled", name, f"{paths[name]} is listed {count} times")
        for name, count in counts.items()
        if count > 1
    ]
    return tuple(item for item in items if counts[item.name] == 1), doubled
