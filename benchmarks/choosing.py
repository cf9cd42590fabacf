"""`python -m benchmarks.choosing --data DIR`: how well predicted IoUs choose between the candidates of one click.

The largest objects of each set's images (SET/images, SET/masks below DIR) are asked about by one click at their
innermost points. Tables are Markdown: mask 0, the candidate of the highest predicted IoU and the best by the true mask,
by set; and the true IoU of masks by their predicted one, which shows how far predictions can be believed.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import hqsam
from benchmarks.quality import largest_objects
from hqsam.data.open_dataset import open_datasets
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.masks.regions import innermost_point
from hqsam.predict.session import Session

Answers = dict[str, list[np.ndarray]]
"""For each set and object, rows [predicted IoU, true IoU] of mask 0 and of the candidates."""

_BINS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def main() -> None:
    arguments = _arguments()
    for model in arguments.models:
        answers = measured(model, arguments.data, arguments.photos, arguments.objects, arguments.source)
        print(f"{model}:\n\n{choices(answers)}\n\n{calibration(answers)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choosing", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["nano"], help="names or checkpoint files")
    parser.add_argument("--photos", type=int, default=60, help="of each set, every n-th by name")
    parser.add_argument("--objects", type=int, default=1, help="of each image, the largest")
    parser.add_argument("--source", choices=["sum", "hq", "sam"], default="sum")
    return parser.parse_args()


def measured(model: str, data: Path, photos: int, objects: int, source: str) -> Answers:
    """Ask a model about the objects of all sets by one click each."""
    segmenter, answers = hqsam.load(model), defaultdict[str, list[np.ndarray]](list)
    for set_name, samples in open_datasets(data).items():
        for sample in samples[:: max(1, len(samples) // photos)][:photos]:
            session = segmenter.open(sample.image)
            for number in largest_objects(sample, objects):
                answers[set_name].append(np.array(list(_answers(session, sample.mask(number), source))))
    return answers


def _answers(session: Session, truth: np.ndarray, source: str) -> Iterator[tuple[float, float]]:
    click = [innermost_point(truth)]
    for candidates in ("first", 3):
        found = session.segment(points=click, labels=[1], candidates=candidates, source=source)
        for mask, score in zip(found.masks, found.scores, strict=True):
            yield float(score), mask_scores(mask, truth).iou


def choices(answers: Answers) -> str:
    """Return mean IoUs of mask 0, of the candidate that was chosen and of the best, by set."""
    lines = ["| set | objects | mask 0 | by predicted IoU | best by truth |", "| --- |" + " ---: |" * 4]
    rows = {name: np.mean([_choice(each) for each in found], axis=0) for name, found in answers.items()}
    rows["mean"] = np.mean(list(rows.values()), axis=0)
    for name, row in rows.items():
        count = len(answers[name]) if name in answers else sum(map(len, answers.values()))
        lines.append(f"| {name} | {count} | " + " | ".join(f"{value:.3f}" for value in row) + " |")
    return "\n".join(lines)


def _choice(each: np.ndarray) -> tuple[float, float, float]:
    predicted, true = each.T
    return true[0], true[1 + predicted[1:].argmax()], true[1:].max()


def calibration(answers: Answers) -> str:
    """Return the mean true IoU of all masks, by intervals of their predicted one."""
    predicted, true = np.concatenate([each for found in answers.values() for each in found]).T
    lines = ["| predicted IoU | masks | mean predicted | mean true |", "| --- | ---: | ---: | ---: |"]
    bins = np.digitize(predicted, _BINS[1:-1])
    for number in np.unique(bins):
        some = bins == number
        means = f"{predicted[some].mean():.3f} | {true[some].mean():.3f}"
        lines.append(f"| {_BINS[number]:.1f} to {_BINS[number + 1]:.1f} | {some.sum()} | {means} |")
    lines.append(f"| mean error | {len(true)} | | {np.abs(predicted - true).mean():.3f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
