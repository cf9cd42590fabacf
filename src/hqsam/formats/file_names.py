"""What files about several objects of one photo are called: cup_mask.png for one, else cup_mask_01.png and so on."""

import os
from itertools import takewhile
from pathlib import Path

_MOST_DIGITS = 6


def numbered(path: Path, number: int, count: int) -> Path:
    """The file of object `number`, from 0: numbered from 1, unless it is the only one of `count`."""
    return path if count == 1 else _with_number(path, number + 1, max(2, len(str(count))))


def numbered_there(path: Path) -> list[Path]:
    """The file itself and its numbered ones, as far as they exist; numbers are followed to the first that is missing.

    Other files of the folder are not looked at, so that it may hold millions.
    """
    there = [path] if is_there(path) else []
    for digits in range(2, _MOST_DIGITS + 1):
        names = (_with_number(path, number, digits) for number in range(1, 10**digits))
        there += takewhile(is_there, names)
    return there


def is_there(path: Path) -> bool:
    """Whether it is a file; a name that is too long for one is none, which `Path.is_file` takes for an error."""
    return os.path.isfile(path)  # noqa: PTH113


def _with_number(path: Path, number: int, digits: int) -> Path:
    return path.with_stem(f"{path.stem}_{number:0{digits}}")
