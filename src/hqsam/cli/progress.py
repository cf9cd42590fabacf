"""A bar on stderr while many photos are worked on, and the lines about each on stdout."""

import sys
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
