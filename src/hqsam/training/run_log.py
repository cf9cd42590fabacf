"""Log of a run: metrics.jsonl, TensorBoard and whoever else watches."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from hqsam.storage import Journal, replacing, write_text
from hqsam.training.config import RunOptions
from hqsam.training.tensorboard import TensorBoard
from hqsam.training.validation import PROMPTS, ValidationResult

METRICS = "metrics.jsonl"
"""Name of the journal in a run's folder: a JSON object for each step and each validation."""


class RunLog:
    """Log that a training loop writes to, stage by stage. Only the first process's reaches the disk."""

    def __init__(self, options: RunOptions, *, resume_after: tuple[int, int]) -> None:
        """Open the log of a run that resumes after a stage's number and a step; later records are dropped."""
        self.options = options
        if options.writes:
            _drop_after(options.folder / METRICS, resume_after)
        self._journal = Journal(options.folder / METRICS) if options.writes else None
        self._board = TensorBoard(options.folder / "tensorboard") if options.tensorboard and options.writes else None
        self._place: dict[str, Any] = {}
        self._steps = 0

    def begin_stage(self, number: int, name: str, steps: int) -> None:
        """Set the stage that later lines are logged under."""
        self._place, self._steps = {"stage": name, "stage_number": number}, steps

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log a step's metrics."""
        self._record(step, metrics)
        self._show(self._place["stage"], self._place["stage"], step, metrics)

    def validation(self, step: int, result: ValidationResult) -> None:
        """Log a validation: its scores, and its images as files of the folder `validation`."""
        self._record(step, {"validation": result.scores})
        self._show("validation", f"{self._place['stage']}/validation", step, result.scores)
        for name, image in result.images.items():
            if self.options.writes:
                _write_jpeg(self.options.folder / "validation" / f"{self._place['stage']}-{step:07d}-{name}.jpg", image)
            if self._board:
                self._board.image(f"{self._place['stage']}/{name}", step, image)

    def note(self, step: int, words: str) -> None:
        """Log words that whoever watches the run, or reads its metrics later, should know."""
        self._record(step, {"note": words})
        self.options.on_message(words)

    def _record(self, step: int, entry: Mapping[str, Any]) -> None:
        if self._journal:
            self._journal.append({**self._place, "step": step, **entry})

    def _show(self, what: str, curves: str, step: int, metrics: Mapping[str, float]) -> None:
        self.options.on_progress(what, step, self._steps, metrics)
        if self._board:
            self._board.scalars(curves, step, metrics)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sink in (self._journal, self._board):
            if sink:
                sink.close()


def validations_of(folder: Path) -> dict[str, dict[str, float]]:
    """Return the scores of a run's validations so far, by stage and step."""
    records = [record for record in Journal(folder / METRICS) if "validation" in record]
    return {f"{one['stage']}, step {one['step']}": _by_prompt(one["validation"]) for one in records}


def _by_prompt(scores: Mapping[str, float]) -> dict[str, float]:
    """Return scores by the names that they have now: version 0.1 asked by box alone, and did not say so."""
    return {name if name.startswith(PROMPTS) else f"box_{name}": value for name, value in scores.items()}


def _write_jpeg(path: Path, image: np.ndarray) -> None:
    with replacing(path) as temporary_path:
        Image.fromarray(image).save(temporary_path, quality=88)


def _drop_after(path: Path, place: tuple[int, int]) -> None:
    """Drop the records of steps that will be done again, because a kill came before their checkpoint."""
    records = list(Journal(path))
    kept = [record for record in records if (record["stage_number"], record["step"]) <= place]
    if len(kept) < len(records):
        write_text(path, "".join(json.dumps(record) + "\n" for record in kept))
