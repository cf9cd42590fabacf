"""Images by the names that annotation files have for them: with folders, backslashes, drives, addresses and `..`.

Names are matched by their last parts with files that are there, so a name can lead to no other file.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from hqsam.formats.file_names import is_there
from hqsam.images.image_info import is_image_name
from hqsam.storage.file_names import comparable_name, path_of_stored

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://[^/]*")
_DRIVE = re.compile(r"^[A-Za-z]:")
_UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""The prefix that Label Studio gives to the names of uploaded files."""
_MOST_FILES = 500_000
"""Files of a folder that are looked through for images which are nowhere else."""


class NameIndex:
    """Finds which of some known names another tool's name means: the one that agrees in the most last parts."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_tail: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            for tail in _tails(name):
                self._by_tail.setdefault(comparable_name(tail), []).append(name)

    def find(self, name: str) -> str | None:
        """Return the known name, or None if none agrees, or several do equally."""
        for tail in _readings_of(name):
            known = self._by_tail.get(comparable_name(tail), [])
            cased = [one for one in known if f"/{one}".endswith(f"/{tail}")] or known
            whole = [one for one in cased if one == tail == local_name(name)] or cased
            if known:
                return whole[0] if len(whole) == 1 else None
        return None


class ImageLookup:
    """Finds images in folders: first in the folders themselves, then anywhere below the first of them."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(dict.fromkeys(folder for folder in folders if folder.is_dir()))
        self._below: NameIndex | None = None

    def find(self, name: str) -> Path | None:
        """Return the image's file, always one in or below the folders, or None."""
        for tail in _readings_of(name):
            for folder in self.folders:
                path = path_of_stored(folder, tail)
                if is_there(path):
                    return path
        if not self.folders:
            return None
        if self._below is None:
            self._below = NameIndex(_images_below(self.folders[0]))
        found = self._below.find(name)
        return None if found is None else self.folders[0] / found


def folders_around(path: Path) -> list[Path]:
    """Return the folders that an annotation file's images may be in, the likeliest first."""
    split = path.stem.split("_")[-1]  # instances_val2017.json is about val2017/
    inner = ("", "images", split, f"images/{split}", path.stem)
    return [place / name for place in (path.parent, path.parent.parent) for name in inner]


def local_name(name: str) -> str:
    """Return a name of any tool as a relative path with `/`, without address, drive and steps out of a folder."""
    return next(iter(_tails(name)), "")


def _readings_of(name: str) -> Iterator[str]:
    """All that a name may mean, the longest first; at last with its escapes resolved, and as before an upload."""
    path, _, query = name.partition("?")
    for given in dict.fromkeys([name, path, unquote(path), unquote(query.rpartition("=")[2])]):
        yield from _tails(given)
    last = (_tails(unquote(path)) or [""])[-1]
    if _UPLOAD.match(last):
        yield _UPLOAD.sub("", last)


def _tails(name: str) -> list[str]:
    """The parts of a path from each of them on: a/b/c, b/c, c."""
    path = _DRIVE.sub("", _ADDRESS.sub("", name.replace("\\", "/")))
    parts = [part for part in path.split("/") if part not in ("", ".", "..") and "\0" not in part]
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _images_below(folder: Path) -> Iterator[str]:
    seen = 0
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        seen += len(files)
        if seen > _MOST_FILES:
            return
        yield from ((Path(place) / file).relative_to(folder).as_posix() for file in files if is_image_name(file))
