"""Official files of SAM 2, which hold the memory of a video, too."""

from dataclasses import replace

import pytest
import torch

from hqsam.errors import CheckpointError
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.identify import memory_version
from hqsam.weights.keys import from_ours, naming_of, to_ours
from hqsam.weights.load import load_model
from tests.parity.records import shapes
from tests.tiny import tiny_model
from tests.weights.checkpoints import assert_same_tensors


@pytest.fixture(params=["hiera", "plain_hiera"])
def model(request, monkeypatch):
    model = tiny_model(request.param)
    monkeypatch.setitem(MODELS, model.config.name, model.config)
    return model


def test_it_is_known_by_its_tensors_and_loads_to_the_bit(model, tmp_path):
    official = from_ours(model.state_dict(), "official_2")
    torch.save({"model": official}, tmp_path / "sam2.pt")
    loaded = load_model(tmp_path / "sam2.pt")
    assert loaded.config == model.config
    assert_same_tensors(loaded.state_dict(), model.state_dict())


@pytest.mark.parametrize("naming", ["official_2", "transformers_2"])
def test_its_tensors_come_back_under_their_names_with_the_memory(naming):
    model = tiny_model("plain_hiera")
    official = from_ours(model.state_dict(), naming)
    assert naming_of(official) == naming
    found = to_ours(official, naming)
    assert not found.unknown
    assert_same_tensors(found.ours, dict(model.state_dict()))
    assert_same_tensors(from_ours({**found.ours, **found.unused}, naming), official)


@pytest.mark.parametrize(
    ("recorded", "name"), [("sam2.1_hiera_t", "sam2.1_hiera_t"), ("sam2.1_hq_hiera_l", "hq_sam2_hiera_l")]
)
def test_every_official_key_is_ours_and_goes_back(recorded, name):
    official = {key: torch.zeros(()).expand(shape) for key, shape in shapes(recorded).items()}
    found = to_ours(official, "official_2")
    with torch.device("meta"):
        expected = HQSam(MODELS[name]).state_dict()
    assert {key: tensor.shape for key, tensor in found.ours.items()} == {k: t.shape for k, t in expected.items()}
    assert not found.unknown and not found.unused
    back = from_ours(found.ours, "official_2")
    assert {key: tuple(tensor.shape) for key, tensor in back.items()} == shapes(recorded)


def test_the_memory_tells_the_version():
    keys = dict(tiny_model("plain_hiera").state_dict())
    assert memory_version(keys) == (True, True)
    first = {key: tensor for key, tensor in keys.items() if "absent_map" not in key and "pointer_times" not in key}
    assert memory_version(first) == (False, False)
    assert memory_version({key: tensor for key, tensor in keys.items() if not key.startswith("memory.")}) is None


def test_a_file_without_the_memory_is_for_images_alone(model, tmp_path):
    official = from_ours(
        {key: tensor for key, tensor in model.state_dict().items() if not key.startswith("memory.")}, "official_2"
    )
    torch.save({"model": official}, tmp_path / "images.pt")
    loaded = load_model(tmp_path / "images.pt")
    assert loaded.memory is None and loaded.config == replace(model.config, memory=None)


def test_a_file_with_a_part_of_the_memory_is_refused(model, tmp_path):
    official = from_ours(model.state_dict(), "official_2")
    del official["memory_encoder.out_proj.weight"]
    torch.save({"model": official}, tmp_path / "part.pt")
    with pytest.raises(CheckpointError, match="memory of videos is incomplete"):
        load_model(tmp_path / "part.pt")
