"""Run a command's work on every image: a progress bar, a line for each image, reasons of failures, the exit code."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hqsam.cli.arguments import Existing
from hqsam.cli.console import json_line
from hqsam.cli.exit_codes import BAD_USE, FAILED_WORK
from hqsam.cli.progress import image_progress
from hqsam.errors import HqsamError
from hqsam.storage.text import escape_surrogates

if TYPE_CHECKING:
    from hqsam.batch.failures import Failure
    from hqsam.batch.inputs import Inputs
    from hqsam.batch.records import Record


def find_inputs(asked: list[str], out: Path | None, formats: list[str]) -> "Inputs":
    """Find the images, print what was left out, and look whether results can be written.

    Raises:
        InputError: there is no image.
        OutputError: the folder of the results cannot be written.
    """
    from hqsam import storage
    from hqsam.batch.inputs import find_images
    from hqsam.images.walk import describe_skipped

    inputs = find_images(asked)
    for line in describe_skipped(inputs.skipped):
        typer.echo(escape_surrogates(line), err=True)
    if formats:
        storage.check_folder(out or Path("out"))
    return inputs


def for_each_image(
    inputs: "Inputs",
    out: Path | None,
    formats: list[str],
    existing: Existing,
    load: "Callable[[], Callable[[Path, Path], Record]]",
    to_text: "Callable[[Record], str] | None",
    prompt: dict[str, Any] | None = None,
) -> None:
    """Run `hqsam.batch` and print a line for each image: JSON, or `to_text` of the record of one that was done.

    Args:
        inputs: from `find_inputs`.
        out: the folder of the results.
        formats: names of the formats that are written.
        existing: what to do about results of an earlier run.
        load: loads the model, and returns the work on one image; it is not called if no image can be worked on.
        to_text: None for JSON.
        prompt: has to fit an image, or the image cannot be worked on.

    Raises:
        typer.Exit: some images failed; which, and why, has been printed.
    """
    from hqsam.batch.inputs import check_image
    from hqsam.batch.run import for_each_image

    def fail(path: Path, folder: Path) -> "Record":
        check_image(path, prompt)
        return {"image": str(path), "files": []}

    def fits(path: Path) -> bool:
        try:
            check_image(path, prompt)
        except HqsamError:
            return False
        return True

    images = inputs.images
    work = load() if any(fits(image.path) for image in images) else fail
    failures: dict[str, Failure] = {}
    with image_progress(len(images)) as show:
        for record, failure in for_each_image(images, out or Path("out"), work, formats, existing.value):
            show(_text_line(record, to_text) if to_text else json_line(record))
            if failure:
                failures[record["image"]] = failure
    if failures:
        raise typer.Exit(_report(failures, len(images)))


def _text_line(record: "Record", to_text: "Callable[[Record], str]") -> str:
    if "error" in record:
        about = "failed"  # why is told at the end, where it is not scrolled away
    else:
        about = f"kept {', '.join(record['kept'])}" if "kept" in record else to_text(record)
    return escape_surrogates(f"{record['image']}: {about}")


def _report(failures: "dict[str, Failure]", total: int) -> int:
    """Print what failed and why; return the exit code."""
    for path, failure in failures.items():
        name = escape_surrogates(path)
        where = "" if name in failure.message else f"{name}: "
        typer.echo(f"hqsam: {where}{failure.message}", err=True)
    if total > 1:
        typer.echo(f"hqsam: {len(failures)} of {total} images failed", err=True)
    misused = len(failures) == total and all(failure.is_misuse for failure in failures.values())
    return BAD_USE if misused else FAILED_WORK
