"""Everything that is wrong with training data, found before training starts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from hqsam.data.findings import Finding, Report, SetSummary
from hqsam.data.sets import Entry, SampleSet
from hqsam.hardware import available_threads

Progress = Callable[[int, int], None]
"""Called with the images that are done, and all of them."""

Examined = dict[str, tuple[int, list[Finding]]]
"""By the samples' names: how many objects there are, and what was found."""


def check_sets(
    sets: Mapping[str, SampleSet], on_progress: Progress = lambda _done, _total: None, workers: int | None = None
) -> Report:
    """Read every file of the sets to its end and report all that is wrong or odd.

    Args:
        sets: as `open_sets` gives them.
        on_progress: called after each image, from the calling thread.
        workers: threads; by default one for each core that this process may use.
    """
    entries = [entry for one in sets.values() for entry in one.entries]
    examined: Examined = {}
    for done, (name, result) in enumerate(_examine(entries, workers or available_threads()), start=1):
        examined[name] = result
        on_progress(done, len(entries))
    summaries = {name: _summary(one, examined) for name, one in sets.items()}
    listed = [finding for one in sets.values() for finding in one.findings]
    seen = [finding for entry in entries for finding in examined[entry.name][1]]
    return Report(summaries, (*listed, *seen))


def usable(sets: Mapping[str, SampleSet], report: Report) -> dict[str, SampleSet]:
    """The sets without what is broken; those of which nothing is left are left out, too."""
    kept = {name: one.without(report.broken_names) for name, one in sets.items()}
    return {name: one for name, one in kept.items() if len(one)}


def _examine(entries: Sequence[Entry], workers: int) -> Iterator[tuple[str, tuple[int, list[Finding]]]]:
    """Threads do, because decoders let go of Python while they work."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(lambda entry: (entry.name, entry.examine()), entries)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all that was not begun


def _summary(one: SampleSet, examined: Examined) -> SetSummary:
    results = [examined[entry.name] for entry in one.entries]
    left_out = sum(finding.broken for finding in one.findings)
    broken = sum(any(finding.broken for finding in found) for _, found in results)
    return SetSummary(
        about=one.about,
        images=len(results) + left_out,
        usable=len(results) - broken,
        objects=sum(objects for objects, _ in results),
    )
