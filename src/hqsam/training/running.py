"""How a recipe is run: all that a user may choose and that does not change what comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from hqsam.model.hq_sam import HQSam
from hqsam.training.distributed import ProcessGroup

Report = Callable[[str, int, int, dict[str, float]], None]
"""Called with what is done, its step, its steps and the metrics of that step."""


@runtime_checkable
class Validate(Protocol):
    """How good a model is, asked by all processes together."""

    def __call__(self, model: HQSam, stage: str, step: int, processes: ProcessGroup) -> dict[str, float]:
        """Scores by name, the same in every process."""
        ...


def no_report(*_: object) -> None:
    """Says nothing."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """Where a run is, who takes part, and who watches."""

    folder: Path
    processes: ProcessGroup
    report: Report = no_report
    validate: Validate | None = None
    workers: int = 1
    """Processes that prepare images."""
    save_every: int = 200
    """Steps between checkpoints."""
    cache: Path | None = None
    """Where features are kept, if the recipe has them computed once."""
    compiled: bool = False
    """Whether torch compiles the parts that learn: minutes at first, and then faster steps on a GPU."""

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes."""
        return self.processes.rank == 0
