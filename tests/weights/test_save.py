import json
import os

import pytest
import torch
from safetensors import safe_open

from hqsam.errors import OutputError
from hqsam.model.config import ModelConfig
from hqsam.weights.digest import sha256_of_tensors
from hqsam.weights.load import load_model
from hqsam.weights.save import save_model
from tests.tiny import tiny_config, tiny_model
from tests.weights.checkpoints import assert_same_tensors


def test_the_header_says_what_it_is_where_from_and_under_which_terms(tmp_path):
    path = tmp_path / "mine.safetensors"
    provenance = {"data": ["ecssd", "straße"], "seed": 3}
    save_model(tiny_model(), path, provenance=provenance, licence="CC-BY-4.0", notice="for research")
    with safe_open(path, "pt") as opened:
        header = opened.metadata()
    assert header["format"] == "hqsam"
    assert header["model"] == "vit_of_the_tests"
    assert ModelConfig.from_dict(json.loads(header["config"])) == tiny_config("vit")
    assert json.loads(header["provenance"]) == provenance
    assert header["licence"] == "CC-BY-4.0"
    assert header["notice"] == "for research"


def test_a_model_comes_back_to_the_bit(tmp_path):
    save_model(tiny_model("tiny_vit"), tmp_path / "a.safetensors")
    assert_same_tensors(
        dict(load_model(tmp_path / "a.safetensors").state_dict()), dict(tiny_model("tiny_vit").state_dict())
    )


def test_half_precision_halves_the_file_and_leaves_counters_whole(tmp_path):
    save_model(tiny_model("tiny_vit"), tmp_path / "full.safetensors")
    save_model(tiny_model("tiny_vit"), tmp_path / "half.safetensors", precision=torch.float16)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.6 * sizes[1]
    with safe_open(tmp_path / "half.safetensors", "pt") as opened:
        assert opened.get_slice("image_encoder.stem.0.norm.num_batches_tracked").get_dtype() == "I64"


def test_saving_does_not_change_the_model(tmp_path):
    model = tiny_model()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    save_model(model, tmp_path / "a.safetensors", precision=torch.bfloat16)
    assert_same_tensors(dict(model.state_dict()), before)


def test_a_model_can_be_saved_over_the_file_that_it_was_loaded_from(tmp_path):
    path = tmp_path / "a.safetensors"
    save_model(tiny_model(), path)
    model = load_model(path)
    save_model(model, path)
    assert_same_tensors(dict(load_model(path).state_dict()), dict(tiny_model().state_dict()))
    assert_same_tensors(dict(model.state_dict()), dict(tiny_model().state_dict()))


@pytest.mark.skipif(os.name != "posix", reason="only POSIX can limit the size of a file")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    import resource

    path = tmp_path / "a.safetensors"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match=r"a\.safetensors"):
            save_model(tiny_model(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_digest_sees_names_types_shapes_and_values_but_not_the_order():
    tensors = {"a": torch.arange(6.0), "b": torch.tensor(3)}
    digest = sha256_of_tensors(tensors)
    assert digest == sha256_of_tensors({"b": tensors["b"], "a": tensors["a"].clone()})
    others = [
        {"a": tensors["a"], "c": tensors["b"]},
        {"a": tensors["a"].reshape(2, 3), "b": tensors["b"]},
        {"a": tensors["a"].bfloat16(), "b": tensors["b"]},
        {"a": tensors["a"] + 1, "b": tensors["b"]},
    ]
    assert len({digest, *map(sha256_of_tensors, others)}) == 5
