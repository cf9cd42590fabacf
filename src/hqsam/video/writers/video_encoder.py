"""Write frames into a video file with PyAV, whole or not at all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam import storage
from hqsam.errors import OutputError
from hqsam.optional import require

_MILLISECONDS = Fraction(1, 1000)


@contextmanager
def encoding(
    path: Path, size_hw: tuple[int, int], codec: str, pixels: str, options: dict[str, str]
) -> Iterator[Callable[[UInt8[np.ndarray, "height width channel"], int], None]]:
    """Lend a function that takes frames, RGB or RGBA, and when each is shown in milliseconds.

    Args:
        path: the file; its suffix says which container it is.
        size_hw: height and width of the frames; an odd side gets a row or column more, because codecs want even ones.
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format.
        options: of the encoder.

    Raises:
        OutputError: the file cannot be written.
    """
    av = require("av", extra="video")
    height, width = size_hw
    try:
        with storage.replacing(path) as temporary_path, av.open(str(temporary_path), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options)
            stream.height, stream.width = height + height % 2, width + width % 2
            stream.pix_fmt = pixels
            stream.time_base = stream.codec_context.time_base = _MILLISECONDS

            def add(frame: UInt8[np.ndarray, "height width channel"], time_ms: int) -> None:
                even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
                picture = av.VideoFrame.from_ndarray(even, format="rgba" if even.shape[2] == 4 else "rgb24")
                picture.pts, picture.time_base = time_ms, _MILLISECONDS
                container.mux(stream.encode(picture))

            yield add
            container.mux(stream.encode())
    except av.FFmpegError as error:
        raise OutputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def has_encoder(codec: str) -> bool:
    """Return True if PyAV was built with an encoder."""
    av = require("av", extra="video")
    try:
        av.codec.Codec(codec, "w")
    except (ValueError, av.FFmpegError):
        return False
    return True
