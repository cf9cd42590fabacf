"""The program around may have set PyTorch to anything; masks are the same."""

import contextlib
import threading

import numpy as np
import pytest
import torch

from hqsam.engines.build import build_engine
from hqsam.predict.segmenter import Segmenter
from tests.tiny import tiny_model

PHOTO = np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


STATES = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "bfloat16 by default": lambda: default_dtype(torch.bfloat16),
    "float64 by default": lambda: default_dtype(torch.float64),
    "another device by default": lambda: torch.device("meta"),
    "gradients": torch.enable_grad,
    "inference mode": torch.inference_mode,
}


def masks(segmenter: Segmenter) -> list[np.ndarray]:
    session = segmenter.open(PHOTO)
    box = session.segment(box=(10, 5, 80, 50))
    clicks = session.segment(points=[(30, 20)], labels=[1], candidates=3)
    refined = session.segment(points=[(60, 40)], labels=[0], refine=box)
    detailed = session.segment(box=(10, 5, 80, 50), detail=True)
    everything = segmenter.everything(
        PHOTO, points_per_side=3, pred_iou_thresh=-9.0, stability_score_thresh=0.0, crop_n_layers=1
    )
    return [np.asarray(found.masks) for found in (box, clicks, refined, detailed, everything)]


def tiny(kind: str, backend: str) -> Segmenter:
    return Segmenter(build_engine(tiny_model(kind), torch.device("cpu"), torch.float32, backend))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("backend", ["cpu", "torch"])
@pytest.mark.parametrize("kind", ["vit", "tiny_vit"])
def test_masks_do_not_depend_on_the_state_of_pytorch(kind, backend, state):
    segmenter = tiny(kind, backend)
    expected = masks(segmenter)
    with STATES[state]():
        found = masks(segmenter)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("state", ["autocast", "bfloat16 by default"])
@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_a_model_that_is_built_in_such_a_state_is_the_same(backend, state, tmp_path):
    from hqsam.engines.build import load_engine
    from hqsam.weights.save import save_model

    save_model(tiny_model("tiny_vit"), tmp_path / "tiny.safetensors")
    place = torch.device("cpu"), torch.float32, backend
    expected = masks(Segmenter(load_engine(tmp_path / "tiny.safetensors", *place)))
    with STATES[state]():
        segmenter = Segmenter(load_engine(tmp_path / "tiny.safetensors", *place))
    for one, other in zip(masks(segmenter), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_state_is_as_it_was_and_other_threads_keep_theirs():
    segmenter, seen = tiny("vit", "cpu"), []
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.device("meta"):
        segmenter.open(PHOTO).segment(box=(10, 5, 80, 50))
        assert torch.is_autocast_enabled("cpu") and torch.empty(1).device.type == "meta"
        thread = threading.Thread(target=lambda: seen.append(len(segmenter.open(PHOTO).segment(box=(10, 5, 80, 50)))))
        thread.start()
        thread.join()
    assert seen == [1] and not torch.is_inference_mode_enabled()
