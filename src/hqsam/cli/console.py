"""Print on terminals and into files of any encoding: names that they cannot hold, notes about images, JSON lines."""

import io
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from hqsam.errors import DataWarning, ImageWarning
from hqsam.storage.text import escape_surrogates

_SHOWN = 3
"""Notes of one kind that are printed; the others are counted."""


def print_any_name() -> None:
    r"""Let stdout and stderr print names that their encoding cannot hold, as escapes such as `\u5199`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def json_line(record: dict[str, Any]) -> str:
    """Return a line of JSON that stdout can hold."""
    line = escape_surrogates(json.dumps(record, ensure_ascii=False))
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(line))
    return line


@contextmanager
def printing_notes() -> Iterator[None]:
    """Print warnings about images and data as notes on stderr: some of each kind, and in the end how many more."""
    seen: Counter[str] = Counter()
    texts: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if not isinstance(message, ImageWarning | DataWarning):
            show_others(message, category, *where)
            return
        if str(message) in texts:
            return
        texts.add(str(message))
        kind = getattr(message, "kind", str(message))
        seen[kind] += 1
        if seen[kind] <= _SHOWN:
            typer.echo(escape_surrogates(f"note: {message}"), err=True)

    with warnings.catch_warnings():
        for category in (ImageWarning, DataWarning):
            warnings.simplefilter("always", category)
        show_others, warnings.showwarning = warnings.showwarning, show
        try:
            yield
        finally:
            for count in (count - _SHOWN for count in seen.values() if count > _SHOWN):
                typer.echo(f"note: the same of {count} more", err=True)
