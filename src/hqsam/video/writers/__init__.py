"""Results of videos as files, and the table of their formats. To add a format, add a file and a row to `WRITERS`.

>>> video.save("out", "davis", "overlay", "csv")
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hqsam import storage
from hqsam.errors import OptionError
from hqsam.optional import require
from hqsam.video.results import VideoResults
from hqsam.video.writers import coco, csv, cutout, davis, overlay, ytvis


@dataclass(frozen=True)
class VideoFormat:
    """A kind of result: a file, or a folder with a file for each frame."""

    about: str
    name: str
    """The name of the file or folder."""
    write: Callable[[VideoResults, Path], None]
    """Writes the results to a path; reports each frame to `VideoResults.progress`."""
    needs_pyav: bool = False


WRITERS: dict[str, VideoFormat] = {
    "davis": VideoFormat("a label map for each frame, numbers of objects in DAVIS' palette", "masks", davis.write),
    "ytvis": VideoFormat("YTVIS JSON: a list of masks for each object", "ytvis.json", ytvis.write),
    "coco": VideoFormat("COCO JSON of all frames, with numbers of videos and objects", "coco.json", coco.write),
    "csv": VideoFormat("a table of areas, scores and boxes", "tracks.csv", csv.write),
    "overlay": VideoFormat("the video with masks drawn on it", "overlay.mp4", overlay.write, True),
    "cutout": VideoFormat("the objects on a transparent background, VP9", "cutout.webm", cutout.write, True),
    "cutout_png": VideoFormat("the same, a PNG for each frame", "cutouts", cutout.write_pngs),
}


def write(results: VideoResults, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the results of a video into a folder, and return the files and folders.

    Raises:
        OptionError: there is no such format; nothing was written.
        MissingExtra: a format needs hqsam[video]; nothing was written.
        ImageError: a frame that is drawn cannot be read.
        OutputError: a file cannot be written; no incomplete one was left.
    """
    chosen = [format_named(name) for name in dict.fromkeys(formats)]
    if any(one.needs_pyav for one in chosen):
        require("av", extra="video")
    storage.check_folder(folder)
    for one in chosen:
        one.write(results, folder / one.name)
    return [folder / one.name for one in chosen]


def format_named(name: str) -> VideoFormat:
    """Return a row of the table.

    Raises:
        OptionError: there is none of that name.
    """
    if name not in WRITERS:
        raise OptionError(f"there is no format {name!r} for videos; choose from {', '.join(WRITERS)}")
    return WRITERS[name]
