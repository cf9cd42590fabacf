"""Notes on images, such as that an alpha channel was left out: in a run over millions they are counted, not printed."""

import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hqsam.errors import ImageWarning

Note = tuple[str, str]
"""The kind of an `ImageWarning`, and what it says."""
NoteCounts = dict[str, dict[str, Any]]
"""By kind: `images`, how many have such a note, and `first`, what it says of one of them."""

_here = threading.local()


@contextmanager
def collecting_notes() -> Iterator[None]:
    """Let warnings of images go to the lists of `noted_in`, in all threads of this process."""
    show_others = warnings.showwarning

    def show(message: Any, *more: Any, **named: Any) -> None:
        notes = getattr(_here, "notes", None)
        if notes is not None and isinstance(message, ImageWarning):
            notes.append((message.kind, str(message)))
        else:
            show_others(message, *more, **named)

    with warnings.catch_warnings():
        # Python would keep every text to show it only once.
        warnings.simplefilter("always", ImageWarning)
        warnings.showwarning = show
        yield


@contextmanager
def noted_in(notes: list[Note]) -> Iterator[None]:
    """Put the image warnings of this thread into a list, within `collecting_notes`."""
    _here.notes = notes
    try:
        yield
    finally:
        _here.notes = None


def count_notes(notes: Iterable[Note], counts: NoteCounts) -> None:
    """Add the notes of one image to the counts."""
    for kind, text in dict(notes).items():
        counts.setdefault(kind, {"images": 0, "first": text})["images"] += 1


def joined_counts(parts: Iterable[Mapping[str, Mapping[str, Any]]]) -> NoteCounts:
    """Return the sum of several counts, with what the first of them says."""
    joined: NoteCounts = {}
    for part in parts:
        for kind, count in part.items():
            joined.setdefault(kind, {"images": 0, "first": count["first"]})["images"] += count["images"]
    return joined
