"""Records of what became of an image, ready for JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hqsam.masks.instances import Instances

Record = dict[str, Any]
"""Facts about one image and its results, ready for JSON; `files` lists what was written."""


def record_of(
    path: Path, found: Instances, files: Sequence[Path], model: str, source: str, **columns: Sequence[Any]
) -> Record:
    """Return the record of an image and the masks that were found in it.

    Args:
        path: the image.
        found: its masks.
        files: what was written.
        model: the model's name.
        source: "sum", "hq" or "sam".
        columns: further facts by name, one for each mask.
    """
    height, width = found.image_size_hw
    return {
        "image": str(path),
        "size": {"width": width, "height": height},
        "model": model,
        "source": source,
        "objects": [
            {
                **{name: values[row] for name, values in columns.items()},
                "score": _rounded(found.known_score(row)),
                "box": found.boxes[row].tolist(),
                "area": int(found.areas[row]),
                "rle": rle,
            }
            for row, rle in enumerate(found.rle)
        ],
        "files": [str(file) for file in files],
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
