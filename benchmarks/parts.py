"""What is measured of a model, part by part; each returns what the JSON file says of it."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.contestants import FIELD
from benchmarks.measure import Contender, Place, contenders, race
from benchmarks.sizes import size_of
from hqsam.hardware import available_threads

Part = dict[str, Any]
TASKS = ("open", "click", "batch")


def sizes(place: Place) -> Part:
    """How many parameters, and how many of them the paper trains."""
    size = size_of(place.model)
    counts = {"parameters": size.parameters, "hq_parameters": size.hq_parameters}
    return counts | {"mib": size.mib, "hq_mib": size.hq_mib}


def speed(place: Place, names: list[str], rounds: int, asked: Sequence[str] = TASKS, boxes: int = 64) -> Part:
    """Opening, ten clicks and a batch of boxes, in turns."""
    settings = {"open": {}, "click": {"count": 10}, "batch": {"boxes": boxes}}
    tasks = {task: settings[task] for task in TASKS if task in asked}
    with contenders(names, place) as racers:
        return {"boxes": boxes, "seconds": race(dict(racers), tasks, rounds)}


def alone(place: Place, names: list[str], rounds: int) -> Part:
    """Loading and opening, each time in a new process: seconds to load, and the most memory by the system's count."""
    answers: Part = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            answers[name].append(_alone(name, place))
    return {
        name: {key: statistics.median(one[key] for one in some) for key in some[0]} for name, some in answers.items()
    }


def _alone(name: str, place: Place) -> dict[str, float]:
    with contenders([name], place) as started:
        contender = started[name]
        if FIELD[name].suffix is None:
            del contender.start["load_s"]  # it made its weights up
        first_open_s = contender.do("open")[0]
        return {**contender.start, "open_s": first_open_s, "open_peak": contender.memory()["peak"]}


def everything(place: Place, names: list[str], rounds: int, points_per_side: int = 32) -> Part:
    """Every mask of a grid of clicks: seconds, and memory beyond the loaded model."""
    names = [name for name in names if "everything" in FIELD[name].tasks]
    with contenders(names, place) as racers:
        tasks = {"everything": {"points_per_side": points_per_side}}
        seconds = race(dict(racers), tasks, rounds, warm=False)
        beyond = {name: one.memory()["peak"] - one.start["now"] for name, one in racers.items()}
    return {"points_per_side": points_per_side, "seconds": seconds, "memory_beyond": beyond}


def growth(place: Place, rounds: int, most_points: int = 32) -> Part:
    """How our cost grows with what is asked: medians by size."""
    with contenders(["hqsam"], place) as started:
        ours = started["hqsam"]
        ours.do("open")
        ours.do("batch", boxes=4)
        prompts = {n: _median(ours, rounds, "batch", boxes=n) for n in (1, 4, 16, 64)}
        sides = [n for n in (4, 8, 16, 32) if n <= most_points]
        points = {n * n: _median(ours, 1, "everything", points_per_side=n) for n in sides}
        together = {n: _median(ours, rounds, "stream", photos=n) for n in (1, 4, 16)}
        photos = {n: _photo(ours, rounds, n) for n in (512, 1024, 2048, 4096, 8192)}
    counts = [] if place.busy else [n for n in (1, 2, 4, 8, 16) if n <= available_threads()]
    threads = {n: _with_threads(place, rounds, n) for n in counts}
    return {"prompts": prompts, "points": points, "photos": photos, "together": together, "threads": threads}


def _photo(ours: Contender, rounds: int, long_side: int) -> dict[str, float]:
    opened = _median(ours, rounds, "open", long_side=long_side)
    return {"open": opened, "click": _median(ours, rounds, "click", count=3)}


def _with_threads(place: Place, rounds: int, threads: int) -> dict[str, float]:
    ours = Contender("hqsam", place, threads)
    try:
        ours.do("open")
        return {task: _median(ours, rounds, task) for task in ("open", "click", "batch")}
    finally:
        ours.close()


def _median(ours: Contender, rounds: int, task: str, **settings: int) -> float:
    return statistics.median(second for _ in range(rounds) for second in ours.do(task, **settings))
