"""Import: masks of other tools, to be corrected: COCO and labelme JSON, a zip of them, masks and label maps.

An import is one batch, which is undone as one step. Masks that are there already are left out, and what cannot be taken
is counted by its reason. Sizes are compared with those of the images before a mask is made, because a few bytes can
claim a mask of gigabytes.
"""

import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from hqsam.errors import DataError
from hqsam.formats import label_map, labelme
from hqsam.formats.coco_reader import instances_of, read_coco
from hqsam.formats.files import read_json
from hqsam.formats.image_lookup import NameIndex
from hqsam.formats.left_out import LeftOut
from hqsam.images.image_info import begins_as_image
from hqsam.masks.instances import Instances
from hqsam.serving.store import image_files
from hqsam.serving.store.annotations import AnnotationContent, add_annotation, annotations_of
from hqsam.serving.store.batches import BatchTable
from hqsam.serving.store.classes import ensure_classes
from hqsam.serving.store.tables import ImageRow

_MAX_FILES, _MAX_UNPACKED = 20_000, 1 << 30
"""Limits of a zip, which may claim more than fits on the disk."""
_ZIP = b"PK\x03\x04"


@dataclass
class ImportResult:
    """The outcome of an import."""

    batch: int | None = None
    """Number for `BatchTable.undo`; None if nothing was added."""
    annotations: int = 0
    """Annotations that were added."""
    duplicates: int = 0
    """Masks that were there already, and were left out."""
    images: list[int] = field(default_factory=list)
    """Images that got annotations."""
    unmatched: list[str] = field(default_factory=list)
    """Images of the file that are not here, are of another size, or have the name of several that are here."""
    left_out: list[LeftOut] = field(default_factory=list)
    """Further entries that could not be taken."""


class Importer:
    """Reads files about some images, and adds their masks to the annotations."""

    def __init__(self, rows: Sequence[ImageRow], batches: BatchTable, max_pixels: int) -> None:
        counts = Counter(row.name for row in {row.id: row for row in rows}.values())
        self._ambiguous = {name for name, count in counts.items() if count > 1}
        self._by_name = {row.name: row for row in rows}
        self._names = NameIndex(self._by_name)
        self._by_id = {row.id: row for row in rows}
        self._batches, self._max_pixels = batches, max_pixels

    def add(self, paths: Sequence[Path], image: int | None) -> ImportResult:
        """Add the masks of files.

        Args:
            paths: the files; their contents tell what they are.
            image: the image that they are about, for masks, label maps and labelme's files.

        Raises:
            DataError: one cannot be read, is of no known kind, or a mask is of another size than its image.
        """
        result = ImportResult()
        found = [one for path in paths for one in self._read(path, image, result)]
        with self._batches.open("import") as (session, batch):
            for row, instances in found:
                added, duplicates = add_instances(session, batch, row, instances, "import")
                result.annotations, result.duplicates = result.annotations + added, result.duplicates + duplicates
                if added and row.id not in result.images:
                    result.images.append(row.id)
            result.batch = batch if result.annotations else None
        return result

    def _read(self, path: Path, image: int | None, result: ImportResult) -> Iterator[tuple[ImageRow, Instances]]:
        with path.open("rb") as file:
            start = file.read(64)
        if begins_as_image(start):
            if image is None:
                raise DataError("say which image the mask is for, in the field `image`")
            instances, left_out = _read_mask_image(path, self._by_id[image], self._max_pixels)
            result.left_out += left_out
            yield self._by_id[image], instances
        elif start.startswith(_ZIP):
            yield from self._read_zip(path, result)
        elif isinstance(content := read_json(path), dict) and "shapes" in content:
            row = self._find(str(content.get("imagePath") or path.stem), content, image)
            if row is None:
                result.unmatched.append(str(content.get("imagePath") or path.name))
            else:
                instances, left_out = labelme.read_shapes(path, (row.height, row.width))
                result.left_out += left_out
                yield row, instances
        else:
            yield from self._read_coco(path, result)

    def _read_zip(self, path: Path, result: ImportResult) -> Iterator[tuple[ImageRow, Instances]]:
        """Yield what the files of a zip hold; those that are of another kind are left out, unless all are."""
        errors: list[DataError] = []
        read = 0
        for name, member in _unpacked(path):
            try:
                found = list(self._read(member, None, result))
            except DataError as error:
                errors.append(error)
                result.left_out.append(LeftOut("files that are no annotations, or damaged", name))
                continue
            read += 1
            yield from found
        if errors and not read:
            raise errors[0]

    def _find(self, name: str, content: dict[str, object], image: int | None) -> ImageRow | None:
        """Return the image that a labelme file is about, if it is of the size that the file says."""
        row = self._by_id[image] if image is not None else self._named(name)
        stated = (content.get("imageHeight"), content.get("imageWidth"))
        fits = row is not None and (not all(stated) or stated == (row.height, row.width))
        return row if fits else None

    def _named(self, name: str) -> ImageRow | None:
        """Return the image that a file's name means, or None if it means none, or several equally."""
        known = self._names.find(name)
        return None if known is None or known in self._ambiguous else self._by_name[known]

    def _read_coco(self, path: Path, result: ImportResult) -> Iterator[tuple[ImageRow, Instances]]:
        file = read_coco(path)
        by_image = file.by_image("with crowds")  # CVAT calls every mask that was painted a crowd
        result.left_out += file.left_out
        for image in file.images:
            row = self._named(image["file_name"])
            size_hw = (0, 0) if row is None else (row.height, row.width)
            if row is None or (image["height"] is not None and (image["height"], image["width"]) != size_hw):
                result.unmatched.append(image["file_name"])
                continue
            instances, unusable = instances_of(by_image[image["id"]], file.categories, size_hw, row.name)
            result.left_out += unusable
            yield row, instances


def add_instances(session: Session, batch: int, row: ImageRow, instances: Instances, source: str) -> tuple[int, int]:
    """Add masks to an image's annotations; return how many were added, and how many were there already."""
    there = {one.content.rle["counts"] for one in annotations_of(session, row.id)}
    contents = [_content(instances[number], source) for number in range(len(instances)) if instances.areas[number]]
    new = [content for content in contents if content.rle["counts"] not in there]
    ensure_classes(session, [content.class_name for content in new])
    for content in new:
        add_annotation(session, row.id, None, content, batch)
    return len(new), len(contents) - len(new)


def counts_of(left_out: Sequence[LeftOut]) -> list[tuple[str, int, list[str]]]:
    """Return each reason with the number of its entries and the first five of them."""
    counts = Counter(one.why for one in left_out)
    return [(why, count, [one.entry for one in left_out if one.why == why][:5]) for why, count in counts.items()]


def _read_mask_image(path: Path, row: ImageRow, max_pixels: int) -> tuple[Instances, list[LeftOut]]:
    size = image_files.size_of(path, max_pixels)
    if size != (row.height, row.width):
        raise DataError(
            f"the mask is {size[1]} x {size[0]} and the image {row.width} x {row.height}; a mask has to be of the "
            "upright image's size"
        )
    return label_map.read_any(path)


def _unpacked(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the JSON files of a zip by their names in it, unpacked beside it one after the other."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if _is_json(one.filename)]
            if len(members) > _MAX_FILES or sum(one.file_size for one in members) > _MAX_UNPACKED:
                raise DataError(
                    f"the zip has more than {_MAX_FILES} files or {_MAX_UNPACKED >> 20} MB; send parts of it"
                )
            if not members:
                raise DataError("the zip has no JSON files; send COCO or labelme JSON")
            for number, member in enumerate(members):
                unpacked = path.with_name(f"{number}.json")
                with archive.open(member) as file:
                    unpacked.write_bytes(file.read(member.file_size + 1))
                yield member.filename, unpacked
                unpacked.unlink()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot unpack {path}: {error}") from error


def _is_json(name: str) -> bool:
    """Return True for a JSON file's name, and False for what macOS adds to a zip for each file."""
    parts = name.split("/")
    return name.lower().endswith(".json") and parts[0] != "__MACOSX" and not parts[-1].startswith("._")


def _content(one: Instances, source: str) -> AnnotationContent:
    label = "".join(letter for letter in one.labels[0] if letter >= " " and letter != "\x7f")[:200] or "object"
    score = one.known_score(0)
    x0, y0, x1, y1 = one.boxes[0].tolist()
    return AnnotationContent(
        class_name=label,
        rle=one.rle[0],
        box=(x0, y0, x1, y1),
        area=int(one.areas[0]),
        source=source,
        score=score if score is not None and math.isfinite(score) else None,
        prompts=[],
    )
