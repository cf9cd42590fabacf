"""Loaded from a file in the official naming and prompted by the public face, we get what the official code gets."""

from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

import hqsam
from hqsam.engines import EncodedImage
from hqsam.engines.torch import TorchEngine
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.model.preprocess import resize_longest_side
from hqsam.weights.keys import to_ours
from tests.parity.records import CASES, PHOTOS, photo, prompt, record, state_dict

LARGE = [pytest.mark.slow, pytest.mark.own_process]
HQ_MODELS = ("vit_tiny", "vit_b", *(pytest.param(name, marks=LARGE) for name in ("vit_l", "vit_h")))
# With the scope, pytest runs all tests of one model before those of the next, so that each is loaded once.
each_model = pytest.mark.parametrize("model", HQ_MODELS, scope="module")
TWINS = {"vit_tiny": "mobile_sam", "vit_b": "sam_vit_b"}
"""HQ-SAMs, and the plain SAM that each is when it is asked for source='sam'."""


@pytest.fixture(scope="module")
def session_of(tmp_path_factory):
    """(model, photo) -> an open session; the last model and photo are kept."""
    early: dict[str, torch.Tensor] = {}
    """The encoder's early features of the photo that was opened last; engines do not keep them all."""

    @lru_cache(maxsize=1)
    def segmenter(model: str) -> hqsam.Segmenter:
        path = tmp_path_factory.mktemp("official") / "weights.pth"
        torch.save(state_dict(model), path)
        loaded = hqsam.load(str(path), device="cpu", precision="float32")
        with suppress(OSError):  # hundreds of MB; what is mapped into memory outlives its name, but not on Windows
            path.unlink()
        assert loaded.name == model
        loaded._engine.model.image_encoder.register_forward_hook(lambda *call: early.update(last=call[-1].early))
        return loaded

    @lru_cache(maxsize=2)
    def session(model: str, name: str) -> hqsam.Session:
        opened = segmenter(model).open(photo(name))
        return replace(opened, encoded=EncodedImage({**opened.encoded.tensors, "early": early["last"]}))

    yield session
    session.cache_clear()
    segmenter.cache_clear()


def answers(session: hqsam.Session, case: str, source: str) -> dict[str, Any]:
    """`single` and `multi`, as the official code means them, for a case."""
    arguments = prompt(case, session.image_size_hw)
    if case == "box_mask":
        first = "sam" if source == "sam" else "sum"
        arguments["mask"] = session.segment(**prompt("box", session.image_size_hw), source=first).logits
    multi = session.segment(**arguments, source=source, candidates=3)
    return {
        "single": session.segment(**arguments, source=source),
        "multi": multi if source == "sam" else multi.best(),
    }


def samples(model: str) -> list[tuple[str, str]]:
    """Photos and cases that the record of a model has."""
    return [
        (name, case) for name in PHOTOS for case in CASES if any(k.startswith(f"{name}/{case}/") for k in record(model))
    ]


def assert_as_recorded(found: Any, expected: dict[str, np.ndarray]) -> None:
    masks = len(found)
    if "logits" in expected:
        assert_close(found.logits[:, ::8, ::8], expected["logits"].reshape(masks, 32, 32))
    np.testing.assert_allclose(found.scores, expected["iou"].reshape(masks), rtol=0, atol=1e-4)
    pixels = found.masks[0].size
    if "area" in expected:
        assert np.abs(found.masks.sum(axis=(1, 2)) - expected["area"].reshape(masks)).max() < 1e-4 * pixels
    if "mask" in expected:
        right = np.unpackbits(expected["mask"], axis=-1)[:, :pixels].astype(bool)
        assert (found.masks.reshape(masks, pixels) != right).sum(axis=1).max() < 1e-4 * pixels


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(found - expected).max() <= 1e-3 * expected.std()


def part(model: str, prefix: str) -> dict[str, np.ndarray]:
    """The entries of a record below a prefix."""
    return {key.removeprefix(prefix): value for key, value in record(model).items() if key.startswith(prefix)}


@pytest.mark.parametrize("name", PHOTOS)
def test_a_photo_is_resized_as_the_official_code_resizes_it(name):
    assert (resize_longest_side(photo(name), 1024)[::8, ::8] == record("vit_tiny")[f"{name}/resized"]).all()


@each_model
def test_the_features_are_the_official_ones(model, session_of):
    for name in PHOTOS:
        if f"{name}/features" not in record(model):
            continue
        encoded = session_of(model, name).encoded
        assert_close(encoded.tensors["final"][0, ::8, ::4, ::4].numpy(), record(model)[f"{name}/features"])
        if f"{name}/early" not in record(model):
            continue
        step = 8 if model == "vit_tiny" else 16
        assert_close(
            encoded.tensors["early"][0, ::step, ::4, ::4].permute(1, 2, 0).numpy(), record(model)[f"{name}/early"]
        )


@pytest.mark.parametrize("source", ["sum", "hq"])
@each_model
def test_the_masks_are_the_official_ones(model, source, session_of):
    for name, case in samples(model):
        for mode, found in answers(session_of(model, name), case, source).items():
            assert_as_recorded(found, part(model, f"{name}/{case}/{mode}/{source}/"))


@pytest.mark.parametrize("model", TWINS, scope="module")
def test_the_source_sam_is_plain_sam(model, session_of):
    for name, case in samples(TWINS[model]):
        for mode, found in answers(session_of(model, name), case, "sam").items():
            assert_as_recorded(found, part(TWINS[model], f"{name}/{case}/{mode}/sam/"))


@pytest.mark.parametrize("model", TWINS.values())
def test_a_plain_sam_s_file_gives_plain_sam_s_masks(model, session_of):
    session = session_of(model, "coffee")
    assert_close(session.encoded.tensors["final"][0, ::8, ::4, ::4].numpy(), record(model)["coffee/features"])
    for case in CASES:
        for mode, found in answers(session, case, "sam").items():
            assert_as_recorded(found, part(model, f"coffee/{case}/{mode}/sam/"))


def test_with_its_attention_biases_tiny_vit_is_the_official_one_after_a_second_eval():
    config = MODELS["vit_tiny"]
    config = replace(config, encoder=replace(config.encoder, attention_biases=True))
    with torch.device("meta"):
        model = HQSam(config)
    model.load_state_dict(to_ours(state_dict("vit_tiny"), "official").ours, assign=True)
    session = hqsam.Segmenter(TorchEngine(model, torch.device("cpu"), torch.float32)).open(photo("coffee"))
    assert_close(
        session.encoded.tensors["final"][0, ::8, ::4, ::4].numpy(), record("vit_tiny_biased")["coffee/features"]
    )
    found = session.segment(**prompt("box", session.image_size_hw))
    assert_as_recorded(found, part("vit_tiny_biased", "coffee/box/single/sum/"))
