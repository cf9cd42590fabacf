"""ComfyUI's node: loaded from its file, asked for its inputs and run as ComfyUI's executor does."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hqsam
from hqsam.errors import PromptError
from tests.nano import nano_file

EXAMPLES = Path(__file__).parents[2] / "examples"
CUP = (170, 15, 412, 210)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """The module, as ComfyUI imports a file of custom_nodes; `nano` is the file that is here."""
    specification = importlib.util.spec_from_file_location("custom_nodes.comfyui_hqsam", EXAMPLES / "comfyui_hqsam.py")
    assert specification and specification.loader
    module: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    nano = hqsam.load(nano_file(tmp_path_factory.mktemp("nano")))
    module._load = lambda model: {"nano": nano}[model]
    return module


@pytest.fixture(scope="module")
def coffee():
    """ComfyUI's LoadImage: [1, H, W, 3], float32 from 0 to 1."""
    with Image.open(EXAMPLES / "coffee.jpg") as photo:
        return torch.from_numpy(np.asarray(photo.convert("RGB")).astype(np.float32) / 255)[None]


def run(nodes, name, **inputs):
    """Validate the inputs against what the node declares, then call it, as ComfyUI does."""
    node = nodes.NODE_CLASS_MAPPINGS[name]
    declared = node.INPUT_TYPES()
    known = declared["required"] | declared.get("optional", {})
    assert set(declared["required"]) <= set(inputs) <= set(known)
    for given, value in inputs.items():
        kind = known[given][0]
        assert not isinstance(kind, list) or value in kind
    with torch.inference_mode():
        outputs = getattr(node(), node.FUNCTION)(**inputs)
    assert isinstance(outputs, tuple) and len(outputs) == len(node.RETURN_TYPES)
    return outputs[0]


def test_the_nodes_say_all_that_comfyui_asks(nodes):
    assert nodes.NODE_CLASS_MAPPINGS.keys() == nodes.NODE_DISPLAY_NAME_MAPPINGS.keys()
    for node in nodes.NODE_CLASS_MAPPINGS.values():
        assert node.RETURN_TYPES == ("MASK",) and node.CATEGORY == "hqsam" and callable(getattr(node, node.FUNCTION))
        json.dumps(node.INPUT_TYPES())  # is sent to the page
    assert "nano" in nodes.MODELS and "vit_l" in nodes.MODELS


def test_a_typed_box_gives_the_mask_of_a_session(nodes, coffee):
    mask = run(nodes, "HqsamSegment", image=coffee, model="nano", individual_masks=False, boxes="170, 15, 412, 210")
    assert mask.shape == (1, 400, 600) and mask.dtype == torch.float32 and set(mask.unique().tolist()) == {0, 1}
    session = nodes._load("nano").open(EXAMPLES / "coffee.jpg")
    assert np.array_equal(mask[0].numpy() > 0, session.segment(box=CUP).masks[0])


def test_boxes_of_another_node_are_joined_or_kept_apart(nodes, coffee):
    boxes = [{"x": 170, "y": 15, "width": 242, "height": 195}, {"x": 430, "y": 60, "width": 120, "height": 200}]
    inputs = {"image": coffee.expand(2, -1, -1, -1), "model": "nano", "bboxes": boxes}
    apart = run(nodes, "HqsamSegment", **inputs, individual_masks=True)
    joined = run(nodes, "HqsamSegment", **inputs, individual_masks=False)
    assert apart.shape == (4, 400, 600) and joined.shape == (2, 400, 600)
    assert torch.equal(joined[0], apart[:2].amax(dim=0)) and torch.equal(apart[:2], apart[2:])
    per_image = run(nodes, "HqsamSegment", **inputs | {"bboxes": [boxes[:1], boxes[1:]]}, individual_masks=True)
    overlap = (per_image * apart[:2]).sum(dim=(1, 2)) / torch.maximum(per_image, apart[:2]).sum(dim=(1, 2))
    assert (overlap > 0.98).all()  # boxes decoded one by one round differently


def test_points_are_those_of_points_editors(nodes, coffee):
    on, off = json.dumps([{"x": 290, "y": 110}]), json.dumps([{"x": 100, "y": 350}])
    inputs = {"image": coffee, "model": "nano", "individual_masks": False, "positive_coords": on}
    mask = run(nodes, "HqsamSegment", **inputs, negative_coords=off)
    session = nodes._load("nano").open(EXAMPLES / "coffee.jpg")
    expected = session.segment(points=[(290, 110), (100, 350)], labels=[1, 0]).masks[0]
    assert np.array_equal(mask[0].numpy() > 0, expected)


def test_an_image_is_encoded_once_for_many_prompts(nodes, coffee):
    inputs = {"image": coffee, "model": "nano", "individual_masks": False}
    nodes._open.cache_clear()
    for boxes in ("170 15 412 210", "0 0 200 200"):
        run(nodes, "HqsamSegment", **inputs, boxes=boxes)
    assert nodes._open.cache_info().misses == 1


def test_every_object_has_a_mask_of_its_own(nodes, coffee):
    masks = run(nodes, "HqsamEverything", image=coffee, model="nano", points_per_side=4, min_area=0)
    assert masks.shape[1:] == (400, 600) and (masks.sum(dim=(1, 2)) > 0).all()
    area = int(masks.sum(dim=(1, 2)).max()) + 1
    none = run(nodes, "HqsamEverything", image=coffee, model="nano", points_per_side=4, min_area=area)
    assert none.shape == (0, 400, 600)


@pytest.mark.parametrize("channels", [1, 4])
def test_gray_and_transparent_images_are_read(nodes, channels):
    gray = torch.linspace(0, 1, 30 * 40).reshape(1, 30, 40, 1).expand(-1, -1, -1, channels)
    data, height, width = nodes._pixels(gray[0])
    expected = (gray[0].numpy() * 255).round().astype(np.uint8)[..., [0, 0, 0]]
    assert np.array_equal(np.frombuffer(data, np.uint8).reshape(height, width, 3), expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no prompt"),
        ({"boxes": "1, 2, 3"}, "3 numbers"),
        ({"boxes": "a, b, c, d"}, "x0, y0, x1, y1"),
        ({"positive_coords": "[[1, 2]]"}, "positive_coords is not JSON like"),
        ({"boxes": "1 2 30 40\n5 6 70 80", "negative_coords": '[{"x": 1, "y": 2}]'}, "points and 2 boxes"),
    ],
)
def test_what_cannot_be_used_is_said(nodes, coffee, given, message):
    with pytest.raises(ValueError, match=message):
        run(nodes, "HqsamSegment", image=coffee, model="nano", individual_masks=False, **given)


def test_a_point_outside_is_refused_by_the_session(nodes, coffee):
    with pytest.raises(PromptError, match="outside"):
        point = '[{"x": 700, "y": 2}]'
        run(nodes, "HqsamSegment", image=coffee, model="nano", individual_masks=False, positive_coords=point)
