"""SAM 2.1 and HQ-SAM 2, loaded from files in the official naming: what the official code gets, to 1e-4."""

from functools import lru_cache

import numpy as np
import pytest
import torch

import hqsam
from tests.parity.records import CASES, photo, prompt, record, state_dict_2

MODELS = (
    ("sam2.1_hiera_t", "sam2.1_hiera_t", "coffee"),
    pytest.param("sam2.1_hq_hiera_l", "hq_sam2_hiera_l", "rocket", marks=[pytest.mark.slow, pytest.mark.own_process]),
)
"""Names of the record, and of our model; and the photo."""


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    @lru_cache(maxsize=1)
    def load(recorded: str) -> hqsam.Segmenter:
        path = tmp_path_factory.mktemp("official") / "weights.pt"
        torch.save({"model": state_dict_2(recorded)}, path)
        return hqsam.load(str(path), device="cpu", precision="float32")

    yield load
    load.cache_clear()


@pytest.mark.parametrize(("recorded", "name", "photo_name"), MODELS)
def test_every_prompt_gives_the_official_masks(segmenter, recorded, name, photo_name):
    loaded, expected = segmenter(recorded), record(recorded)
    assert loaded.name == name
    session = loaded.open(photo(photo_name))
    embedding = session.encoded.tensors["final"][0, ::8, ::4, ::4].numpy()
    np.testing.assert_allclose(embedding, expected[f"{photo_name}/embedding"], rtol=0, atol=1e-4)
    first = loaded.config.sources[0]
    for case in CASES:
        arguments = prompt(case, session.image_size_hw)
        if case == "box_mask":
            arguments["mask"] = session.segment(**prompt("box", session.image_size_hw), source=first).logits
        for source in loaded.config.sources:
            for mode, candidates in (("single", 1), ("static", "first"), ("multi", 3)):
                at = f"{photo_name}/{case}/{mode}/{source}"
                if f"{at}/logits" not in expected:
                    continue
                found = session.segment(**arguments, source=source, candidates=candidates)
                logits = found.logits.clip(-32, 32)[:, ::8, ::8]
                np.testing.assert_allclose(logits, expected[f"{at}/logits"], rtol=0, atol=1e-4)
                np.testing.assert_allclose(found.scores, expected[f"{at}/iou"].ravel(), rtol=0, atol=1e-5)
                assert np.abs(found.masks.sum(axis=(1, 2)) - expected[f"{at}/area"].ravel()).max() <= 3
                scores = np.repeat(expected[f"{photo_name}/{case}/object_score"].ravel(), 3 if candidates == 3 else 1)
                np.testing.assert_allclose(found.object_scores, scores, rtol=0, atol=1e-4)
