"""Progress of a batch job: counts, rates and the time left, for people and, as a text file, for Prometheus."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hqsam import storage
from hqsam.batch.run_state import ChunkReport, ImagesDone

_METRICS_EVERY_S = 5
OnProgress = Callable[["Progress"], None]


@dataclass
class Counts:
    """Images, masks and failures of some chunks."""

    images: int = 0
    masks: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Progress:
    """Counts of a run; rates are those of this start, without what an earlier one did."""

    total: int
    """Images of the job."""
    model_s: float = 0.0
    """Seconds that models have worked since this start, in all workers, on chunks that are done."""
    began: float = field(default_factory=time.monotonic)
    _images: int = 0
    _masks: int = 0
    _failures: int = 0
    _earlier: tuple[int, int] = (0, 0)
    """Images and masks of earlier starts."""
    _under_way: dict[int, Counts] = field(default_factory=dict)
    _metrics_at: float = 0.0

    def add(self, report: ChunkReport, earlier: bool = False) -> None:
        """Count a chunk, which an earlier start has done or this one."""
        self._under_way.pop(report["number"], None)
        self._images += report["images"]
        self._masks += report["masks"]
        self._failures += len(report["failures"])
        if earlier:
            self._earlier = (self._images, self._masks)
        else:
            self.model_s += report["model_s"]

    def add_images(self, done: ImagesDone) -> None:
        """Count images of a chunk that is under way; one that begins again is not counted twice."""
        counts = self._under_way.get(done.chunk)
        if counts is None or done.first == 0:
            counts = self._under_way[done.chunk] = Counts()
        counts.images += done.images
        counts.masks += done.masks
        counts.failures += done.failures

    def failures_under_way(self) -> dict[int, list[dict[str, Any]]]:
        """Return the failures of chunks that are under way, by the chunk's number."""
        return {number: counts.failures for number, counts in self._under_way.items()}

    @property
    def images(self) -> int:
        """Images that are done, with those of earlier starts."""
        return self._images + sum(counts.images for counts in self._under_way.values())

    @property
    def masks(self) -> int:
        """Masks of the images that are done."""
        return self._masks + sum(counts.masks for counts in self._under_way.values())

    @property
    def failures(self) -> int:
        """Images and prompts that failed."""
        return self._failures + sum(len(counts.failures) for counts in self._under_way.values())

    @property
    def images_here(self) -> int:
        """Images that are done since this start."""
        return self.images - self._earlier[0]

    @property
    def masks_here(self) -> int:
        """Masks that were made since this start."""
        return self.masks - self._earlier[1]

    @property
    def seconds(self) -> float:
        """Seconds since this start."""
        return max(time.monotonic() - self.began, 1e-9)

    @property
    def images_per_s(self) -> float:
        """Images a second since this start."""
        return self.images_here / self.seconds

    @property
    def masks_per_s(self) -> float:
        """Masks a second since this start."""
        return self.masks_here / self.seconds

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at this rate, None while there is none."""
        return (self.total - self.images) / self.images_per_s if self.images_here else None

    def in_words(self) -> str:
        """Return one line for a terminal or log."""
        left = "" if self.seconds_left is None else f", {_span(self.seconds_left)} left"
        return (
            f"{self.images:,} of {self.total:,} images, {self.images_per_s:.2f} images/s, {self.masks_per_s:.1f} "
            f"masks/s, {self.failures} failures{left}"
        )

    @property
    def metrics_are_old(self) -> bool:
        """True if the text file for Prometheus was written some seconds ago, or never."""
        return time.monotonic() - self._metrics_at > _METRICS_EVERY_S

    def write_metrics(self, path: Path) -> None:
        """Write a text file for Prometheus' node exporter, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        self._metrics_at = time.monotonic()
        values = {
            "images_total": ("gauge", "Images of the job", self.total),
            "images_done": ("gauge", "Images that are done", self.images),
            "masks_done": ("gauge", "Masks of these images", self.masks),
            "failures": ("gauge", "Images and prompts that failed", self.failures),
            "images_per_second": ("gauge", "Rate since the last start", self.images_per_s),
            "masks_per_second": ("gauge", "Rate since the last start", self.masks_per_s),
            "model_seconds": ("counter", "Seconds that models worked since the last start", self.model_s),
            "seconds_left": ("gauge", "Time to the end at this rate", self.seconds_left or 0.0),
        }
        lines = [
            f"# HELP hqsam_batch_{name} {about}\n# TYPE hqsam_batch_{name} {kind}\nhqsam_batch_{name} {value:g}\n"
            for name, (kind, about, value) in values.items()
        ]
        storage.write_text(path, "".join(lines))


def _span(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"
