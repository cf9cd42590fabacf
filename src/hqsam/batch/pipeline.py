"""Chunk after chunk in one process: threads read ahead of the model, others make run lengths and write behind it."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby

from hqsam.batch.attempts import Attempt
from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import ImageWork, Work
from hqsam.batch.items import Chunk, Item
from hqsam.batch.notes import collecting_notes
from hqsam.batch.run_state import Event
from hqsam.batch.shard import Shard
from hqsam.errors import DataError
from hqsam.evaluation.prefetch import prefetch

Take = Callable[[bool], Chunk | None]
"""Returns another chunk; with False None if none is there at once, with True it waits."""


@dataclass(frozen=True)
class _Place:
    """An image, and the chunk that it is in."""

    attempt: Attempt
    chunk: Chunk
    number: int
    item: Item


class Pipeline:
    """Works on chunks with one model; the three steps of `ImageWork` overlap, also from a chunk to the next."""

    def __init__(self, work: ImageWork) -> None:
        self.work, self.job = work, work.job
        self.store = OutputStore(work.job.out)
        self._store_failures = 0

    def run_as_they_come(self, take: Take) -> Generator[Event, None, None]:
        """Yield the events of chunks without an end; as long as another is there in time, the steps overlap."""
        while (first := take(True)) is not None:
            yield from self.run(chain([first], iter(lambda: take(False), None)))

    def run(self, chunks: Iterable[Chunk]) -> Generator[Event, None, None]:
        """Yield an event for images that are done, and the report of each chunk once its results are written.

        Raises:
            OutputError: a result cannot be written; of that chunk there is none.
            DataError: a store cannot be read any more; of that chunk there is no result either.
        """
        shards: dict[int, Shard] = {}

        def write(done: tuple[_Place, list[Work]]) -> Event:
            place, works = done
            if place.chunk.number not in shards:
                shards[place.chunk.number] = Shard(self.job, self.store, place.chunk)
            event = shards[place.chunk.number].add(works)
            if isinstance(event, dict):
                del shards[place.chunk.number]
                place.attempt.end()
            return event

        # One pool for each step: a step that waits for a thread never waits for the one after it.
        threads = self.job.readers
        with (
            collecting_notes(),
            ThreadPoolExecutor(threads) as readers,
            ThreadPoolExecutor(threads) as finishers,
            ThreadPoolExecutor(1) as writer,
        ):
            try:
                read = prefetch(readers, self._read, self._places(chunks), depth=threads + self.job.batch_size)
                finished = prefetch(finishers, self._finish, self._computed(read), depth=threads)
                yield from prefetch(writer, write, finished, depth=2)
            finally:
                writer.shutdown(cancel_futures=True)
                for shard in shards.values():
                    shard.abandon()

    def _places(self, chunks: Iterable[Chunk]) -> Iterator[_Place]:
        for chunk in chunks:
            attempt = Attempt(self.store, chunk.number)
            for number, item in enumerate(chunk.items):
                yield _Place(attempt, chunk, number, item)

    def _read(self, place: _Place) -> tuple[_Place, Work]:
        return place, Work(place.item) if place.attempt.is_careful else self.work.read(place.item)

    def _computed(self, read: Iterator[tuple[_Place, Work]]) -> Iterator[tuple[_Place, list[Work]]]:
        """Run the model on batches within a chunk: they are the same whoever does the chunk, and so are the masks."""
        size = self.job.batch_size
        for _, batch in groupby(read, lambda one: (one[0].chunk.number, one[0].number // size)):
            together = list(batch)
            places, works = [place for place, _ in together], [work for _, work in together]
            if places[0].attempt.is_careful:
                works = self._with_care(places)
            else:
                self.work.compute(works)
            self._check_store(works)
            yield places[0], works

    def _with_care(self, places: list[_Place]) -> list[Work]:
        """Do all steps for a batch in this thread, alone, and note before what it is."""
        attempt, numbers = places[0].attempt, [place.number for place in places]
        reason = attempt.died_at(numbers)
        if reason is not None and len(places) > 1:
            return [work for place in places for work in self._with_care([place])]
        attempt.begin(numbers)
        works = [Work(place.item) if reason else self.work.read(place.item) for place in places]
        if reason is not None:
            works[0].fail(reason)
        self.work.compute(works)
        for work in works:
            self.work.finish(work)
        if numbers[-1] == len(places[0].chunk.items) - 1:
            attempt.begin([])  # what dies now dies with another chunk
        return works

    def _finish(self, done: tuple[_Place, list[Work]]) -> tuple[_Place, list[Work]]:
        for work in done[1]:
            if work.found is None:
                self.work.finish(work)
        return done

    def _check_store(self, works: Iterable[Work]) -> None:
        """Stop when a store is out of reach, instead of making failures of all images that are left."""
        for work in works:
            self._store_failures = self._store_failures + 1 if work.store_failure else 0
            if self._store_failures >= self.job.max_store_failures:
                raise DataError(
                    f"stopped, because the store failed for {self._store_failures} images in a row, the last time: "
                    f"{work.store_failure}. What is done stays, and the same command goes on, with --retry-failed "
                    "also with images that failed; if it is only these images, --max-store-failures passes over them"
                )
