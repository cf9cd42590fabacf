"""Files with lists of classes, as other tools and hqsam write them."""

import csv
import json
from collections.abc import Iterable
from typing import Any

import yaml

from hqsam.errors import DataError
from hqsam.serving.store.classes import ClassEntry

_DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    OverflowError,
    csv.Error,
    yaml.YAMLError,
)
_EXPECTED = (
    "expected a name on each line, YOLO's data.yaml, COCO JSON, a table with the columns number, name and colour, or a "
    "JSON list of names or of {name, colour, key, number}"
)


def read_class_file(data: bytes) -> list[ClassEntry]:
    """Return the classes of a file, with its numbers: YOLO's ids count from 0 and become one more.

    Raises:
        DataError: it is none of the known kinds, or holds no class.
    """
    try:
        entries = list(_entries(data.decode("utf-8-sig")))
    except _DAMAGED as error:
        raise DataError(f"cannot read the classes: {type(error).__name__}: {error}; {_EXPECTED}") from error
    if not entries:
        raise DataError(f"there are no classes in the file; {_EXPECTED}")
    return entries


def _entries(text: str) -> Iterable[ClassEntry]:
    if text.lstrip().startswith(("[", "{")):
        content = json.loads(text)
        return _coco(content["categories"]) if isinstance(content, dict) else [_own(one) for one in content]
    if "names:" in text:
        names = yaml.safe_load(text)["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return [ClassEntry(str(name), number=int(place) + 1) for place, name in pairs]
    rows = list(csv.DictReader(text.splitlines()))
    if rows and {"number", "name"} <= rows[0].keys():
        return [ClassEntry(row["name"], row.get("colour"), number=int(row["number"])) for row in rows]
    lines = [line.strip() for line in text.splitlines()]
    return [ClassEntry(line, number=place) for place, line in enumerate(lines, start=1) if line]


def _coco(categories: list[dict[str, Any]]) -> list[ClassEntry]:
    shift = int(any(int(one["id"]) == 0 for one in categories))
    return [ClassEntry(str(one["name"]), number=int(one["id"]) + shift) for one in categories]


def _own(one: Any) -> ClassEntry:
    if isinstance(one, str):
        return ClassEntry(one)
    known = {name: one[name] for name in ("colour", "key", "number") if one.get(name) is not None}
    return ClassEntry(str(one["name"]), **known)
