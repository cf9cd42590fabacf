"""A table for spreadsheets: one line for each object, with its area, score and box."""

import csv
import io
from pathlib import Path
from typing import Any

from hqsam import storage
from hqsam.formats.document import Document, MaskedObject


def write(document: Document, folder: Path) -> list[Path]:
    """`photo_objects.csv`: number, label, score, area, box, and what else is known in single numbers."""
    rows = [{"number": number, **_row(one)} for number, one in enumerate(document.objects, start=1)]
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys(name for row in [_EMPTY, *rows] for name in row)), restval="")
    table.writeheader()
    table.writerows(rows)
    path = document.path(folder, "_objects.csv")
    storage.write_text(path, text.getvalue())
    return [path]


_EMPTY = dict.fromkeys(("number", "label", "score", "area", "x0", "y0", "x1", "y1"))


def _row(one: MaskedObject) -> dict[str, Any]:
    box = dict(zip(("x0", "y0", "x1", "y1"), one.box_xyxy.tolist(), strict=True))
    score = "" if one.score is None else round(one.score, 6)
    numbers = {name: value for name, value in one.more.items() if isinstance(value, int | float)}
    return {"label": one.label, "score": score, "area": one.area, **box, **numbers}
