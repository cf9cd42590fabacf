"""One COCO JSON of all images. Shards are JSON lines, an image a line; they are joined in order at the end."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hqsam.batch.files import OutputStore
from hqsam.batch.image_work import Work
from hqsam.batch.job import BatchJob
from hqsam.formats import coco

RESULT = "annotations.json"
_FOLDER = "run"


@contextmanager
def open_shard(job: BatchJob, store: OutputStore, number: int) -> Iterator[Callable[[Work], None]]:
    """Lend a function that adds an image; then write `run/coco-NUMBER.jsonl`."""
    del job
    lines: list[str] = []
    yield lambda work: lines.append(_line(work))
    store.write_text(_name(number), "".join(lines))


def join_shards(store: OutputStore, chunks: int, labels: list[str], keep_ids: bool) -> None:
    """Write annotations.json from the shards, reading one at a time.

    Args:
        store: has the shards.
        chunks: their number.
        labels: the classes, numbered from 1 in this order.
        keep_ids: images keep the ids that they came with; else they are numbered from 1.
    """
    category_ids = {label: number for number, label in enumerate(labels, start=1)}
    categories = [{"id": number, "name": label, "supercategory": ""} for label, number in category_ids.items()]
    with store.replacing(RESULT) as path, path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"info":{"description":"Written by hqsam","version":"1.0"},"licenses":[],"images":[')
        file.writelines(_commas(image for image, _ in _images(store, chunks, category_ids, keep_ids)))
        file.write('],\n"annotations":[')
        annotations = (one for _, all_of_it in _images(store, chunks, category_ids, keep_ids) for one in all_of_it)
        file.writelines(_commas(one | {"id": number} for number, one in enumerate(annotations, start=1)))
        file.write(f'],\n"categories":{_json(categories)}}}\n')


def _line(work: Work) -> str:
    """Return an image and its masks as a COCO file of one image has them, with class names for numbers."""
    assert work.found is not None
    one = coco.to_coco([work.found])
    names = {category["id"]: category["name"] for category in one["categories"]}
    image = {**one["images"][0], "file_name": work.item.name, "given_id": work.item.image_id}
    annotations = [{**annotation, "label": names[annotation["category_id"]]} for annotation in one["annotations"]]
    return _json({"image": image, "annotations": annotations}) + "\n"


def _images(
    store: OutputStore, chunks: int, category_ids: dict[str, int], keep_ids: bool
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield each image with its annotations, with the ids of images and classes."""
    place = 0
    for number in range(chunks):
        for line in (store.read_text(_name(number)) or "").split("\n")[:-1]:
            place += 1
            record = json.loads(line)
            image, given = record["image"], record["image"].pop("given_id")
            image["id"] = given if keep_ids else place
            for annotation in record["annotations"]:
                annotation |= {"image_id": image["id"], "category_id": category_ids[annotation.pop("label")]}
            yield image, record["annotations"]


def _commas(values: Iterator[dict[str, Any]]) -> Iterator[str]:
    for number, value in enumerate(values):
        yield (",\n" if number else "\n") + _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _name(number: int) -> str:
    return f"{_FOLDER}/coco-{number:06d}.jsonl"
