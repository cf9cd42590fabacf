"""Any folder of photos with masks, as training takes it, too: `data.opening` finds out what it holds."""

from functools import partial
from pathlib import Path

from hqsam.data.findings import KINDS
from hqsam.data.opening import open_sets
from hqsam.data.sets import Entry, SampleSet
from hqsam.errors import DataError
from hqsam.evaluation.cases import Case, OpenSplit, Target
from hqsam.evaluation.suites.suite import Split


def open_folder(data: Path, split: Split) -> OpenSplit:
    """Images beside masks, in folders or side by side; label maps; COCO JSON. Photos without a mask are left out.

    Raises:
        DataError: there are no photos with masks; the message says what is there and what was expected.
    """
    sets = open_sets(data)
    prefix = f"{next(iter(sets))}/" if len(sets) == 1 else ""  # so that a folder that was moved has the same cases
    cases = [_case(entry, prefix) for one in sets.values() for entry in one.entries]
    if not cases:
        raise DataError(f"{data} has no image with a mask")
    return OpenSplit(split.name, tuple(cases), warnings=tuple(_warnings(sets)))


def _case(entry: Entry, prefix: str) -> Case:
    return Case(entry.name.removeprefix(prefix), entry.image, partial(_targets, entry))


def _targets(entry: Entry) -> list[Target]:
    sample = entry.read()
    return [Target(str(number), sample.mask(number)) for number in sample.object_ids]


def _warnings(sets: dict[str, SampleSet]) -> list[str]:
    """A line for each set and kind of finding."""
    lines: dict[tuple[str, str], list[str]] = {}
    for name, one in sets.items():
        for finding in one.findings:
            lines.setdefault((name, finding.kind), []).append(finding.name)
    return [f"{name}: {KINDS[kind].about} ({len(names)}, such as {names[0]})" for (name, kind), names in lines.items()]
