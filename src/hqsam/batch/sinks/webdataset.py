"""WebDataset tars: each image as it was, and a JSON of its masks under the same name."""

import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.items import Item
from hqsam.batch.job import BatchJob
from hqsam.batch.sinks.parquet import mask_rows
from hqsam.errors import OptionError


@contextmanager
def open_shard(job: BatchJob, store: OutputStore, number: int) -> Iterator[Callable[[Work], None]]:
    """Lend a function that adds an image to `shard-NUMBER.tar`, which appears when the block succeeds."""
    del job
    with store.replacing(f"shard-{number:06d}.tar") as path, tarfile.open(path, "w") as tar:
        yield lambda work: _add(tar, work)


def check_keys(items: Iterable[Item]) -> None:
    """Refuse images that one sample would have to hold, because their names differ in the suffix or a dot alone.

    Raises:
        OptionError: there are two.
    """
    seen: dict[str, str] = {}
    for item in items:
        other = seen.setdefault(_key(item.name), item.name)
        if other != item.name:
            raise OptionError(
                f"{other} and {item.name} would be one sample of a WebDataset; rename one, run them by themselves, or "
                "choose another format"
            )


def _key(name: str) -> str:
    """Return the name of an image's sample: a dot would end it, so one within the file's own name becomes "_"."""
    path = PurePosixPath(name)
    return str(path.with_name(path.stem.replace(".", "_")))


def _add(tar: tarfile.TarFile, work: Work) -> None:
    name, key = PurePosixPath(work.item.name), _key(work.item.name)
    assert work.found is not None and work.data is not None
    height, width = work.found.image_size_hw
    about = {"image": work.item.name, "height": height, "width": width, "masks": mask_rows(work)}
    _member(tar, f"{key}{name.suffix.lower()}", work.data)
    _member(tar, f"{key}.json", json.dumps(about, ensure_ascii=False).encode())


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Add a file; without a time or owner, so that the same content is the same tar."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
