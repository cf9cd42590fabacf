"""Which photos a command line means, and where the results of each go."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from hqsam.errors import InputError
from hqsam.images.image_info import is_image_name


@dataclass(frozen=True)
class Photo:
    """A file to work on."""

    path: Path
    inside: Path
    """The path below the folder that was asked for; of a file asked for by name, its name."""


def find_images(asked: list[str]) -> list[Photo]:
    """Files by name, folders with all below them, and patterns that the shell did not expand; each file once.

    A file that does not exist is kept: reading it fails later, without stopping the others.

    Raises:
        InputError: a folder or pattern has no photo in it.
    """
    found: dict[Path, Photo] = {}
    for one in asked:
        for photo in _expand(one):
            found.setdefault(photo.path.absolute(), photo)
    return list(found.values())


def result_folders(photos: list[Photo]) -> list[Path]:
    """For each photo the folder of its results below the output folder, so that no two write the same files.

    Results are named after the photo without its suffix. So photos of one name go to folders of their own: those of
    their photos, and where 1.jpg and 1.png lie side by side, `1_jpg/` and `1_png/`: the output folder may be theirs.
    """
    if len(photos) < 2:
        return [photo.inside.parent for photo in photos]
    common = Path(os.path.commonpath([photo.path.absolute().parent for photo in photos]))
    ways: list[Callable[[Photo], Path]] = [
        lambda photo: photo.inside.parent,
        lambda photo: photo.path.absolute().parent.relative_to(common),
        lambda photo: _without_dot(photo.path.absolute().relative_to(common)),
    ]
    tries = [[way(photo) for photo in photos] for way in ways]
    return next((folders for folders in tries if _all_differ(folders, photos)), tries[-1])


def _expand(asked: str) -> list[Photo]:
    path = Path(asked)
    if path.is_dir():
        below = sorted(file for file in path.rglob("*") if _is_photo(file))
        return [Photo(file, file.relative_to(path)) for file in _not_none(below, f"the folder {asked}")]
    if has_magic(asked) and not path.exists():
        matches = sorted(Path(name) for name in glob(asked, recursive=True))  # noqa: PTH207  (takes absolute ones, too)
        matches = [file for file in matches if _is_photo(file)]
        return [Photo(file, Path(file.name)) for file in _not_none(matches, f"the pattern {asked!r}")]
    return [Photo(path, Path(path.name))]


def _is_photo(path: Path) -> bool:
    return is_image_name(path.name) and path.is_file()


def _not_none(photos: list[Path], where: str) -> list[Path]:
    if not photos:
        raise InputError(f"there is no photo in {where}; photos are known by their suffix, such as .jpg or .png")
    return photos


def _without_dot(path: Path) -> Path:
    """A name that no photo has."""
    return path.with_name(f"{path.stem}_{path.suffix[1:]}")


def _all_differ(folders: list[Path], photos: list[Photo]) -> bool:
    # Two names that differ only in case are one file on macOS and Windows.
    names = {str(folder / photo.path.stem).casefold() for folder, photo in zip(folders, photos, strict=True)}
    return len(names) == len(photos)
