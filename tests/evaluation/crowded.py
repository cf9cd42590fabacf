"""Random annotations and results with all that makes average precision hard: crowds, ties, misses, wrong classes."""

import numpy as np

from hqsam.masks import rle
from tests.evaluation.layouts import annotation_of

SIZE_HW = (120, 160)
CLASSES = (1, 2, 5)


def crowded(seed: int, images: int = 8) -> tuple[dict, list[dict]]:
    """An annotation file as COCO has it, and results for it."""
    random = np.random.default_rng(seed)
    annotations, results = [], []
    for image in range(1, images + 1):
        for _ in range(random.integers(0, 6)):
            truth, category = blob(random), int(random.choice(CLASSES))
            annotation = annotation_of(truth, len(annotations) + 1, image, category)
            annotations.append(annotation | {"iscrowd": int(random.random() < 0.15)})
            results += [_near(random, truth, image, category) for _ in range(random.integers(0, 3))]
        results += [_near(random, blob(random), image, int(random.choice(CLASSES))) for _ in range(2)]
    return {"images": [image_of(number) for number in range(1, images + 1)], "annotations": annotations} | {
        "categories": [{"id": number, "name": str(number)} for number in CLASSES]
    }, results


def image_of(number: int) -> dict:
    return {"id": number, "file_name": f"{number}.jpg", "height": SIZE_HW[0], "width": SIZE_HW[1]}


def blob(random: np.random.Generator) -> np.ndarray:
    """A ragged ellipse, of 20 to 10000 pixels."""
    rows, columns = np.indices(SIZE_HW)
    y, x = random.uniform(0, SIZE_HW[0]), random.uniform(0, SIZE_HW[1])
    a, b = random.choice([4, 15, 60]) * random.uniform(0.7, 1.3, 2)
    inside = ((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 < 1 + random.normal(0, 0.1, SIZE_HW)
    if not inside.any():
        inside[int(y), int(x)] = True
    return inside


def _near(random: np.random.Generator, truth: np.ndarray, image: int, category: int) -> dict:
    """The mask moved a little, sometimes of another class; scores repeat."""
    moved = np.roll(truth, random.integers(-6, 7, 2), axis=(0, 1))
    category = int(random.choice(CLASSES)) if random.random() < 0.1 else category
    score = float(random.choice([0.3, 0.5, 0.7])) if random.random() < 0.3 else float(random.random())
    return {"image_id": image, "category_id": category, "score": score, "segmentation": rle.encode(moved)}
