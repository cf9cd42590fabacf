"""Open a video for following, from what a caller gives."""

from pathlib import Path
from typing import Any

from hqsam.errors import OptionError
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source
from hqsam.video.compatible.compatible_video import CompatibleVideo
from hqsam.video.compatible.settings import Official
from hqsam.video.frames import open_frames
from hqsam.video.frames.live import LiveFrames
from hqsam.video.saved_state import resume
from hqsam.video.track_store import LatestTracks, TrackFile
from hqsam.video.trackers import tracker_for
from hqsam.video.trackers.memory.memory_tracker import MemoryTracker
from hqsam.video.video import Video

_HELD_FRAMES = 16
"""Frames of a stream that can still be prompted."""


def open_video(
    segmenter: Segmenter,
    video: Any = None,
    *,
    source: str | None = None,
    results: str | Path | None = None,
    max_memory: int = 256 << 20,
    compatible: str | Official | None = None,
) -> Video:
    """Open a video file, a folder or pattern of frames, a list of images, or nothing: frames are pushed one by one.

    See `Segmenter.open_video`.
    """
    if max_memory < 1:
        raise OptionError(f"max_memory is {max_memory}; give the bytes that encoded frames may take, such as 256 << 20")
    if compatible is not None:
        return _open_compatible(segmenter, video, source, results, max_memory, Official.of(compatible))
    if video is None:
        return open_stream(segmenter, source=source, max_memory=max_memory)
    tracker = tracker_for(segmenter, source)
    frames = open_frames(video)
    if results is None:
        return Video(frames, tracker, TrackFile(), max_memory)
    model = f"{segmenter.digest()} {check_source(source, segmenter.config)}"
    return resume(frames, tracker, model, Path(results), max_memory)


def _open_compatible(
    segmenter: Segmenter, video: Any, source: str | None, results: Any, max_memory: int, settings: Official
) -> Video:
    tracker = tracker_for(segmenter, source)
    if not isinstance(tracker, MemoryTracker):
        raise OptionError(
            f"{segmenter.name} has no memory of videos, which compatible={settings.predictor!r} follows by; take a "
            "SAM 2 or HQ-SAM 2, or leave compatible out: then any model follows"
        )
    if video is None or results is not None:
        what = "no stream" if video is None else "no results folder: all of it stays in memory"
        raise OptionError(f"an official predictor has {what}; leave compatible out, or give a video alone")
    return CompatibleVideo(open_frames(video), tracker, TrackFile(), max_memory, settings)


def open_stream(segmenter: Segmenter, *, source: str | None = None, max_memory: int = 256 << 20) -> Video:
    """Return a video whose frames are pushed one by one; the last ones can be prompted.

    See `Segmenter.open_stream`.
    """
    tracker = tracker_for(segmenter, source)
    return Video(LiveFrames(_HELD_FRAMES), tracker, LatestTracks(_HELD_FRAMES), max_memory)
