"""What an official predictor keeps of one object: its outputs by frame, and those that wait for the next following."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from hqsam.model.memory.bank import MemoryBank
from hqsam.model.memory.config import MemoryConfig
from hqsam.video.trackers.memory.object_in_frame import ObjectInFrame

Outputs = dict[int, ObjectInFrame]


@dataclass(eq=False)
class ObjectRecord:
    """One object."""

    conditioning: Outputs = field(default_factory=dict)
    """Prompted frames, which all other frames see."""
    others: Outputs = field(default_factory=dict)
    """Followed frames, which the next few frames see."""
    waiting: dict[bool, Outputs] = field(default_factory=lambda: {True: {}, False: {}})
    """Answers to prompts that are not remembered yet, by whether their frames are to be conditioning ones."""
    tracked: dict[int, bool] = field(default_factory=dict)
    """Followed frames, and whether they were reached against time."""

    def known(self, index: int) -> ObjectInFrame | None:
        """Return the output of a frame."""
        return self.conditioning.get(index) or self.others.get(index)

    def keep(self, index: int, output: ObjectInFrame, conditioning: bool) -> None:
        """Store an output."""
        (self.conditioning if conditioning else self.others)[index] = output

    def drop_doubles(self) -> None:
        """Drop followed outputs of frames that are conditioning ones by now."""
        for index in self.conditioning:
            self.others.pop(index, None)


def bank_for(record: ObjectRecord, index: int, frames: int, reverse: bool, config: MemoryConfig) -> MemoryBank:
    """Return what a frame is shown: all conditioning frames, past and future, and the last followed ones.

    Args:
        record: the object's outputs.
        index: the frame's number.
        frames: the number of frames of the video, which scales the times of pointers.
        reverse: time goes backwards.
        config: how far back is looked.
    """
    back = -1 if reverse else 1
    recent = {far: record.others.get(index - back * far) for far in range(config.recent_frames, 0, -1)}
    maps = [*(((config.frames - 1), one) for one in record.conditioning.values()), *_there(recent, shift=-1)]
    looked = min(frames, config.pointers)
    pointers = [(back * (index - at), one) for at, one in record.conditioning.items() if back * (index - at) >= 0]
    pointers += _there({far: record.others.get(index - back * far) for far in range(1, looked)})
    times = [far / max(looked - 1, 1) for far, _ in pointers]
    width = next(iter(record.conditioning.values())).pointer
    return MemoryBank(
        torch.stack([_map(one) for _, one in maps])[None],
        torch.tensor([time for time, _ in maps])[None],
        torch.stack([one.pointer for _, one in pointers] or [width])[None][:, : len(pointers)],
        torch.tensor(times, dtype=torch.float32)[None],
    )


def _there(outputs: Mapping[int, ObjectInFrame | None], shift: int = 0) -> list[tuple[int, ObjectInFrame]]:
    return [(far + shift, one) for far, one in outputs.items() if one is not None]


def _map(one: ObjectInFrame) -> torch.Tensor:
    assert one.map is not None, "an output is remembered before others see it"
    return one.map
