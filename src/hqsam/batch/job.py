"""The description of a batch job, which travels to other processes and machines."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hqsam.batch.items import Item
from hqsam.errors import OptionError
from hqsam.version import __version__


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """A batch job: the work on each image, the model, and where results go. Plain values, so that it can be pickled."""

    out: str
    """The folder of the results, or a URL of fsspec."""
    formats: tuple[str, ...] = ("parquet",)
    """Names of `hqsam.batch.sinks.SINKS` or of `hqsam.formats.FORMATS`."""
    model: str = "nano"
    """Name of the model, or a checkpoint's path, as `hqsam.load` takes it."""
    device: str = "auto"
    """Device to compute on: "cuda", "mps", "cpu" or "auto"."""
    precision: str = "auto"
    """Precision of the computation: "float32", "bfloat16", "float16", "int8" or "auto"."""
    model_digest: str = ""
    """The digest of the weights, which every worker's model must have; found by the run if it is empty."""
    everything: Mapping[str, Any] | None = None
    """Options of `Segmenter.everything`; None where images have prompts."""
    text: Mapping[str, Any] | None = None
    """Words to look for: `labels`, and perhaps `detector`, `threshold` and `max_overlap`, as `Segmenter.segment_text`
    takes them; None where images have prompts."""
    source: str | None = None
    """The masks' source: "sum", "hq" or "sam"."""
    detail: bool = False
    """Encode a crop around each mask again, for finer edges."""
    snap: bool = False
    """Move the edges of masks to edges of the image nearby."""
    batch_size: int = 1
    """Images that are encoded together; more is quicker on GPUs."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """Options of `read_image`: `value_range` and `page`."""
    writing: Mapping[str, Any] = field(default_factory=dict)
    """Options of `hqsam.formats.write`, such as `tolerance`."""
    readers: int = 2
    """Threads of each worker that read ahead of the model, and as many that make run lengths behind it."""
    max_store_failures: int = 10
    """Images in a row that a store may refuse, or not answer for, before the run stops."""
    threads: int | None = None
    """Threads of the model in each worker; None leaves torch's number."""

    def __post_init__(self) -> None:
        if min(self.batch_size, self.readers, self.max_store_failures) < 1:
            raise OptionError(
                f"batch_size is {self.batch_size}, readers {self.readers} and max_store_failures "
                f"{self.max_store_failures}; give 1 or more of each"
            )
        if self.everything is not None and (self.detail or self.snap):
            raise OptionError("detail and snap are for prompts; leave them out with everything")
        if not self.formats:
            raise OptionError("no format is named; give one, such as parquet")

    def identity(self, items: Sequence[Item], chunk_size: int) -> dict[str, Any]:
        """Return all that the results depend on, in words and digests: a run goes on only where they agree."""
        words = {} if self.text is None else {"prompts": "text", "text": json.loads(json.dumps(self.text))}
        return {
            "hqsam": __version__,
            "model": self.model,
            "weights": self.model_digest,
            "prompts": "everything" if self.everything is not None else "given",
            "options": json.loads(json.dumps(self._options())),
            "batch_size": self.batch_size,
            "formats": list(self.formats),
            "images": len(items),
            "inputs": _digest(items),
            "chunk_size": chunk_size,
            **words,
        }

    def _options(self) -> list[Any]:
        return [self.everything, self.source, self.detail, self.snap, self.reading, self.writing]


def default_chunk_size(images: int, everything: bool) -> int:
    """Return how many images a shard has: from 16 to 1000, so that a run has some hundred shards to share out."""
    least, most = (4, 100) if everything else (16, 1000)
    return max(least, min(most, images // 200))


def _digest(items: Sequence[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        digest.update(repr(dataclasses.astuple(item)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]
