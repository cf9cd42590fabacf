"""What a reader leaves out of a file: counted, with the reason, and named so that it can be found there."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from hqsam.errors import DataWarning

_NAMED = 5
"""Entries that are named in words for each reason; the rest is counted."""


class LeftOut(NamedTuple):
    """One entry of a file that cannot be taken."""

    why: str
    """The reason as a plural, such as "boxes without masks", so that entries can be counted under it."""
    entry: str
    """What the file calls it: an annotation's id, or such as "line 3"."""


def in_words(left_out: Iterable[LeftOut]) -> str:
    """Return a sentence such as "3 left out: boxes without masks (4, 9), crowds (12)"; nothing if there is none."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.why, []).append(one.entry)
    count = sum(map(len, by_reason.values()))
    said = ", ".join(f"{why} ({_named(entries)})" for why, entries in by_reason.items())
    return f"{count} left out: {said}" if count else ""


def warn_of(left_out: Iterable[LeftOut], path: Path) -> None:
    """Warn of what a reader left out of a file; not at all if there is nothing."""
    said = in_words(left_out)
    if said:
        warnings.warn(DataWarning(f"{path}: {said}"), stacklevel=3)


def _named(entries: list[str]) -> str:
    more = [f"and {len(entries) - _NAMED} more"] if len(entries) > _NAMED else []
    return ", ".join([*entries[:_NAMED], *more])
