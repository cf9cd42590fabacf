"""Find the image files in a folder, and say what was left out and why."""

import gzip
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hqsam import optional
from hqsam.errors import ImageError
from hqsam.images.image_info import HEIF_SUFFIXES, is_image_name, tags_of
from hqsam.images.open_image import open_image
from hqsam.images.stacks.nifti_stack import is_nifti
from hqsam.images.stacks.open_stack import is_stack_folder
from hqsam.storage.result_folders import holds_results

_REASONS = {
    "heif": ("HEIC image", 'pip install "hqsam[heif]" reads such'),
    "unread": ("image of a kind that hqsam does not read", "save it as PNG or TIFF"),
    "results": ("folder of results of hqsam", "name it to work on what is in it"),
    "written": ("image that hqsam wrote", "name it to work on it"),
    "hidden": ("hidden folder", "name it to work on what is in it"),
    "broken": ("link that leads nowhere", ""),
    "outside": ("link that leads out of the folder", ""),
    "circle": ("link to a folder around it", ""),
    "denied": ("folder that cannot be opened", ""),
    "device": ("pipe, socket or device", ""),
}
"""Kinds of what is left out, and what to do about it."""

_UNREAD_SUFFIXES = frozenset(
    {
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".psd", ".svg", ".jxl", ".exr", ".hdr"),
        *(".dcm", ".nii", ".czi", ".lif", ".nd2", ".svs", ".ndpi", ".mrxs", ".ico", ".tga", ".xcf", ".eps"),
    }
)
_OUR_ENDINGS = re.compile(
    r"((_mask|_cutout)(_\d+)?\.png|_overlay\.png|_labels\.(png|tif|ome\.tif|nii\.gz)|_seg\.dcm|contact_sheet\.png)$"
)
_OUR_MARKS = (b"Software\0hqsam", b"iTXthqsam:", b"\x08\0\x70\0LO\x06\0hqsam ")
"""Bytes near the start of files that we write: two of PNG, and DICOM's manufacturer."""
_START = 1024
_ANY_NUMBER = 1 << 62
_NAMED = 3
"""Names of what was left out that a line has."""


@dataclass(frozen=True)
class FoundImages:
    """Image files, and what was left out."""

    files: list[Path] = field(default_factory=list)
    skipped: dict[str, list[Path]] = field(default_factory=dict)
    """Files and folders that were left out, by the reason: a word of the table above."""
    skip_results: bool = True
    """Leave out results that hqsam wrote."""

    def add_file(self, path: Path) -> None:
        """Take a file if it is an image to work on; leave it out if it is another image."""
        suffix = path.suffix.lower()
        if is_image_name(path.name) or _is_readable_scan(path):
            self.skip("written", path) if self.skip_results and is_own_result(path) else self.files.append(path)
        elif suffix in HEIF_SUFFIXES and not path.name.startswith("."):
            self.skip("heif", path)
        elif suffix in _UNREAD_SUFFIXES and not path.name.startswith("."):
            self.skip("unread", path)

    def skip(self, reason: str, path: Path) -> None:
        """Leave something out."""
        if path not in self.skipped.setdefault(reason, []):
            self.skipped[reason].append(path)


def images_in(folder: Path, follow_out: bool = True, skip_results: bool = True) -> FoundImages:
    """Return the images in a folder and below, in order, without hidden ones and results of hqsam.

    Args:
        folder: it is looked into even if it is hidden or holds results.
        follow_out: follow links that lead out of the folder.
        skip_results: leave out what hqsam wrote; data sets may consist of it.
    """
    found = FoundImages(skip_results=skip_results)
    _walk(folder, found, folder.resolve(), {folder.resolve()}, follow_out)
    found.files.sort()
    return found


def is_own_result(path: Path) -> bool:
    """Return True for an image that hqsam wrote, by its name and by what is in it."""
    if not _OUR_ENDINGS.search(path.name):
        return False
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return file.read(348)[148:].startswith(b"hqsam")  # its description
        if path.suffix == ".tif":
            with open_image(path, max_pixels=_ANY_NUMBER) as image:  # its tags alone are read
                return tags_of(image)(305) == "hqsam"
        with path.open("rb") as file:
            start = file.read(_START)
    except (OSError, EOFError, ImageError):
        return False
    return any(mark in start for mark in _OUR_MARKS)


def describe_skipped(skipped: Mapping[str, Iterable[Path]]) -> list[str]:
    """Return a line for each reason: how many were left out, which, and what to do about it."""
    lines = []
    for reason, (about, advice) in _REASONS.items():
        paths = list(skipped.get(reason, ()))
        if paths:
            names = ", ".join(path.name for path in paths[:_NAMED]) + ", ..." * (len(paths) > _NAMED)
            lines.append(f"left out: {len(paths)} x {about} ({names})" + (f"; {advice}" if advice else ""))
    return lines


def _walk(folder: Path, found: FoundImages, root: Path, around: set[Path], follow_out: bool) -> None:
    """Add what is in a folder; `around` are the real folders that it is in."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        found.skip("denied", folder)
        return
    for entry in entries:
        path = folder / entry.name
        if entry.is_symlink() and (reason := _why_not_followed(path, root, around, follow_out)):
            if reason != "inside":
                found.skip(reason, path)
        elif entry.is_dir():
            _add_folder(path, found, root, around, follow_out)
        elif entry.is_file():
            found.add_file(path)
        elif is_image_name(path.name):  # opening a pipe waits for its writer
            found.skip("device", path)


def _add_folder(path: Path, found: FoundImages, root: Path, around: set[Path], follow_out: bool) -> None:
    if path.name.startswith("."):
        found.skip("hidden", path)
    elif is_stack_folder(path):
        found.files.append(path)
    elif found.skip_results and holds_results(path):
        found.skip("results", path)
    else:
        _walk(path, found, root, {*around, path.resolve()}, follow_out)


def _is_readable_scan(path: Path) -> bool:
    return not path.name.startswith(".") and optional.is_installed("nibabel") and is_nifti(path)


def _why_not_followed(path: Path, root: Path, around: set[Path], follow_out: bool) -> str:
    """Return why a link is not followed; "inside" where what it leads to is found without it; "" if it is followed."""
    if not path.is_dir() and not (is_image_name(path.name) or path.suffix.lower() in HEIF_SUFFIXES):
        return "" if path.exists() else "inside"
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, until Python 3.13
        return "broken"
    if target in around or root.is_relative_to(target):
        return "circle"
    if target.is_relative_to(root):
        return "inside" if target.is_dir() else ""
    return "" if follow_out else "outside"
