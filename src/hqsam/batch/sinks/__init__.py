"""Where the masks of a batch job are written, a shard for each chunk of images: whole or not at all.

To add a sink, add a file with a function like those of the table. Any name of `hqsam.formats.FORMATS` works as well:
its files for each image go to a folder of that name.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from hqsam import optional
from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.job import BatchJob
from hqsam.batch.sinks import coco, image_files, parquet, webdataset
from hqsam.errors import OptionError
from hqsam.formats import FORMATS

Add = Callable[[Work], None]
"""Adds the masks of one image to a shard."""
OpenShard = Callable[[BatchJob, OutputStore, int], AbstractContextManager[Add]]
"""Opens the shard of a number; its files are in the store once the block has succeeded, and not before."""


@dataclass(frozen=True)
class Sink:
    """A kind of result."""

    about: str
    open_shard: OpenShard
    package: str | None = None
    """A package of hqsam[batch] that it needs."""


SINKS = {
    "parquet": Sink("a table with a row for each mask, as run lengths", parquet.open_shard, "pyarrow"),
    "coco": Sink("one COCO JSON of all images, exact, as run lengths", coco.open_shard),
    "webdataset": Sink("tars of the images, each with a JSON of its masks", webdataset.open_shard),
}


def check_formats(formats: tuple[str, ...]) -> None:
    """Check that all formats are known and can be written here.

    Raises:
        OptionError: there is no such format.
        MissingExtra: it needs a package that is not installed.
    """
    for name in formats:
        if name not in SINKS and name not in FORMATS:
            raise OptionError(
                f"there is no format {name!r}; choose from {', '.join(SINKS)}, or for files of each image "
                f"{', '.join(other for other in FORMATS if other not in SINKS)}"
            )
        if name in SINKS and (package := SINKS[name].package):
            optional.require(package, extra="batch")


def open_shard(name: str, job: BatchJob, store: OutputStore, number: int) -> AbstractContextManager[Add]:
    """Open a shard in one of the job's formats."""
    if name in SINKS:
        return SINKS[name].open_shard(job, store, number)
    return image_files.open_shard(name, job, store)
