"""All that is remembered of one object, as tensors by name: of its prompted frames, and of the last followed ones."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from hqsam.model.memory.bank import MemoryBank
from hqsam.model.memory.config import MemoryConfig
from hqsam.video.trackers import Memory
from hqsam.video.trackers.memory.object_in_frame import ObjectInFrame

PROMPTED_FRAMES = 8
"""Prompted frames that are remembered: the first, and the last ones. SAM 2's own code has no limit, though each costs
as much in every later frame as a followed one."""

# Of each kind there are frames, pointers, and maps. Of followed frames the maps are those of the last frames alone.
_PROMPTED, _FOLLOWED = "prompted", "followed"


def with_frame(
    memory: Memory | None, index: int, one: ObjectInFrame, config: MemoryConfig, *, prompted: bool
) -> Memory:
    """Return a memory with a frame in it; what is too long ago is forgotten."""
    assert one.map is not None, "an object is remembered by its map"
    new = {"frames": torch.tensor([index]), "pointers": one.pointer[None], "maps": one.map[None]}
    known = memory or {f"{kind}.{name}": part[:0] for kind in (_PROMPTED, _FOLLOWED) for name, part in new.items()}
    rest = {}
    for kind in (_PROMPTED, _FOLLOWED):  # a frame is remembered once
        rest |= _selected(known, kind, known[f"{kind}.frames"] != index)
    kind = _PROMPTED if prompted else _FOLLOWED
    for name, part in new.items():
        rest[f"{kind}.{name}"] = torch.cat([rest[f"{kind}.{name}"], part])
    return _shortened(rest, config)


def before(memory: Memory, index: int, reverse: bool) -> Memory | None:
    """Return what is remembered of the frames before one; None if the memory does not reach up to it."""
    nearest = index + 1 if reverse else index - 1
    if not any((memory[f"{kind}.frames"] == nearest).any() for kind in (_PROMPTED, _FOLLOWED)):
        return None
    left: dict[str, Tensor] = {}
    for kind in (_PROMPTED, _FOLLOWED):
        frames = memory[f"{kind}.frames"]
        left |= _selected(memory, kind, frames > index if reverse else frames < index)
    return left if len(left[f"{_PROMPTED}.frames"]) else None


def bank_of(memory: Memory, index: int, config: MemoryConfig) -> MemoryBank:
    """Return what a frame is shown of a memory, whichever way time goes.

    SAM 2 divides the times of pointers by the length of the video where that has fewer than 16 frames; here it is 15
    always, so that a clip, a longer one that begins with it, and a stream have the same masks.
    """
    prompted, followed = memory[f"{_PROMPTED}.frames"], memory[f"{_FOLLOWED}.frames"]
    ago = _steps_ago(prompted, followed, index)
    maps = memory[f"{_FOLLOWED}.maps"]
    ago_of_maps = ago[len(ago) - len(maps) :]
    seen, near = ago_of_maps <= config.recent_frames, ago <= config.recent_pointers
    prompted_times = torch.full((len(prompted),), config.frames - 1)
    times = torch.cat([(prompted - index).abs(), ago[near]]).float() / config.recent_pointers
    return MemoryBank(
        torch.cat([memory[f"{_PROMPTED}.maps"], maps[seen]])[None],
        torch.cat([prompted_times, ago_of_maps[seen] - 1])[None],
        torch.cat([memory[f"{_PROMPTED}.pointers"], memory[f"{_FOLLOWED}.pointers"][near]])[None],
        times[None],
    )


def _steps_ago(
    prompted: Int[Tensor, "prompted_frame"], followed: Int[Tensor, "frame"], index: int
) -> Int[Tensor, "frame"]:
    """Return how many steps ago frames were followed; where frames are left out, a step is several of them."""
    visited = torch.cat([followed, torch.tensor([index])])
    gaps = torch.cat([visited[1:] - visited[:-1], prompted - index]).abs()
    step = int(gaps.min().clamp(min=1))
    return ((followed - index).abs() / step).round().long().clamp(min=1)


def _selected(memory: Memory, kind: str, keep: Bool[Tensor, "frame"]) -> dict[str, Tensor]:
    """Return some frames of a kind."""
    maps = memory[f"{kind}.maps"]
    parts = {name: memory[f"{kind}.{name}"][keep] for name in ("frames", "pointers")}
    return {f"{kind}.{name}": part for name, part in {**parts, "maps": maps[keep[len(keep) - len(maps) :]]}.items()}


def _shortened(memory: dict[str, Tensor], config: MemoryConfig) -> Memory:
    # One followed frame more than a frame is shown, for a correction on the last one.
    for name, count in (("frames", config.pointers), ("pointers", config.pointers), ("maps", config.frames)):
        memory[f"{_FOLLOWED}.{name}"] = memory[f"{_FOLLOWED}.{name}"][-count:]
    if len(memory[f"{_PROMPTED}.frames"]) > PROMPTED_FRAMES:
        for name in ("frames", "pointers", "maps"):
            part = memory[f"{_PROMPTED}.{name}"]
            memory[f"{_PROMPTED}.{name}"] = torch.cat([part[:1], part[len(part) - PROMPTED_FRAMES + 1 :]])
    return memory
