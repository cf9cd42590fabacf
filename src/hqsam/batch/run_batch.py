"""A batch job from its items to its results; it goes on where the same job stopped or was killed before."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hqsam.batch.attempts import forget_attempts
from hqsam.batch.engines import BatchEngine
from hqsam.batch.engines.local import LocalEngine
from hqsam.batch.engines.ray import RayEngine, RayOptions
from hqsam.batch.files import OutputStore
from hqsam.batch.items import Chunk, Item, chunks_of
from hqsam.batch.job import BatchJob, default_chunk_size
from hqsam.batch.notes import joined_counts
from hqsam.batch.progress import OnProgress, Progress
from hqsam.batch.run_state import FAILED, SUMMARY, ImagesDone, RunState
from hqsam.batch.sinks import check_formats, coco, webdataset
from hqsam.errors import OptionError, OutputError

Engine = Literal["local", "ray"]


@dataclass(frozen=True, kw_only=True)
class BatchRun:
    """The settings of a run that its results do not depend on."""

    engine: Engine = "local"
    workers: int = 1
    """Processes or actors, of which each loads the model."""
    ray: RayOptions = field(default_factory=RayOptions)
    """With the engine "ray", without `workers`."""
    max_failures: int | None = None
    """Stop when there are more failures."""
    retry_failed: bool = False
    """Do the shards with failures again, such as after a store was out of reach."""
    chunk_size: int | None = None
    """Images of a shard."""
    metrics: Path | None = None
    """A text file for Prometheus that is kept up to date."""

    def __call__(self, job: BatchJob, items: Sequence[Item], progress: OnProgress = lambda now: None) -> dict[str, Any]:
        """Work on all items and return the summary, which `summary.json` has as well.

        What an `ImageWarning` would say of images is counted in the summary's `notes` instead.

        Args:
            job: what to do.
            items: from `find_items`.
            progress: called after each image; on Ray after each shard.

        Raises:
            OptionError: a format is unknown, or cannot tell two images apart; or the engine cannot be had.
            OutputError: a result cannot be written, another run has written there, or there are too many failures; what
                is written stays, and the same job goes on after it.
            DataError: a store cannot be read any more; the same job goes on.
        """
        check_formats(job.formats)
        if "webdataset" in job.formats:
            webdataset.check_keys(items)
        if self.engine not in ("local", "ray") or self.workers < 1:
            raise OptionError(
                f"engine is {self.engine!r} with {self.workers} workers; choose local or ray, and 1 or more"
            )
        state = RunState(OutputStore(job.out))
        with state.locked():
            return self._run(job, items, state, progress)

    def _run(self, job: BatchJob, items: Sequence[Item], state: RunState, on_progress: OnProgress) -> dict[str, Any]:
        engine = self._engine()
        job = replace(job, threads=engine.threads if job.threads is None else job.threads)
        job = replace(job, model_digest=engine.digest(job))
        size = self.chunk_size or default_chunk_size(len(items), job.everything is not None)
        state.begin(job.identity(items, size))
        if self.retry_failed:
            state.forget_failed()
        if state.is_finished():
            engine.close()
            return json.loads(state.store.read_text(SUMMARY) or "{}") | {"was_finished": True}
        progress = Progress(len(items))
        done = set()
        for report in state.reports():
            progress.add(report, earlier=True)
            done.add(report["number"])
        left = [chunk for chunk in chunks_of(items, size) if chunk.number not in done]
        try:
            self._work(job, engine, left, state, progress, on_progress)
        finally:
            forget_attempts(state.store)
            state.write_failures(progress.failures_under_way())
        return self._finish(job, items, state, progress, -(-len(items) // size))

    def _work(
        self,
        job: BatchJob,
        engine: BatchEngine,
        left: list[Chunk],
        state: RunState,
        progress: Progress,
        on_progress: OnProgress,
    ) -> None:
        self._check_failures(progress)
        if not left:
            return
        with closing(engine.events(job, left)) as events:
            for event in events:
                if isinstance(event, ImagesDone):
                    progress.add_images(event)
                else:
                    state.finish_chunk(event)
                    progress.add(event)
                on_progress(progress)
                if self.metrics is not None and (isinstance(event, dict) or progress.metrics_are_old):
                    progress.write_metrics(self.metrics)
                self._check_failures(progress)

    def _engine(self) -> BatchEngine:
        if self.engine == "ray":
            return RayEngine(replace(self.ray, workers=self.workers))
        return LocalEngine(self.workers)

    def _check_failures(self, progress: Progress) -> None:
        if self.max_failures is not None and progress.failures > self.max_failures:
            raise OutputError(
                f"stopped after {progress.failures} failures, more than --max-failures {self.max_failures}; {FAILED} "
                "says why each failed. What is done stays: the same command with a higher number goes on, and with "
                "--retry-failed does them again"
            )

    def _finish(
        self, job: BatchJob, items: Sequence[Item], state: RunState, progress: Progress, chunks: int
    ) -> dict[str, Any]:
        labels = sorted({label for report in state.reports() for label in report["labels"]})
        if "coco" in job.formats:
            ids = [item.image_id for item in items]
            coco.join_shards(state.store, chunks, labels, keep_ids=None not in ids and len(set(ids)) == len(ids))
        failed = {
            failure["image"]
            for report in state.reports()
            for failure in report["failures"]
            if failure["prompt"] is None
        }
        summary = {
            "images": len(items),
            "images_failed": len(failed),
            "masks": progress.masks,
            "failures": progress.failures,
            "labels": labels,
            "notes": joined_counts(report["notes"] for report in state.reports()),
            "formats": list(job.formats),
            "model": job.model,
            "last_start": {
                "engine": self.engine,
                "workers": self.workers,
                "images": progress.images_here,
                "seconds": round(progress.seconds, 3),
                "model_seconds": round(progress.model_s, 3),
            },
        }
        state.store.write_text(SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
        return summary | {"was_finished": False}
