"""Run a command's work on every image: a progress bar, a line for each image, reasons of failures, the exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hqsam.cli.arguments import Existing
from hqsam.cli.exit_codes import BAD_USE, FAILED_WORK
from hqsam.cli.progress import image_progress

if TYPE_CHECKING:
    from hqsam.batch.failures import Failure
    from hqsam.batch.inputs import ImageFile
    from hqsam.batch.run import Record


def for_each_image(
    images: "list[ImageFile]",
    out: Path | None,
    formats: list[str],
    existing: Existing,
    work: "Callable[[Path, Path], Record]",
    to_text: "Callable[[Record], str] | None",
) -> None:
    """Run `hqsam.batch` and print a line for each image: JSON, or `to_text` of the record of one that was done.

    Raises:
        typer.Exit: some images failed; which, and why, has been printed.
    """
    from hqsam.batch.run import for_each_image
    from hqsam.storage.text import escape_surrogates

    failures: dict[str, Failure] = {}
    with image_progress(len(images)) as show:
        for record, failure in for_each_image(images, out or Path("out"), work, formats, existing.value):
            line = _text_line(record, to_text) if to_text else json.dumps(record, ensure_ascii=False)
            show(escape_surrogates(line))
            if failure:
                failures[record["image"]] = failure
    if failures:
        raise typer.Exit(_report(failures, len(images)))


def _text_line(record: "Record", to_text: "Callable[[Record], str]") -> str:
    if "error" in record:
        return f"{record['image']}: failed"  # why is told at the end, where it is not scrolled away
    if "kept" in record:
        return f"{record['image']}: kept {', '.join(record['kept'])}"
    return f"{record['image']}: {to_text(record)}"


def _report(failures: "dict[str, Failure]", total: int) -> int:
    """Print what failed and why; return the exit code."""
    from hqsam.storage.text import escape_surrogates

    for path, failure in failures.items():
        name = escape_surrogates(path)
        where = "" if name in failure.message else f"{name}: "
        typer.echo(f"hqsam: {where}{failure.message}", err=True)
    if total > 1:
        typer.echo(f"hqsam: {len(failures)} of {total} images failed", err=True)
    misused = len(failures) == total and all(failure.is_misuse for failure in failures.values())
    return BAD_USE if misused else FAILED_WORK
