"""Progress of a batch run as files beside its results: it goes on after a kill, and no other run mixes with it.

run.json                     all that the results depend on
run/chunk-000000.json        a chunk whose results are all written: counts and failures
run/begun-000000.json        a chunk that is under way, or was when its process died (`attempts`)
failed.jsonl                 a line for each image or prompt that failed
summary.json                 there once all is done
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hqsam.batch.files import OutputStore
from hqsam.errors import OutputError
from hqsam.storage.result_folders import MARK

RUN, SUMMARY, FAILED = "run.json", "summary.json", "failed.jsonl"
ChunkReport = dict[str, Any]
"""Facts about a chunk whose results are written: number, images, masks, failures, labels, notes, seconds."""


@dataclass(frozen=True)
class ImagesDone:
    """Some more images of a chunk are done, but not yet all."""

    chunk: int
    first: int
    """The place in the chunk of the first of them; 0 when the chunk begins, also when it begins again."""
    images: int
    masks: int
    failures: list[dict[str, Any]]


Event = ImagesDone | ChunkReport

_IN_WORDS = {
    "hqsam": "another version of hqsam",
    "model": "another model",
    "weights": "other weights, another device or another precision",
    "prompts": "other prompts",
    "options": "other options",
    "formats": "other formats",
    "images": "another number of images",
    "inputs": "other images or prompts",
    "chunk_size": "another size of shards",
    "batch_size": "another batch size",
}


class RunState:
    """The state of a run in its store."""

    def __init__(self, store: OutputStore) -> None:
        self.store = store

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Start a run in an empty place, or go on with the same one.

        Raises:
            OutputError: there are other files, or another run.
        """
        there = self.store.read_text(RUN)
        if there is None:
            others = self.store.names()
            if others:
                raise OutputError(
                    f"{self.store.root} has other files, such as {others[0]}, and no {RUN}; choose an empty --out"
                )
            self.store.write_text(MARK, "")  # so that a walk does not take results for images
            self.store.write_text(RUN, json.dumps(identity, indent=1) + "\n")
            return
        earlier = json.loads(there)
        differing = [key for key in identity if earlier.get(key) != identity[key]]
        if differing:
            said = ", ".join(_IN_WORDS.get(key, key) for key in differing)
            raise OutputError(
                f"{self.store.root} has the results of another run: {said} ({differing[0]} was "
                f"{earlier.get(differing[0])!r} and is {identity[differing[0]]!r}); choose another --out"
            )

    def is_finished(self) -> bool:
        """Return True if nothing is left to do."""
        return self.store.read_text(SUMMARY) is not None

    def reports(self) -> Iterator[ChunkReport]:
        """Yield the report of each chunk that is done, in order."""
        for name in self.store.names("run"):
            if name.startswith("chunk-"):
                yield json.loads(self.store.read_text(f"run/{name}") or "{}")

    def finish_chunk(self, report: ChunkReport) -> None:
        """Note that all results of a chunk are written; after this they are not made again."""
        self.store.write_text(_name(report["number"]), json.dumps(report, ensure_ascii=False))

    def forget_failed(self) -> int:
        """Have all chunks with failures done again; return their number."""
        failed = [report["number"] for report in self.reports() if report["failures"]]
        if failed:
            self.store.remove(SUMMARY)
        for number in failed:
            self.store.remove(_name(number))
        return len(failed)

    def write_failures(self, under_way: Mapping[int, list[dict[str, Any]]]) -> None:
        """Write failed.jsonl, in the order of the images, from the chunks that are done and those under way."""
        done = {report["number"]: report["failures"] for report in self.reports() if report["failures"]}
        with self.store.replacing(FAILED) as path, path.open("w", encoding="utf-8", newline="\n") as file:
            for _, failures in sorted((dict(under_way) | done).items()):
                for failure in failures:
                    file.write(json.dumps(failure, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one process; a bucket cannot be held.

        Raises:
            OutputError: another process works there.
        """
        if not self.store.is_local:
            yield
            return
        Path(self.store.root).mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(Path(self.store.root) / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise OutputError(
                f"another process works on {self.store.root}; wait for it or choose another --out"
            ) from error


def _name(number: int) -> str:
    return f"run/chunk-{number:06d}.json"
