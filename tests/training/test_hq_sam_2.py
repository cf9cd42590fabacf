"""Recipe `hq_sam2`: an HQ part learns beside a frozen SAM 2.1, by steps that transformers' modules confirm."""

import copy
from dataclasses import replace

import pytest
import torch
import transformers

from hqsam.data.loader import Batch, PromptedDataset
from hqsam.errors import OptionError
from hqsam.model.config import HQ_SAM_2, MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.training import feature_cache
from hqsam.training.config import RunOptions
from hqsam.training.distributed import SingleProcess
from hqsam.training.encoding import encoder_of, normalised
from hqsam.training.initial_model import initial_config, with_hq_part
from hqsam.training.losses import uncertain_point_losses
from hqsam.training.prompt_rng import PromptRng
from hqsam.training.recipes import recipe_of
from hqsam.training.recipes.paper import PAPER_SAMPLING
from hqsam.training.step import training_loss
from hqsam.training.trainer import train
from hqsam.weights.convert import convert
from hqsam.weights.load import load_model
from hqsam.weights.meta_model import meta_model
from hqsam.weights.save import save_model
from tests.parity.test_transformers import with_varied_weights
from tests.tiny import tiny_config, tiny_model
from tests.training.small import drawn, model_file, same_weights, size_of_tests

CPU = torch.device("cpu")
SAMPLING = replace(PAPER_SAMPLING, batch_size=9, size=size_of_tests())


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Nine objects, asked about by box, by ten clicks and by noisy mask."""
    return PromptedDataset(drawn(9).training, SAMPLING, 3)[range(9)]


@pytest.fixture(scope="module")
def trained_part():
    """A SAM 2.1 with a fresh HQ part, and a gradient of a step for each tensor of that part."""
    model = with_hq_part(with_varied_weights(tiny_model("plain_hiera"))).requires_grad_(False).eval()
    model.hq.requires_grad_(True)
    return model


def drawing() -> PromptRng:
    """The random numbers of the batch's prompts, from their beginning."""
    return PromptRng.for_rows(0, range(9), 1, CPU)


def theirs_of(model: HQSam, folder) -> transformers.Sam2Model:
    """Transformers' model with the SAM part of ours."""
    plain = HQSam(replace(model.config, hq=None))
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if not name.startswith("hq.")})
    save_model(plain, folder / "plain.safetensors")
    convert(folder / "plain.safetensors", folder / "theirs")
    return transformers.Sam2Model.from_pretrained(folder / "theirs").eval()


def hq_logits(theirs, hq, batch: Batch, index: int, images: torch.Tensor) -> torch.Tensor:
    """The HQ mask by their decoder, which is given the HQ token as a prompt: attention does not see the order."""
    count = int(batch.tokens[index, 0])
    points, labels = batch.points[index, :1, :count], batch.labels[index, :1, :count]
    embeddings = theirs.get_image_embeddings(images[index : index + 1])
    encoder, mask = theirs.prompt_encoder, None
    if batch.has_mask[index, 0]:
        mask = batch.mask_prompt[index, :1].clamp(-32, 32)
    clicks, boxes = (points[None], None) if 3 not in labels else (None, points.reshape(1, 1, 4))
    if not count:
        sparse, dense = torch.zeros(1, 1, 0, encoder.hidden_size), encoder.mask_embed(mask)
    elif boxes is None:  # our labels have the padding point already
        sparse, dense = encoder(clicks[:, :, :-1], labels[None, :, :-1], None, mask)
    else:
        sparse, dense = encoder(None, None, boxes, mask)
    held = {}
    decoder = theirs.mask_decoder
    hooks = [
        decoder.transformer.register_forward_hook(lambda _module, _given, found: held.update(tokens=found[0])),
        decoder.activation.register_forward_hook(lambda _module, _given, found: held.update(pixels=found)),
    ]
    decoder(
        image_embeddings=embeddings[-1],
        image_positional_embeddings=theirs.get_image_wide_positional_embeddings(),
        sparse_prompt_embeddings=torch.cat([hq.token.expand(1, 1, 1, -1), sparse], dim=2),
        dense_prompt_embeddings=dense,
        multimask_output=True,
        high_resolution_features=embeddings[:-1],
    )
    for hook in hooks:
        hook.remove()
    of_token = hq.filter(held["tokens"][0, :, 2 + decoder.num_mask_tokens])
    return torch.einsum("pc,pchw->phw", of_token, hq.from_decoder(held["pixels"]))[:, None]


def test_a_step_is_that_of_transformers_modules(batch, trained_part, tmp_path):
    model, theirs = trained_part, theirs_of(trained_part, tmp_path)
    with torch.no_grad():
        images = normalised(batch.images, model)
        features = model.encode_image(images)
    loss, _ = training_loss(model, features, batch, trainable="hq", rounds=1, rng=drawing())
    loss.backward()
    hq = copy.deepcopy(model.hq)
    hq.zero_grad()
    logits = torch.cat([hq_logits(theirs, hq, batch, index, images) for index in range(9)])
    expected = uncertain_point_losses(logits, batch.truth[:, :1].float() / 255, drawing().points)
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    for (name, ours), other in zip(model.hq.named_parameters(), hq.parameters(), strict=True):
        least = 1e-6 + 1e-4 * float(other.grad.abs().max())  # sums in another order leave this much at elements near 0
        torch.testing.assert_close(ours.grad, other.grad, rtol=1e-3, atol=least, msg=name)
        assert ours.grad.abs().max() > 1e-6, name


def test_boxes_and_single_clicks_of_a_batch_are_what_they_are_alone(batch, trained_part):
    """Both have two points; the padding point that SAM 2 has after boxes comes after boxes alone."""
    boxes = (batch.labels[:, 0] == 3).any(dim=1).nonzero()[:, 0].tolist()
    some = Batch(*(part[boxes[:2]].clone() for part in batch))
    some.labels[1, 0, :2] = torch.tensor([1, -1])
    with torch.no_grad():
        features = trained_part.encode_image(normalised(some.images, trained_part))

    def loss(rows):
        one = Batch(*(part[rows] for part in some))
        rng = PromptRng.for_rows(0, rows, 1, CPU)
        return training_loss(
            trained_part, features.map(lambda part: part[rows]), one, trainable="hq", rounds=1, rng=rng
        )[0]

    torch.testing.assert_close(loss([0, 1]), (loss([0]) + loss([1])) / 2, rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return model_file(tmp_path_factory.mktemp("base"), "plain_hiera")


def small_run(base):
    recipe = recipe_of("hq_sam2")
    (stage,) = recipe.stages
    sampling = replace(stage.sampling, batch_size=2)
    stage = replace(stage, epochs=0, steps=4, sampling=sampling)
    return replace(recipe, start=str(base), stages=(stage,), precision="float32")


def test_the_sam_part_stays_to_the_bit_and_the_file_loads_by_itself(base, tmp_path, one_thread):
    train(small_run(base), drawn(), RunOptions(folder=tmp_path, workers=0))
    found, sam = load_model(tmp_path / "model.safetensors"), load_model(base)
    assert found.config.hq == HQ_SAM_2 and found.config.sources == ("sum", "hq", "sam")
    for name, value in sam.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    fresh = with_hq_part(sam).hq.state_dict()
    assert {name for name in fresh if name in found.hq.state_dict()} == set(fresh)


def test_a_stopped_run_from_kept_features_ends_where_the_unbroken_one_does(base, tmp_path, one_thread):
    recipe = replace(small_run(base), cached_views=1)

    def stop(_what, step, _steps, metrics):
        if step == 3 and "loss" in metrics:
            raise KeyboardInterrupt

    options = RunOptions(folder=tmp_path / "broken", workers=0, save_every=2, cache=tmp_path / "features")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, drawn(), replace(options, on_progress=stop))
    broken = train(recipe, drawn(), options)
    assert same_weights(broken, train(recipe, drawn(), replace(options, folder=tmp_path / "unbroken")))
    assert not same_weights(broken.hq, with_hq_part(load_model(base)).hq)


@pytest.mark.parametrize("kind", ["hiera", "vit", "efficientnet_lite"])
def test_kept_features_are_those_that_are_needed_and_their_size_is_told(kind, tmp_path):
    model = tiny_model(kind)
    dataset = PromptedDataset(drawn(2).training, SAMPLING, 0)
    kept = feature_cache.fill(
        tmp_path,
        dataset,
        views=1,
        model=model,
        encode=encoder_of(model.requires_grad_(False), torch.float32),
        processes=SingleProcess(CPU),
    )
    (given,) = kept.inputs([range(2)], 0)
    tensors = given.features.to_tensors()
    assert set(tensors) == {"final", *(("early",) if kind != "hiera" else ())} | (
        set() if kind == "vit" else {"skip_0", "skip_1"}
    )
    assert feature_cache.bytes_of(model.config, 2) == sum(2 * tensor.numel() for tensor in tensors.values())


@pytest.mark.parametrize("kind", ["plain_hiera", "plain_vit"])
def test_the_size_is_told_of_the_model_that_is_trained(kind, tmp_path):
    recipe = replace(recipe_of("hq_sam2"), start=str(model_file(tmp_path, kind)))
    assert initial_config(recipe) == with_hq_part(tiny_model(kind)).config


@pytest.mark.parametrize("size", ["t", "s", "b+", "l"])
def test_every_base_has_a_row_for_its_hq_model(size):
    base, row = MODELS[f"sam2.1_hiera_{size}"], MODELS[f"hq_sam2_hiera_{size}"]
    assert replace(base, name=row.name, hq=HQ_SAM_2) == row
    parts = meta_model(row).hq_parts()
    assert sum(parameter.numel() for part in parts for parameter in part.parameters()) == 177_152


@pytest.mark.parametrize(
    ("name", "expected"), [("sam2.1_hiera_t", "hq_sam2_hiera_t"), ("sam2_hiera_l", "hq_sam2.0_hiera_l"), ("x", "x")]
)
def test_a_fresh_hq_part_gives_the_name_of_the_row(name, expected):
    model = tiny_model("plain_hiera")
    named = with_hq_part(HQSam(replace(model.config, name=name)))
    assert named.config.name == expected and named.config.hq == HQ_SAM_2


def test_a_sam_2_without_its_memory_gets_the_same_hq_part():
    model = HQSam(replace(tiny_config("plain_hiera"), memory=None))
    assert with_hq_part(model).config == replace(model.config, hq=HQ_SAM_2)


def test_a_base_for_another_recipe_is_refused(base):
    from hqsam.cli.train import _start_of

    with pytest.raises(OptionError, match="--base is for the recipe hq_sam2"):
        _start_of("hq_vit_l", None, str(base))
    with pytest.raises(OptionError, match="give one of them"):
        _start_of("hq_sam2", str(base), str(base))
    assert _start_of("hq_sam2", None, str(base)) == str(base)
