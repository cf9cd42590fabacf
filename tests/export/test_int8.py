import re
import shutil
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from PIL import Image

import hqsam
from hqsam.cli import main
from hqsam.engines.build import load_engine
from hqsam.engines.exported.graph_file import open_folder
from hqsam.engines.exported.onnxruntime import OnnxRuntimeGraph
from hqsam.errors import OptionError
from hqsam.export.int8 import openvino_layers
from hqsam.export.int8.onnx_layers import quantize_onnx
from hqsam.export.int8.photos import measured_photos
from hqsam.export.int8.quantize import quantize_folder
from hqsam.export.readme import readme
from tests.docs.blocks import ROOT
from tests.export.running import CPU, hqsam_export, random_image
from tests.nano import nano_file
from tests.tiny import tiny_segmenter

onnx = pytest.importorskip("onnx")
for package in ("onnxscript", "onnxruntime"):
    pytest.importorskip(package)

PHOTOS = [ROOT / "examples" / name for name in ("cat.jpg", "coffee.jpg")]


def small_photos(folder):
    """Photos of a size that is quick to measure on."""
    folder.mkdir()
    for path in PHOTOS:
        Image.open(path).convert("RGB").resize((160, 120)).save(folder / f"{path.stem}.png")
    return folder


@pytest.fixture(scope="module")
def quantized(exported, tmp_path_factory):
    """The export that all tests share, with its encoder in int8."""
    folder = tmp_path_factory.mktemp("quantized")
    shutil.copytree(exported[0], folder / "graphs")
    return folder / "graphs", quantize_folder(folder / "graphs", "onnx", [small_photos(folder / "photos")])


def test_the_encoder_has_int8_weights_and_costs_at_most_a_hundredth_of_the_masks(quantized):
    folder, report = quantized
    assert report.photos == 2
    assert report.int8_iou >= report.float_iou - 0.01
    graph = onnx.load(folder / "encoder.onnx").graph
    int8 = [weight for weight in graph.initializer if weight.data_type == onnx.TensorProto.INT8 and weight.dims]
    assert len([weight for weight in int8 if len(weight.dims) > 1]) == report.layers - report.float_layers > 0
    assert str(report) in readme(open_folder(folder, ".onnx", OnnxRuntimeGraph).description, "onnx", [], report)


def test_an_int8_folder_opens_as_any_and_says_what_it_is(quantized):
    folder, _ = quantized
    assert "int8" in load_engine(folder, CPU, torch.float32).digest()
    found = hqsam.load(folder).open(random_image(90, 128)).segment(points=[(60, 40)], labels=[1])
    assert found.masks.shape == (1, 90, 128)


def perceptron(path, layers=12):
    """A graph of matrix products."""
    random = np.random.default_rng(0)
    weights = [random.normal(size=(8, 8)).astype(np.float32) for _ in range(layers)]
    lines = "\n".join(f"x{n + 1} = MatMul (x{n}, w{n})" for n in range(layers))
    graph = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> f (float[4, 8] x0) => (float[4, 8] x{layers}) {{ {lines} }}'
    )
    for number, node in enumerate(graph.graph.node):
        node.name = f"layer {number}"
        graph.graph.initializer.append(onnx.numpy_helper.from_array(weights[number], f"w{number}"))
    onnx.save(graph, path)


@pytest.mark.parametrize("needed", [0, 1, 3, 6])
def test_layers_that_cost_too_much_stay_float_and_no_more_than_needed(needed, tmp_path):
    perceptron(tmp_path / "float.onnx")

    def is_good(path):
        """The measure here is what is in the file: as many layers have to be float as are needed."""
        return int8_layers(path) <= 12 - needed

    feeds = [{"x0": np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)}]
    kept = quantize_onnx(tmp_path / "float.onnx", tmp_path / "int8.onnx", feeds, is_good, tmp_path)
    assert len(kept) == needed == 12 - int8_layers(tmp_path / "int8.onnx")


def int8_layers(path):
    graph = onnx.load(path).graph
    weights = {name for node in graph.node if node.op_type == "DequantizeLinear" for name in node.output}
    return sum(node.op_type == "MatMul" and node.input[1] in weights for node in graph.node)


def test_objects_come_from_masks_where_there_are_some_else_from_the_model(tmp_path):
    photos = small_photos(tmp_path / "photos")
    segmenter = tiny_segmenter()
    found = measured_photos([photos], segmenter)
    assert len(found) == 2
    for photo in found:
        answer = segmenter.open(photo.image).segment(boxes=photo.boxes)
        assert np.array_equal(answer.masks, photo.masks)

    hq = {"source": "hq", "candidates": 3}  # as graphs with a fixed source and three masks want it
    for photo in measured_photos([photos], segmenter, hq):
        answer = segmenter.open(photo.image).segment(boxes=photo.boxes, **hq)
        assert len(photo.masks) == len(photo.boxes) and np.array_equal(answer.masks[::3], photo.masks)

    (tmp_path / "data" / "images").mkdir(parents=True)
    (tmp_path / "data" / "masks").mkdir()
    shutil.copy(photos / "cat.png", tmp_path / "data" / "images" / "cat.png")
    mask = np.zeros((120, 160), np.uint8)
    mask[20:70, 30:100] = 255
    Image.fromarray(mask).save(tmp_path / "data" / "masks" / "cat.png")
    [photo] = measured_photos([tmp_path / "data"], segmenter)
    assert photo.boxes.tolist() == [[30, 20, 100, 70]]
    assert np.array_equal(photo.masks[0], mask > 0)


def test_photos_are_needed_and_are_looked_for(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["export", "nano", "--out", str(tmp_path / "a"), "--quantize", "int8"])
    assert "--calibrate PHOTOS" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match="found no photo"):
        measured_photos([tmp_path / "empty"], tiny_segmenter())


@pytest.mark.slow
def test_nano_in_int8_by_the_command_keeps_its_masks(tmp_path):
    words = ("--quantize", "int8", "--calibrate", ROOT / "examples" / "cat.jpg")
    said = hqsam_export(nano_file(tmp_path), "--out", tmp_path / "graphs", *words)
    size, int8, iou, int8_iou = map(
        float, re.search(r"(\S+) MB.* (\S+) MB.*IoU (\S+) in.* (\S+) in int8", said).groups()
    )
    assert int8 < size and int8_iou >= iou - 0.01  # by one photo, half of the weights stay float
    assert "int8" in load_engine(tmp_path / "graphs", CPU, torch.float32).digest()


def test_an_error_of_nncf_s_own_says_what_else_would_do(monkeypatch):
    pytest.importorskip("openvino")

    def fails(*_, **__):
        raise KeyError(227)

    nncf = MagicMock(quantize=fails)
    monkeypatch.setattr(openvino_layers, "_nncf", lambda: nncf)
    with pytest.raises(OptionError, match=r"NNCF fails on this model, by KeyError: 227.*--format onnx"):
        openvino_layers.quantize_openvino(MagicMock(), [], [], lambda *_: [], float_iou=1.0, has_attention=False)
