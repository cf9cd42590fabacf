"""Fingerprints of data, by which a run, a cache or an evaluation knows the images and masks that it began with."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class DataFiles(Protocol):
    """A sample as files on disk."""

    @property
    def name(self) -> str:
        """The sample's name."""
        ...

    @property
    def image(self) -> Path:
        """The image's file."""
        ...

    @property
    def truth_files(self) -> tuple[Path, ...]:
        """The files that hold its masks, and no other sample's."""
        ...


def fingerprint(samples: Iterable[DataFiles], shared: Iterable[Path] = ()) -> str:
    """Return 16 hexadecimal digits that change with a name, the size of an image's file, or the contents of masks.

    It does not matter where the files are, nor in which order the samples come.

    Args:
        samples: images with their masks.
        shared: annotation files of many samples.
    """
    lines = sorted(_line(sample) for sample in samples)
    return _digest([*map(_contents, shared), *lines])[:16]


def _line(sample: DataFiles) -> str:
    try:
        size = sample.image.stat().st_size
    except OSError:  # whoever reads it says so
        size = -1
    return ascii([sample.name, size, *map(_contents, sample.truth_files)])


def _contents(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
