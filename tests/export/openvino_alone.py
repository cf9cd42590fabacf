"""What OpenVINO alone has: precisions, weights in files of their own, graphs that threads share."""

import re
import shutil

import pytest
import torch
from PIL import Image

import hqsam
from hqsam.engines.build import load_engine
from hqsam.errors import CheckpointError, OptionError
from hqsam.export.export_model import export_model
from hqsam.weights.save import save_model
from tests.export.running import CPU, hqsam_export, prompts_of, random_image
from tests.tiny import tiny_model

openvino = pytest.importorskip("openvino")
pytest.importorskip("onnxscript")


@pytest.fixture(scope="module")
def engine(converted):
    return load_engine(converted, CPU, torch.float32)


def test_bfloat16_is_for_the_encoder_alone_and_has_a_digest_of_its_own(converted, engine):
    half = load_engine(converted, CPU, torch.bfloat16)
    assert half.digest() != engine.digest()
    ours, theirs = (each.encode([random_image(100, 128)])[0] for each in (engine, half))
    prompts = prompts_of(2, 2)
    exact, close = (half.decode(image, prompts, "sum", 1).logits for image in (ours, theirs))
    torch.testing.assert_close(exact, engine.decode(ours, prompts, "sum", 1).logits)
    assert (close - exact).abs().max() < 0.1 * exact.abs().max()


def test_threads_may_share_a_graph(engine):
    from concurrent.futures import ThreadPoolExecutor

    images = [random_image(128, 128), random_image(60, 128), random_image(128, 90)] * 3
    alone = [engine.encode([image])[0].tensors for image in images]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda image: engine.encode([image])[0].tensors, images))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def copied(converted, tmp_path):
    return shutil.copytree(converted, tmp_path / "copied")


def test_a_graph_without_its_weights_is_an_error(copied):
    (copied / "decoder.bin").unlink()
    with pytest.raises(CheckpointError, match=r"OpenVINO cannot load .*decoder\.xml"):
        hqsam.load(copied)


def test_one_folder_holds_graphs_of_one_format(copied, tmp_path):
    save_model(tiny_model(), tmp_path / "tiny.safetensors")
    with pytest.raises(OptionError, match="holds graphs for openvino"):
        export_model(tmp_path / "tiny.safetensors", copied)


@pytest.mark.slow
def test_the_command_writes_openvino_s_files_alone_and_compares_them(tmp_path):
    save_model(tiny_model("efficientnet_lite"), tmp_path / "tiny.safetensors")
    Image.fromarray(random_image(96, 128)).save(tmp_path / "photo.png")
    words = ("--format", "openvino", "--input", "tensor", "--verify", tmp_path / "photo.png")
    said = hqsam_export(tmp_path / "tiny.safetensors", "--out", tmp_path / "graphs", *words)
    files = {f"{role}.{suffix}" for role in ("encoder", "decoder", "masks") for suffix in ("xml", "bin")}
    assert {file.name for file in (tmp_path / "graphs").iterdir()} == {*files, "README.md"}
    found = re.match(r"photo\.png: logits within (\S+), mask IoU at least (\S+)\n", said)
    assert found and float(found[1]) < 2e-2 and float(found[2]) > 0.99
