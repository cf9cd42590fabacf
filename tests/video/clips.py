"""Small videos, made here: a white disc that moves over black, and files of any codec."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.predict.seeing import discs

SIZE_HW = (96, 128)


def moving_disc(frames=12, start=(30, 48), step=(5, 0), radius=14, size_hw=SIZE_HW):
    """The frames, and the true mask of each."""
    made = [discs(size_hw, (start[0] + step[0] * t, start[1] + step[1] * t, radius)) for t in range(frames)]
    return [picture for picture, _ in made], [masks[0] for _, masks in made]


def two_discs(frames=12, size_hw=SIZE_HW):
    """One disc goes right above, one left below; the frames, and the true masks [frame][object]."""
    made = [discs(size_hw, (25 + 4 * t, 26, 13), (100 - 4 * t, 70, 13)) for t in range(frames)]
    return [picture for picture, _ in made], [masks for _, masks in made]


def gray_frames(count=30, size_hw=(64, 98), step=6):
    """Frames that say their number by their brightness, with a red corner that says which side is up."""
    frames = []
    for number in range(count):
        frame = np.full((*size_hw, 3), number * step, np.uint8)
        frame[: size_hw[0] // 3, : size_hw[1] // 3] = (255, 0, 0)
        frames.append(frame)
    return frames


def write_video(path: Path, frames, codec="libx264", pixels="yuv420p", times_ms=None, **options):
    """Write frames with PyAV; `times_ms` makes the frame rate vary."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options, stream.bit_rate = pixels, options, 4_000_000
        if times_ms:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times_ms:
                picture.pts, picture.time_base = times_ms[number], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Place and length of each frame's bytes in a file."""
    import av

    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
