"""Measurements as tables: a title, and rows of text of which the first is the header."""

from collections.abc import Iterator
from statistics import median
from typing import Any

Rows = list[list[str]]
Report = dict[str, Any]


def all_tables(report: Report) -> list[tuple[str, Rows]]:
    """Return all tables with their titles; those of parts that were not measured have a header only."""
    models = report["models"]
    return [
        ("Speed", speed(models)),
        ("Loading and memory", alone(models)),
        ("Engines", engines(models)),
        ("Everything", everything(models)),
        *growth(models),
        ("Sizes", sizes(models)),
    ]


def speed(models: Report) -> Rows:
    """Return median times, and how many times hqsam's they are."""
    boxes = sorted({result["speed"]["boxes"] for result in models.values() if "speed" in result})
    batch = f"{boxes[0]} boxes (s)" if boxes else "boxes (s)"
    header = ["model", "who", "open (s)", "x hqsam", "click (ms)", "x hqsam", batch, "x hqsam"]
    return [header, *(row for model, result in models.items() for row in _speed(model, result.get("speed")))]


def _speed(model: str, part: Report | None) -> Iterator[list[str]]:
    seconds = part["seconds"] if part else {}
    ours = seconds.get("hqsam", {})
    for name, one in seconds.items():
        cells = [_beside(one, ours, task, *style) for task, style in _STYLES.items()]
        yield [model, name, *(cell for pair in cells for cell in pair)]


_STYLES = {"open": (1, ".3f"), "click": (1e3, ".1f"), "batch": (1, ".3f")}


def _beside(one: Report, ours: Report, task: str, unit: float, style: str) -> tuple[str, str]:
    if task not in one:
        return "", ""
    taken = median(one[task])
    return f"{taken * unit:{style}}", f"{taken / median(ours[task]):.2f}" if task in ours else ""


def engines(models: Report) -> Rows:
    """Return median times of encoder and decoder in each engine, and how many times those of our own they are."""
    header = ["model", "engine", "encoder (ms)", "x ours", "decoder (ms)", "x ours"]
    return [header, *(row for model, result in models.items() for row in _engines(model, result.get("engines")))]


def _engines(model: str, part: Report | None) -> Iterator[list[str]]:
    seconds = part["seconds"] if part else {}
    ours = seconds.get("engine", {})
    for name, one in seconds.items():
        cells = [_beside(one, ours, task, 1e3, ".1f") for task in ("encode", "decode")]
        yield [model, name.removeprefix("engine").strip() or "hqsam", *(cell for pair in cells for cell in pair)]


def alone(models: Report) -> Rows:
    """Return seconds to import and load; memory when loaded, and at most until the first image was open."""
    header = ["model", "who", "import (s)", "load (s)", "loaded (MiB)", "peak of opening (MiB)", "x hqsam"]
    return [header, *(row for model, result in models.items() for row in _alone(model, result.get("alone")))]


def _alone(model: str, part: Report | None) -> Iterator[list[str]]:
    who = part["who"] if part else {}
    for name, one in who.items():
        load = f"{one['load_s']:.2f}" if "load_s" in one else ""
        ratio = f"{one['open_peak'] / who['hqsam']['open_peak']:.2f}" if "hqsam" in who else ""
        yield [model, name, f"{one['import_s']:.2f}", load, _mib(one["now"]), _mib(one["open_peak"]), ratio]


def everything(models: Report) -> Rows:
    """Return seconds and memory beyond the loaded model."""
    header = ["model", "who", "clicks", "seconds", "x hqsam", "memory beyond the model (MiB)"]
    return [header, *(row for model, result in models.items() for row in _everything(model, result.get("everything")))]


def _everything(model: str, part: Report | None) -> Iterator[list[str]]:
    if part is None:
        return
    seconds = part["seconds"]
    for name, one in seconds.items():
        shown = _beside(one, seconds.get("hqsam", {}), "everything", 1, ".1f")
        yield [model, name, str(part["points_per_side"] ** 2), *shown, _mib(part["memory_beyond"][name])]


def growth(models: Report) -> Iterator[tuple[str, Rows]]:
    """Return how our cost scales, a table for each thing that it scales with."""
    parts = {model: result["growth"] for model, result in models.items() if "growth" in result}
    for key, title, column in _GROWTH:
        rows = [
            [model, str(size), *_growing(value)]
            for model, part in parts.items()
            for size, value in part.get(key, {}).items()
        ]
        units = {"photos": ["open (s)", "click (ms)"], "threads": ["open (s)", "click (ms)", "64 boxes (s)"]}
        yield title, [["model", column, *units.get(key, ["seconds"])], *rows]


_GROWTH = [
    ("prompts", "Boxes in one batch", "boxes"),
    ("points", "Everything, by clicks", "clicks"),
    ("photos", "By the size of the image", "long side"),
    ("together", "Many images and a box on each, seconds an image", "photos"),
    ("threads", "By threads", "threads"),
]


def _growing(value: float | dict[str, float]) -> list[str]:
    if not isinstance(value, dict):
        return [f"{value:.3f}"]
    return [f"{value[task] * unit:{style}}" for task, (unit, style) in _STYLES.items() if task in value]


def sizes(models: Report) -> Rows:
    """Return the models' sizes; the paper prints MiB of float32 weights under "Params (M)" (its table 10)."""
    header = ["model", "parameters (M)", "of them HQ (M)", "MiB", "of them HQ"]
    return [header, *(_sizes(model, result["sizes"]) for model, result in models.items())]


def _sizes(model: str, size: Report) -> list[str]:
    counts = [f"{size['parameters'] / 1e6:.2f}", f"{size['hq_parameters'] / 1e6:.3f}"]
    return [model, *counts, f"{size['mib']:.1f}", f"{size['hq_mib']:.1f}"]


def _mib(amount: float | None) -> str:
    return "" if amount is None else f"{amount / 2**20:.0f}"
