"""Finds a suite's files, and says what is missing."""

from pathlib import Path, PurePosixPath

import numpy as np

from hqsam.errors import DataError
from hqsam.formats.files import size_of_picture

_NAMED = 8
"""Number of a folder's names that an error lists."""


def find_folder(data: Path, relative: str) -> Path:
    """Return the folder `data/relative`, also without its first part: `DIS5K/DIS-VD/im` is found from within `DIS5K`.

    Raises:
        DataError: it is at neither place; the message says what is there.
    """
    parts = PurePosixPath(relative).parts
    places = [data.joinpath(*parts), *([data.joinpath(*parts[1:])] if len(parts) > 2 else [])]
    return _first(data, relative, [place for place in places if place.is_dir()], "folder")


def find_file(data: Path, relative: str) -> Path:
    """Return the file `data/relative`, also without some of its folders.

    Raises:
        DataError: it is nowhere; the message says what is there.
    """
    parts = PurePosixPath(relative).parts
    places = [data.joinpath(*parts[start:]) for start in range(len(parts))]
    return _first(data, relative, [place for place in places if place.is_file()], "file")


def list_files(folder: Path, suffixes: frozenset[str] | set[str]) -> list[Path]:
    """Return the files of a folder with one of these suffixes, by name.

    Raises:
        DataError: there is none.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())
    if not files:
        raise DataError(f"no {' or '.join(sorted(suffixes))} in {folder}; {describe_folder(folder)}")
    return files


def require_files(files: list[Path], what: str) -> None:
    """Check that files are there.

    Raises:
        DataError: some are not; the message counts them and names the first.
    """
    missing = [path for path in files if not path.is_file()]
    if missing:
        names = ", ".join(path.name for path in missing[:3])
        raise DataError(f"{len(missing)} of {len(files)} {what} are not in {missing[0].parent}; the first: {names}")


def of_one_size(mask: np.ndarray, path: Path, image: Path) -> np.ndarray:
    """Return a mask that was read from `path`, if it is of its image's size.

    Raises:
        DataError: it is not, or the image cannot be read.
    """
    if mask.shape != (expected := size_of_picture(image)):
        here, there = (f"{width} x {height}" for height, width in (mask.shape, expected))
        raise DataError(f"{path} has {here} pixels, and its image {image.name} has {there}")
    return mask


def describe_folder(folder: Path) -> str:
    """Return the contents of a folder in a few words."""
    if not folder.is_dir():
        return f"{folder} is not a folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"found there: {', '.join(names[:_NAMED]) or 'nothing'}{more}"


def _first(data: Path, relative: str, places: list[Path], kind: str) -> Path:
    if not places:
        raise DataError(f"there is no {kind} {relative} in {data}; {describe_folder(data)}")
    return places[0]
