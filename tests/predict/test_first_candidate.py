"""SAM 2 gives another mask where its mask 0 is unstable; `candidates="first"` is mask 0 in any case."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hqsam.engines.build import build_engine
from hqsam.model.hq_sam import HQSam
from hqsam.predict.segmenter import Segmenter
from tests.tiny import tiny_model

PHOTO = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)
BOXES = [(10, 5, 80, 50), (0, 0, 30, 59), (40, 20, 89, 59), (5, 5, 20, 20)]


def without_choice(model: HQSam) -> HQSam:
    """The same weights in a model that always gives mask 0."""
    config = replace(model.config, decoder=replace(model.config.decoder, least_stability=0.0))
    plain = HQSam(config).eval()
    plain.load_state_dict(model.state_dict())
    return plain


@pytest.mark.parametrize("backend", ["cpu", "torch"])
@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_the_first_mask_is_that_of_a_model_that_has_no_choice(backend, source):
    opened = [
        Segmenter(build_engine(model, torch.device("cpu"), torch.float32, backend)).open(PHOTO)
        for model in (tiny_model("hiera"), without_choice(tiny_model("hiera")))
    ]
    first = opened[0].segment(boxes=BOXES, candidates="first", source=source)
    expected = opened[1].segment(boxes=BOXES, source=source)
    np.testing.assert_allclose(first.logits, expected.logits, rtol=0, atol=1e-6)
    np.testing.assert_allclose(first.scores, expected.scores, rtol=0, atol=1e-6)
    chosen = opened[0].segment(boxes=BOXES, source=source)
    assert np.abs(chosen.scores - first.scores).max() > 1e-3, "mask 0 of random weights is not stable"
    assert first.prompt_index.tolist() == [0, 1, 2, 3]


def test_models_without_the_choice_give_the_same_either_way(tiny_segmenter):
    session = tiny_segmenter.open(PHOTO)
    one, first = (session.segment(boxes=BOXES, candidates=candidates) for candidates in (1, "first"))
    assert np.array_equal(one.logits, first.logits)
