"""Parts of the benchmark of a model; each function returns what the JSON file says of it."""

import statistics
from collections.abc import Collection, Sequence
from typing import Any

from benchmarks.implementations import IMPLEMENTATIONS
from benchmarks.measure import Setup, WorkerProcess, measure_in_turns, worker_processes
from benchmarks.sizes import size_of
from hqsam.hardware import available_threads

Part = dict[str, Any]
TASKS = ("open", "click", "batch")


def sizes(setup: Setup) -> Part:
    """Count the parameters, and those of them that the paper trains."""
    size = size_of(setup.model)
    counts = {"parameters": size.parameters, "hq_parameters": size.hq_parameters}
    return counts | {"mib": size.mib, "hq_mib": size.hq_mib}


def speed(setup: Setup, names: list[str], rounds: int, asked: Sequence[str] = TASKS, boxes: int = 64) -> Part:
    """Time opening, ten clicks and a batch of boxes, the implementations in turns."""
    settings = {"open": {}, "click": {"count": 10}, "batch": {"boxes": boxes}}
    tasks = {task: settings[task] for task in TASKS if task in asked}
    names = _able(names, tasks)
    with worker_processes(names, setup) as runners:
        return {"boxes": boxes, "seconds": measure_in_turns(dict(runners), tasks, rounds)}


def engines(setup: Setup, names: list[str], rounds: int) -> Part:
    """Time the network's encoder and decoder in each engine, in turns. All of them run on the processor."""
    names = _able(names, ["encode"]) if setup.device == "cpu" else []
    with worker_processes(names, setup) as runners:
        return {"seconds": measure_in_turns(dict(runners), {"encode": {}, "decode": {"count": 10}}, rounds)}


def _able(names: list[str], tasks: Collection[str]) -> list[str]:
    return [name for name in names if set(tasks) & set(IMPLEMENTATIONS[name].tasks)]


def alone(setup: Setup, names: list[str], rounds: int) -> Part:
    """Measure cold starts in new processes: seconds to load and open, and peak memory by the system's count."""
    names = _able(names, ["open"])
    answers: Part = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            answers[name].append(_alone(name, setup))
    return {
        name: {key: statistics.median(one[key] for one in some) for key in some[0]} for name, some in answers.items()
    }


def _alone(name: str, setup: Setup) -> dict[str, float]:
    with worker_processes([name], setup) as started:
        contender = started[name]
        if IMPLEMENTATIONS[name].suffix is None:
            del contender.start["load_s"]  # its weights are made up
        first_open_s = contender.do("open")[0]
        return {**contender.start, "open_s": first_open_s, "open_peak": contender.memory()["peak"]}


def everything(setup: Setup, names: list[str], rounds: int, points_per_side: int = 32) -> Part:
    """Measure every mask of a grid of clicks: seconds, and memory beyond the loaded model."""
    names = _able(names, ["everything"])
    with worker_processes(names, setup) as runners:
        tasks = {"everything": {"points_per_side": points_per_side}}
        seconds = measure_in_turns(dict(runners), tasks, rounds, warm=False)
        beyond = {name: one.memory()["peak"] - one.start["now"] for name, one in runners.items()}
    return {"points_per_side": points_per_side, "seconds": seconds, "memory_beyond": beyond}


def growth(setup: Setup, rounds: int, most_points: int = 32) -> Part:
    """Measure how our cost scales with prompts, clicks, image size and threads: medians by size."""
    with worker_processes(["hqsam"], setup) as started:
        ours = started["hqsam"]
        ours.do("open")
        ours.do("batch", boxes=4)
        prompts = {n: _median(ours, rounds, "batch", boxes=n) for n in (1, 4, 16, 64)}
        sides = [n for n in (4, 8, 16, 32) if n <= most_points]
        points = {n * n: _median(ours, 1, "everything", points_per_side=n) for n in sides}
        together = {n: _median(ours, rounds, "stream", photos=n) for n in (1, 4, 16)}
        photos = {n: _by_image_size(ours, rounds, n) for n in (512, 1024, 2048, 4096, 8192)}
    counts = [] if setup.busy else [n for n in (1, 2, 4, 8, 16) if n <= available_threads()]
    threads = {n: _with_threads(setup, rounds, n) for n in counts}
    return {"prompts": prompts, "points": points, "photos": photos, "together": together, "threads": threads}


def _by_image_size(ours: WorkerProcess, rounds: int, long_side: int) -> dict[str, float]:
    opened = _median(ours, rounds, "open", long_side=long_side)
    return {"open": opened, "click": _median(ours, rounds, "click", count=3)}


def _with_threads(setup: Setup, rounds: int, threads: int) -> dict[str, float]:
    ours = WorkerProcess("hqsam", setup, threads)
    try:
        ours.do("open")
        return {task: _median(ours, rounds, task) for task in ("open", "click", "batch")}
    finally:
        ours.close()


def _median(ours: WorkerProcess, rounds: int, task: str, **settings: int) -> float:
    return statistics.median(second for _ in range(rounds) for second in ours.do(task, **settings))
