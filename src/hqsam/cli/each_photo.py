"""The same work on photo after photo: a failure does not stop the others, and earlier results may be kept."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from hqsam import storage
from hqsam.cli.exit_codes import BAD_USE, FAILED_WORK, exit_code
from hqsam.cli.failures import explain
from hqsam.cli.image_files import Photo, result_folders
from hqsam.cli.progress import progress_of
from hqsam.errors import OutputError
from hqsam.storage import readable

_LOG = logging.getLogger(__name__)

Record = dict[str, Any]
"""What there is to say about one photo; it is JSON as it stands."""


@dataclass(frozen=True)
class Failure:
    """Why a photo failed. The exception itself is not kept: through its traceback it holds the photo's arrays."""

    words: str
    code: int

    @classmethod
    def of(cls, path: Path, error: Exception) -> "Failure":
        """What is told of an error; the log has the rest."""
        _LOG.debug("%s failed", path, exc_info=error)
        return cls(explain(error), exit_code(error))


class Existing(Enum):
    """What to do about results that are there already."""

    replace = "replace"
    keep = "keep"
    refuse = "refuse"


def for_each_photo(
    photos: list[Photo],
    out: Path | None,
    formats: list[str],
    existing: Existing,
    work: Callable[[Path, Path], Record],
    say: Callable[[Record], str],
) -> None:
    """Do `work(photo, folder of its results)` on every photo, and print what `say` makes of its record.

    Whatever goes wrong with one photo, even for a mistake of ours or want of memory, the others are done.

    Raises:
        typer.Exit: some photos failed; which, and why, has been told.
    """
    out = out or Path("out")
    if formats:
        storage.check_folder(out)
    folders = [out / below for below in result_folders(photos)]
    inputs = {photo.path.absolute() for photo in photos}
    failures: dict[Path, Failure] = {}
    with progress_of(len(photos)) as tell:
        for photo, folder in zip(photos, folders, strict=True):
            try:
                record = _kept(photo.path, folder, formats, existing)
                if record is None:
                    record = work(photo.path, folder)
                    _remove_stale(record, photo.path, folder, formats, inputs)
            except Exception as error:  # noqa: BLE001  (a night's work must not end with its first odd photo)
                failures[photo.path] = Failure.of(photo.path, error)
                record = {"photo": str(photo.path), "error": failures[photo.path].words}
            tell(readable(say(record)))
    if failures:
        raise typer.Exit(_report(failures, len(photos)))


def as_json(record: Record) -> str:
    """A record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False)


def in_words(of_success: Callable[[Record], str]) -> Callable[[Record], str]:
    """A record as a line for people; `of_success` words those of photos that were done."""

    def say(record: Record) -> str:
        if "error" in record:
            return f"{record['photo']}: failed"  # why is told at the end, where it is not scrolled away
        if "kept" in record:
            return f"{record['photo']}: kept {', '.join(record['kept'])}"
        return f"{record['photo']}: {of_success(record)}"

    return say


def need_pixels(formats: list[str]) -> bool:
    """Whether any of the formats is a picture that the photo is needed for."""
    from hqsam.formats import FORMATS

    return any(FORMATS[name].needs_pixels for name in formats)


def _kept(path: Path, folder: Path, formats: list[str], existing: Existing) -> Record | None:
    """The record of a photo that is done already, if such are to be kept."""
    there = [] if existing is Existing.replace else _results_there(path, folder, formats)
    files = [file for of_format in there for file in of_format]
    if files and existing is Existing.refuse:
        raise OutputError(f"{files[0]} is there already; choose another --out, or --existing replace or keep")
    done = bool(files) and all(there)  # a run that was killed has left some formats without a file
    return {"photo": str(path), "kept": [str(file) for file in files]} if done else None


def _remove_stale(record: Record, path: Path, folder: Path, formats: list[str], inputs: set[Path]) -> None:
    """Remove what an earlier run wrote of this photo and this one did not replace: it may have found more objects.

    The last one goes first, so that what a kill leaves is still numbered without a gap. A photo that was asked for is
    nobody's result, whatever it is called.
    """
    for of_format in _results_there(path, folder, formats):
        for file in reversed(of_format):
            if str(file) not in record["files"] and file.absolute() not in inputs:
                storage.remove(file)


def _results_there(path: Path, folder: Path, formats: list[str]) -> list[list[Path]]:
    """For each format its files about this photo that an earlier run left."""
    from hqsam.formats import FORMATS

    return [FORMATS[name].files_there(folder, path.stem) for name in formats]


def _report(failures: dict[Path, Failure], total: int) -> int:
    """Say what failed and why; the exit code."""
    for path, failure in failures.items():
        name = readable(str(path))
        where = "" if name in failure.words else f"{name}: "
        typer.echo(f"hqsam: {where}{failure.words}", err=True)
    if total > 1:
        typer.echo(f"hqsam: {len(failures)} of {total} photos failed", err=True)
    asked_wrongly = len(failures) == total and all(failure.code == BAD_USE for failure in failures.values())
    return BAD_USE if asked_wrongly else FAILED_WORK
