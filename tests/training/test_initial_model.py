"""A run starts from random weights, a checkpoint, or an encoder's file."""

from dataclasses import replace

import pytest
import torch

from hqsam.errors import CheckpointError
from hqsam.model.hq_sam import HQSam
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.training.initial_model import initial_model, load_encoder_weights, take_decoder
from hqsam.weights.keys import from_ours, names_in
from hqsam.weights.save import save_model
from tests.tiny import tiny_config, tiny_model
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


def test_a_classifier_of_the_published_names_starts_a_pyramid_s_backbone(tmp_path):
    wanted = other_model("efficientnet_lite").image_encoder
    tensors = {
        name.partition(".")[2]: tensor
        for key, tensor in wanted.state_dict(prefix="image_encoder.").items()
        if key.startswith("image_encoder.backbone.")
        for name in names_in("official", key)
    }
    assert {"_conv_stem.weight", "_blocks.3._depthwise_conv.weight", "_blocks.0._bn1.running_var"} <= set(tensors)
    torch.save(tensors | {"_fc.bias": torch.zeros(3), "_bn1.weight": torch.ones(3)}, tmp_path / "imagenet.pth")
    model = tiny_model("efficientnet_lite")
    load_encoder_weights(model, tmp_path / "imagenet.pth")
    assert same_weights(model.image_encoder.backbone, wanted.backbone)
    assert same_weights(model.image_encoder.pyramid, tiny_model("efficientnet_lite").image_encoder.pyramid)


def test_a_decoder_that_was_taken_computes_at_first_what_it_did():
    model, other = tiny_model("efficientnet_lite"), other_decoder("tiny_vit")
    take_decoder(model, other)
    features = model.encode_image(torch.rand(1, 3, 128, 128))
    prompts = PromptBatch(torch.tensor([[[20.0, 30.0], [90.0, 70.0]]]), torch.tensor([[2, 3]]))
    for candidates in (1, 3):
        ours = model.decode(features, prompts, "sam", candidates)
        theirs = other.decode(features._replace(skips=()), prompts, "sam", candidates)
        torch.testing.assert_close(ours.logits, theirs.logits, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.scores, theirs.scores, rtol=1e-4, atol=1e-4)


def test_a_decoder_of_other_sizes_is_not_taken():
    config = replace(tiny_config("tiny_vit"), decoder=replace(tiny_config().decoder, mlp_width=16))
    with pytest.raises(CheckpointError, match=r"does not fit efficientnet_lite_of_the_tests: .*mlp"):
        take_decoder(tiny_model("efficientnet_lite"), HQSam(config))


def other_decoder(kind):
    """Return a model whose decoder has other weights than `tiny_model`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        return HQSam(tiny_config(kind)).eval()
