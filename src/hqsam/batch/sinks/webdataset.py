"""WebDataset tars: each image as it was, and a JSON of its masks under the same name."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.job import BatchJob
from hqsam.batch.sinks.parquet import mask_rows


@contextmanager
def open_shard(job: BatchJob, store: OutputStore, number: int) -> Iterator[Callable[[Work], None]]:
    """Lend a function that adds an image to `shard-NUMBER.tar`, which appears when the block succeeds."""
    del job
    with store.replacing(f"shard-{number:06d}.tar") as path, tarfile.open(path, "w") as tar:
        yield lambda work: _add(tar, work)


def _add(tar: tarfile.TarFile, work: Work) -> None:
    name = PurePosixPath(work.item.name)
    # A dot would end the sample's name, so one within the file's own name becomes "_".
    key = str(name.with_name(name.stem.replace(".", "_")))
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
