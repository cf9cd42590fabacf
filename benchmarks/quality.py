"""`python -m benchmarks.quality --data DIR`: accuracy of a model's masks, beside GrabCut and the box itself.

Every image of each set below DIR (SET/images, SET/masks) is asked about by the box of the true mask, by one click at
its innermost point, and by two corrections more, told as points alone and by refining the answer. Results are kept
object by object, so that a killed run goes on; the table is Markdown.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import hqsam
from hqsam.data.open_dataset import open_datasets
from hqsam.data.sample import Sample
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.evaluation.simulated_user import by_clicks, from_box
from hqsam.masks.boxes import box_of_mask
from hqsam.storage import Journal

Masks = Iterator[tuple[str, np.ndarray, float]]
"""Prompt, mask, and seconds from the image's pixels to the mask, where measured."""


def main() -> None:
    arguments = _arguments()
    methods = _methods(arguments.models, arguments.grabcut, arguments.edges)
    with Journal(arguments.out) as journal:
        records = journal.resume(_heading(methods, arguments))
        done = {(record["who"], record["object"]) for record in records}
        for who, masks_of in methods.items():
            for set_name, samples in open_datasets(arguments.data).items():
                for sample in samples[: arguments.photos]:
                    for record in _measure(who, set_name, sample, arguments.objects, masks_of, done):
                        journal.append(record)
                        records.append(record)
        print(table(records))


def _heading(methods: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what results that are kept must agree in: a model's name is the same when its weights change."""
    who = {name: method.digest if isinstance(method, _Prompted) else "" for name, method in methods.items()}
    data, photos, objects = str(arguments.data), arguments.photos, arguments.objects
    return {"who": who, "data": data, "photos": photos, "objects": objects, "edges": arguments.edges}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["nano"], help="names or checkpoint files")
    parser.add_argument("--grabcut", action="store_true", help="measure GrabCut and the filled box, too")
    parser.add_argument("--edges", action="store_true", help="measure detail and snap, too")
    parser.add_argument("--photos", type=int, default=60, help="of each set, the first by name")
    parser.add_argument("--objects", type=int, default=3, help="of each image, the largest")
    parser.add_argument("--out", type=Path, default=Path("out/quality.jsonl"))
    return parser.parse_args()


def _methods(
    models: list[str], grabcut: bool, edges: bool
) -> dict[str, Callable[[Sample], Callable[[np.ndarray], Masks]]]:
    """Return methods by name: each opens an image, and then gives the masks for one true mask after the other."""
    methods: dict[str, Any] = {name: _Prompted(name, edges) for name in models}
    if grabcut:
        methods["GrabCut"] = lambda sample: lambda truth: _grabcut(sample.image, truth)
        methods["filled box"] = lambda sample: lambda truth: _filled_box(truth)
    return methods


def _measure(
    who: str, set_name: str, sample: Sample, objects: int, masks_of: Any, done: set[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    wanted = [(f"{sample.name}/{number}", sample.mask(number)) for number in largest_objects(sample, objects)]
    wanted = [(name, truth) for name, truth in wanted if (who, name) not in done]
    if not wanted:
        return
    answers_for = masks_of(sample)
    for name, truth in wanted:
        answers = {}
        for asked, mask, seconds in answers_for(truth):
            agreement = mask_scores(mask, truth)
            answers[asked] = [agreement.iou, agreement.boundary_iou, seconds]
        yield {"who": who, "set": set_name, "object": name, "answers": answers}


def largest_objects(sample: Sample, count: int) -> list[int]:
    """Return the numbers of the largest objects, largest first; those smaller than 64 pixels are left out."""
    areas = np.bincount(sample.labels.reshape(-1))
    areas[0] = 0
    large = [int(number) for number in np.argsort(-areas, kind="stable") if areas[number] >= 64]
    return large[:count]


_EDGES: dict[str, dict[str, Any]] = {
    "detail": {"detail": True},
    "snap": {"snap": True},
    "detail and snap": {"detail": True, "snap": True},
}


class _Prompted:
    """A model of ours, with every prompt and source."""

    def __init__(self, name: str, edges: bool = False) -> None:
        self.segmenter = hqsam.load(name, precision="float32")
        self.edges = edges

    @property
    def digest(self) -> str:
        return self.segmenter.engine.digest()

    def __call__(self, sample: Sample) -> Callable[[np.ndarray], Masks]:
        began = time.perf_counter()
        session = self.segmenter.open(sample.image)
        opened = time.perf_counter() - began

        def answers(truth: np.ndarray) -> Masks:
            for source in self.segmenter.config.sources:
                began = time.perf_counter()
                mask = from_box(session, truth, source).masks[0]
                yield f"box {source}", mask, opened + time.perf_counter() - began
                for go_on in ("points", "refine"):
                    clicked = by_clicks(session, truth, 2, go_on, source)
                    yield f"3 clicks by {go_on} {source}", clicked[-1].masks[0], np.nan
                yield f"1 click {source}", clicked[0].masks[0], np.nan
            if self.edges:
                for words, how in _EDGES.items():
                    began = time.perf_counter()
                    mask = session.segment(box=box_of_mask(truth), **how).masks[0]
                    yield f"box {words}", mask, opened + time.perf_counter() - began

        return answers


def _grabcut(image: np.ndarray, truth: np.ndarray) -> Masks:
    x0, y0, x1, y1 = (int(value) for value in box_of_mask(truth))
    labels, background, foreground = np.zeros(truth.shape, np.uint8), np.zeros((1, 65)), np.zeros((1, 65))
    began = time.perf_counter()
    cv2.setRNGSeed(0)
    try:
        rectangle = (x0, y0, x1 - x0, y1 - y0)
        cv2.grabCut(image[..., ::-1].copy(), labels, rectangle, background, foreground, 5, cv2.GC_INIT_WITH_RECT)
    except cv2.error:  # a box that leaves no background to learn from
        labels = _mask_of_box(truth).astype(np.uint8)
    yield "box", (labels & 1).astype(bool), time.perf_counter() - began


def _filled_box(truth: np.ndarray) -> Masks:
    yield "box", _mask_of_box(truth), 0.0


def _mask_of_box(truth: np.ndarray) -> np.ndarray:
    x0, y0, x1, y1 = (int(value) for value in box_of_mask(truth))
    mask = np.zeros(truth.shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def table(records: list[dict[str, Any]]) -> str:
    """Return mean IoU / mean boundary IoU by set: one table for boxes, with the median seconds, and one for clicks."""
    cells: dict[tuple[str, str], dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for asked, values in record["answers"].items():
            cells[record["who"], asked][record["set"]].append(values)
    boxes = {column: by_set for column, by_set in cells.items() if column[1].startswith("box")}
    clicks = {column: by_set for column, by_set in cells.items() if column not in boxes}
    sets = sorted({record["set"] for record in records})
    return "\n\n".join(_table_of(columns, sets) for columns in (boxes, clicks) if columns)


def _table_of(columns: dict[tuple[str, str], dict[str, list[list[float]]]], sets: list[str]) -> str:
    names = sorted(columns)
    lines = ["| set | objects | " + " | ".join(f"{who}, {asked}" for who, asked in names) + " |"]
    lines.append("| --- |" + " ---: |" * (len(names) + 1))
    for set_name in sets:
        found = [columns[name].get(set_name) for name in names]
        means = [np.mean(values, axis=0) if values else None for values in found]
        shown = ["" if mean is None else f"{mean[0]:.3f} / {mean[1]:.3f}" for mean in means]
        lines.append(f"| {set_name} | {max(len(values or []) for values in found)} | " + " | ".join(shown) + " |")
    seconds = [np.median([values[2] for found in columns[name].values() for values in found]) for name in names]
    if not np.isnan(seconds).all():
        lines.append("| seconds | | " + " | ".join(f"{value:.2f}" for value in seconds) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
