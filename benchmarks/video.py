"""`python -m benchmarks.video`: memory and cost of following, by frames and by objects.

Frames are made as they are asked for: textured discs that wander over a textured background, all of them in the picture
at all times. Reported are the process's own memory and its processor time for each part of the frames, which other
work on the machine disturbs less than the time on the clock. `--objects 1 4 16 64` follows each number of objects.
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

import hqsam
from hqsam.errors import ImageWarning
from hqsam.video.frames import RgbImage, check_index
from hqsam.video.video import Video


class WanderingDiscs:
    """A source of frames that draws each when it is read, and knows its true masks."""

    name = "discs"

    def __init__(self, frames: int, objects: int, size_hw: tuple[int, int]) -> None:
        self.size_hw, self._frames = size_hw, frames
        random = np.random.default_rng(0)
        side = int(np.ceil(np.sqrt(objects)))
        self.radius = 0.3 * min(size_hw[0], size_hw[1]) / side
        cells = [(column, row) for row in range(side) for column in range(side)][:objects]
        self._homes = [((x + 0.5) * size_hw[1] / side, (y + 0.5) * size_hw[0] / side) for x, y in cells]
        self._phases = random.uniform(0, 2 * np.pi, (objects, 2))
        coarse = random.integers(0, 90, (size_hw[0] // 8 + 1, size_hw[1] // 8 + 1, 3)).astype(np.uint8)
        self._ground = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
        self._colours = random.integers(120, 255, (objects, 3))
        self._grid = np.mgrid[: size_hw[0], : size_hw[1]].astype(np.float32) + 0.5

    def __len__(self) -> int:
        return self._frames

    def read(self, index: int) -> RgbImage:
        """Return a frame."""
        check_index(index, len(self), self.name)
        frame = self._ground.copy()
        for number in range(len(self._homes)):
            mask = self.mask(index, number)
            shade = 1 - 0.25 * ((np.argwhere(mask).sum(axis=1) // 6) % 2)[:, None]
            frame[mask] = (self._colours[number] * shade).astype(np.uint8)
        return frame

    def mask(self, index: int, number: int) -> np.ndarray:
        """Return the true mask of an object in a frame, bool [H, W]."""
        angle = self._phases[number] + index * np.array([0.05, 0.033])
        x, y = np.array(self._homes[number]) + 0.35 * self.radius * np.sin(angle)
        rows, columns = self._grid
        return np.hypot(columns - x, rows - y) < self.radius

    def frame_name(self, index: int) -> str:
        """Return a name such as "00012.jpg"."""
        return f"{index:05d}.jpg"

    def seconds(self, index: int) -> float | None:
        """Return None: there is no clock."""
        return None


def open_discs(segmenter: Any, frames: int, objects: int, size_hw: tuple[int, int], **options: Any) -> Video:
    """Return a video of discs, each of them prompted by its true mask in the first frame."""
    source = WanderingDiscs(frames, objects, size_hw)
    video = segmenter.open_video(source, **options)
    for number in range(objects):
        video.add(frame=0, mask=source.mask(0, number))
    return video


def measure(video: Video, parts: int = 10) -> list[dict[str, Any]]:
    """Follow all objects, and return the memory and the processor time after each part, which is printed, too."""
    process, records = psutil.Process(), []
    size = max(1, len(video) // parts)
    started, seen = time.process_time(), 0
    clock = time.perf_counter()
    for done, frame in enumerate(video.track(), start=1):
        seen += sum(status != "absent" for status in frame.status)
        if done == 100 or done % size == 0:
            records.append(
                {
                    "frames": done,
                    "memory_mib": round(process.memory_full_info().uss / 2**20, 1),
                    "cpu_s": round(time.process_time() - started, 2),
                    "clock_s": round(time.perf_counter() - clock, 2),
                    "seen": seen,
                }
            )
            print(records[-1], flush=True)
    return records


def main() -> None:
    """Measure, print, and write a JSON line for each number of objects."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__)
    parser.add_argument("--model", default="nano", help="a name or a checkpoint file")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--objects", type=int, nargs="+", default=[1])
    parser.add_argument("--size", default="854x480")
    parser.add_argument("--out", type=Path, default=Path("out/video.jsonl"))
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    segmenter = hqsam.load(arguments.model)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    for objects in arguments.objects:
        video = open_discs(segmenter, arguments.frames, objects, (height, width))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImageWarning)
            records = measure(video)
        record = {"model": segmenter.name, "size": arguments.size, "objects": objects, "parts": records}
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        first, last = records[0], records[-1]
        frames = last["frames"] - first["frames"]
        print(f"{objects} objects, {last['frames']} frames:", end=" ")
        print(f"{1000 * (last['cpu_s'] - first['cpu_s']) / max(frames, 1):.0f} ms of a core a frame,", end=" ")
        print(f"memory {first['memory_mib']} MiB after {first['frames']}, {last['memory_mib']} at the end,", end=" ")
        print(f"{last['seen']} of {last['frames'] * objects} masks not absent")
        video.close()


if __name__ == "__main__":
    main()
