"""Names of files about several masks of one image: cup_mask.png for one, else cup_mask_01.png and so on."""

import os
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from hqsam.masks.instances import Instances
from hqsam.storage.file_names import name_here

_MOST_DIGITS = 6


@dataclass(frozen=True)
class OutputPaths:
    """The paths of the files about one image's masks."""

    folder: Path
    stem: str
    """The image's name without folder and suffix."""
    count: int
    """The number of masks."""
    only: Path | None = None
    """The name that the caller gave to the only file."""

    @classmethod
    def of(cls, instances: Instances, folder: Path, only: Path | None = None) -> "OutputPaths":
        """Return the paths for these masks in a folder."""
        return cls(folder, Path(instances.image_name).stem, len(instances), only)

    def path(self, ending: str) -> Path:
        """Return the file about the whole image."""
        return self.only or self.folder / name_here(f"{self.stem}{ending}")

    def mask_path(self, ending: str, row: int) -> Path:
        """Return the file about one mask: numbered from 1, unless the mask is the only one."""
        return numbered(self.path(ending), row, self.count)


def numbered(path: Path, number: int, count: int) -> Path:
    """Return the file of mask `number`, from 0: numbered from 1, unless it is the only one of `count`."""
    return path if count == 1 else _with_number(path, number + 1, max(2, len(str(count))))


def numbered_there(path: Path) -> list[Path]:
    """Return the file and its numbered ones, as far as they exist; numbers are followed to the first that is missing.

    Other files of the folder are not looked at, so that it may hold millions.
    """
    there = [path] if is_there(path) else []
    for digits in range(2, _MOST_DIGITS + 1):
        names = (_with_number(path, number, digits) for number in range(1, 10**digits))
        there += takewhile(is_there, names)
    return there


def is_there(path: Path) -> bool:
    """Return True for a file; a name that is too long for one is none, which `Path.is_file` takes for an error."""
    return os.path.isfile(path)  # noqa: PTH113


def _with_number(path: Path, number: int, digits: int) -> Path:
    return path.with_stem(f"{path.stem}_{number:0{digits}}")
