import hashlib
import json
import os

import pytest
import torch
from safetensors.torch import load_file

from hqsam.errors import CheckpointError, OptionError, OutputError
from hqsam.weights.convert import convert
from hqsam.weights.inspection import inspect_checkpoint
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.save import save_model
from tests.tiny import KINDS, tiny_model
from tests.weights.checkpoints import assert_same_tensors, official, official_file, our_file

pytestmark = pytest.mark.usefixtures("tiny_models")


@pytest.mark.parametrize("kind", KINDS)
def test_official_to_ours_and_back_keeps_every_bit_of_every_tensor(tmp_path, kind):
    ours = convert(official_file(tmp_path, kind), tmp_path / "ours.safetensors")
    back = convert(ours, tmp_path / "back.pth")
    assert_same_tensors(torch.load(back, weights_only=True), official_tensors(tmp_path, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_ours_to_official_and_back(tmp_path, kind):
    ours = our_file(tmp_path, kind)
    back = convert(convert(ours, tmp_path / "theirs.pt"), tmp_path / "back.safetensors")
    assert_same_tensors(load_file(back), load_file(ours))


@pytest.mark.parametrize("kind", ["vit", "plain_vit"])
def test_ours_to_transformers_and_back(tmp_path, kind):
    ours = our_file(tmp_path, kind)
    folder = convert(ours, tmp_path / "theirs")
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert_same_tensors(load_file(convert(folder, tmp_path / "back.safetensors")), load_file(ours))


def test_official_to_transformers_and_back(tmp_path):
    folder = convert(official_file(tmp_path), tmp_path / "theirs")
    back = convert(folder, tmp_path / "back.pth")
    assert_same_tensors(torch.load(back, weights_only=True), official_tensors(tmp_path))


def test_half_precision_stays_half(tmp_path):
    save_model(tiny_model(), tmp_path / "half.safetensors", precision=torch.float16)
    theirs = convert(tmp_path / "half.safetensors", tmp_path / "half.pth")
    assert torch.load(theirs, weights_only=True)["mask_decoder.hf_token.weight"].dtype == torch.float16


def test_an_official_file_is_no_larger_than_its_tensors_need(tmp_path):
    path = convert(our_file(tmp_path), tmp_path / "theirs.pth")
    needed = sum(tensor.nbytes for tensor in official().values())
    assert path.stat().st_size < needed + 2000 * len(official())


def test_a_file_of_ours_keeps_its_terms_when_copied(tmp_path):
    save_model(tiny_model(), tmp_path / "a.safetensors", provenance={"seed": 1}, licence="X", notice="Y")
    copied = inspect_checkpoint(convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors"))
    assert (copied.provenance, copied.licence, copied.notice) == ({"seed": 1}, "X", "Y")


def test_a_registered_file_brings_its_origin_and_terms(tmp_path, monkeypatch):
    path = official_file(tmp_path)
    data = path.read_bytes()
    row = Checkpoint(
        name="vit_of_the_tests",
        file="x.pth",
        origin="the authors",
        mirrors=("https://example.org/x.pth",),
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        licence="MIT",
        notice="be kind",
    )
    monkeypatch.setitem(CHECKPOINTS, "vit_of_the_tests", row)
    described = inspect_checkpoint(convert(path, tmp_path / "ours.safetensors"))
    assert described.provenance["origin"] == "the authors"
    assert described.provenance["sha256"] == row.sha256
    assert (described.licence, described.notice) == ("MIT", "be kind")


def test_a_broken_file_is_not_converted(tmp_path):
    tensors = official()
    del tensors["mask_decoder.iou_token.weight"]
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="missing"):
        convert(tmp_path / "a.pth", tmp_path / "b.safetensors")
    assert not (tmp_path / "b.safetensors").exists()


def test_a_name_that_does_not_say_what_to_write(tmp_path):
    path = our_file(tmp_path)
    with pytest.raises(OptionError, match=r"suffix '\.onnx'"):
        convert(path, tmp_path / "model.onnx")
    with pytest.raises(OptionError, match="cannot be a file with official names"):
        convert(path, tmp_path / "model.zip", naming="official")


def test_a_model_that_the_others_do_not_have(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="no TinyViT"):
        convert(our_file(tmp_path, "tiny_vit"), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
    row = Checkpoint(name="vit_of_the_tests", file="x", origin="us")
    monkeypatch.setitem(CHECKPOINTS, "vit_of_the_tests", row)
    with pytest.raises(CheckpointError, match="the official code has no model like vit_of_the_tests"):
        convert(our_file(tmp_path), tmp_path / "model.pth")


@pytest.mark.skipif(os.name != "posix", reason="only POSIX can limit the size of a file")
@pytest.mark.parametrize("name", ["b.pth", "b.safetensors"])
def test_a_full_disk_leaves_nothing(tmp_path, name):
    import resource

    path = our_file(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError):
            convert(path, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_transformers_is_told_every_size(tmp_path):
    config = json.loads((convert(our_file(tmp_path), tmp_path / "a") / "config.json").read_text())
    assert config["model_type"] == "sam_hq"
    assert config["vision_config"]["global_attn_indexes"] == [1, 2]
    assert config["mask_decoder_config"]["vit_dim"] == 32


def official_tensors(folder, kind="vit"):
    return torch.load(folder / f"official_{kind}.pth", weights_only=True)
