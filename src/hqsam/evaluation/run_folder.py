"""The folder of an evaluation's run: its settings, and the predictions so far, image by image.

    run.json                  the settings; a folder belongs to one run
    records-1-of-4.jsonl      predictions, a line an image; one file for each process or machine that shares the work

A killed run is resumed from what is there. To join the work of several machines, copy their files into one folder.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from filelock import FileLock, Timeout

from hqsam.errors import OptionError, OutputError
from hqsam.evaluation.record import SampleRecord, from_json
from hqsam.storage import Journal, output_error, write_text

Item = TypeVar("Item")
DATA = "images_and_masks"
"""The setting with the fingerprint of the data."""
_LOCK = re.compile(r"^\.records-(\d+)-of-(\d+)\.lock$")


class Shard(NamedTuple):
    """One of several equal parts of the work."""

    number: int = 1
    """The number of the part, from 1 on."""
    parts: int = 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.parts}"

    def part(self, items: Iterable[Item]) -> list[Item]:
        """Return every `parts`-th of the items, so that all parts are alike."""
        return list(items)[self.number - 1 :: self.parts]

    def overlaps(self, other: "Shard") -> bool:
        """Return True if the two may hold the same item."""
        return self.parts != other.parts or self.number == other.number


WHOLE = Shard()
"""The shard that is all of the work."""


def parse_shard(text: str) -> Shard:
    """Return the shard that a text names: `2/4` is the second of four.

    Raises:
        OptionError: it names none.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    shard = Shard(*map(int, found.groups())) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.parts:
        raise OptionError(f"shard {text!r} cannot be meant; 2/4 is the second of four parts")
    return shard


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, opened for one shard."""

    folder: Path
    settings: dict[str, Any]
    records: dict[str, SampleRecord]
    """The records of all shards, by the name of the sample."""
    journal: Journal = field(repr=False)

    def add(self, record: SampleRecord) -> None:
        """Add the record of one more image."""
        self.journal.append(record.to_json())
        self.records[record.sample] = record


@contextmanager
def open_run_folder(folder: Path, settings: dict[str, Any], shard: Shard = WHOLE) -> Iterator[RunFolder]:
    """Begin a run in a folder or resume the one that is there, while no other process does the same part.

    Raises:
        OutputError: the folder holds another run or something else, another process is at the same work, or it cannot
            be written. Nothing in it was changed.
        DataError: a line of the records is damaged.
    """
    _check_folder(folder, settings)
    with ExitStack() as held:
        _lock(folder, shard, held)
        if not (folder / "run.json").exists():
            write_text(folder / "run.json", json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
        journal = held.enter_context(Journal(folder / f"records-{shard}.jsonl"))
        yield RunFolder(folder, settings, read_records(folder), journal)


def read_records(folder: Path) -> dict[str, SampleRecord]:
    """Read the records of all shards, by the name of the sample; of one that two shards did, the first.

    Raises:
        DataError: a line is damaged, or was written by something else.
    """
    records: dict[str, SampleRecord] = {}
    for path in sorted(folder.glob("records-*.jsonl")):
        for line in Journal(path):
            record = from_json(line)
            records.setdefault(record.sample, record)
    return records


def _check_folder(folder: Path, settings: dict[str, Any]) -> None:
    manifest = folder / "run.json"
    if not manifest.exists():
        if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise OutputError(f"{folder} holds other files and no run.json of an evaluation; choose a new folder")
        return
    try:
        there = json.loads(manifest.read_text("utf-8"))
        if there.get("model") == "model.safetensors" and there.get("weights") == settings.get("weights"):
            there["model"] = settings.get("model")  # so version 0.1 called the model of every training run
        there.setdefault(DATA, settings.get(DATA))  # which version 0.1 did not have
        different = [name for name in settings | there if settings.get(name) != there.get(name)]
    except (ValueError, TypeError, AttributeError) as error:
        raise OutputError(f"{manifest} is not of an evaluation ({error}); choose a new folder") from error
    if different:
        said = "; ".join(f"{name} was {there.get(name)!r} and is {settings.get(name)!r}" for name in different)
        raise OutputError(f"{folder} holds the results of another run: {said}. Choose another folder with --out")


def _lock(folder: Path, shard: Shard, held: ExitStack) -> None:
    """Hold the shard's own lock, and see that no shard that shares images with it is being worked on."""
    _acquire(folder, shard, held)
    for path in folder.iterdir():
        name = _LOCK.match(path.name)
        other = Shard(int(name[1]), int(name[2])) if name else shard
        if other != shard and other.overlaps(shard):
            with ExitStack() as briefly:
                _acquire(folder, other, briefly)


def _acquire(folder: Path, shard: Shard, held: ExitStack) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.enter_context(FileLock(folder / f".records-{shard}.lock", timeout=0))
    except Timeout as error:
        raise OutputError(
            f"another process is working on part {shard.number} of {shard.parts} in {folder}; wait for it, choose "
            "another folder with --out, or share the work with --shard"
        ) from error
    except OSError as error:
        raise output_error(folder, error) from error
