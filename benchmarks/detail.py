"""`python -m benchmarks.detail --data DIR`: masks with and without `detail=True`, set by set.

Every image of each set below DIR (SET/images, SET/masks) is asked about by the box of the true mask and by one click at
its innermost point, without and with detail. With `--shrink 0.4` the first look is at the image shrunk to that share of
its size, as if it were so much larger than the model's input, and detail sees it in full. Results are kept object by
object, so that a killed run goes on; the table is Markdown: mean IoU / mean boundary IoU.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import hqsam
from benchmarks.quality import largest_objects
from hqsam.data.open_dataset import open_datasets
from hqsam.data.sample import Sample
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import innermost_point
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session
from hqsam.storage import Journal


def main() -> None:
    arguments = _arguments()
    segmenter = hqsam.load(arguments.model, precision=arguments.precision)
    # What results that are kept must agree in; of several values of --shrink a file may have rows.
    heading = {"model": segmenter.engine.digest(), "data": str(arguments.data), "objects": arguments.objects}
    with Journal(arguments.out) as journal:
        records = journal.resume(heading)
        done = {(record["object"], record["shrink"]) for record in records}
        for set_name, samples in open_datasets(arguments.data).items():
            if arguments.sets and set_name not in arguments.sets:
                continue
            for sample in samples[: arguments.photos]:
                for record in _measure(segmenter, sample, arguments.objects, arguments.shrink, done):
                    records.append({"set": set_name, "shrink": arguments.shrink} | record)
                    journal.append(records[-1])
        print(table(records))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detail", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="nano", help="a name or a checkpoint file")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sets", nargs="*", help="only these")
    parser.add_argument("--photos", type=int, default=20, help="of each set, the first by name")
    parser.add_argument("--objects", type=int, default=5, help="of each image, the largest")
    parser.add_argument("--shrink", type=float, default=1.0, help="share of the image's size at the first look")
    parser.add_argument("--out", type=Path, default=Path("out/detail.jsonl"))
    return parser.parse_args()


def _measure(
    segmenter: Segmenter, sample: Sample, objects: int, shrink: float, done: set[tuple[str, float]]
) -> Iterator[dict[str, Any]]:
    wanted = [(f"{sample.name}/{number}", sample.mask(number)) for number in largest_objects(sample, objects)]
    wanted = [(name, truth) for name, truth in wanted if (name, shrink) not in done]
    if wanted:
        session = _open(segmenter, sample.image, shrink)
        for name, truth in wanted:
            yield {"object": name, "answers": dict(_answers(session, truth))}


def _open(segmenter: Segmenter, image: np.ndarray, shrink: float) -> Session:
    """Return a session whose first look was at a shrunken image; detail sees the full one."""
    session = segmenter.open(image)
    if shrink == 1:
        return session
    height, width = image.shape[:2]
    small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return replace(session, encoded=segmenter.open(blurred).encoded)


def _answers(session: Session, truth: np.ndarray) -> Iterator[tuple[str, list[float]]]:
    asked = {"box": {"box": box_of_mask(truth)}, "click": {"points": [innermost_point(truth)], "labels": [1]}}
    for name, prompt in asked.items():
        for detail in (False, True):
            began = time.perf_counter()
            mask = session.segment(**prompt, detail=detail).masks[0]
            seconds = time.perf_counter() - began
            yield f"{name}{', detail' * detail}", [*mask_scores(mask, truth), seconds]


def table(records: list[dict[str, Any]]) -> str:
    """Return the Markdown table: a row for each set and share, a column for each prompt."""
    rows: dict[tuple[str, float], dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for asked, values in record["answers"].items():
            rows[record["set"], record["shrink"]][asked].append(values)
    columns = ["box", "box, detail", "click", "click, detail"]
    lines = ["| set | first look | objects | " + " | ".join(columns) + " | seconds more |"]
    lines.append("| --- |" + " ---: |" * (len(columns) + 3))
    for (set_name, shrink), answers in sorted(rows.items()):
        means = {asked: np.mean(values, axis=0) for asked, values in answers.items()}
        shown = [f"{means[column][0]:.3f} / {means[column][1]:.3f}" for column in columns]
        more = np.median([values[2] for values in answers["box, detail"]]) - np.median([v[2] for v in answers["box"]])
        lines.append(f"| {set_name} | {shrink:g} | {len(answers['box'])} | {' | '.join(shown)} | {more:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
