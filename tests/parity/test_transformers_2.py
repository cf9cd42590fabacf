"""Hugging Face's Sam2Model, live, on small random weights: the same masks, through files of either."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from hqsam.errors import CheckpointError
from hqsam.model.hq_features import HqPart
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.convert import convert
from hqsam.weights.load import load_model
from hqsam.weights.save import save_model
from tests.parity.test_transformers import LABELS, POINTS, assert_close, image, with_varied_weights
from tests.tiny import tiny_model


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Our model and theirs, with the same weights; theirs opened from the folder that we wrote."""
    folder = tmp_path_factory.mktemp("transformers")
    ours = with_varied_weights(tiny_model("plain_hiera"))
    save_model(ours, folder / "ours.safetensors")
    convert(folder / "ours.safetensors", folder / "theirs")
    loaded: Any = transformers.Sam2Model.from_pretrained(folder / "theirs", output_loading_info=True)
    theirs, report = loaded
    assert not report["unexpected_keys"] and not report["mismatched_keys"] and not report["missing_keys"]
    return ours, theirs.eval()


def padded() -> PromptBatch:
    points = torch.cat([POINTS, torch.zeros(2, 1, 2)], dim=1)
    return PromptBatch(points, torch.cat([LABELS, torch.full((2, 1), -1)], dim=1))


@pytest.mark.parametrize("candidates", [1, 3])
def test_the_masks_and_scores_are_theirs(pair, candidates):
    ours, theirs = pair
    with torch.inference_mode():
        found = ours.decode(ours.encode_image(image()), padded(), "sam", candidates)
        expected = theirs(
            pixel_values=image(), input_points=POINTS[None], input_labels=LABELS[None], multimask_output=candidates == 3
        )
    assert_close(found.logits, expected.pred_masks[0])
    np.testing.assert_allclose(found.scores, expected.iou_scores[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.object_scores, expected.object_score_logits[0].flatten(), rtol=0, atol=1e-3)


def test_what_transformers_saved_is_loaded_to_the_bit(pair, tmp_path):
    ours, theirs = pair
    theirs.save_pretrained(tmp_path)
    found = load_model(tmp_path)
    assert found.config.encoder == ours.config.encoder and found.config.memory is None  # theirs is for images alone
    of_images = {key: tensor for key, tensor in ours.state_dict().items() if not key.startswith("memory.")}
    assert set(found.state_dict()) == set(of_images)
    for key, tensor in of_images.items():
        assert torch.equal(found.state_dict()[key], tensor), key


def test_an_hq_sam_2_is_refused_as_transformers_has_none(tmp_path):
    model = tiny_model("hiera")
    assert isinstance(model.hq, HqPart) and model.hq.image_modules() == ()
    save_model(model, tmp_path / "ours.safetensors")
    with pytest.raises(CheckpointError, match="no HQ token"):
        convert(tmp_path / "ours.safetensors", tmp_path / "theirs")
