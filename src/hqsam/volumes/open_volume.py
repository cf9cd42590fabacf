"""Open a stack to segment it from plane to plane."""

from pathlib import Path

from hqsam.errors import OptionError
from hqsam.images.read_options import ReadOptions
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source
from hqsam.video.frames.stack_frames import StackFrames
from hqsam.volumes.volume import Volume


def open_volume(
    segmenter: Segmenter,
    path: str | Path,
    *,
    along: str = "z",
    channels: tuple[int | str, ...] | None = None,
    z: int | None = None,
    t: int | None = None,
    value_range: tuple[float, float] | None = None,
    stretch: tuple[float, float] | None = None,
    source: str | None = None,
) -> Volume:
    """Open a stack; see `Segmenter.open_volume`."""
    if along not in ("z", "t"):
        raise OptionError(f"along is {along!r}; choose z, from slice to slice, or t, from timepoint to timepoint")
    check_source(source, segmenter.config)
    options = ReadOptions(channels=channels, z=z, t=t, value_range=value_range, stretch=stretch)
    return Volume(segmenter, StackFrames(Path(path), options, along), source)
