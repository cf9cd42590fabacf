"""A run starts from random weights, a checkpoint, or an encoder's file."""

from dataclasses import replace

import pytest
import torch

from hqsam.errors import CheckpointError
from hqsam.training.initial_model import initial_model, load_encoder_weights
from hqsam.weights.keys import from_ours
from hqsam.weights.save import save_model
from tests.tiny import tiny_model
from tests.training.small import same_weights, small_recipe


def other_model(kind="tiny_vit"):
    """Return a model with other weights than `tiny_model`."""
    model = tiny_model(kind)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    return model


def encoder_of(model, naming):
    """Return the tensors of its encoder alone, without a prefix."""
    theirs = from_ours(model.state_dict(), naming)
    return {key.partition(".")[2]: value for key, value in theirs.items() if key.startswith("image_encoder.")}


@pytest.mark.parametrize("kind", ["vit", "tiny_vit"])
@pytest.mark.parametrize("naming", ["hqsam", "official"])
def test_an_encoder_alone_is_loaded_and_the_rest_of_the_model_stays(tmp_path, kind, naming):
    torch.save(encoder_of(other_model(kind), naming), tmp_path / "encoder.pth")
    model = tiny_model(kind)
    load_encoder_weights(model, tmp_path / "encoder.pth")
    assert same_weights(model.image_encoder, other_model(kind).image_encoder)
    assert same_weights(model.mask_decoder, tiny_model(kind).mask_decoder)


def test_the_encoder_of_a_whole_model_is_loaded(tmp_path):
    save_model(other_model(), tmp_path / "whole.safetensors")
    model = tiny_model("tiny_vit")
    load_encoder_weights(model, tmp_path / "whole.safetensors")
    assert same_weights(model.image_encoder, other_model().image_encoder)
    assert same_weights(model.mask_decoder, tiny_model("tiny_vit").mask_decoder)


def test_a_classifier_s_backbone_has_no_neck_and_its_head_is_left_out(tmp_path):
    backbone = {k: v for k, v in encoder_of(other_model(), "official").items() if not k.startswith("neck.")}
    torch.save({"model": backbone | {"head.weight": torch.zeros(3, 3)}}, tmp_path / "backbone.pth")
    model = tiny_model("tiny_vit")
    load_encoder_weights(model, tmp_path / "backbone.pth")
    assert same_weights(model.image_encoder.stages, other_model().image_encoder.stages)
    assert same_weights(model.image_encoder.neck, tiny_model("tiny_vit").image_encoder.neck)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda tensors: tensors.pop("layers.1.blocks.0.mlp.fc1.weight"), "1 missing, such as stages.1"),
        (lambda tensors: tensors.update({"layers.1.extra": torch.zeros(1)}), "1 surplus, such as image_enc"),
        (lambda tensors: tensors.update({"layers.1.blocks.0.mlp.fc1.weight": torch.zeros(1)}), "1 misshapen"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_words(tmp_path, spoil, complaint):
    tensors = encoder_of(other_model(), "official")
    spoil(tensors)
    torch.save(tensors, tmp_path / "encoder.pth")
    with pytest.raises(CheckpointError, match=complaint):
        load_encoder_weights(tiny_model("tiny_vit"), tmp_path / "encoder.pth")


def test_another_encoder_s_weights_are_refused(tmp_path):
    torch.save(encoder_of(other_model("vit"), "official"), tmp_path / "encoder.pth")
    with pytest.raises(CheckpointError, match="does not hold the encoder of tiny_vit_of_the_tests"):
        load_encoder_weights(tiny_model("tiny_vit"), tmp_path / "encoder.pth")


def test_a_recipe_may_start_its_encoder_from_a_file(tmp_path, start):
    torch.save(encoder_of(other_model(), "hqsam"), tmp_path / "encoder.pth")
    model = initial_model(replace(small_recipe(start), encoder_weights=str(tmp_path / "encoder.pth")))
    assert same_weights(model.image_encoder, other_model().image_encoder)
    assert same_weights(model.hq, tiny_model("tiny_vit").hq)
