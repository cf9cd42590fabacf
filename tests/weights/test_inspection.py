import hashlib

import pytest
import torch

from hqsam.errors import CheckpointError
from hqsam.weights import inspection
from hqsam.weights.inspection import inspect_checkpoint, verify_checkpoint
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.save import save_model
from tests.tiny import tiny_model
from tests.weights.checkpoints import official, official_file, our_file

pytestmark = pytest.mark.usefixtures("tiny_models")


def test_info_describes_an_official_file(tmp_path):
    described = inspect_checkpoint(official_file(tmp_path, "tiny_vit"))
    assert described.model == "tiny_vit_of_the_tests"
    assert described.naming == "official"
    assert described.precisions == ("float32", "int64")
    assert described.unused == ("unused.image_encoder.norm_head.weight", "unused.image_encoder.head.weight")
    model = tiny_model("tiny_vit")
    assert described.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert described.hq_parameters == sum(parameter.numel() for parameter in model.hq.parameters())


def test_info_describes_a_file_of_ours(tmp_path):
    save_model(tiny_model("plain_vit"), tmp_path / "a.safetensors", provenance={"seed": 1}, licence="X")
    described = inspect_checkpoint(tmp_path / "a.safetensors")
    assert (described.naming, described.licence, described.provenance) == ("hqsam", "X", {"seed": 1})
    assert described.hq_parameters == 0


def test_verify_reads_a_whole_file_and_says_what_it_checked(tmp_path):
    path = our_file(tmp_path)
    verified = verify_checkpoint(path)
    assert verified.model == "vit_of_the_tests"
    assert verified.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert verified.registered_as is None
    assert "the digest in its header is right" in verified.checked


def test_verify_knows_a_published_file_by_its_digest_whatever_its_name(tmp_path, monkeypatch):
    data = official_file(tmp_path).read_bytes()
    (tmp_path / "renamed.pt").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    row = Checkpoint(name="m", file="m.pth", origin="us", mirrors=("x",), bytes=len(data), sha256=digest)
    monkeypatch.setitem(CHECKPOINTS, "m", row)
    assert verify_checkpoint(tmp_path / "renamed.pt").registered_as == "m"


def test_verify_finds_a_changed_bit_in_a_checkpoint_of_the_table(tmp_path, monkeypatch):
    data = official_file(tmp_path).read_bytes()
    row = Checkpoint(name="m", file="m.pth", origin="us", mirrors=("x",), bytes=len(data), sha256="0" * 64)
    monkeypatch.setitem(CHECKPOINTS, "m", row)
    monkeypatch.setattr(inspection, "locate", lambda *_: tmp_path / "renamed.pt")
    (tmp_path / "renamed.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"is not m as published: its SHA-256 is .*hqsam weights fetch m"):
        verify_checkpoint("m")


def test_verify_finds_a_changed_bit_among_the_values(tmp_path):
    path = our_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged: its tensors have the digest"):
        verify_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_verify_finds_values_that_are_no_numbers(tmp_path, value):
    tensors = official()
    tensors["mask_decoder.hf_token.weight"][0, 3] = value
    torch.save(tensors, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"NaN or infinity in hq\.token"):
        verify_checkpoint(tmp_path / "a.pth")
