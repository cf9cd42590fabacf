"""The same work on photo after photo: a failure does not stop the others, and earlier results may be kept."""

import json
from collections.abc import Callable
from enum import Enum
from glob import escape
from pathlib import Path
from typing import Any

import typer

from hqsam.cli.exits import BAD_USE, FAILED_WORK, exit_code, one_line
from hqsam.cli.photos import Photo, result_folders
from hqsam.cli.progress import progress_of
from hqsam.errors import HqsamError, OutputError

Record = dict[str, Any]
"""What there is to say about one photo; it is JSON as it stands."""


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

    Raises:
        typer.Exit: some photos failed; which, and why, has been told.
    """
    folders = [(out or Path("out")) / below for below in result_folders(photos)]
    failures: dict[Path, HqsamError] = {}
    with progress_of(len(photos)) as tell:
        for photo, folder in zip(photos, folders, strict=True):
            try:
                record = _kept(photo.path, folder, formats, existing) or work(photo.path, folder)
            except HqsamError as error:
                failures[photo.path] = error
                record = {"photo": str(photo.path), "error": one_line(error)}
            tell(say(record))
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
    if there and existing is Existing.refuse:
        raise OutputError(f"{there[0]} is there already; choose another --out, or --existing replace or keep")
    return {"photo": str(path), "kept": [str(file) for file in there]} if there else None


def _results_there(path: Path, folder: Path, formats: list[str]) -> list[Path]:
    """Files that this run would replace."""
    from hqsam.formats import FORMATS

    patterns = [escape(path.stem) + FORMATS[name].ending for name in formats]
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _report(failures: dict[Path, HqsamError], total: int) -> int:
    """Say what failed and why; the exit code."""
    for path, error in failures.items():
        where = "" if str(path) in str(error) else f"{path}: "
        typer.echo(f"hqsam: {where}{one_line(error)}", err=True)
    if total > 1:
        typer.echo(f"hqsam: {len(failures)} of {total} photos failed", err=True)
    asked_wrongly = len(failures) == total and all(exit_code(error) == BAD_USE for error in failures.values())
    return BAD_USE if asked_wrongly else FAILED_WORK
