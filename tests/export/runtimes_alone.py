"""Exported graphs in each runtime: they answer as our own engine does, and what is wrong with a folder is named."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import hqsam
from hqsam.engines.build import build_engine, load_engine
from hqsam.errors import CheckpointError
from hqsam.weights.save import save_model
from tests.export.running import CPU, assert_same_answers, hqsam_export, prompts_of, random_image
from tests.tiny import tiny_model

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

SUFFIX = {"onnxruntime": "onnx", "openvino": "xml"}
NAMES = {"onnxruntime": "onnxruntime", "openvino": "OpenVINO"}


@pytest.fixture(scope="module", params=SUFFIX)
def runtime(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture(scope="module")
def folder(runtime, request):
    return request.getfixturevalue("exported")[0] if runtime == "onnxruntime" else request.getfixturevalue("converted")


@pytest.fixture(scope="module")
def engines(folder):
    return build_engine(tiny_model(), CPU, torch.float32, "torch"), load_engine(folder, CPU, torch.float32)


@pytest.mark.parametrize("size_hw", [(128, 128), (30, 128), (200, 300)])
def test_images_of_every_shape_give_our_engine_s_masks(engines, size_hw):
    assert_same_answers(engines, size_hw, prompts_of(2, 3))


@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
@pytest.mark.parametrize("candidates", [1, 3])
def test_source_and_candidates_are_chosen_as_by_our_engine(engines, source, candidates):
    assert_same_answers(engines, (100, 128), prompts_of(3, 2), source, candidates)


@pytest.mark.parametrize("count, points", [(1, 1), (1, 5), (5, 1), (4, 0), (1, 0)])
def test_any_number_of_prompts_and_points_is_decoded(engines, count, points):
    assert_same_answers(engines, (64, 128), prompts_of(count, points, torch.randn(count, 1, 32, 32)))


def test_the_code_of_the_folder_s_page_gives_our_mask(folder, tmp_path, monkeypatch):
    image = random_image(100, 150)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    Image.fromarray(image).save(tmp_path / "photo.png")
    page = (folder / "README.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0].replace("photo.jpg", "photo.png")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    ours = hqsam.load(folder, precision="float32").open(image).segment(points=[(75, 50)], labels=[1])
    assert names["mask"].shape == (100, 150)
    assert (names["mask"] != ours.masks[0]).mean() < 1e-3


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copied")


def test_a_missing_graph_is_named(copied, runtime):
    end = SUFFIX[runtime]
    (copied / f"decoder.{end}").unlink()
    with pytest.raises(CheckpointError, match=rf"no decoder\.{end}, only encoder\.{end}, masks\.{end}"):
        hqsam.load(copied)


def test_graphs_in_each_other_s_place_are_found_out(copied, runtime):
    for masks in copied.glob("masks.*"):
        shutil.copy(masks, masks.with_stem("decoder"))
    with pytest.raises(CheckpointError, match="is a masks, expected the decoder; were files renamed"):
        hqsam.load(copied)


def test_a_damaged_graph_is_an_error(copied, runtime):
    path = copied / f"encoder.{SUFFIX[runtime]}"
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(CheckpointError, match=rf"{NAMES[runtime]} cannot load .*encoder\.{SUFFIX[runtime]}"):
        hqsam.load(copied)


def test_weights_of_another_model_are_found_out(copied, runtime):
    if runtime == "onnxruntime":
        pytest.skip("small graphs hold their weights themselves")
    weights = bytearray((copied / "encoder.bin").read_bytes())
    weights[len(weights) // 8 * 4] ^= 1  # the last bit of a float
    (copied / "encoder.bin").write_bytes(weights)
    with pytest.raises(CheckpointError, match=r"encoder\.bin does not hold the weights that encoder\.xml was exported"):
        hqsam.load(copied)


def test_a_foreign_graph_is_an_error(copied, runtime):
    _save_abs(copied / f"encoder.{SUFFIX[runtime]}", runtime)
    with pytest.raises(CheckpointError, match="no graph that hqsam can open: it says nothing of itself"):
        hqsam.load(copied)


def _save_abs(path, runtime):
    """A graph that hqsam has not made."""
    if runtime == "openvino":
        import openvino
        from openvino import opset13

        x = opset13.parameter([1], np.float32)
        openvino.save_model(openvino.Model([opset13.abs(x)], [x]), path)
        return
    import onnx

    text = '<ir_version: 10, opset_import: ["" : 18]> f (float[1] x) => (float[1] y) { y = Abs (x) }'
    onnx.save(onnx.parser.parse_model(text), path)


def test_one_graph_is_not_a_model(copied, runtime):
    with pytest.raises(CheckpointError, match="give the folder"):
        hqsam.load(copied / f"encoder.{SUFFIX[runtime]}")


# Each kind is traced once, for both runtimes.
KINDS = ["tiny_vit_with_little_padding", "tiny_vit", "plain_tiny_vit", "efficientnet_lite", "hiera", "plain_hiera"]
SHAPES = [(90, 128), (128, 128), (128, 40), (30, 128), (70, 100), (200, 300)]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def exported_kind(kind, tmp_path_factory):
    folder = tmp_path_factory.mktemp(kind)
    save_model(tiny_model(kind), folder / "tiny.safetensors")
    # With even windows the graph takes images of every shape as they are; the others see the whole square.
    tensor = () if kind == "tiny_vit_with_little_padding" else ("--input", "tensor")
    hqsam_export(folder / "tiny.safetensors", "--out", folder / "graphs", *tensor)
    return folder / "graphs"


@pytest.mark.slow
def test_every_family_of_encoders_is_exported(kind, exported_kind, runtime, request):
    folder = exported_kind if runtime == "onnxruntime" else request.getfixturevalue("in_openvino")(exported_kind)
    theirs = load_engine(folder, CPU, torch.float32)
    model = tiny_model(kind)
    assert model.config.padding == theirs.config.padding
    engines = build_engine(model, CPU, torch.float32, "torch"), theirs
    source = "sam" if kind.startswith("plain") else "sum"
    largest = 1e-3 if runtime == "onnxruntime" else 2e-2  # Hiera differs by up to 0.009
    for size_hw in SHAPES if model.config.padding is not None else SHAPES[:1]:
        assert_same_answers(engines, size_hw, prompts_of(3, 2), source, atol=largest)
    assert_same_answers(engines, SHAPES[0], prompts_of(2, 0, torch.randn(2, 1, 32, 32)), source, atol=largest)
