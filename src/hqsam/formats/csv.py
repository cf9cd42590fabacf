"""A table for spreadsheets: one line for each object, with its area, score and box."""

import csv
import io
from pathlib import Path
from typing import Any

from hqsam import storage
from hqsam.formats.file_names import OutputPaths
from hqsam.masks.instances import Instances


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_objects.csv`: number, label, score, area, box, and what else is known in single numbers."""
    rows = [{"number": row + 1, **_row(instances, row)} for row in range(len(instances))]
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys(name for row in [_EMPTY, *rows] for name in row)), restval="")
    table.writeheader()
    table.writerows(rows)
    path = paths.path("_objects.csv")
    storage.write_text(path, text.getvalue())
    return [path]


_EMPTY = dict.fromkeys(("number", "label", "score", "area", "x0", "y0", "x1", "y1"))


def _row(instances: Instances, row: int) -> dict[str, Any]:
    box = dict(zip(("x0", "y0", "x1", "y1"), instances.boxes[row].tolist(), strict=True))
    score = instances.known_score(row)
    numbers = {
        name: value for name, value in instances.column_values(row, _EMPTY).items() if isinstance(value, int | float)
    }
    about = {"label": instances.labels[row], "score": "" if score is None else round(score, 6)}
    return {**about, "area": int(instances.areas[row]), **box, **numbers}
