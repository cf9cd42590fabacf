"""A table for spreadsheets: one line for each object in each frame, with its area and box."""

import csv
import io
from pathlib import Path

from hqsam import storage
from hqsam.video.results import VideoResults

_COLUMNS = ("frame", "seconds", "object_id", "label", "status", "score", "area", "x0", "y0", "x1", "y1")


def write(results: VideoResults, path: Path) -> None:
    """Write the table; an absent object has an area of 0 and no box."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for frame in results.frames():
        seconds = results.video.frames.seconds(frame.index)
        when = "" if seconds is None else f"{seconds:.3f}"
        for row, number in enumerate(frame.object_id.tolist()):
            area = int(frame.areas[row])
            box = frame.boxes[row].tolist() if area else [""] * 4
            about = [number, frame.labels[row], frame.status[row], f"{frame.scores[row]:.4f}", area]
            table.writerow([frame.index, when, *about, *box])
    storage.write_text(path, text.getvalue())
