"""A whole run, from photos with masks to a checkpoint file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from hqsam.model.hq_sam import HQSam
from hqsam.training.config import Recipe
from hqsam.training.data_split import DataSplit
from hqsam.training.distributed import ProcessGroup
from hqsam.training.loop import train
from hqsam.training.running import Report, no_report
from hqsam.training.tensorboard import TensorBoard
from hqsam.training.validation import Validation
from hqsam.weights.save import save_model


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user may choose of a run that does not change what comes out."""

    workers: int = 1
    """Processes that prepare images."""
    save_every: int = 200
    """Steps between checkpoints."""
    cache: Path | None = None
    """Where features are kept, if the recipe has them computed once."""
    compiled: bool = False
    """Whether torch compiles the parts that learn."""
    tensorboard: bool = False
    """Whether to write for TensorBoard, too."""


def run(
    recipe: Recipe,
    data_split: DataSplit,
    folder: Path,
    processes: ProcessGroup,
    report: Report = no_report,
    options: Options = Options(),
) -> Path:
    """Train, and write the model into the run's folder as one file that `hqsam.load` opens.

    Raises:
        HqsamError: as `loop.train` says; the last checkpoint is intact.
    """
    with _watched(folder, data_split, recipe, processes, report, options.tensorboard) as (watch, validation):
        model = train(
            recipe, data_split.sets, folder, watch, validate=validation, processes=processes, workers=options.workers,
            save_every=options.save_every, cache=options.cache, compiled=options.compiled,
        )  # fmt: skip
    path = folder / "model.safetensors"
    if processes.rank == 0:
        _save(model, recipe, data_split, path)
    return path


def _save(model: HQSam, recipe: Recipe, data_split: DataSplit, path: Path) -> None:
    images = {name: len(samples) for name, samples in data_split.sets.items()}
    save_model(model, path, provenance={"recipe": asdict(recipe), "images": images}, notice=recipe.notice)


@contextmanager
def _watched(
    folder: Path, data_split: DataSplit, recipe: Recipe, processes: ProcessGroup, report: Report, tensorboard: bool
) -> Iterator[tuple[Report, Validation | None]]:
    """The report and the validation of a run, which TensorBoard may see as well."""
    board = TensorBoard(folder / "tensorboard") if tensorboard and processes.rank == 0 else None

    def watch(what: str, step: int, steps: int, metrics: dict[str, float]) -> None:
        report(what, step, steps, metrics)
        if board:
            board.scalars(what, step, metrics)

    validation = Validation(data_split.held_out, recipe.validation_images, board.picture if board else None)
    try:
        yield watch, validation if data_split.held_out else None
    finally:
        if board:
            board.close()
