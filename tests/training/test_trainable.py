"""What learns changes and nothing else does; what comes out is one plain file."""

from dataclasses import replace

import pytest
import torch

from hqsam.errors import OptionError
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.training.config import RunOptions
from hqsam.training.initial_model import initial_model, resized, with_hq_part
from hqsam.training.recipes import RECIPES, finetune, hq_vit_l, nano, recipe_of
from hqsam.training.trainable import merge_lora, set_trainable, trainable_weights, with_trainable
from hqsam.training.trainer import train
from hqsam.weights.convert import convert
from hqsam.weights.load import load_model
from hqsam.weights.save import save_model
from tests import needs
from tests.tiny import tiny_model
from tests.training.small import drawn, model_file, same_weights, small_recipe


def parts_changed(start, trains, folder):
    recipe = with_trainable(small_recipe(start, 3), trains)
    before = load_model(start).state_dict()
    model = train(recipe, drawn(), RunOptions(folder=folder / "run", workers=0))
    assert model.state_dict().keys() == before.keys()
    return {
        name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    }, model


@pytest.mark.parametrize(
    ("trains", "expected"),
    [("hq", {"hq"}), ("decoder", {"hq", "mask_decoder"}), ("lora", {"hq", "image_encoder"})],
)
@pytest.mark.parametrize("kind", ["vit", "tiny_vit"])
def test_only_what_learns_changes_and_the_file_is_a_plain_one(tmp_path, kind, trains, expected):
    if trains == "lora":
        needs.package("peft", install='pip install "hqsam[train]"')
    start = model_file(tmp_path, kind)
    changed, model = parts_changed(start, trains, tmp_path)
    assert changed == expected
    save_model(model, tmp_path / "learnt.safetensors")
    assert same_weights(load_model(tmp_path / "learnt.safetensors"), model)


def test_what_lora_taught_converts_to_official_naming_and_back(tmp_path):
    needs.package("peft", install='pip install "hqsam[train]"')
    model = HQSam(MODELS["vit_tiny"])
    set_trainable(model, replace(finetune(8).stages[0], trainable="lora", lora_rank=2))
    save_model(merge_lora(model), tmp_path / "learnt.safetensors")
    convert(tmp_path / "learnt.safetensors", tmp_path / "official.pth")
    stored = torch.load(tmp_path / "official.pth", weights_only=True)
    assert "mask_decoder.hf_token.weight" in stored
    assert not any("lora" in key or "base_layer" in key for key in stored)
    assert same_weights(load_model(tmp_path / "official.pth", "vit_tiny"), load_model(tmp_path / "learnt.safetensors"))


def test_lora_merged_answers_as_it_did_beside_the_weights(tmp_path):
    needs.package("peft", install='pip install "hqsam[train]"')
    model = tiny_model("vit")
    stage = replace(finetune(8).stages[0], trainable="lora", lora_rank=2)
    learnt = set_trainable(model, stage)
    with torch.no_grad():
        for parameter in learnt.parameters():
            parameter.normal_(0, 0.1)
    images = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        beside, plain = model.encode_image(images), merge_lora(model)
        inside = plain.encode_image(images)
    torch.testing.assert_close(inside.final, beside.final, rtol=1e-4, atol=1e-5)
    assert plain.state_dict().keys() == tiny_model("vit").state_dict().keys()
    assert not torch.allclose(inside.final, tiny_model("vit").encode_image(images).final)


def test_what_learns_is_told_by_the_names_of_the_whole_model():
    model = tiny_model()
    learnt = set_trainable(model, finetune(8).stages[0])
    weights = trainable_weights(model, learnt)
    assert set(weights) == {name for name in model.state_dict() if name.startswith("hq.")}
    assert [name for name, value in model.named_parameters() if value.requires_grad] == list(weights)


@pytest.mark.parametrize(
    ("recipe", "model", "learnable"),
    [
        ("hq_vit_tiny", "vit_tiny", 448_512),
        ("hq_vit_b", "vit_b", 1_071_104),
        ("hq_vit_l", "vit_l", 1_333_248),
        ("hq_vit_h", "vit_h", 1_595_392),
    ],
)
def test_as_many_weights_learn_as_in_the_paper(recipe, model, learnable):
    with torch.device("meta"):
        learnt = set_trainable(HQSam(MODELS[model]), recipe_of(recipe).stages[0])
    assert sum(parameter.numel() for parameter in learnt.parameters()) == learnable
    assert f"{learnable:,}" in RECIPES[recipe].make.__doc__


def test_the_paper_s_recipe_has_the_paper_s_numbers():
    recipe = hq_vit_l()
    (stage,) = recipe.stages
    assert (stage.epochs, stage.sampling.batch_size, stage.learning_rate, stage.optimiser) == (12, 32, 1e-3, "adam")
    assert (stage.betas, stage.weight_decay, stage.rounds, stage.ema_decay) == ((0.9, 0.999), 0.0, (1.0,), 0.0)
    assert (stage.sampling.augment.scale, stage.sampling.augment.flip) == ((0.1, 2.0), 0.5)
    assert (stage.sampling.prompts, stage.sampling.truth_stride, stage.sampling.objects) == ("paper", 1, 1)
    assert recipe.start == "sam_vit_l"


def test_the_paper_s_rate_is_a_tenth_after_the_tenth_of_twelve_epochs():
    from hqsam.training.optimiser import learning_rate_share

    (stage,) = hq_vit_l().stages
    epoch = 44320 // 32
    rates = [learning_rate_share(step, stage, 12 * epoch) for step in range(12 * epoch)]
    assert rates[: 10 * epoch] == [1.0] * (10 * epoch)
    assert rates[10 * epoch :] == [0.1] * (2 * epoch)


def test_a_plain_sam_gets_a_fresh_hq_part_and_keeps_its_own_weights(tmp_path):
    sam = model_file(tmp_path, "plain_tiny_vit")
    model = initial_model(replace(small_recipe(sam), start=str(sam)))
    assert model.config.hq is not None
    for name, value in load_model(sam).state_dict().items():
        assert torch.equal(model.state_dict()[name], value)
    assert same_weights(model, initial_model(replace(small_recipe(sam), start=str(sam))))


def test_mobile_sam_becomes_vit_tiny():
    with torch.device("meta"):
        assert with_hq_part(HQSam(MODELS["mobile_sam"])).config == MODELS["vit_tiny"]
        assert with_hq_part(HQSam(MODELS["sam_vit_b"])).config == MODELS["vit_b"]


def test_a_vit_is_trained_at_its_own_size_only():
    with pytest.raises(OptionError, match="128"):
        resized(tiny_model("vit"), 96)
    assert resized(tiny_model("tiny_vit"), 96).config.image_size == 96


def test_what_learns_besides_the_hq_part_moves_a_tenth_as_fast():
    recipe = with_trainable(finetune(50), "decoder")
    assert recipe.stages[0].learning_rate == pytest.approx(finetune(50).stages[0].learning_rate / 10)
    assert with_trainable(nano(), "decoder").stages[0].trainable == "sam"


def test_finetune_shows_many_images_less_often_than_few():
    steps = [finetune(images).stages[0].steps for images in (5, 20, 50, 200, 1000, 40000)]
    assert steps == sorted(steps)
    assert steps[0] >= 200 and steps[-1] <= 8000
