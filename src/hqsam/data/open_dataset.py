"""Opens any data that has images and masks, by finding out what a path holds."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from os import PathLike
from pathlib import Path

from hqsam.data import hqseg44k
from hqsam.data.coco import is_coco, open_coco
from hqsam.data.dataset import MaskDataset, concatenated
from hqsam.data.folders import files_in_two_folders, files_side_by_side, images_below, pair_dataset, two_folders
from hqsam.data.hqseg44k import Split
from hqsam.data.labelme import open_labelme
from hqsam.data.yolo import has_boxes, open_yolo
from hqsam.errors import DataError
from hqsam.formats.mask_images import MaskEncoding

_TOLD = 4
_MOST_COUNTED = 10_000
_EXPECTED = (
    "expected images/NAME.jpg and masks/NAME.png, there or in the folders below it; or NAME.jpg with NAME.png or "
    "NAME_mask.png beside it; or NAME.txt of YOLO or NAME.json of labelme for each image; or HQSeg-44K's folders "
    "DIS5K, thin_object_detection and cascade_psp; or a COCO or LVIS annotation file (.json), or YOLO's data.yaml"
)


def open_dataset(
    path: str | PathLike[str],
    longest_side: int | None = None,
    encoding: MaskEncoding | None = None,
    split: Split = "training",
) -> MaskDataset:
    """Open all samples of a path as one dataset; see `open_datasets`."""
    return concatenated(open_datasets(path, longest_side, encoding, split).values())


def open_datasets(
    path: str | PathLike[str],
    longest_side: int | None = None,
    encoding: MaskEncoding | None = None,
    split: Split = "training",
) -> dict[str, MaskDataset]:
    """Open the datasets that a path holds, by their names; only lists of files are read yet.

    Args:
        path: a folder, a COCO or LVIS annotation file, or YOLO's data.yaml.
        longest_side: larger images are scaled down to this long side as they are read, in pixels.
        encoding: how images of masks are meant; by default some of each dataset are looked at.
        split: the part of HQSeg-44K or of a YOLO dataset; all else has no parts.

    Raises:
        DataError: it holds none that is known; the message says what is there and what was expected.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no {path}")
    found = _by_file(path, split) if path.is_file() else _by_folder(path, encoding, split)
    if not found:
        boxes = "; its YOLO labels have boxes, which are no masks" if has_boxes(path) else ""
        raise DataError(f"found no images with masks in {path}, which has {_contents(path)}{boxes}; {_EXPECTED}")
    return {name: replace(one, longest_side=longest_side) for name, one in found.items()}


def _by_file(path: Path, split: Split) -> dict[str, MaskDataset]:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _by_name(found for found in [open_yolo(path, split)] if found is not None)
    if suffix != ".json":
        raise DataError(f"{path} is a {suffix or 'nameless'} file; {_EXPECTED}")
    return _by_name([open_coco(path)])


def _by_folder(folder: Path, encoding: MaskEncoding | None, split: Split) -> dict[str, MaskDataset]:
    if hqseg44k.is_root(folder, hqseg44k.SPLITS[split]):
        return hqseg44k.open_subsets(folder, hqseg44k.SPLITS[split])
    here = _one_set(folder, encoding, split, side_by_side=False)
    if here is not None:
        return _by_name([here])
    below = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    sets = [found for child in below if (found := _one_set(child, encoding, split)) is not None]
    if not sets:
        sets = [found for found in [_one_set(folder, encoding, split)] if found is not None]
    return _by_name(sets)


def _one_set(
    folder: Path, encoding: MaskEncoding | None, split: Split, side_by_side: bool = True
) -> MaskDataset | None:
    """Return the dataset in this folder itself, in any layout; without `side_by_side` not in one without subfolders."""
    name = folder.resolve().name
    pair = two_folders(folder)
    if pair is not None and any(images_below(pair[1])):
        where = f"{pair[0].name}/ and {pair[1].name}/"
        return pair_dataset(name, files_in_two_folders(*pair), where, encoding)
    annotations = _annotations_of(folder)
    if annotations is not None:
        return open_coco(annotations, name=name)
    found = open_yolo(folder, split)
    if found is not None or not side_by_side:
        return found
    found, files = open_labelme(folder), files_side_by_side(folder)
    return pair_dataset(name, files, "side by side", encoding) if found is None and files.masks else found


def _annotations_of(folder: Path) -> Path | None:
    found = [
        path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.json")) if is_coco(path)
    ]
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise DataError(f"{folder} has {len(found)} annotation files, {names}; give the path of one of them")
    return found[0] if found else None


def _by_name(sets: Iterable[MaskDataset]) -> dict[str, MaskDataset]:
    return {one.name: one for one in sets}


def _contents(folder: Path) -> str:
    """Return a folder's files by kind, and those of the first folders in it, in words."""
    below = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    said = [_files(folder), *(f"{child.name}/ with {_files(child, below=True)}" for child in below[:_TOLD])]
    more = [f"{len(below) - _TOLD} more folders"] if len(below) > _TOLD else []
    return ", ".join(said + more)


def _files(folder: Path, below: bool = False) -> str:
    found = islice(folder.rglob("*") if below else folder.iterdir(), _MOST_COUNTED)
    kinds = Counter(path.suffix.lower() or "nameless" for path in found if path.is_file())
    return " and ".join(f"{count} {kind}" for kind, count in kinds.most_common(_TOLD)) or "no files"
