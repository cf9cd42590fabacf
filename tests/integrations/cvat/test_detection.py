"""The detection function, run by CVAT's own driver and command line against a server that speaks its protocol."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import DataError, DataWarning, OptionError
from hqsam.masks.boxes import box_of_mask

pytest.importorskip("cvat_sdk")

import cvat_sdk.auto_annotation as cvataa
from cvat_sdk import Client
from cvat_sdk.core.client import Config
from cvat_sdk.masks import decode_mask

from hqsam.integrations.cvat import detection
from tests.integrations.cvat.server import Task, serving

BOXES = {
    "images": [{"id": 1, "file_name": "frames/coffee.jpg"}, {"id": 2, "file_name": "frames/other.jpg"}],
    "categories": [{"id": 3, "name": "cup"}, {"id": 4, "name": "table"}],
    "annotations": [
        {"image_id": 1, "category_id": 3, "bbox": [170, 15, 242, 195], "score": 0.9},
        {"image_id": 1, "category_id": 4, "bbox": [110, 5, 415, 390], "score": 0.3},
    ],
}


@pytest.fixture
def boxes(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(BOXES))
    return str(path)


def annotate(task, function, tmp_path, **options):
    """Run CVAT's driver; return the shapes that the server got."""
    with serving(task) as address:
        client = Client(address, config=Config(cache_dir=tmp_path / "cache"), logger=logging.getLogger("cvat"))
        with client:
            cvataa.annotate_task(client, 1, function, **options)
    return task.sent["shapes"]


def mask_of(shape):
    return decode_mask(shape["points"], image_width=600, image_height=400)


def test_a_detectors_boxes_become_masks_of_their_classes(nano, nano_path, coffee, boxes, tmp_path):
    function = detection.create(nano_path, boxes=boxes)
    shapes = annotate(Task([coffee], {"table": "any", "cup": "mask"}), function, tmp_path)
    expected = nano.open(coffee).segment(boxes=[(170, 15, 412, 210), (110, 5, 525, 395)])
    assert [(one["type"], one["label_id"], one["frame"], one["source"]) for one in shapes] == [
        ("mask", 51, 0, "auto"),
        ("mask", 50, 0, "auto"),
    ]
    for shape, mask in zip(shapes, expected.masks, strict=True):
        assert np.array_equal(mask_of(shape), mask)


def test_the_threshold_is_of_the_detectors_scores(nano_path, coffee, boxes, tmp_path):
    function = detection.create(nano_path, boxes=boxes)
    task = Task([coffee], {"table": "any", "cup": "any"})
    assert [one["label_id"] for one in annotate(task, function, tmp_path, conf_threshold=0.5)] == [51]


def test_every_object_of_each_frame_is_found(nano, nano_path, coffee, tmp_path):
    function = detection.create(nano_path, label="thing", points_per_side=4)
    cat = coffee.parent / "cat.jpg"
    shapes = annotate(Task([coffee, cat], {"thing": "mask"}), function, tmp_path)
    found = nano.everything(coffee, points_per_side=4)
    first = [one for one in shapes if one["frame"] == 0]
    assert len(first) == len(found) > 1 and any(one["frame"] == 1 for one in shapes)
    assert np.array_equal(mask_of(first[0]), found.mask(0))


@pytest.mark.parametrize(("shape", "options"), [("polygon", {}), ("mask", {"conv_mask_to_poly": True})])
def test_polygons_where_they_are_asked_for(nano, nano_path, coffee, boxes, tmp_path, shape, options):
    function = detection.create(nano_path, boxes=boxes, shape=shape)
    shapes = annotate(Task([coffee], {"table": "polygon", "cup": "polygon"}), function, tmp_path, **options)
    assert {one["type"] for one in shapes} == {"polygon"}
    found = nano.open(coffee).segment(boxes=[(170, 15, 412, 210), (110, 5, 525, 395)])
    expected = [polygon.exterior.ravel().tolist() for mask in found.to_polygons(1.0) for polygon in mask]
    assert [one["points"] for one in shapes] == expected


def test_rectangles_are_those_around_the_masks(nano, nano_path, coffee, boxes, tmp_path):
    function = detection.create(nano_path, boxes=boxes, shape="rectangle")
    shapes = annotate(Task([coffee], {"table": "rectangle", "cup": "rectangle"}), function, tmp_path)
    mask = nano.open(coffee).segment(box=(170, 15, 412, 210)).masks[0]
    assert shapes[0]["type"] == "rectangle"
    assert np.abs(np.array(shapes[0]["points"]) - box_of_mask(mask)).max() <= 1  # decoded in another batch


def test_a_frame_that_the_file_does_not_name_is_told(nano_path, coffee, boxes, tmp_path):
    function = detection.create(nano_path, boxes=boxes)
    cat = coffee.parent / "cat.jpg"
    with pytest.warns(DataWarning, match=r"no boxes for cat\.jpg"):
        shapes = annotate(Task([cat], {"table": "any", "cup": "any"}), function, tmp_path)
    assert shapes == []


@pytest.mark.slow
def test_cvats_command_line_annotates_a_task(nano_path, coffee, boxes, tmp_path):
    """As a user types it: `cvat-cli task auto-annotate`, in a process of its own."""
    pytest.importorskip("cvat_cli")
    task = Task([coffee], {"table": "any", "cup": "any"})
    with serving(task) as address:
        function = ["--function-module", detection.__name__, "-p", f"model=str:{nano_path}", "-p", f"boxes=str:{boxes}"]
        command = [sys.executable, "-m", "cvat_cli", "--server-host", address, "--auth", "user:password"]
        environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        finished = subprocess.run(
            [*command, "task", "auto-annotate", "1", *function],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment,
        )
    assert finished.returncode == 0, finished.stderr
    assert [one["label_id"] for one in task.sent["shapes"]] == [51, 50]


def test_wrong_arguments_are_told_before_a_model_is_loaded(tmp_path):
    with pytest.raises(OptionError, match="mask, polygon, rectangle"):
        detection.create("no model", shape="circle")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "empty.json").write_text("{}")
    for name in ("missing.json", "list.json", "empty.json"):
        with pytest.raises(DataError, match=name):
            detection.create("no model", boxes=str(Path(tmp_path) / name))
