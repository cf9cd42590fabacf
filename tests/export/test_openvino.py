"""The same as onnxruntime's tests, for OpenVINO's files."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import hqsam
from hqsam.engines.build import build_engine, load_engine
from hqsam.engines.exported.graph_file import open_folder
from hqsam.engines.exported.openvino import OpenVinoGraph
from hqsam.errors import CheckpointError, OptionError
from hqsam.export.export_model import export_model
from hqsam.export.readme import readme
from hqsam.graphs.openvino_file import convert_graph
from hqsam.weights.save import save_model
from tests.export.running import CPU, assert_same_answers, hqsam_export, prompts_of, random_image
from tests.tiny import tiny_model

openvino = pytest.importorskip("openvino")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def converted(exported, tmp_path_factory):
    """The ONNX export converted, which is all that --format openvino does more."""
    folder = tmp_path_factory.mktemp("converted")
    for graph in exported[0].glob("*.onnx"):
        convert_graph(graph, folder / f"{graph.stem}.xml")
    description = open_folder(folder, ".xml", OpenVinoGraph).description
    (folder / "README.md").write_text(readme(description, "openvino", []), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def engines(converted):
    return build_engine(tiny_model(), CPU, torch.float32, "torch"), load_engine(converted, CPU, torch.float32)


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


def test_bfloat16_is_for_the_encoder_alone_and_has_a_digest_of_its_own(converted, engines):
    half = load_engine(converted, CPU, torch.bfloat16)
    assert half.digest() != engines[1].digest()
    ours, theirs = (engine.encode([random_image(100, 128)])[0] for engine in (engines[1], half))
    prompts = prompts_of(2, 2)
    exact, close = (half.decode(image, prompts, "sum", 1).logits for image in (ours, theirs))
    torch.testing.assert_close(exact, engines[1].decode(ours, prompts, "sum", 1).logits)
    assert (close - exact).abs().max() < 0.1 * exact.abs().max()


def test_the_code_of_the_folder_s_page_gives_our_mask(converted, tmp_path, monkeypatch):
    image = random_image(100, 150)
    shutil.copytree(converted, tmp_path, dirs_exist_ok=True)
    Image.fromarray(image).save(tmp_path / "photo.png")
    page = (converted / "README.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0].replace("photo.jpg", "photo.png")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    ours = hqsam.load(converted, precision="float32").open(image).segment(points=[(75, 50)], labels=[1])
    assert names["mask"].shape == (100, 150)
    assert (names["mask"] != ours.masks[0]).mean() < 1e-3


def test_threads_may_share_a_graph(engines):
    from concurrent.futures import ThreadPoolExecutor

    images = [random_image(128, 128), random_image(60, 128), random_image(128, 90)] * 3
    alone = [engines[1].encode([image])[0].tensors for image in images]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda image: engines[1].encode([image])[0].tensors, images))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def copied(converted, tmp_path):
    return shutil.copytree(converted, tmp_path / "copied")


def test_a_damaged_or_missing_file_is_an_error(copied):
    os.truncate(copied / "encoder.xml", 500)
    with pytest.raises(CheckpointError, match=r"OpenVINO cannot load .*encoder\.xml"):
        hqsam.load(copied)
    (copied / "encoder.xml").unlink()
    with pytest.raises(CheckpointError, match=r"no encoder\.xml, only decoder\.xml, masks\.xml"):
        hqsam.load(copied)


def test_a_graph_without_its_weights_is_an_error(copied):
    (copied / "decoder.bin").unlink()
    with pytest.raises(CheckpointError, match=r"OpenVINO cannot load .*decoder\.xml"):
        hqsam.load(copied)


def test_a_foreign_graph_is_an_error(copied):
    from openvino import opset13

    x = opset13.parameter([1], np.float32)
    openvino.save_model(openvino.Model([opset13.abs(x)], [x]), copied / "encoder.xml")
    with pytest.raises(CheckpointError, match="no graph that hqsam can open: it says nothing of itself"):
        hqsam.load(copied)


def test_one_folder_holds_graphs_of_one_format(copied, tmp_path):
    save_model(tiny_model(), tmp_path / "tiny.safetensors")
    with pytest.raises(OptionError, match="holds graphs for openvino"):
        export_model(tmp_path / "tiny.safetensors", copied)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["efficientnet_lite", "hiera", "plain_hiera"])  # TinyViT takes minutes to trace
def test_every_family_of_encoders_is_exported(kind, tmp_path):
    save_model(tiny_model(kind), tmp_path / "tiny.safetensors")
    Image.fromarray(random_image(96, 128)).save(tmp_path / "photo.png")
    words = ("--format", "openvino", "--input", "tensor", "--verify", tmp_path / "photo.png")
    hqsam_export(tmp_path / "tiny.safetensors", "--out", tmp_path / "graphs", *words)
    files = {f"{role}.{suffix}" for role in ("encoder", "decoder", "masks") for suffix in ("xml", "bin")}
    assert {file.name for file in (tmp_path / "graphs").iterdir()} == {*files, "README.md"}
    theirs = load_engine(tmp_path / "graphs", CPU, torch.float32)
    model = tiny_model(kind)
    model.config = theirs.config
    engines = build_engine(model, CPU, torch.float32, "torch"), theirs
    source = "sam" if kind.startswith("plain") else "sum"
    assert_same_answers(engines, (90, 128), prompts_of(3, 2), source, atol=2e-2)  # Hiera differs by up to 0.009
