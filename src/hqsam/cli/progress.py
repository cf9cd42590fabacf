"""A bar on stderr while many photos are worked on, and the lines about each on stdout."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def progress_of(total: int) -> Iterator[Callable[[str], None]]:
    """Lend a function that prints the line about a photo that is done, and moves the bar on.

    There is a bar only for more than one photo, and only where somebody sees it.
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

        def tell(line: str) -> None:
            if sys.stdout.isatty():
                progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                typer.echo(line)
            progress.advance(task)

        yield tell


@contextmanager
def counting(what: str, every_s: float = 30) -> Iterator[Callable[[int, int], None]]:
    """Lend a function that is told how many are done, of how many: a bar with the time left, or a line now and then."""
    if not sys.stderr.isatty():
        yield _Lines(what, every_s)
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class _Lines:
    """Progress for a log: a line every so many seconds, with the time left."""

    def __init__(self, what: str, every_s: float) -> None:
        self.what, self.every_s = what, every_s
        self.began = self.told = time.monotonic()
        self.before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self.before = done if self.before is None else self.before
        if now - self.told < self.every_s or done == self.before:
            return
        self.told = now
        left = (now - self.began) / (done - self.before) * (total - done)
        typer.echo(f"{done} of {total} {self.what}, {left / 60:.1f} minutes left", err=True)
