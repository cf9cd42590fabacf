"""Finds the image that ends its process, on any engine: a chunk that is begun has a mark in the store until it is done.

Who finds a mark knows that the process before died, and goes on with care: one image after the other, each noted
before anything is done with it. An image at which it died twice is given up. A run that ends in any other way than by
death removes the marks.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hqsam.batch.files import OutputStore

_DEATHS = 2
"""Deaths at an image after which it is given up."""
_PREFIX = "begun-"


class Attempt:
    """One attempt at a chunk."""

    def __init__(self, store: OutputStore, chunk: int) -> None:
        """Note that the chunk is begun, and find out whether it was before."""
        self.store, self.name = store, _name(chunk)
        there = store.read_text(self.name)
        self.is_careful = there is not None
        """True if a process died while it worked on this chunk: then `begin` is called before each image."""
        mark: dict[str, Any] = json.loads(there or "{}")
        self.deaths: dict[str, int] = mark.get("deaths", {})
        self.cause: str = mark.get("cause", "")
        if "at" in mark:
            self.deaths[mark["at"]] = self.deaths.get(mark["at"], 0) + 1
        self._write()

    def begin(self, images: Sequence[int]) -> None:
        """Note that images, by their places in the chunk, are about to be worked on; none when all are done."""
        self._write({"at": _key(images)} if images else {})

    def died_at(self, images: Sequence[int]) -> str | None:
        """Return why these images should not be worked on together again, None if they may be."""
        if self.deaths.get(_key(images), 0) < _DEATHS:
            return None
        cause = f" ({self.cause})" if self.cause else ""
        return (
            f"the process died {_DEATHS} times while it worked on this image{cause}; there may not be enough memory "
            "for it"
        )

    def end(self) -> None:
        """Note that the chunk is done."""
        self.store.remove(self.name)

    def _write(self, more: Mapping[str, str] = MappingProxyType({})) -> None:
        self.store.write_text(self.name, json.dumps({"deaths": self.deaths, "cause": self.cause} | dict(more)))


def note_cause(store: OutputStore, chunk: int, cause: str) -> None:
    """Note how the process that worked on a chunk ended, if it had begun it."""
    there = store.read_text(_name(chunk))
    if there is not None:
        store.write_text(_name(chunk), json.dumps(json.loads(there) | {"cause": cause}))


def forget_attempts(store: OutputStore) -> None:
    """Remove the marks of all chunks, since nobody has died."""
    for name in store.names("run"):
        if name.startswith(_PREFIX):
            store.remove(f"run/{name}")


def _key(images: Sequence[int]) -> str:
    return ",".join(map(str, images))


def _name(chunk: int) -> str:
    return f"run/{_PREFIX}{chunk:06d}.json"
