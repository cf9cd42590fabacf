"""The state of a video in a folder: tracks.jsonl has the masks, state.safetensors all else.

Masks are written as they are found, the state every few seconds. After a kill the video goes on from the last state,
and what was found since then is found again, the same.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hqsam import storage
from hqsam.errors import DataError, OutputError
from hqsam.video.frames import FrameSource
from hqsam.video.objects import PromptedFrame, VideoObject
from hqsam.video.track_store import TrackFile
from hqsam.video.trackers import Answer, Tracker
from hqsam.video.video import Video
from hqsam.weights.save import write_safetensors

STATE, TRACKS = "state.safetensors", "tracks.jsonl"
_EVERY_SECONDS = 5.0
_FORMAT = "1"
_FILES = "files"
"""The fact by which frames that were changed under the same names are noticed."""


def resume(frames: FrameSource, tracker: Tracker, model: str, folder: Path, max_memory: int) -> Video:
    """Return a video that keeps its state in a folder, as it was there if the folder has one.

    Args:
        frames: the video's frames.
        tracker: what follows.
        model: what the masks depend on: weights, precision and source.
        folder: where the state is.
        max_memory: bytes that encoded frames may take.

    Raises:
        OutputError: the folder has the state of another video or model, or cannot be written.
        DataError: the files in it are damaged.
    """
    storage.check_folder(folder)
    about = {"video": frames.name, "frames": len(frames), "size": list(frames.size_hw), "model": model}
    fingerprint = getattr(frames, "fingerprint", None)
    about |= {_FILES: fingerprint()} if fingerprint else {}
    path = folder / STATE
    if path.exists():
        facts, tensors = _read(path)
        _check_same(facts["about"], about, folder)
        video = Video(frames, tracker, TrackFile(folder / TRACKS, facts["serial"]), max_memory)
        _restore(video, facts, tensors)
    else:
        video = Video(frames, tracker, TrackFile(folder / TRACKS, 0), max_memory)
    video.on_change = _Saver(video, path, about)
    return video


class _Saver:
    """Saves the state after prompts, and every few seconds while objects are followed."""

    def __init__(self, video: Video, path: Path, about: dict[str, Any]) -> None:
        self._video, self._path, self._about = video, path, about
        self._saved_at = 0.0
        self._prompts: list[tuple[int, int, int]] = []

    def __call__(self, now: bool = False) -> None:
        objects = self._video.objects
        prompts = [(number, frame, at.serial) for number, one in objects.items() for frame, at in one.prompted.items()]
        if now or prompts != self._prompts or time.monotonic() - self._saved_at > _EVERY_SECONDS:
            _write(self._video, self._path, self._about)
            self._prompts, self._saved_at = prompts, time.monotonic()


def _write(video: Video, path: Path, about: dict[str, Any]) -> None:
    tensors: dict[str, Tensor] = {}
    objects = [_object_facts(one, tensors) for one in video.objects.values()]
    facts = {"about": about, "serial": video.serial, "next_id": video.next_id, "objects": objects}
    metadata = {"format": _FORMAT, "hqsam": json.dumps(facts)}
    write_safetensors(path, tensors, metadata)


def _object_facts(one: VideoObject, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return the facts of an object as JSON, and enter its tensors by their names."""
    key = f"{one.object_id}"
    for name, tensor in (one.memory or {}).items():
        tensors[f"{key}.memory.{name}"] = tensor.detach().clone().cpu().contiguous()
    prompted = []
    for frame, each in one.prompted.items():
        here = f"{key}.{frame}"
        tensors[f"{here}.mask"] = torch.from_numpy(np.packbits(each.answer.mask))
        tensors |= {f"{here}.prompt.{name}": torch.from_numpy(np.array(value)) for name, value in each.prompt.items()}
        tensors |= {f"{here}.tensor.{name}": value.clone().cpu() for name, value in each.answer.tensors.items()}
        prompted.append({"frame": frame, "serial": each.serial, "score": each.answer.score, "recalled": each.recalled})
    return {"id": one.object_id, "label": one.label, "at": one.at, "prompted": prompted}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no dict)
        facts = json.loads(metadata["hqsam"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read as the state of a video: {error}; remove it to start anew") from error
    return facts, tensors


def _check_same(saved: dict[str, Any], about: dict[str, Any], folder: Path) -> None:
    differing = [name for name in about if saved.get(name) != about[name] and (name != _FILES or _FILES in saved)]
    if differing:
        name = differing[0]
        if name == _FILES:
            raise OutputError(
                f"the frames of {about['video']} were changed since the state in {folder} was begun: their files have "
                "other names, sizes or times; choose another folder, or start anew (--existing replace)"
            )
        raise OutputError(
            f"{folder} has the state of another {name}: {saved.get(name)}, and this is {about[name]}; choose another "
            "folder, or remove it"
        )


def _restore(video: Video, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    video.serial, video.next_id = facts["serial"], facts["next_id"]
    for said in facts["objects"]:
        one = VideoObject(said["id"], said["label"])
        key = f"{one.object_id}"
        memory = _named(tensors, f"{key}.memory.")
        one.memory = memory or None
        one.at = (said["at"][0], said["at"][1]) if said["at"] and memory else None
        for each in said["prompted"]:
            one.prompted[each["frame"]] = _prompted(video, f"{key}.{each['frame']}", each, tensors)
        video.objects[one.object_id] = one


def _prompted(video: Video, here: str, said: dict[str, Any], tensors: dict[str, Tensor]) -> PromptedFrame:
    height, width = video.image_size_hw
    mask = np.unpackbits(tensors[f"{here}.mask"].numpy(), count=height * width).reshape(height, width).astype(bool)
    answer = Answer(mask, said["score"], True, _named(tensors, f"{here}.tensor."))
    prompt = {name: value.numpy() for name, value in _named(tensors, f"{here}.prompt.").items()}
    return PromptedFrame(prompt, answer, said["serial"], said.get("recalled", False))


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
