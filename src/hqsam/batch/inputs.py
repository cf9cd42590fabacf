"""Find the images that somebody names, and the folder for the results of each."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any

from hqsam.errors import ImageError, InputError
from hqsam.geometry import Frame
from hqsam.images.image_info import is_tiff, upright_size_hw
from hqsam.images.open_image import first_bytes, open_image
from hqsam.images.raster import raster_size_hw
from hqsam.images.raster_source import is_raster, is_remote
from hqsam.images.read_options import DEFAULTS
from hqsam.images.stacks.open_stack import is_stack, is_stack_folder, open_stack
from hqsam.images.walk import FoundImages, describe_skipped, images_in
from hqsam.prompts import check_prompts
from hqsam.storage import holds_results
from hqsam.storage.file_names import comparable_name


@dataclass(frozen=True)
class ImageFile:
    """An image file to work on."""

    path: Path
    inside: Path
    """The path below the folder that was asked for; the name, of a file that was asked for itself."""


@dataclass(frozen=True)
class Inputs:
    """The images to work on, and what was left out of the folders and patterns that were asked for."""

    images: list[ImageFile]
    skipped: dict[str, list[Path]] = field(default_factory=dict)
    """Files and folders by the reason; `images.walk.describe_skipped` makes lines of it."""


def find_images(asked: Sequence[str]) -> Inputs:
    """Find files by name, folders with all below them, and patterns that the shell did not expand; each file once.

    A file that does not exist is kept: reading it fails later, without stopping the others. Results that hqsam wrote
    are left out, unless they are asked for by name.

    Raises:
        InputError: a folder or pattern has no image in it.
    """
    found: dict[Path, ImageFile] = {}
    skipped: dict[str, list[Path]] = {}
    for one in asked:
        for image in _expand(one, skipped):
            found.setdefault(image.path if is_remote(image.path) else image.path.absolute(), image)
    return Inputs(list(found.values()), skipped)


def check_image(path: Path, prompt: Mapping[str, Any] | None = None) -> None:
    """Look whether a file can be opened as an image and a prompt fits it, without decoding it and without a model.

    Args:
        path: the file.
        prompt: arguments of `Session.segment`, of which points, labels, boxes and masks are looked at.

    Raises:
        ImageError: it is missing, too large, or no image.
        PromptError: the prompt does not fit the image.
        MissingExtra: it needs a package that is not installed.
    """
    try:
        size_hw = _size_of(path)
    except ImageError:
        if not is_tiff(first_bytes(path)):  # of which tifffile reads kinds that Pillow does not
            raise
        return
    if prompt:
        given = {name: prompt.get(name) for name in ("points", "labels", "box", "boxes", "mask")}
        check_prompts(Frame(size_hw, 1024), 256, **given)


def _size_of(path: Path) -> tuple[int, int]:
    if is_stack(path, DEFAULTS):
        with open_stack(path) as stack:
            return stack.layout.size_hw
    if is_raster(path, DEFAULTS):
        return raster_size_hw(path)
    with open_image(path) as image:
        return upright_size_hw(image)


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


def _expand(asked: str, skipped: dict[str, list[Path]]) -> list[ImageFile]:
    path = Path(asked)
    if is_remote(asked):
        return [ImageFile(path, Path(path.name.partition("?")[0]))]
    if is_stack_folder(path):
        return [ImageFile(path, Path(path.name or path.resolve().name))]
    if path.is_dir():
        found = images_in(path)
        images = [ImageFile(file, file.relative_to(path)) for file in found.files]
        where = f"the folder {asked}"
    elif has_magic(asked) and not path.exists():
        found = _matches(asked)
        images = [ImageFile(file, Path(file.name)) for file in found.files]
        where = f"the pattern {asked!r}"
    else:
        return [ImageFile(path, Path(path.name))]
    if not images:
        about = "".join(f" ({line})" for line in describe_skipped(found.skipped))
        raise InputError(f"there is no image in {where}{about}; images are known by their suffix, such as .jpg or .png")
    for reason, paths in found.skipped.items():
        skipped[reason] = [*skipped.get(reason, []), *paths]
    return images


def _matches(pattern: str) -> FoundImages:
    """Return the images that a pattern matches, without results of hqsam below the folder that it begins with."""
    found = FoundImages()
    plain = list(takewhile(lambda part: not has_magic(part), Path(pattern).parts))
    for path in sorted(Path(name) for name in glob(pattern, recursive=True)):  # noqa: PTH207  (takes absolute ones, too)
        results = [folder for folder in path.parents if len(folder.parts) > len(plain) and holds_results(folder)]
        if results:
            found.skip("results", results[-1])
        elif path.is_file():
            found.add_file(path)
    return found


def _without_dot(path: Path) -> Path:
    """Return a name that no image has."""
    return path.with_name(f"{path.stem}_{path.suffix[1:]}")


def _all_differ(folders: list[Path], images: list[ImageFile]) -> bool:
    names = {comparable_name(str(folder / image.path.stem)) for folder, image in zip(folders, images, strict=True)}
    return len(names) == len(images)
