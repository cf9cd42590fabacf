"""Times and memory. Contestants take turns within one run, so that a busy machine is unfair to all of them alike."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.contestants import FIELD, Contestant, Point


@dataclass
class Times:
    """Seconds, one entry a measurement."""

    open_s: list[float] = field(default_factory=list)
    click_s: list[float] = field(default_factory=list)

    @property
    def medians(self) -> dict[str, float]:
        return {"open_s": statistics.median(self.open_s), "click_s": statistics.median(self.click_s)}


def race(contestants: dict[str, Contestant], image: np.ndarray, rounds: int, clicks: int) -> dict[str, Times]:
    """Rounds in which each opens the image and clicks into it; a first round that is not counted warms up."""
    times = {name: Times() for name in contestants}
    for turn in range(rounds + 1):
        order = list(contestants)
        order = order[turn % len(order) :] + order[: turn % len(order)]
        for name in order:
            _take_turn(contestants[name], image, clicks, Times() if turn == 0 else times[name])
    return times


def peak_memory_bytes(name: str, model: str, device: str) -> int | None:
    """The most memory that a process of its own holds which builds the model, opens a photo and clicks once.

    On a CPU all that is resident, Python and torch included; on CUDA what torch allocated there. None if it failed.
    """
    command = [sys.executable, "-m", "benchmarks.measure", name, model, device]
    answer = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if answer.returncode != 0:
        sys.stderr.write(answer.stderr)
        return None
    return int(answer.stdout)


def test_image() -> np.ndarray:
    """The photo of the race: noise, 1024 x 768, since no model looks at what it shows."""
    return np.random.default_rng(0).integers(0, 256, (768, 1024, 3), dtype=np.uint8)


def _take_turn(contestant: Contestant, image: np.ndarray, clicks: int, times: Times) -> None:
    session, seconds = _timed(lambda: contestant.open(image))
    times.open_s.append(seconds)
    for point in _points(image, clicks):
        _, seconds = _timed(lambda point=point: contestant.click(session, point))
        times.click_s.append(seconds)


def _timed(work: Callable[[], object]) -> tuple[object, float]:
    started = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result, time.perf_counter() - started


def _points(image: np.ndarray, count: int) -> list[Point]:
    height, width = image.shape[:2]
    return [(width * (i + 1) // (count + 1), height * (i + 1) // (count + 1)) for i in range(count)]


def _peak_of_this_process(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # KiB everywhere but on macOS


def _measure_memory(name: str, model: str, device_name: str) -> None:
    device = torch.device(device_name)
    contestant = FIELD[name].build(model, device)
    contestant.click(contestant.open(test_image()), (100, 100))
    print(_peak_of_this_process(device))


if __name__ == "__main__":
    _measure_memory(*sys.argv[1:])
