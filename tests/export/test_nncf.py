"""Quantisation by NNCF, which is no part of the tests' environment: pip install "hqsam[openvino]"."""

import re

import numpy as np
import pytest
import torch

from hqsam.engines.build import load_engine
from hqsam.export.int8.photos import MeasuredPhoto
from tests.docs.blocks import ROOT
from tests.export.running import CPU, hqsam_export
from tests.nano import nano_file

openvino = pytest.importorskip("openvino")
pytest.importorskip("nncf", reason='int8 for OpenVINO was not tested: it needs pip install "hqsam[openvino]"')

WIDTH, LAYERS = 8, 6
RANDOM = np.random.default_rng(0)
FEEDS = [{"x": RANDOM.normal(size=(4, WIDTH)).astype(np.float32)} for _ in range(8)]
PHOTOS = [MeasuredPhoto(np.zeros((1, 1, 3), np.uint8), np.zeros((0, 4)), np.zeros((0, 1, 1), bool)) for _ in FEEDS]
"""Stand for the feeds: the measure of these tests looks at the layers' answers alone."""


def perceptron(extreme):
    """Layers of matrix products. Between two of them one channel is huge, and the later one ignores it.

    In int8, with one scale for all channels, nothing is left of the others: one of the two has to stay float.
    """
    from openvino import opset13

    x = value = opset13.parameter([4, WIDTH], np.float32)
    x.output(0).set_names({"x"})
    for number in range(LAYERS):
        weights = np.linalg.qr(RANDOM.normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
        if number == extreme:
            weights[:, 0] = 1e4
        if number == extreme + 1:
            weights[0] = 0
        value = opset13.matmul(value, weights, False, False, name=f"layer {number}")
    return openvino.Model([opset13.result(value, name="y")], [x])


def in_float32(model):
    return openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def answers(compiled, photos):
    feeds = [next(feed for feed, one in zip(FEEDS, PHOTOS, strict=True) if one is photo) for photo in photos]
    return [compiled(feed)[0] for feed in feeds]


def quantized(model, measure):
    from hqsam.export.int8.openvino_layers import quantize_openvino

    return quantize_openvino(model, FEEDS, PHOTOS, measure, float_iou=1.0, has_attention=False)


def layers_in_int8(model):
    """The matrix products whose input is quantised."""
    kinds = {
        node.get_friendly_name(): node.input_value(0).get_node().get_type_name() for node in model.get_ordered_ops()
        if node.get_type_name() == "MatMul"
    }  # fmt: skip
    return {int(name.removeprefix("layer ")) for name, kind in kinds.items() if kind == "FakeQuantize"}


@pytest.mark.parametrize("extreme", [1, 3])
def test_layers_that_cost_too_much_go_back_to_float_and_not_all_do(extreme):
    model = perceptron(extreme)
    right = dict(zip(map(id, PHOTOS), answers(in_float32(model), PHOTOS), strict=True))

    def measure(compiled, photos):
        """Agreement of each answer: 1 less a tenth of its mean difference, beside its mean."""
        photos = list(photos)
        wrong = [
            np.abs(one - right[id(photo)]).mean() / np.abs(right[id(photo)]).mean()
            for one, photo in zip(answers(compiled, photos), photos, strict=True)
        ]
        return [1 - float(each) / 10 for each in wrong]

    done = quantized(model, measure)
    kept = layers_in_int8(done)
    assert extreme + 1 not in kept
    assert kept, "its greedy way takes others with it, and not all"
    assert np.mean(measure(in_float32(done), PHOTOS)) >= 1 - 0.01


def test_where_nothing_is_lost_every_layer_is_int8():
    done = quantized(perceptron(extreme=LAYERS), lambda compiled, photos: [1.0 for _ in photos])
    assert layers_in_int8(done) == set(range(LAYERS))


@pytest.mark.slow
def test_nano_in_int8_by_the_command_keeps_its_masks(tmp_path):
    words = ("--format", "openvino", "--quantize", "int8", "--calibrate", ROOT / "examples" / "cat.jpg")
    said = hqsam_export(nano_file(tmp_path), "--out", tmp_path / "graphs", *words)
    size, int8, iou, int8_iou = map(
        float, re.search(r"(\S+) MB.* (\S+) MB.*IoU (\S+) in.* (\S+) in int8", said).groups()
    )
    assert int8 < 0.9 * size and int8_iou >= iou - 0.01
    assert "int8" in load_engine(tmp_path / "graphs", CPU, torch.float32).digest()
