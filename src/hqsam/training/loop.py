"""The one training loop: a recipe's stages, one after the other, resumed where they were left."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from hqsam import hardware
from hqsam.data.loader import PromptedDataset
from hqsam.data.sample import Sample
from hqsam.model.hq_sam import HQSam
from hqsam.training import run_folder
from hqsam.training.config import Recipe
from hqsam.training.distributed import ProcessGroup, SingleProcess
from hqsam.training.initial_model import initial_model
from hqsam.training.running import Report, Running, Validate, no_report
from hqsam.training.stage import run_stage
from hqsam.weights.digest import sha256_of_tensors


def train(
    recipe: Recipe,
    sets: Mapping[str, Sequence[Sample]],
    folder: Path,
    report: Report = no_report,
    *,
    validate: Validate | None = None,
    processes: ProcessGroup | None = None,
    workers: int = 1,
    save_every: int = 200,
    cache: Path | None = None,
    compiled: bool = False,
) -> HQSam:
    """Run the recipe's stages and return the model with its averaged weights.

    `folder` gets a checkpoint every `save_every` steps and `metrics.jsonl`; a run that finds them goes on from there,
    and ends where the unbroken run would. With many processes each calls this, and the first one writes.

    Raises:
        DataError: the sets do not hold what the recipe asks for.
        OptionError: the recipe does not fit the model or the number of processes.
        OutputError: the disk is full, or the folder cannot be written; the last checkpoint is intact.
        TrainingError: the folder is another run's, memory ran out, or the loss is not a number.
    """
    hardware.keep_freed_memory()
    running = Running(
        folder=folder, processes=processes or SingleProcess(torch.device("cpu")), report=report, validate=validate,
        workers=workers, save_every=save_every, cache=cache, compiled=compiled,
    )  # fmt: skip
    model = initial_model(recipe)
    with _held(running, recipe, model, sets):
        for number in range(len(recipe.stages)):
            learnt = run_stage(
                recipe, number, model, lambda sampling, seed: PromptedDataset(sets, sampling, seed), running
            )
            model.load_state_dict(learnt.state_dict())
    return model


@contextmanager
def _held(running: Running, recipe: Recipe, model: HQSam, sets: Mapping[str, Sequence[Sample]]) -> Iterator[None]:
    """The run's folder is this run's alone; the first process sees to it for all."""
    identity = {
        "recipe": asdict(recipe),
        "start": sha256_of_tensors(model.state_dict()),
        "images": {name: len(samples) for name, samples in sets.items()},
    }
    with ExitStack() as stack:
        running.processes.agree(lambda: stack.enter_context(run_folder.held(running.folder, identity)))
        yield
