"""Parquet: a row for each mask, with COCO's compressed run lengths, which `pycocotools.mask.decode` reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.job import BatchJob


@contextmanager
def open_shard(job: BatchJob, store: OutputStore, number: int) -> Iterator[Callable[[Work], None]]:
    """Lend a function that adds an image; then write `masks-NUMBER.parquet`, also if there is no mask."""
    rows: list[dict[str, Any]] = []
    yield lambda work: rows.extend(mask_rows(work))
    with store.replacing(f"masks-{number:06d}.parquet") as path:
        _write(rows, str(path), job)


def mask_rows(work: Work) -> list[dict[str, Any]]:
    """Return the rows of an image: facts of the image, the prompt's number, scores, box in pixels, run lengths."""
    found, item = work.found, work.item
    assert found is not None
    height, width = found.image_size_hw
    return [
        {
            "image": item.name,
            "image_id": None if item.image_id is None else str(item.image_id),
            "height": height,
            "width": width,
            "prompt": int(found.prompt_index[row]),
            "label": found.labels[row],
            "score": found.known_score(row),
            "prompt_score": found.column_values(row).get("prompt_score"),
            "stability_score": found.column_values(row).get("stability_score"),
            "box": box,
            "area": int(found.areas[row]),
            "counts": found.rle[row]["counts"],
        }
        for row, box in enumerate(found.boxes.tolist())
    ]


def _write(rows: list[dict[str, Any]], path: str, job: BatchJob) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [
            ("image", pa.string()),
            ("image_id", pa.string()),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("prompt", pa.int32()),
            ("label", pa.string()),
            ("score", pa.float32()),
            ("prompt_score", pa.float32()),
            ("stability_score", pa.float32()),
            ("box", pa.list_(pa.int32(), 4)),
            ("area", pa.int64()),
            ("counts", pa.string()),
        ],
        metadata={"hqsam.model": job.model, "hqsam.weights": job.model_digest},
    )
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
