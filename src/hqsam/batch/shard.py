"""The results of one chunk while they are written."""

import time
from contextlib import ExitStack

from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.items import Chunk
from hqsam.batch.job import BatchJob
from hqsam.batch.notes import NoteCounts, count_notes
from hqsam.batch.run_state import ChunkReport, Event, ImagesDone
from hqsam.batch.sinks import Add, open_shard


class Shard:
    """The open files of a chunk, in all formats of the job."""

    def __init__(self, job: BatchJob, store: OutputStore, chunk: Chunk) -> None:
        self.images_added, self.began = 0, time.time()
        self.stack = ExitStack()
        self.adders: list[Add] = [
            self.stack.enter_context(open_shard(name, job, store, chunk.number)) for name in job.formats
        ]
        self.labels: set[str] = set()
        self.notes: NoteCounts = {}
        self.report: ChunkReport = {
            "number": chunk.number, "images": len(chunk.items), "masks": 0, "failures": [], "model_s": 0.0,
        }  # fmt: skip

    def add(self, works: list[Work]) -> Event:
        """Add images, in their order; after the last one write everything and return the report of the chunk."""
        first = self.images_added
        for work in works:
            self._add(work)
        self.images_added += len(works)
        if self.images_added < self.report["images"]:
            masks = sum(len(work.found) for work in works if work.found is not None)
            failures = [row for work in works for row in work.failures]
            return ImagesDone(self.report["number"], first, len(works), masks, failures)
        self.stack.close()
        seconds = time.time() - self.began
        return self.report | {"labels": sorted(self.labels), "notes": self.notes, "seconds": seconds}

    def abandon(self) -> None:
        """Drop what is not finished."""
        error = GeneratorExit()
        self.stack.__exit__(GeneratorExit, error, None)

    def _add(self, work: Work) -> None:
        if work.found is not None:
            for add in self.adders:
                add(work)
            self.labels.update(work.found.labels)
            self.report["masks"] += len(work.found)
            count_notes(work.notes, self.notes)
        self.report["failures"] += work.failures
        self.report["model_s"] += work.model_s
