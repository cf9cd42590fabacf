"""`hqsam export --names transformers.js`: its graph of prompts, and the folder in node by the library itself."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import hqsam
from hqsam.errors import OptionError
from hqsam.export.transformers_js import export_transformers_js
from hqsam.graphs.transformers_js import prompts_graph
from hqsam.paths import examples_folder
from hqsam.weights.save import save_model
from tests import needs
from tests.tiny import tiny_model

CAT = examples_folder() / "cat.jpg"
BOX = (145, 28, 255, 215)


@pytest.fixture(scope="module", params=[False, True], ids=["SAM", "SAM 2"])
def joined(request):
    """Runs the graph from transformers.js' prompts to the decoder's points."""
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(prompts_graph(request.param).SerializeToString())

    def run(points, labels, boxes):
        feeds = {
            "input_points": np.array(points, np.float32),
            "input_labels": np.array(labels, np.int64),
            "input_boxes": np.array(boxes, np.float32),
        }
        return [found.tolist() for found in session.run(None, feeds)]

    run.pads_boxes = request.param
    return run


def test_clicks_are_followed_by_one_padding_point(joined):
    points, labels = joined([[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]], [[[1, 0], [1, 1]]], np.zeros((1, 0, 4)))
    assert points == [[[1, 2], [3, 4], [0, 0]], [[5, 6], [7, 8], [0, 0]]]
    assert labels == [[1, 0, -1], [1, 1, -1]]


def test_boxes_alone_come_with_points_of_no_size(joined):
    points, labels = joined(np.zeros((1, 1, 0, 2)), np.zeros((1, 2, 0)), [[[1, 2, 3, 4], [5, 6, 7, 8]]])
    more, last = ([[0, 0]], [-1]) if joined.pads_boxes else ([], [])
    assert points == [[[1, 2], [3, 4], *more], [[5, 6], [7, 8], *more]]
    assert labels == [[2, 3, *last]] * 2


def test_a_box_comes_after_its_clicks(joined):
    points, labels = joined([[[[9, 9]]]], [[[0]]], [[[1, 2, 3, 4]]])
    more, last = ([[0, 0]], [-1]) if joined.pads_boxes else ([], [])
    assert points == [[[9, 9], [1, 2], [3, 4], *more]]
    assert labels == [[0, 2, 3, *last]]


def test_models_that_squash_images_and_other_folders_are_refused(tmp_path):
    save_model(tiny_model("hiera"), tmp_path / "tiny.safetensors")
    with pytest.raises(OptionError, match="squashes images"):
        export_transformers_js(tmp_path / "tiny.safetensors", tmp_path / "out")
    with pytest.raises(OptionError, match="holds other files"):
        export_transformers_js("nano", tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    for package in ("onnx", "onnxscript"):
        needs.package(package, install='pip install "hqsam[export]"')
    folder = tmp_path_factory.mktemp("models") / "nano"
    words = ["export", "nano", "--names", "transformers.js", "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "hqsam", *words], check=True)
    return folder


_PROGRAM = """
import fs from "node:fs";
import { AutoProcessor, RawImage, Sam2Model, env } from "@huggingface/transformers";

const { folder, name, photo, prompts, dtype } = JSON.parse(process.argv[2]);
env.localModelPath = folder;
env.allowRemoteModels = false;
const model = await Sam2Model.from_pretrained(name, { dtype });
const processor = await AutoProcessor.from_pretrained(name);
const image = await RawImage.read(photo);
const found = [];
for (const prompt of prompts) {
  const inputs = await processor(image, prompt);
  const { pred_masks, iou_scores } = await model(inputs);
  const [masks] = await processor.post_process_masks(pred_masks, inputs.original_sizes, inputs.reshaped_input_sizes);
  found.push({ dims: masks.dims, masks: Buffer.from(masks.data).toString("base64"), scores: [...iou_scores.data] });
}
fs.writeFileSync(process.argv[3], JSON.stringify(found));
"""


def photo_in(place):
    """A photo that has the model's size already: the library resizes in its own way."""
    with Image.open(CAT) as cat:
        cat.resize((512, 341)).save(place / "cat.png")
    return place / "cat.png"


def run_in_node(folder, place, photo, dtype, prompts):
    """The library's masks [prompt, candidate, height, width] and scores."""
    package = needs.npm_package("@huggingface/transformers")
    program = needs.program("node", install="apt-get install npm") / "node"
    (place / "node_modules").symlink_to(package.parents[1])
    (place / "run.mjs").write_text(_PROGRAM)
    ask = {"folder": str(folder.parent), "name": folder.name, "photo": str(photo), "prompts": prompts, "dtype": dtype}
    subprocess.run([program, "run.mjs", json.dumps(ask), "out.json"], cwd=place, check=True)
    for each in json.loads((place / "out.json").read_text()):
        masks = np.frombuffer(base64.b64decode(each["masks"]), np.uint8).reshape(each["dims"]) > 0
        yield masks, np.array(each["scores"]).reshape(masks.shape[:2])


def each_iou(ours, theirs):
    assert ours.shape == theirs.shape
    return [float((a & b).sum() / (a | b).sum()) for a, b in zip(ours, theirs, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "dtype, least, mean", [(None, 0.99, 0.999), ("q8", 0.3, 0.9)], ids=["float32 unless asked", "q8"]
)
def test_transformers_js_loads_the_folder_and_gives_our_masks(folder, tmp_path, dtype, least, mean):
    photo = photo_in(tmp_path)
    x0, y0, x1, y1 = BOX
    prompts = [
        {"input_points": [[[[195, 130]]]], "input_labels": [[[1]]]},
        {"input_boxes": [[[x0, y0, x1, y1], [10, 10, 100, 100]]]},
        {"input_points": [[[[195, 130], [20, 20]]]], "input_labels": [[[1, 0]]], "input_boxes": [[[x0, y0, x1, y1]]]},
    ]
    session = hqsam.load("nano", precision="float32").open(photo)
    ours = [
        session.segment(points=[(195, 130)], labels=[1], candidates=3),
        session.segment(boxes=[BOX, (10, 10, 100, 100)], candidates=3),
        session.segment(points=[(195, 130), (20, 20)], labels=[1, 0], box=BOX, candidates=3),
    ]
    ious = []
    for mine, (masks, scores) in zip(ours, run_in_node(folder, tmp_path, photo, dtype, prompts), strict=True):
        assert masks.shape == (len(mine) // 3, 3, 341, 512)
        assert np.abs(scores.flatten() - mine.scores).max() < 0.05
        ious += each_iou(mine.masks, masks.reshape(-1, 341, 512))
    assert min(ious) >= least and np.mean(ious) >= mean
