"""Small archives of images with boxes, and jobs on them with a model that takes no time."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from hqsam.batch.job import BatchJob
from hqsam.weights.save import save_model
from tests.tiny import tiny_model


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory) -> Path:
    """A model file with random weights."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(tiny_model("tiny_vit"), path)
    return path


@pytest.fixture
def archive(tmp_path) -> Path:
    """A folder of ten images in two folders; `archive.json` beside it has two boxes for each but the last."""
    folder, boxes = tmp_path / "archive", []
    for number in range(10):
        path = folder / ("day" if number % 2 else "night") / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (48, 40), (20 * number, 90, 200 - 20 * number))
        ImageDraw.Draw(image).ellipse((5 + number, 5, 25 + number, 30), fill=(250, 20 * number, 0))
        image.save(path)
        if number < 9:
            for category, bbox in ((1, [5 + number, 5, 20, 25]), (2, [0, 0, 10, 12])):
                boxes.append({"image_id": number, "category_id": category, "bbox": bbox, "score": 0.5})
    (tmp_path / "archive.json").write_text(json.dumps(boxes))
    return folder


@pytest.fixture
def job(tiny_file, tmp_path) -> Callable[..., BatchJob]:
    """Make a job with the tiny model, on one thread, that writes to a folder of this name."""

    def make(out: str = "out", **settings) -> BatchJob:
        given = {"formats": ("coco",), "precision": "float32", "threads": 1} | settings
        return BatchJob(out=str(tmp_path / out), model=str(tiny_file), device="cpu", **given)

    return make
