"""Datasets with a JSON file of labelme's for each image, beside it or in a folder of their own."""

from functools import partial
from pathlib import Path

from hqsam.data.annotated_image import AnnotatedImage
from hqsam.data.dataset import MaskDataset
from hqsam.data.issues import DataIssue
from hqsam.errors import DataError
from hqsam.formats import labelme
from hqsam.formats.left_out import LeftOut
from hqsam.masks.instances import Instances


def open_labelme(folder: Path) -> MaskDataset | None:
    """Open the images of all labelme files in a folder and below; None if there is no such file."""
    files = [path for path in sorted(folder.rglob("*.json")) if labelme.looks_like_labelme(path)]
    if not files:
        return None
    name = folder.resolve().name
    items: list[AnnotatedImage] = []
    issues: list[DataIssue] = []
    for path in files:
        item_name = f"{name}/{path.relative_to(folder).with_suffix('').as_posix()}"
        try:
            image = labelme.image_of(path)
        except DataError as error:
            issues.append(DataIssue("unreadable_mask", item_name, str(error)))
            continue
        if image is None:
            issues.append(DataIssue("no_image", item_name, f"{path} names an image that is not there"))
        else:
            items.append(AnnotatedImage(image, item_name, partial(_read, path), label_file=path))
    return MaskDataset(name=name, items=tuple(items), about="labelme shapes", issues=tuple(issues))


def _read(path: Path, size_hw: tuple[int, int]) -> tuple[Instances, list[LeftOut]]:
    instances, left_out = labelme.read_shapes(path, size_hw)
    if instances.image_size_hw != size_hw:
        raise DataError(f"{path} is about an image of {instances.image_size_hw} (height, width), and it is {size_hw}")
    return instances, left_out
