"""Where an answer goes: one file by its suffix, or a folder in several formats."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

from hqsam.errors import OptionError
from hqsam.formats import FORMATS, format_named, write
from hqsam.formats.document import Document
from hqsam.formats.file_names import numbered
from hqsam.images.image_info import is_image_name

_FORMAT_OF = {
    ".png": "png",
    ".json": "coco",
    ".svg": "svg",
    ".geojson": "geojson",
    ".txt": "yolo",
    ".csv": "csv",
}
"""What a suffix means if no format is named."""


def save(document: Document, path: str | PathLike[str], formats: Sequence[str]) -> list[Path]:
    """Write a document under a name of its own, or into a folder under the names that formats give.

    A path that ends in a suffix of the table above, or of photos, is a file, and has to be that of its one format; any
    other path is a folder. Where a format has a file for each object, several objects' files are numbered: cup_01.png,
    cup_02.png.

    Raises:
        OptionError: there is no such format, or the suffix names none or another.
        OutputError: it cannot be written; nothing half-written was left.
    """
    path = Path(path)
    if not _is_file(path, formats):
        return write(document, path, formats or ["png"])
    name = _format_of(path, formats)
    named = {field.name: getattr(document, field.name) for field in fields(document)}
    return write(_Named(**named, target=path), path.parent, [name])


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
    """Whether a path is meant as a file: `run.2` is a folder as soon as formats say what goes there."""
    named_as_file = path.suffix.lower() in _FORMAT_OF or is_image_name(path.name) or not formats
    return bool(path.suffix) and named_as_file and not path.is_dir()


def _format_of(path: Path, formats: Sequence[str]) -> str:
    """The one format that a file is to have.

    Raises:
        OptionError: the suffix is not that of the format, or there are several formats, or none is known by it.
    """
    if len(formats) > 1:
        raise OptionError(f"{path.name} is one file, and the formats are {', '.join(formats)}; give a folder for them")
    suffix = path.suffix.lower()
    if not formats and suffix not in _FORMAT_OF:
        raise OptionError(
            f"{path.name} ends in {path.suffix!r}; masks are written as {', '.join(_FORMAT_OF)}, or give a folder and "
            f"formats: {', '.join(FORMATS)}"
        )
    name = formats[0] if formats else _FORMAT_OF[suffix]
    expected = format_named(name).suffix
    if suffix != expected:
        raise OptionError(
            f"{path.name} ends in {path.suffix!r}, and the format {name!r} is written as {expected}; "
            f"call it {path.with_suffix(expected).name}, or give a folder"
        )
    return name


@dataclass(frozen=True, kw_only=True)
class _Named(Document):
    """A document whose file is called as its owner wants it."""

    target: Path

    def path(self, folder: Path, ending: str) -> Path:
        return self.target

    def object_path(self, folder: Path, ending: str, number: int) -> Path:
        return numbered(self.target, number, len(self.objects))
