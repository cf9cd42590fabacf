"""Any folder of photos with masks, as training takes it, too: `data.opening` finds out what it holds."""

from functools import partial
from pathlib import Path

from hqsam.data.dataset import DatasetItem, MaskDataset
from hqsam.data.issues import ISSUE_KINDS
from hqsam.data.open_dataset import open_datasets
from hqsam.errors import DataError
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.suites.suite import Split


def open_folder(data: Path, split: Split) -> OpenSplit:
    """Images beside masks, in folders or side by side; label maps; COCO JSON. Photos without a mask are left out.

    Raises:
        DataError: there are no photos with masks; the message says what is there and what was expected.
    """
    sets = open_datasets(data)
    prefix = f"{next(iter(sets))}/" if len(sets) == 1 else ""  # so that a folder that was moved has the same cases
    samples = [_case(item, prefix) for one in sets.values() for item in one.items]
    if not samples:
        raise DataError(f"{data} has no image with a mask")
    return OpenSplit(split.name, tuple(samples), warnings=tuple(_warnings(sets)))


def _case(item: DatasetItem, prefix: str) -> EvaluationSample:
    return EvaluationSample(item.name.removeprefix(prefix), item.image, partial(_targets, item))


def _targets(item: DatasetItem) -> list[Target]:
    sample = item.read()
    return [Target(str(number), sample.mask(number)) for number in sample.object_ids]


def _warnings(sets: dict[str, MaskDataset]) -> list[str]:
    """A line for each set and kind of finding."""
    lines: dict[tuple[str, str], list[str]] = {}
    for name, one in sets.items():
        for issue in one.issues:
            lines.setdefault((name, issue.kind), []).append(issue.name)
    return [
        f"{name}: {ISSUE_KINDS[kind].about} ({len(names)}, such as {names[0]})" for (name, kind), names in lines.items()
    ]
