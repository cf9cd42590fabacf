"""Progress bars on stderr, and the lines about finished images on stdout."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer


@contextmanager
def image_progress(total: int) -> Iterator[Callable[[str], None]]:
    """Lend a function that prints the line about an image that is done, and moves the bar on.

    There is a bar only for more than one image, and only where somebody sees it.
    """
    if total < 2 or not sys.stderr.isatty():
        yield typer.echo
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    # rich would send stdout to stderr while the bar is there, and so tear it from a pipe.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False, transient=True) as progress:
        task = progress.add_task("segmenting", total=total)

        def show(line: str) -> None:
            if sys.stdout.isatty():
                progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                typer.echo(line)
            progress.advance(task)

        yield show


@contextmanager
def progress_bar(unit: str, every_s: float = 30) -> Iterator[Callable[[int, int], None]]:
    """Lend a function that is told how many are done, of how many: a bar with the time left, or a line now and then."""
    if not sys.stderr.isatty():
        yield _ProgressLines(unit, every_s)
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False, transient=True) as progress:
        task = progress.add_task(unit, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def with_progress(task: Callable[..., Any], unit: str) -> Callable[[Path, Path], Any]:
    """Return work on an image that shows its own progress, of a task that takes `progress`."""

    def work(path: Path, folder: Path) -> Any:
        with progress_bar(unit) as progress:
            return task(path, folder, progress=progress)

    return work


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Lend a callback to code that may download; a bar appears on stderr with the first bytes."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"fetching {name}", visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total or None, visible=True)


class _ProgressLines:
    """Prints progress for a log: a line every `every_s` seconds, with the time left."""

    def __init__(self, unit: str, every_s: float) -> None:
        self.unit, self.every_s = unit, every_s
        self.began = self.last_shown = time.monotonic()
        self.done_before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self.done_before = done if self.done_before is None else self.done_before
        if now - self.last_shown < self.every_s or done == self.done_before:
            return
        self.last_shown = now
        left = (now - self.began) / (done - self.done_before) * (total - done)
        typer.echo(f"{done} of {total} {self.unit}, {left / 60:.1f} minutes left", err=True)
