import pytest
import torch

from hqsam.errors import CheckpointError
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights import keys
from tests.parity.records import shapes
from tests.tiny import KINDS, tiny_model
from tests.weights.checkpoints import assert_same_tensors, official

RECORDED = ("vit_tiny", "vit_b", "vit_l", "vit_h", "sam_vit_b", "mobile_sam")


def empty(model: str) -> dict[str, torch.Tensor]:
    """The official state dict without memory for its values."""
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes(model).items()}


@pytest.mark.parametrize("model", RECORDED)
def test_every_key_of_an_official_state_dict_is_accounted_for(model):
    found = keys.to_ours(empty(model), "official")
    with torch.device("meta"):
        expected = HQSam(MODELS[model]).state_dict()
    assert {key: tensor.shape for key, tensor in found.ours.items()} == {k: t.shape for k, t in expected.items()}
    assert not found.unknown
    is_tiny = model in ("vit_tiny", "mobile_sam")
    classifier = {f"unused.image_encoder.{n}.{p}" for n in ("head", "norm_head") for p in ("weight", "bias")}
    assert set(found.unused) == (classifier if is_tiny else set())


@pytest.mark.parametrize("model", RECORDED)
def test_the_way_back_gives_every_key_its_shape(model):
    found = keys.to_ours(empty(model), "official")
    back = keys.from_ours({**found.ours, **found.unused}, "official")
    assert {key: tuple(tensor.shape) for key, tensor in back.items()} == shapes(model)


@pytest.mark.parametrize("kind", KINDS)
def test_official_names_and_back_keep_every_bit(kind):
    tensors = official(kind)
    found = keys.to_ours(tensors, "official")
    assert_same_tensors(found.ours, dict(tiny_model(kind).state_dict()))
    assert_same_tensors(keys.from_ours({**found.ours, **found.unused}, "official"), tensors)


@pytest.mark.parametrize("kind", ["vit", "plain_vit"])
def test_transformers_names_and_back_keep_every_bit(kind):
    ours = dict(tiny_model(kind).state_dict())
    found = keys.to_ours(keys.from_ours(ours, "transformers"), "transformers")
    assert_same_tensors(found.ours, ours)
    assert not found.unknown


def test_what_came_along_unused_goes_back_to_its_own_naming_alone():
    tied = "prompt_encoder.shared_embedding.positional_embedding"
    theirs = {**keys.from_ours(tiny_model().state_dict(), "transformers"), tied: torch.ones(2, 16)}
    found = keys.to_ours(theirs, "transformers")
    assert list(found.unused) == [f"unused.{tied}"]
    everything = {**found.ours, **found.unused}
    assert_same_tensors(keys.from_ours(everything, "transformers"), theirs)
    assert tied not in keys.from_ours(everything, "official")


@pytest.mark.parametrize("naming", keys.NAMINGS)
def test_a_naming_is_known_by_its_names(naming):
    assert keys.naming_of(keys.from_ours(tiny_model().state_dict(), naming)) == naming


def test_names_of_another_kind_of_model_are_nobody_s():
    assert keys.naming_of(["layer1.0.conv1.weight", "fc.bias", "image_encoder.pos_embed"]) is None
    assert keys.naming_of([]) is None


def test_a_name_that_nobody_knows_is_kept_apart():
    found = keys.to_ours({"image_encoder.blocks.0.attn.lora_q.weight": torch.zeros(2)}, "official")
    assert list(found.unknown) == ["image_encoder.blocks.0.attn.lora_q.weight"]


def test_transformers_has_no_tiny_vit():
    with pytest.raises(CheckpointError, match=r"transformers code has no counterpart to our image_encoder\.stem"):
        keys.from_ours(tiny_model("tiny_vit").state_dict(), "transformers")


def test_no_two_parameters_have_the_same_name_elsewhere():
    for kind in KINDS:
        names = [name for key in tiny_model(kind).state_dict() for name in keys.names_in("official", key)]
        assert len(names) == len(set(names))
