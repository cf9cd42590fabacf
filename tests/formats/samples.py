"""Masks to write in every format."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hqsam.formats.file_names import OutputPaths
from hqsam.masks.instances import Instances
from tests.masks.strategies import AWKWARD, dense_noise, sizes

labels = st.sampled_from(["cat", "dog", "Glas & <Löffel>", "a label, with words", "猫", "'\"%"])
scores = st.none() | st.sampled_from([0.0, 0.25, 0.987654321, 1.0])


def contents_of(size_hw):
    objects = st.tuples(dense_noise(size_hw).filter(np.any), labels, scores)
    return st.tuples(st.just(size_hw), st.lists(objects, max_size=4))


contents = sizes.flatmap(contents_of)


def instances_of(content) -> Instances:
    """Made in the test: while hypothesis draws, hqsam must not run, as its checked annotations use `random`."""
    size_hw, objects = content
    return Instances.from_masks(
        [mask for mask, _, _ in objects],
        size_hw,
        labels=[label for _, label, _ in objects],
        scores=[score for _, _, score in objects],
        image_name="Foto 1.jpg",
    )


def named(*masks: np.ndarray, labels: Any = "object", image_name: str = "photo.jpg", **more: Any) -> Instances:
    return Instances.from_masks(masks, labels=labels, image_name=image_name, **more)


AWKWARD_INSTANCES = {name: named(mask, labels="thing", scores=[0.5]) for name, mask in AWKWARD.items()}


def shapes(instances: Instances) -> list[tuple]:
    """What a format keeps that keeps masks and labels."""
    return [(rle["counts"], label) for rle, label in zip(instances.rle, instances.labels, strict=True)]


def everything_of(instances: Instances) -> tuple:
    """All that there is to know, to be compared."""
    scores = [instances.known_score(row) for row in range(len(instances))]
    columns = [instances.column_values(row) for row in range(len(instances))]
    return instances.image_name, instances.image_size_hw, shapes(instances), scores, columns


def write(module, instances: Instances, folder: Path, **options) -> list[Path]:
    return module.write(instances, OutputPaths.of(instances, folder), **options)


def trip(module, instances: Instances, folder: Path, **options) -> Instances:
    """Written and read again."""
    path, *_ = write(module, instances, folder, **options)
    (again,) = module.read(path)
    assert again.image_size_hw == instances.image_size_hw
    return again
