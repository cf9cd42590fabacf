"""Sizes of SAM 2's memory of a video."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What is kept of the frames of a video, and the network that looks at it."""

    width: int = 64
    """Channels of a memory. An object pointer is cut into as many tokens of this width as it has room for."""
    frames: int = 7
    """Kinds of memories, each with a learned vector: of the last 6 frames by their distance, and of prompted frames."""
    pointers: int = 16
    """Frames, less one, whose object pointers are looked at beside those of prompted frames."""
    depth: int = 4
    """Layers of memory attention."""
    mlp_width: int = 2048
    encoder_depth: int = 2
    """Convolution blocks of the memory encoder."""
    absent_object_map: bool = True
    """Memories of frames without the object are marked (SAM 2.1)."""
    pointer_times: bool = True
    """Object pointers know how long ago they were (SAM 2.1)."""

    @property
    def recent_frames(self) -> int:
        """The followed frames before a frame whose memories it sees."""
        return self.frames - 1

    @property
    def recent_pointers(self) -> int:
        """The followed frames before a frame whose object pointers it sees."""
        return self.pointers - 1
