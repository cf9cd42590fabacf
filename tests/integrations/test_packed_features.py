"""The drop-in with a model that has skip features: its embeddings carry them, and its masks are a session's."""

import numpy as np
import pytest
import torch

from hqsam.integrations.segment_anything.modeling.packed_features import pack, unpack
from hqsam.integrations.segment_anything_hq import Sam, SamPredictor
from hqsam.model.features import ImageFeatures
from tests.tiny import tiny_model, tiny_segmenter

BOX = (10, 5, 80, 50)


def test_skip_features_come_back_as_they_were():
    torch.manual_seed(0)
    skips = (torch.randn(2, 4, 6, 10), torch.randn(2, 2, 12, 20))
    features = ImageFeatures(torch.randn(2, 16, 3, 5), torch.zeros(0), skips)
    final, back = unpack(pack(features), 16)
    assert torch.equal(final, features.final) and all(map(torch.equal, back, skips))
    assert unpack(features.final, 16)[1] == ()


@pytest.mark.parametrize("kind", ["efficientnet_lite", "vit"])
def test_the_predictor_finds_what_a_session_finds(kind):
    photo = np.random.default_rng(3).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    predictor = SamPredictor(Sam(tiny_model(kind)))
    predictor.set_image(photo)
    _, scores, logits = predictor.predict(box=np.array(BOX), multimask_output=False)
    found = tiny_segmenter(kind).open(photo).segment(box=BOX)
    np.testing.assert_allclose(logits, found.logits, atol=1e-3)
    np.testing.assert_allclose(scores, found.scores, atol=1e-4)
