"""Do the same work on image after image: a failure does not stop the others, and earlier results may be kept."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hqsam import storage
from hqsam.batch.failures import Failure
from hqsam.batch.inputs import ImageFile, result_folders
from hqsam.batch.records import Record
from hqsam.errors import ImageWarning, OutputError
from hqsam.formats import FORMATS

Existing = Literal["replace", "keep", "refuse"]


@dataclass(frozen=True, kw_only=True)
class GuardedWork:
    """Work that returns a failure instead of raising it, and leaves earlier results as asked."""

    work: Callable[[Path, Path], Record]
    """Takes an image's path and the folder of its results, writes them, and returns the record."""
    formats: tuple[str, ...] = ()
    """Names of `hqsam.formats.FORMATS` that are written."""
    existing: Existing = "replace"
    """The treatment of an earlier run's results: replace them, keep them, or stop with an error."""
    inputs: frozenset[Path] = frozenset()
    """Absolute paths of all images of this run: none of them is removed as an old result."""

    def __call__(self, path: Path, folder: Path) -> tuple[Record, Failure | None]:
        """Work on one image. Whatever goes wrong, even by a mistake of ours or lack of memory, becomes a `Failure`.

        What was left out or changed in reading the image is also in the record, as `notes`.
        """
        with collecting_notes() as notes:
            try:
                record = self._kept(path, folder)
                if record is None:
                    record = self.work(path, folder)
                    self._remove_stale(record, path, folder)
                failure = None
            except Exception as error:  # noqa: BLE001  (a night's work must not end with its first odd image)
                failure = Failure.of(path, error)
                record = {"image": str(path), "error": failure.message}
        return record | ({"notes": notes} if notes else {}), failure

    def _kept(self, path: Path, folder: Path) -> Record | None:
        """Return the record of an image that is done already, if such are to be kept."""
        there = [] if self.existing == "replace" else self._results_there(path, folder)
        files = [file for of_format in there for file in of_format]
        if files and self.existing == "refuse":
            raise OutputError(f"{files[0]} is there already; choose another --out, or --existing replace or keep")
        done = bool(files) and all(there)  # a run that was killed has left some formats without a file
        return {"image": str(path), "kept": [str(file) for file in files]} if done else None

    def _remove_stale(self, record: Record, path: Path, folder: Path) -> None:
        """Remove the files of an earlier run that this one did not replace: that run may have found more objects.

        The last one goes first, so that what a kill leaves is still numbered without a gap.
        """
        for of_format in self._results_there(path, folder):
            for file in reversed(of_format):
                if str(file) not in record["files"] and file.absolute() not in self.inputs:
                    storage.remove(file)

    def _results_there(self, path: Path, folder: Path) -> list[list[Path]]:
        """For each format the files about this image that an earlier run left."""
        return [FORMATS[name].files_there(folder, path.stem) for name in self.formats]


@contextmanager
def collecting_notes() -> Iterator[list[str]]:
    """Lend a list that has the text of each `ImageWarning` after the block; they are shown as warnings as well."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ImageWarning)
        yield notes
    for one in {str(one.message): one for one in caught}.values():
        notes += [str(one.message)] if isinstance(one.message, ImageWarning) else []
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def for_each_image(
    images: list[ImageFile],
    out: Path,
    work: Callable[[Path, Path], Record],
    formats: list[str],
    existing: Existing = "replace",
) -> Iterator[tuple[Record, Failure | None]]:
    """Yield the record of each image, in order, as soon as it is done, and the reason if it failed.

    Args:
        images: from `find_images`.
        out: the folder of the results, in folders of their own where names clash.
        work: is called with the path of an image and the folder of its results.
        formats: names of the formats that `work` writes; without any, `out` is not touched.
        existing: what to do about results of an earlier run.

    Raises:
        OutputError: the folder cannot be written; no image was opened.
    """
    if formats:
        storage.check_folder(out)
    inputs = frozenset(image.path.absolute() for image in images)
    guarded = GuardedWork(work=work, formats=tuple(formats), existing=existing, inputs=inputs)
    for image, folder in zip(images, result_folders(images), strict=True):
        yield guarded(image.path, out / folder)
