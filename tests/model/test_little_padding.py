"""Models that see the photo and a little padding, and not all that fills up the square."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hqsam.engines.fused.tiny_vit import FusedBiasedAttention
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam, fill_square
from hqsam.model.preprocess import batches, normalise_and_pad
from hqsam.model.prompt_encoder import PromptBatch
from tests.tiny import tiny_config, tiny_model, tiny_segmenter

KIND = "tiny_vit_with_little_padding"


def photo(height, width):
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def test_a_photo_is_filled_up_to_whole_tokens_and_one_more():
    config = tiny_config(KIND)
    assert normalise_and_pad([photo(70, 128)], config).shape == (1, 3, 96, 128)
    assert normalise_and_pad([photo(70, 100)], replace(config, padding=0)).shape == (1, 3, 80, 112)
    assert normalise_and_pad([photo(70, 128)], replace(config, padding=None)).shape == (1, 3, 128, 128)
    assert batches([photo(70, 128), photo(128, 70), photo(80, 128)], config) == [[0, 2], [1]]


def test_features_are_as_large_as_the_photo():
    session = tiny_segmenter(KIND).open(photo(70, 128))
    assert session.segment(box=(10, 10, 60, 60)).masks.shape == (1, 70, 128)
    features = tiny_model(KIND).encode_image(torch.randn(1, 3, 80, 128))
    assert features.final.shape[-2:] == (5, 8)
    assert features.early.shape[-2:] == (5, 8)


@torch.no_grad()
def test_places_have_the_positions_that_they_have_in_the_square():
    encoder = tiny_model(KIND).prompt_encoder
    assert torch.equal(encoder.grid_positions((5, 8)), encoder.grid_positions((8, 8))[..., :5, :])


@torch.no_grad()
@pytest.mark.parametrize("has_mask", [None, torch.tensor([True, False])])
def test_a_mask_prompt_counts_where_the_photo_is(has_mask):
    model = tiny_model(KIND)
    features = model.encode_image(torch.randn(1, 3, 80, 128))
    points, labels = torch.rand(2, 2, 2) * 70, torch.ones(2, 2, dtype=torch.long)
    mask = torch.randn(2, 1, 32, 32)
    changed, elsewhere = mask.clone(), mask.clone()
    changed[..., 5, 5] += 9
    elsewhere[..., 20:, :] += 9
    asked = [PromptBatch(points, labels, logits, has_mask) for logits in (mask, changed, elsewhere)]
    first, second, third = (model.decode(features, prompts).logits for prompts in asked)
    assert first.shape == (2, 1, 32, 32)
    assert not torch.allclose(first, second)
    assert torch.equal(first, third)


def test_beyond_the_photo_logits_are_those_of_its_edge():
    logits = torch.arange(6.0).view(1, 2, 3)
    config = ModelConfig(name="four", encoder=tiny_config(KIND).encoder, image_size=16)
    filled = fill_square(logits, config)
    assert filled.tolist() == [[[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]]
    assert fill_square(filled, config) is filled


@torch.no_grad()
def test_windows_share_a_grid_out_evenly_and_reach_no_further():
    [block] = HQSam(tiny_config(KIND)).image_encoder.stages[3].blocks
    attention, x = block.attention, torch.randn(1, 10, 8, 64)
    torch.nn.init.normal_(attention.bias)
    whole = attention(x)  # windows of up to 8 x 8 places
    for rows in (slice(0, 5), slice(5, 10)):
        torch.testing.assert_close(attention(x[:, rows]), whole[:, rows], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_biases_looked_up_before_are_those_of_the_table():
    [block] = HQSam(tiny_config(KIND)).image_encoder.stages[3].blocks
    attention, x = block.attention, torch.randn(1, 5, 7, 64)
    torch.nn.init.normal_(attention.bias)
    fused = FusedBiasedAttention(attention, 8, None)
    assert fused.looked_up is not None
    torch.testing.assert_close(fused(x), attention(x))
