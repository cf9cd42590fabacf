"""Unpack a video into a folder of JPEGs, for programs that go back and forth among its frames."""

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from hqsam import storage
from hqsam.errors import OutputError
from hqsam.video.frames import open_frames

_ABOUT = ".video.json"
"""The file that says which video a folder has the frames of; hidden, so that nothing takes it for a frame."""
_QUALITY = 95


def unpack(video: Path, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Write `00000.jpg` and so on, upright, and return their number. Frames that are there from an earlier call stay.

    Args:
        video: a video file.
        folder: where the frames go.
        progress: called after each frame with how many are done and how many there are.

    Raises:
        ImageError: the video cannot be read, or a frame has another size than the first.
        MissingExtra: hqsam[video] is not installed.
        OutputError: the folder has the frames of another video, or cannot be written; no frame is half written.
    """
    frames = open_frames(video)
    stat = video.stat()
    about = {"video": video.name, "bytes": stat.st_size, "frames": len(frames)}
    _check_same(folder / _ABOUT, about)
    for index in range(len(frames)):
        path = folder / frames.frame_name(index)
        if not path.is_file():
            with storage.replacing(path) as temporary_path:
                Image.fromarray(frames.read(index)).save(temporary_path, "JPEG", quality=_QUALITY, subsampling=0)
        progress(index + 1, len(frames))
    return len(frames)


def _check_same(path: Path, about: dict[str, object]) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if known is None:
        storage.write_text(path, json.dumps(about) + "\n")
    elif known != about:
        raise OutputError(
            f"{path.parent} has the frames of {known}, and this is {about}; choose another folder, or remove it"
        )
