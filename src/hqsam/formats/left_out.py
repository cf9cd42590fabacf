"""Entries that a reader leaves out of a file: counted, with the reason, and named so that they can be found."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from hqsam.errors import DataError, DataWarning

Entry = TypeVar("Entry")
Taken = TypeVar("Taken")

_NAMED = 5
"""Entries that are named in words for each reason; the rest is counted."""


class LeftOut(NamedTuple):
    """One entry of a file that cannot be taken."""

    why: str
    """The reason as a plural, such as "boxes without masks", so that entries can be counted under it."""
    entry: str
    """The entry's name in the file: an annotation's id, or "line 3" and the like."""


def take_each(
    entries: Iterable[tuple[str, Entry]], take: Callable[[Entry], Taken], damaged: str
) -> tuple[list[Taken], list[LeftOut]]:
    """Take what can be taken of a file's entries.

    Args:
        entries: each with its name.
        take: raises a DataError, whose message is a reason in the plural, for an entry that cannot be taken.
        damaged: the reason for entries that raise anything else, such as "damaged shapes".
    """
    taken: list[Taken] = []
    left_out: list[LeftOut] = []
    for name, entry in entries:
        try:
            taken.append(take(entry))
        except DataError as error:  # noqa: PERF203 (a hundredth of what making a mask takes)
            left_out.append(LeftOut(str(error), name))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError):
            left_out.append(LeftOut(damaged, name))
    return taken, left_out


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
