"""One contestant in a process of its own, which does on command what it is told: `python -m benchmarks.worker ...`.

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

from benchmarks.contestants import FIELD, Contestant
from benchmarks.photo import boxes_on, points_on, race_photo


class Worker:
    """Measures one contestant: each method is a task, and answers with the seconds that each repetition took."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant, self.session = contestant, None
        self.image = race_photo()

    def open(self, long_side: int = 2048) -> list[float]:
        self.image = race_photo(long_side)
        self.session, seconds = timed(lambda: self.contestant.open(self.image))
        return [seconds]

    def click(self, count: int = 10) -> list[float]:
        return [timed(lambda p=p: self.contestant.click(self.session, p))[1] for p in points_on(self.image, count)]

    def batch(self, boxes: int = 64) -> list[float]:
        return [timed(lambda: self.contestant.batch(self.session, boxes_on(self.image, boxes)))[1]]

    def stream(self, photos: int = 16) -> list[float]:
        """For each photo, where they are many and each is asked about one box."""
        [box] = boxes_on(self.image, 1)
        return [timed(lambda: self.contestant.stream([self.image] * photos, box))[1] / photos]

    def everything(self, points_per_side: int = 32) -> list[float]:
        return [timed(lambda: self.contestant.everything(self.image, points_per_side))[1]]


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the seconds it took: the clock's, or with `BENCHMARK_CLOCK=processor` the processor's."""
    clock = time.process_time if os.environ.get("BENCHMARK_CLOCK") == "processor" else time.perf_counter
    started = clock()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, clock() - started


def memory() -> dict[str, int]:
    """Bytes of this process by the system's count, Python and torch included: now, and at most so far.

    On CUDA what torch allocated there.
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
    os.dup2(2, 1)  # what contestants print goes with their warnings
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    build, import_s = timed(FIELD[name].builder)
    worker, load_s = timed(lambda: Worker(build(model, device, Path(file))))
    print(json.dumps({"import_s": import_s, "load_s": load_s, **memory()}), file=answers)
    for line in sys.stdin:
        command = json.loads(line)
        task = command.pop("task")
        answer = memory() if task == "memory" else getattr(worker, task)(**command)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
