"""The images of a server: a folder that is only read, and uploads that are kept beside the database.

An image's name is never used as a path. A folder's image is found by walking the folder; an upload is stored under the
hash of its bytes.
"""

import hashlib
import io
import re
import threading
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hqsam import storage
from hqsam.errors import HqsamError, ImageError
from hqsam.images.walk import FoundImages, images_in
from hqsam.serving.settings import Settings
from hqsam.serving.store import image_files
from hqsam.serving.store.errors import FileGoneError
from hqsam.serving.store.images import ImageTable
from hqsam.serving.store.tables import ImageRow
from hqsam.storage.file_names import name_bytes, path_of_stored
from hqsam.storage.text import escape_surrogates

_SECONDS_BETWEEN_WALKS = 3.0
_MAX_NAME = 200


@dataclass(frozen=True)
class ImageFile:
    """An image whose file can be read."""

    id: int
    name: str
    path: Path
    stamp: str
    """Size and time of the file; another stamp is another image under the same name."""
    size_hw: tuple[int, int]

    def source(self) -> Path:
        """Return what is read when the image is opened."""
        return self.path


class ImageLibrary:
    """The images of one server, in its folder and uploaded."""

    def __init__(self, settings: Settings, images: ImageTable) -> None:
        self._folder = None if settings.folder is None else settings.folder.resolve()
        self._follow_links = settings.follow_links
        self._uploads, self._thumbnails = settings.data / "uploads", settings.data / "thumbnails"
        self._images, self.max_pixels = images, settings.max_pixels
        self._walking, self._walked_at = threading.Lock(), float("-inf")

    def walk(self) -> None:
        """Bring the list up to date with the folder, unless that was done a moment ago."""
        with self._walking:
            if self._folder is None or time.monotonic() - self._walked_at < _SECONDS_BETWEEN_WALKS:
                return
            files = images_to_serve(self._folder, self._follow_links).files
            names = [escape_surrogates(path.relative_to(self._folder).as_posix()) for path in files]
            self._images.sync_folder(list(dict.fromkeys(names)))
            self._walked_at = time.monotonic()

    def refreshed(self, row: ImageRow) -> ImageRow:
        """Return the row with the image's size, read again if the file has changed."""
        path = self._path(row)
        stamp = "" if path is None else _stamp(path)
        if path is None or not stamp:
            problem = "the file is gone" if row.source == "upload" else "the file is gone from the folder"
            return row if row.problem == problem else self._images.update_file_info(row.id, problem=problem)
        if row.stamp == stamp and row.problem is None:
            return row
        try:
            height, width = image_files.size_of(path, self.max_pixels)
        except HqsamError as error:
            problem = str(error).replace(str(path), row.name)
            return self._images.update_file_info(row.id, stamp=stamp, width=0, height=0, problem=problem)
        return self._images.update_file_info(row.id, stamp=stamp, width=width, height=height, problem=None)

    def get(self, image_id: int) -> ImageFile:
        """Return an image that can be read.

        Raises:
            NotFoundError: there is no image of that number.
            FileGoneError: its file is gone.
            ImageError: it cannot be read.
        """
        row = self.refreshed(self._images.get(image_id))
        path = self._path(row)
        if path is None or not path.is_file():
            raise FileGoneError(f"{row.name}: {row.problem}")
        if row.problem is not None:
            raise ImageError(row.problem)
        return ImageFile(row.id, row.name, path, row.stamp, (row.height, row.width))

    def name_of(self, image_id: int) -> str:
        """Return an image's name.

        Raises:
            NotFoundError: there is no image of that number.
        """
        return self._images.get(image_id).name

    def add(self, data: bytes, name: str) -> tuple[ImageRow, bool]:
        """Store an upload and return its row, and True if it is new.

        Raises:
            UnsupportedFileError: it is not an image by its content.
            ImageError: it is damaged or too large.
        """
        name = _display_name(name)
        image_files.check_kind(data, name)
        height, width = image_files.check_whole(io.BytesIO(data), name, self.max_pixels)
        digest = hashlib.sha256(data).hexdigest()
        path = self._uploads / digest
        if not path.is_file():
            storage.write_bytes(path, data)
        return self._images.add_upload(digest, name, width, height)

    def delete(self, image_id: int) -> None:
        """Take an image off the list; an upload's bytes are removed, a folder's file is left alone.

        Raises:
            NotFoundError: there is no image of that number.
        """
        row = self._images.delete(image_id)
        if row.source == "upload":
            (self._uploads / row.place).unlink(missing_ok=True)

    def thumbnail(self, image: ImageFile) -> Path:
        """Return the path of a small JPEG, made at the first call."""
        key = hashlib.sha256(name_bytes(f"{image.path} {image.stamp}")).hexdigest()
        path = self._thumbnails / key[:2] / f"{key}.jpg"
        if not path.is_file():
            storage.write_bytes(path, image_files.thumbnail(image.path, self.max_pixels))
        return path

    def _path(self, row: ImageRow) -> Path | None:
        """Return the path of the image's file; None if that is outside of what is served."""
        if row.source == "upload":
            return self._uploads / row.place
        if self._folder is None:
            return None
        path = path_of_stored(self._folder, row.place)
        return path if self._follow_links or _is_inside(path, self._folder) else None


def images_to_serve(folder: Path, follow_links: bool) -> FoundImages:
    """Return files that are images by their suffix, in natural order, without hidden ones, and what was left out."""
    found = images_in(folder, follow_out=follow_links)
    found.files.sort(key=_natural_order)
    return found


def _is_inside(path: Path, folder: Path) -> bool:
    """Return True if the file really lies in the folder: a link that leads out of it is not followed."""
    with suppress(OSError, RuntimeError):  # RuntimeError: links in a circle, until Python 3.13
        return path.resolve(strict=True).is_relative_to(folder) and path.is_file()
    return False


def _natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Return a sort key by which 2.jpg comes before 10.jpg."""
    words = re.split(r"(\d+)", path.as_posix().casefold())
    return [(0, int(word), "") if word.isdecimal() else (1, 0, word) for word in words]


def _stamp(path: Path) -> str:
    with suppress(OSError):
        about = path.stat()
        return f"{about.st_size}-{about.st_mtime_ns}"
    return ""


def _display_name(name: str) -> str:
    """Return the last part of a name that a browser or a program sent, printable and not too long."""
    last = re.split(r"[/\\]", name)[-1]
    printable = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C").strip()
    return printable[-_MAX_NAME:] or "image"
