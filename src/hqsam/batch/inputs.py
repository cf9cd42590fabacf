"""Find the images that somebody names, and the folder for the results of each."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from hqsam.errors import InputError
from hqsam.images.image_info import is_image_name


@dataclass(frozen=True)
class ImageFile:
    """An image file to work on."""

    path: Path
    inside: Path
    """The path below the folder that was asked for; the name, of a file that was asked for itself."""


def find_images(asked: list[str]) -> list[ImageFile]:
    """Find files by name, folders with all below them, and patterns that the shell did not expand; each file once.

    A file that does not exist is kept: reading it fails later, without stopping the others.

    Raises:
        InputError: a folder or pattern has no image in it.
    """
    found: dict[Path, ImageFile] = {}
    for one in asked:
        for image in _expand(one):
            found.setdefault(image.path.absolute(), image)
    return list(found.values())


def result_folders(images: list[ImageFile]) -> list[Path]:
    """Return a folder below the output folder for each image, so that no two images write the same files.

    Results are named after the image without its suffix. So images of one name go to folders of their own: those of
    their images, and where 1.jpg and 1.png lie side by side, `1_jpg/` and `1_png/`: the output folder may be theirs.
    """
    if len(images) < 2:
        return [image.inside.parent for image in images]
    common = Path(os.path.commonpath([image.path.absolute().parent for image in images]))
    ways: list[Callable[[ImageFile], Path]] = [
        lambda image: image.inside.parent,
        lambda image: image.path.absolute().parent.relative_to(common),
        lambda image: _without_dot(image.path.absolute().relative_to(common)),
    ]
    tries = [[way(image) for image in images] for way in ways]
    return next((folders for folders in tries if _all_differ(folders, images)), tries[-1])


def _expand(asked: str) -> list[ImageFile]:
    path = Path(asked)
    if path.is_dir():
        below = sorted(file for file in path.rglob("*") if _is_image(file))
        return [ImageFile(file, file.relative_to(path)) for file in _not_none(below, f"the folder {asked}")]
    if has_magic(asked) and not path.exists():
        matches = sorted(Path(name) for name in glob(asked, recursive=True))  # noqa: PTH207  (takes absolute ones, too)
        matches = [file for file in matches if _is_image(file)]
        return [ImageFile(file, Path(file.name)) for file in _not_none(matches, f"the pattern {asked!r}")]
    return [ImageFile(path, Path(path.name))]


def _is_image(path: Path) -> bool:
    return is_image_name(path.name) and path.is_file()


def _not_none(images: list[Path], where: str) -> list[Path]:
    if not images:
        raise InputError(f"there is no image in {where}; images are known by their suffix, such as .jpg or .png")
    return images


def _without_dot(path: Path) -> Path:
    """Return a name that no image has."""
    return path.with_name(f"{path.stem}_{path.suffix[1:]}")


def _all_differ(folders: list[Path], images: list[ImageFile]) -> bool:
    # Two names that differ only in case are one file on macOS and Windows.
    names = {str(folder / image.path.stem).casefold() for folder, image in zip(folders, images, strict=True)}
    return len(names) == len(images)
