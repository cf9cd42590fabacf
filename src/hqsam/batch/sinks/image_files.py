"""Files for each image, in any of the formats of `hqsam.formats`: PNGs, label maps, overlays, ..."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.job import BatchJob
from hqsam.formats import format_named, write


@contextmanager
def open_shard(name: str, job: BatchJob, store: OutputStore) -> Iterator[Callable[[Work], None]]:
    """Lend a function that writes an image's files to `FORMAT/FOLDER OF THE IMAGE/`.

    Files are named after the whole name of the image, 1.jpg_mask.png, so that 1.jpg and 1.png do not share them.
    """
    with store.folder(name) as folder:
        yield lambda work: _write(name, job, work, folder)


def _write(name: str, job: BatchJob, work: Work, folder: Path) -> None:
    assert work.found is not None
    inside = PurePosixPath(work.item.name)
    place = folder / Path(*[part for part in inside.parent.parts if part not in ("..", "/")])
    image = work.pixels if format_named(name).needs_image else None
    # `write` takes a name up to its suffix.
    found = replace(work.found, image_name=f"{inside.name}.image")
    write(found, place, [name], image=image, **job.writing)
