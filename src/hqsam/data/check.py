"""The check of training data, which finds what is wrong or odd before training starts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from hqsam.data.dataset import DatasetItem, MaskDataset
from hqsam.data.issues import DataCheck, DataIssue, DatasetSummary
from hqsam.hardware import available_threads

Progress = Callable[[int, int], None]
"""Callback with the number of images that are done, and of all."""

Inspections = dict[str, tuple[int, list[DataIssue]]]
"""Number of objects and issues of each sample, by its name."""


def check_datasets(
    sets: Mapping[str, MaskDataset], on_progress: Progress = lambda _done, _total: None, workers: int | None = None
) -> DataCheck:
    """Read every file of some datasets to its end and report all that is wrong or odd.

    Args:
        sets: as `open_datasets` returns them.
        on_progress: called after each image, from the calling thread.
        workers: threads; by default one for each core that this process may use.
    """
    items = [item for one in sets.values() for item in one.items]
    inspected: Inspections = {}
    for done, (name, result) in enumerate(_inspect(items, workers or available_threads()), start=1):
        inspected[name] = result
        on_progress(done, len(items))
    summaries = {name: _summary(one, inspected) for name, one in sets.items()}
    listed = [issue for one in sets.values() for issue in one.issues]
    seen = [issue for item in items for issue in inspected[item.name][1]]
    return DataCheck(summaries, (*listed, *seen))


def without_broken(sets: Mapping[str, MaskDataset], report: DataCheck) -> dict[str, MaskDataset]:
    """Return the datasets without their broken samples; one of which no sample is left is left out."""
    kept = {name: one.without(report.broken_names) for name, one in sets.items()}
    return {name: one for name, one in kept.items() if len(one)}


def _inspect(items: Sequence[DatasetItem], workers: int) -> Iterator[tuple[str, tuple[int, list[DataIssue]]]]:
    """Yield each item's name and what is wrong with it; threads do, as decoders release the interpreter's lock."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(lambda item: (item.name, item.inspect()), items)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all that was not begun


def _summary(one: MaskDataset, inspected: Inspections) -> DatasetSummary:
    results = [inspected[item.name] for item in one.items]
    left_out = sum(issue.broken for issue in one.issues)
    broken = sum(any(issue.broken for issue in found) for _, found in results)
    return DatasetSummary(
        about=one.about,
        images=len(results) + left_out,
        usable=len(results) - broken,
        objects=sum(objects for objects, _ in results),
    )
