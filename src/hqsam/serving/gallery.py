"""The photos: a folder that is only read, and uploads that are kept beside the database.

What people call a photo is never a path. A folder's photo is found by walking the folder; an upload is stored under
the hash of its bytes.
"""

import hashlib
import io
import os
import re
import threading
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hqsam import storage
from hqsam.errors import HqsamError, ImageError
from hqsam.images.image_info import is_image_name
from hqsam.serving import photo_files
from hqsam.serving.refusal import Refusal
from hqsam.serving.settings import Settings
from hqsam.serving.store.images import Images
from hqsam.serving.store.tables import ImageRow

_SECONDS_BETWEEN_WALKS = 3.0
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Photo:
    """A photo that can be read."""

    id: int
    name: str
    path: Path
    stamp: str
    """Size and time of the file; another stamp is another photo under the same name."""
    size_hw: tuple[int, int]


class Gallery:
    """All photos of one server."""

    def __init__(self, settings: Settings, images: Images) -> None:
        self._folder = None if settings.folder is None else settings.folder.resolve()
        self._uploads, self._thumbnails = settings.data / "uploads", settings.data / "thumbnails"
        self._images, self.max_pixels = images, settings.max_pixels
        self._walking, self._walked_at = threading.Lock(), float("-inf")

    def walk(self) -> None:
        """Take in what the folder has now, unless that was done a moment ago."""
        with self._walking:
            if self._folder is None or time.monotonic() - self._walked_at < _SECONDS_BETWEEN_WALKS:
                return
            self._images.sync_folder([path.relative_to(self._folder).as_posix() for path in _photos_in(self._folder)])
            self._walked_at = time.monotonic()

    def measured(self, row: ImageRow) -> ImageRow:
        """The row with its size, looked up in the file if the file has changed since."""
        path = self._path(row)
        stamp = "" if path is None else _stamp(path)
        if path is None or not stamp:
            problem = "the file is gone" if row.source == "upload" else "the file is gone from the folder"
            return row if row.problem == problem else self._images.measured(row.id, problem=problem)
        if row.stamp == stamp and row.problem is None:
            return row
        try:
            height, width = photo_files.size_of(path, self.max_pixels)
        except HqsamError as error:
            said = str(error).replace(str(path), row.name)
            return self._images.measured(row.id, stamp=stamp, width=0, height=0, problem=said)
        return self._images.measured(row.id, stamp=stamp, width=width, height=height, problem=None)

    def photo(self, image_id: int) -> Photo:
        """One that can be read.

        Raises:
            Refusal: 404, or 410 if its file is gone.
            ImageError: it cannot be read.
        """
        row = self.measured(self._images.get(image_id))
        path = self._path(row)
        if path is None or not path.is_file():
            raise Refusal(410, "gone", f"{row.name}: {row.problem}")
        if row.problem is not None:
            raise ImageError(row.problem)
        return Photo(row.id, row.name, path, row.stamp, (row.height, row.width))

    def add(self, data: bytes, name: str) -> tuple[ImageRow, bool]:
        """Keep an upload; whether it is new.

        Raises:
            Refusal: 415, it is no photo by its content.
            ImageError: it is damaged or too large.
        """
        name = _tidy(name)
        photo_files.check_kind(data, name)
        height, width = photo_files.check_whole(io.BytesIO(data), name, self.max_pixels)
        digest = hashlib.sha256(data).hexdigest()
        path = self._uploads / digest
        if not path.is_file():
            storage.write_bytes(path, data)
        return self._images.add_upload(digest, name, width, height)

    def delete(self, image_id: int) -> None:
        """Take it off the list; an upload's bytes are removed, a folder's file is left alone.

        Raises:
            Refusal: 404.
        """
        row = self._images.delete(image_id)
        if row.source == "upload":
            (self._uploads / row.place).unlink(missing_ok=True)

    def thumbnail(self, photo: Photo) -> Path:
        """A small JPEG of it, made when it is first asked for."""
        key = hashlib.sha256(f"{photo.path} {photo.stamp}".encode()).hexdigest()
        path = self._thumbnails / key[:2] / f"{key}.jpg"
        if not path.is_file():
            storage.write_bytes(path, photo_files.thumbnail(photo.path, self.max_pixels))
        return path

    def _path(self, row: ImageRow) -> Path | None:
        """Where it lies; None if that is outside of what we serve."""
        if row.source == "upload":
            return self._uploads / row.place
        if self._folder is None:
            return None
        path = self._folder / row.place
        return path if _is_inside(path, self._folder) else None


def _photos_in(folder: Path) -> list[Path]:
    """Files that are photos by their suffix, in the order that people count in; no hidden ones."""
    found = []
    for where, folders, names in os.walk(folder):  # which does not follow links to folders
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(where) / name for name in names if is_image_name(name)]
    return sorted((path for path in found if _is_inside(path, folder)), key=_as_people_count)


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file really lies there: a link that leads out of the folder is not followed."""
    with suppress(OSError, RuntimeError):  # RuntimeError: links in a circle, until Python 3.13
        return path.resolve(strict=True).is_relative_to(folder) and path.is_file()
    return False


def _as_people_count(path: Path) -> list[tuple[int, int, str]]:
    """So that 2.jpg comes before 10.jpg."""
    words = re.split(r"(\d+)", path.as_posix().casefold())
    return [(0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words]


def _stamp(path: Path) -> str:
    with suppress(OSError):
        about = path.stat()
        return f"{about.st_size}-{about.st_mtime_ns}"
    return ""


def _tidy(name: str) -> str:
    """The last part of a name as a browser or a program sends it, printable and not too long."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    return printable[-_LONGEST_NAME:] or "photo"
