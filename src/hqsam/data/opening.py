"""Any data that has photos and masks: what a path holds is found out here."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path

from hqsam.data import hqseg44k
from hqsam.data.coco import is_coco, open_coco
from hqsam.data.folders import files_in_two_folders, files_side_by_side, mask_set, pictures_below, two_folders
from hqsam.data.hqseg44k import Part
from hqsam.data.mask_files import Reading
from hqsam.data.sets import SampleSet, joined
from hqsam.errors import DataError

_TOLD = 4
_EXPECTED = (
    "expected images/NAME.jpg and masks/NAME.png, there or in the folders below it; or NAME.jpg with NAME.png or "
    "NAME_mask.png beside it; or HQSeg-44K's folders DIS5K, thin_object_detection and cascade_psp; or a COCO or LVIS "
    "annotation file (.json)"
)


def open_set(
    path: str | PathLike[str], longest_side: int | None = None, reading: Reading | None = None, part: Part = "training"
) -> SampleSet:
    """All samples of `open_sets` as one set."""
    return joined(open_sets(path, longest_side, reading, part).values())


def open_sets(
    path: str | PathLike[str], longest_side: int | None = None, reading: Reading | None = None, part: Part = "training"
) -> dict[str, SampleSet]:
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
    found = _by_file(path) if path.is_file() else _by_folder(path, reading, hqseg44k.PARTS[part])
    if not found:
        raise DataError(f"found no images with masks in {path}, which has {_contents(path)}; {_EXPECTED}")
    return {name: replace(one, longest_side=longest_side) for name, one in found.items()}


def _by_file(path: Path) -> dict[str, SampleSet]:
    if path.suffix.lower() != ".json":
        raise DataError(f"{path} is a {path.suffix or 'nameless'} file; {_EXPECTED}")
    return _by_name([open_coco(path)])


def _by_folder(folder: Path, reading: Reading | None, sources: tuple[hqseg44k.Source, ...]) -> dict[str, SampleSet]:
    if hqseg44k.is_root(folder, sources):
        return hqseg44k.open_sources(folder, sources)
    here = _one_set(folder, reading, side_by_side=False)
    if here is not None:
        return _by_name([here])
    below = [child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith(".")]
    sets = [found for child in below if (found := _one_set(child, reading)) is not None]
    if not sets:
        sets = [found for found in [_one_set(folder, reading)] if found is not None]
    return _by_name(sets)


def _one_set(folder: Path, reading: Reading | None, side_by_side: bool = True) -> SampleSet | None:
    """The set in this folder itself, in any layout but side by side if that is not wanted."""
    name = folder.resolve().name
    pair = two_folders(folder)
    if pair is not None and any(pictures_below(pair[1])):
        where = f"{pair[0].name}/ and {pair[1].name}/"
        return mask_set(name, files_in_two_folders(*pair), where, reading)
    annotations = _annotations_of(folder)
    if annotations is not None:
        return open_coco(annotations, name=name)
    files = files_side_by_side(folder) if side_by_side else None
    return mask_set(name, files, "side by side", reading) if files and files.masks else None


def _annotations_of(folder: Path) -> Path | None:
    found = [
        path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.json")) if is_coco(path)
    ]
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise DataError(f"{folder} has {len(found)} annotation files, {names}; give the path of one of them")
    return found[0] if found else None


def _by_name(sets: Iterable[SampleSet]) -> dict[str, SampleSet]:
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
