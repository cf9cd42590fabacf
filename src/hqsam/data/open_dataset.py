"""Any data that has photos and masks: what a path holds is found out here."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path

from hqsam.data import hqseg44k
from hqsam.data.coco import is_coco, open_coco
from hqsam.data.dataset import MaskDataset, concatenated
from hqsam.data.folders import files_in_two_folders, files_side_by_side, images_below, pair_dataset, two_folders
from hqsam.data.hqseg44k import Split
from hqsam.errors import DataError
from hqsam.formats.mask_images import MaskEncoding

_TOLD = 4
_EXPECTED = (
    "expected images/NAME.jpg and masks/NAME.png, there or in the folders below it; or NAME.jpg with NAME.png or "
    "NAME_mask.png beside it; or HQSeg-44K's folders DIS5K, thin_object_detection and cascade_psp; or a COCO or LVIS "
    "annotation file (.json)"
)


def open_dataset(
    path: str | PathLike[str],
    longest_side: int | None = None,
    encoding: MaskEncoding | None = None,
    split: Split = "training",
) -> MaskDataset:
    """All samples of `open_sets` as one set."""
    return concatenated(open_datasets(path, longest_side, encoding, split).values())


def open_datasets(
    path: str | PathLike[str],
    longest_side: int | None = None,
    encoding: MaskEncoding | None = None,
    split: Split = "training",
) -> dict[str, MaskDataset]:
    """The sets that a path holds, by their names; nothing but lists of files is read yet.

    Args:
        path: a folder, or a COCO or LVIS annotation file.
        longest_side: larger photos are scaled down to this as they are read, in pixels.
        reading: how pictures of masks are meant; by default some of each set are looked at.
        part: which sets of HQSeg-44K, if it is that; all else has no parts.

    Raises:
        DataError: it holds none that is known; the message says what is there and what was expected.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no {path}")
    found = _by_file(path) if path.is_file() else _by_folder(path, encoding, hqseg44k.SPLITS[split])
    if not found:
        raise DataError(f"found no images with masks in {path}, which has {_contents(path)}; {_EXPECTED}")
    return {name: replace(one, longest_side=longest_side) for name, one in found.items()}


def _by_file(path: Path) -> dict[str, MaskDataset]:
    if path.suffix.lower() != ".json":
        raise DataError(f"{path} is a {path.suffix or 'nameless'} file; {_EXPECTED}")
    return _by_name([open_coco(path)])


def _by_folder(
    folder: Path, encoding: MaskEncoding | None, subsets: tuple[hqseg44k.Subset, ...]
) -> dict[str, MaskDataset]:
    if hqseg44k.is_root(folder, subsets):
        return hqseg44k.open_subsets(folder, subsets)
    here = _one_set(folder, encoding, side_by_side=False)
    if here is not None:
        return _by_name([here])
    below = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    sets = [found for child in below if (found := _one_set(child, encoding)) is not None]
    if not sets:
        sets = [found for found in [_one_set(folder, encoding)] if found is not None]
    return _by_name(sets)


def _one_set(folder: Path, encoding: MaskEncoding | None, side_by_side: bool = True) -> MaskDataset | None:
    """The set in this folder itself, in any layout but side by side if that is not wanted."""
    name = folder.resolve().name
    pair = two_folders(folder)
    if pair is not None and any(images_below(pair[1])):
        where = f"{pair[0].name}/ and {pair[1].name}/"
        return pair_dataset(name, files_in_two_folders(*pair), where, encoding)
    annotations = _annotations_of(folder)
    if annotations is not None:
        return open_coco(annotations, name=name)
    files = files_side_by_side(folder) if side_by_side else None
    return pair_dataset(name, files, "side by side", encoding) if files and files.masks else None


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
    """What a person would see there: its files by kind, and the same of the first folders in it."""
    below = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    said = [_files(folder), *(f"{child.name}/ with {_files(child)}" for child in below[:_TOLD])]
    more = [f"{len(below) - _TOLD} more folders"] if len(below) > _TOLD else []
    return ", ".join(said + more)


def _files(folder: Path) -> str:
    kinds = Counter(path.suffix.lower() or "nameless" for path in folder.iterdir() if path.is_file())
    return " and ".join(f"{count} {kind}" for kind, count in kinds.most_common(_TOLD)) or "no files"
