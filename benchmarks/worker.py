"""Worker process: one implementation, which does the tasks it reads from stdin: `python -m benchmarks.worker ...`.

A process each, because hqsam and OpenVINO change how their process allocates memory and runs threads, and because the
most memory that a process ever held can be asked of the system once. Commands and answers are lines of JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.benchmark_image import benchmark_image, boxes_on, points_on
from benchmarks.implementations import IMPLEMENTATIONS


class Worker:
    """Measures one implementation: each method is a task, and answers with the seconds that each repetition took."""

    def __init__(self, implementation: Any) -> None:
        """`implementation` is an `Implementation`, or an engine alone."""
        self.implementation, self.session = implementation, None
        self.image = benchmark_image()

    def open(self, long_side: int = 2048) -> list[float]:
        self.image = benchmark_image(long_side)
        self.session, seconds = timed(lambda: self.implementation.open(self.image))
        return [seconds]

    def click(self, count: int = 10) -> list[float]:
        return [timed(lambda p=p: self.implementation.click(self.session, p))[1] for p in points_on(self.image, count)]

    def encode(self) -> list[float]:
        prepared = self.implementation.prepare(self.image)
        self.session, seconds = timed(lambda: self.implementation.encode(prepared))
        return [seconds]

    def decode(self, count: int = 10) -> list[float]:
        return [timed(lambda p=p: self.implementation.decode(self.session, p))[1] for p in points_on(self.image, count)]

    def batch(self, boxes: int = 64) -> list[float]:
        return [timed(lambda: self.implementation.batch(self.session, boxes_on(self.image, boxes)))[1]]

    def stream(self, photos: int = 16) -> list[float]:
        """Seconds an image, where they are many with one box on each."""
        [box] = boxes_on(self.image, 1)
        return [timed(lambda: self.implementation.stream([self.image] * photos, box))[1] / photos]

    def everything(self, points_per_side: int = 32) -> list[float]:
        return [timed(lambda: self.implementation.everything(self.image, points_per_side))[1]]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return the work's result, and the seconds it took; with `BENCHMARK_CLOCK=processor` the processor's."""
    clock = time.process_time if os.environ.get("BENCHMARK_CLOCK") == "processor" else time.perf_counter
    started = clock()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, clock() - started


def memory() -> dict[str, int]:
    """Return the bytes of this process by the system's count, Python and torch included: now, and at most so far.

    On CUDA, those that torch allocated there.
    """
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return {"now": torch.cuda.memory_allocated(), "peak": torch.cuda.max_memory_allocated()}
    peak = _status("VmHWM")
    return {"now": _status("VmRSS"), "anonymous": _status("RssAnon"), "peak": peak}


def _status(name: str) -> int:
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), 0)


def main() -> None:
    name, model, device, file = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what implementations print goes with their warnings
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    build, import_s = timed(IMPLEMENTATIONS[name].builder)
    worker, load_s = timed(lambda: Worker(build(model, device, Path(file))))
    print(json.dumps({"import_s": import_s, "load_s": load_s, **memory()}), file=answers)
    for line in sys.stdin:
        command = json.loads(line)
        task = command.pop("task")
        answer = memory() if task == "memory" else getattr(worker, task)(**command)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
