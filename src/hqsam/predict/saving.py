"""Where an answer goes: one file by its suffix, or a folder in several formats."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

from hqsam.errors import OptionError
from hqsam.formats import FORMATS, write
from hqsam.formats.document import Document

_FORMAT_OF = {".png": "png", ".json": "coco", ".svg": "svg", ".geojson": "geojson", ".txt": "yolo"}
"""What a suffix means if no format is named."""


def save(document: Document, path: str | PathLike[str], formats: Sequence[str]) -> list[Path]:
    """Write a document under a name of its own, or into a folder under the names that formats give.

    A path that ends in a suffix of the table above is a file, for one format; any other path is a folder. Where a
    format has a file for each object, several objects' files are numbered: cup_01.png, cup_02.png.

    Raises:
        OptionError: there is no such format, or the suffix names none.
        OutputError: it cannot be written; nothing half-written was left.
    """
    path = Path(path)
    if _is_file(path, formats):
        named = {field.name: getattr(document, field.name) for field in fields(document)}
        document = _Named(**named, target=path)
        return write(document, path.parent, formats or [_FORMAT_OF[path.suffix.lower()]])
    if path.suffix and not formats and not path.is_dir():
        raise OptionError(
            f"{path.name} ends in {path.suffix!r}; masks are written as {', '.join(_FORMAT_OF)}, or give a folder and "
            f"formats: {', '.join(FORMATS)}"
        )
    return write(document, path, formats or ["png"])


def names_of(labels: str | Sequence[str], count: int) -> list[str]:
    """A name for each of `count` masks, from one for each or one for all.

    Raises:
        OptionError: there are not as many labels as masks.
    """
    names = [labels] * count if isinstance(labels, str) else list(labels)
    if len(names) != count:
        raise OptionError(f"got {len(names)} labels for {count} masks; give each mask one")
    return names


def _is_file(path: Path, formats: Sequence[str]) -> bool:
    return path.suffix.lower() in _FORMAT_OF and len(formats) <= 1 and not path.is_dir()


@dataclass(frozen=True, kw_only=True)
class _Named(Document):
    """A document whose file is called as its owner wants it."""

    target: Path

    def path(self, folder: Path, ending: str) -> Path:
        return self.target

    def object_path(self, folder: Path, ending: str, number: int) -> Path:
        if len(self.objects) == 1:
            return self.target
        digits = max(2, len(str(len(self.objects))))
        return self.target.with_stem(f"{self.target.stem}_{number + 1:0{digits}}")
