"""Sources of frames: video files, folders and lists of images, arrays, and cameras, all with the interface below.

`open_frames` recognises what it is given. Frames are RGB, upright, and numbered from 0 in the order they are shown.
"""

import os
import re
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from hqsam.errors import ImageError
from hqsam.images.image_info import is_image_name
from hqsam.images.walk import images_in

RgbImage = UInt8[np.ndarray, "height width 3"]
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".gif", ".mpg", ".mpeg", ".wmv", ".ts"})
"""Suffixes of files that are opened as videos."""


@runtime_checkable
class FrameSource(Protocol):
    """The frames of one video."""

    name: str
    """The file's or folder's name."""
    size_hw: tuple[int, int]
    """Height and width of every frame, upright."""

    def __len__(self) -> int:
        """Return the number of frames; of a camera, those that came so far."""
        ...

    def read(self, index: int) -> RgbImage:
        """Return a frame.

        Raises:
            ImageError: it cannot be read, or is of another size than the others.
        """
        ...

    def frame_name(self, index: int) -> str:
        """Return the name that a frame's results are called by: its file's, or "00012.jpg"."""
        ...

    def seconds(self, index: int) -> float | None:
        """Return when a frame is shown, in seconds from the first one's time; None where that is not known."""
        ...


def open_frames(video: Any) -> FrameSource:
    """Open a video file, a folder or pattern of images, a stack, or a list of paths, PIL images or arrays [H, W, 3].

    What is a source of frames already is returned itself.

    Raises:
        ImageError: it is missing, empty, or no video.
        MissingExtra: it is a video file, and hqsam[video] is not installed.
    """
    from hqsam.images.read_options import DEFAULTS
    from hqsam.images.stacks.open_stack import is_stack
    from hqsam.video.frames.image_files import ImageFrames
    from hqsam.video.frames.stack_frames import StackFrames
    from hqsam.video.frames.video_file import VideoFile

    if isinstance(video, FrameSource):
        return video
    if not isinstance(video, str | os.PathLike):
        return ImageFrames(_as_list(video), "video")
    path = Path(video)
    if is_stack(path, DEFAULTS):
        return StackFrames(path)
    if path.is_dir():
        return ImageFrames(_files_of_folder(path), path.name or path.resolve().name)
    if has_magic(str(video)) and not path.exists():
        return ImageFrames(_files_of_pattern(str(video)), path.parent.name or "video")
    if not path.exists():
        raise ImageError(f"there is no file or folder {path}; give a video, a folder of frames, or a list of arrays")
    if is_image_name(path.name) and path.suffix.lower() not in VIDEO_SUFFIXES:
        raise ImageError(f"{path} is a single image; open it with segmenter.open, or give the folder of all frames")
    return VideoFile(path)


def check_size(pixels: RgbImage, size_hw: tuple[int, int], frame: str) -> RgbImage:
    """Return a frame that has the size of its video.

    Raises:
        ImageError: it has another size.
    """
    if pixels.shape[:2] != size_hw:
        raise ImageError(
            f"{frame} is {pixels.shape[1]} x {pixels.shape[0]} and the frames before are {size_hw[1]} x {size_hw[0]}; "
            "cut the video where its size changes, and open the parts"
        )
    return pixels


def check_index(index: int, count: int, name: str) -> None:
    """Refuse the number of a frame that is not there.

    Raises:
        ImageError: it is not from 0 to `count` - 1.
    """
    if not 0 <= index < count:
        raise ImageError(f"there is no frame {index} in {name}; its frames are 0 to {count - 1}")


def _natural_key(path: Path) -> list[tuple[int, str]]:
    """Return a key by which 2.jpg comes before 10.jpg."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def _as_list(video: Any) -> Sequence[Any]:
    if isinstance(video, np.ndarray):
        if video.ndim != 4:
            raise ImageError(f"an array of the shape {video.shape} is no video; expected [frames, H, W, 3] of uint8")
        return list(video)
    try:
        return list(video)
    except TypeError as error:
        raise ImageError(
            f"{type(video).__name__} is no video; give a path, a list of images, or nothing for frames that are pushed"
        ) from error


def _files_of_folder(folder: Path) -> list[Path]:
    files = [file for file in images_in(folder).files if file.parent == folder]
    if not files:
        raise ImageError(f"there is no image in the folder {folder}; frames are images such as 00000.jpg")
    return sorted(files, key=_natural_key)


def _files_of_pattern(pattern: str) -> list[Path]:
    files = [Path(name) for name in glob(pattern) if is_image_name(name)]  # noqa: PTH207  (takes absolute ones)
    if not files:
        raise ImageError(f"there is no image for the pattern {pattern!r}")
    return sorted(files, key=_natural_key)
