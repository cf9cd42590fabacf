"""One stage of a recipe, from its last checkpoint to its end."""

import time
from collections.abc import Callable
from dataclasses import replace

from hqsam.data.loader import PromptedDataset, rows_of
from hqsam.data.sampling import SamplingConfig
from hqsam.errors import OptionError
from hqsam.hardware import pick_precision
from hqsam.model.hq_sam import HQSam
from hqsam.storage import Journal
from hqsam.training import cache, checkpoint, run_folder
from hqsam.training.batch_source import BatchSource, ImageSource
from hqsam.training.config import Recipe, StageConfig
from hqsam.training.initial_model import resized
from hqsam.training.memory import explain_out_of_memory
from hqsam.training.running import Running
from hqsam.training.trainer import Trainer

DatasetOf = Callable[[SamplingConfig, int], PromptedDataset]
"""The photos as a sampling and a seed show them."""


def run_stage(recipe: Recipe, number: int, model: HQSam, dataset_of: DatasetOf, running: Running) -> HQSam:
    """The model after the stage. What is done already is not done again."""
    stage = _Stage(recipe, number, model, dataset_of, running)
    stage.resume()
    if stage.trainer.done < stage.trainer.steps:
        with run_folder.metrics_of(running.folder) as journal:
            stage.go(journal)
    return stage.trainer.result()


class _Stage:
    def __init__(self, recipe: Recipe, number: int, model: HQSam, dataset_of: DatasetOf, running: Running) -> None:
        self.recipe, self.number, self.running = recipe, number, running
        self.config = _fitted(recipe.stages[number], model, running.processes.count)
        self.folder = running.folder / f"{number}-{self.config.name}"
        seed = recipe.seed + 1000 * number
        self.dataset = dataset_of(self.config.sampling, seed)
        self.batch_size = self.config.sampling.batch_size
        epoch = max(1, self.dataset.images // self.batch_size)
        steps = self.config.steps or self.config.epochs * epoch
        self.validate_every = self.config.validate_every or (epoch if self.config.epochs else steps)
        precision = pick_precision(recipe.precision, running.processes.device)
        sized = resized(model, self.config.sampling.size)
        self.trainer = Trainer(sized, self.config, steps, seed, precision, running.processes)

    def resume(self) -> None:
        state = checkpoint.latest(self.folder)
        if state is not None:
            self.trainer.load_state_dict(state)
        if self.running.writes:
            run_folder.forget_after(self.running.folder, self.number, self.trainer.done)
        self.running.processes.wait()

    def go(self, journal: Journal) -> None:
        if self.running.compiled:
            self.trainer.compile()
        turns = [self._turns(step) for step in range(self.trainer.done, self.trainer.steps)]
        given = self._feed().given([rows for step in turns for rows in step], self.running.workers)
        if not self.trainer.done:
            self._validate(journal)
        began = time.monotonic()
        for rows_of_turns in turns:
            started = time.monotonic()
            with explain_out_of_memory(f"step {self.trainer.done + 1} of stage {self.config.name!r}"):
                metrics = self.trainer.step((rows, next(given)) for rows in rows_of_turns)
            metrics["images_per_s"] = self.batch_size / (time.monotonic() - started)
            metrics["seconds"] = time.monotonic() - began
            self._after_step(journal, metrics)

    def _after_step(self, journal: Journal, metrics: dict[str, float]) -> None:
        self._tell(journal, metrics)
        done, steps = self.trainer.done, self.trainer.steps
        self.running.report(self.config.name, done, steps, metrics)
        if done == steps or done % self.validate_every == 0:
            self._validate(journal)
        if self.running.writes and (done % self.running.save_every == 0 or done == steps):
            checkpoint.save(self.folder, done, self.trainer.state_dict())

    def _validate(self, journal: Journal) -> None:
        if self.running.validate is None:
            return
        done = self.trainer.done
        scores = self.running.validate(self.trainer.result(), self.config.name, done, self.running.processes)
        self._tell(journal, {"validation": scores})
        self.running.report("validation", done, self.trainer.steps, scores)

    def _tell(self, journal: Journal, metrics: dict) -> None:
        if self.running.writes:
            place = {"stage": self.config.name, "stage_number": self.number, "step": self.trainer.done}
            journal.append(place | metrics)

    def _turns(self, step: int) -> list[range]:
        """This process's rows of a step, in as many parts as it computes one after the other."""
        processes = self.running.processes
        rows = rows_of(step, self.batch_size, processes.rank, processes.count)
        at_once = self.config.at_once or len(rows)
        return [rows[start : start + at_once] for start in range(0, len(rows), at_once)]

    def _feed(self) -> BatchSource:
        views, folder = self.recipe.views, self.running.cache
        if not views or folder is None:
            return ImageSource(self.dataset)
        report, processes = self.running.report, self.running.processes
        return cache.fill(
            folder, self.dataset, views, self.trainer.model, self.trainer.encode, processes,
            lambda done, total: report("features", done, total, {}),
        )  # fmt: skip


def _fitted(stage: StageConfig, model: HQSam, processes: int) -> StageConfig:
    """The stage with the model's own size where it names none."""
    sampling = replace(
        stage.sampling, size=stage.sampling.size or model.config.image_size, stride=model.config.stride // 4
    )
    if sampling.batch_size < processes:
        raise OptionError(
            f"{processes} processes cannot share a batch of {sampling.batch_size}; start fewer, or give a larger "
            f"batch: --set stages.0.sampling.batch_size={processes}"
        )
    return replace(stage, sampling=sampling)
