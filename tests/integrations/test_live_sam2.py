"""Beside Meta's sam2, where it is installed: the same calls, with only the import changed, answer the same."""

import importlib.util
import warnings
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.implementations.torchvision_import import let_torchvision_import
from tests.parity.records import photo, state_dict_2

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("sam2") is None, reason="sam2 is not installed"),
    pytest.mark.filterwarnings("ignore"),
]

CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"
POINTS, LABELS, BOX = np.array([[300, 210], [60, 40]]), np.array([1, 0]), np.array([120, 60, 420, 350])
BOXES = np.array([BOX, [10, 10, 200, 150], [300, 50, 500, 300]])


def package(name: str, checkpoint) -> SimpleNamespace:
    """What a script imports of either package, with Hiera-T built, filled and an image set."""
    build, predict, generate = (
        import_module(f"{name}.{part}") for part in ("build_sam", "sam2_image_predictor", "automatic_mask_generator")
    )
    model = build.build_sam2(CONFIG, str(checkpoint), device="cpu")
    predictor = predict.SAM2ImagePredictor(model)
    predictor.set_image(photo("coffee"))
    return SimpleNamespace(
        build=build, model=model, predictor=predictor, predict=predict, generator=generate.SAM2AutomaticMaskGenerator
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("official") / "weights.pt"
    torch.save({"model": state_dict_2("sam2.1_hiera_t")}, path)
    return path


@pytest.fixture(scope="module")
def both(checkpoint):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        let_torchvision_import()
        return package("hqsam.integrations.sam2", checkpoint), package("sam2", checkpoint)


def assert_alike(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert (found[0] != expected[0]).mean() < 1e-4
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found[2], expected[2], rtol=0, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize(
    "prompt",
    [
        {"point_coords": POINTS, "point_labels": LABELS},
        {"point_coords": POINTS[:1], "point_labels": LABELS[:1]},
        {"box": BOX},
        {"box": BOX[None], "point_coords": POINTS, "point_labels": LABELS},
        {"box": BOXES},
        {"box": BOX / [600, 400, 600, 400], "normalize_coords": False},
    ],
    ids=["points", "point", "box", "box and points", "boxes", "coordinates between 0 and 1"],
)
def test_every_prompt_is_answered_alike(both, prompt, several):
    ours, theirs = (each.predictor.predict(**prompt, multimask_output=several) for each in both)
    assert_alike(ours, theirs)


@pytest.mark.slow
def test_an_answer_given_back_is_answered_alike(both):
    found = []
    for each in both:
        _, _, logits = each.predictor.predict(box=BOX, multimask_output=False)
        found.append(each.predictor.predict(box=BOX, mask_input=logits, multimask_output=False))
    assert_alike(*found)


@pytest.mark.slow
def test_without_postprocessing_both_keep_mask_0(both, checkpoint):
    found = []
    for each in both:
        model = each.build.build_sam2(CONFIG, str(checkpoint), device="cpu", apply_postprocessing=False)
        predictor = each.predict.SAM2ImagePredictor(model)
        predictor.set_image(photo("rocket"))
        found.append(predictor.predict(POINTS[:1] // 2, LABELS[:1], multimask_output=False))
    assert_alike(*found)


@pytest.mark.slow
def test_a_batch_of_photos_is_answered_alike(both):
    for each in both:
        each.batch = each.predict.SAM2ImagePredictor(each.model)
        each.batch.set_image_batch([photo("coffee"), photo("rocket")])
    boxes = [BOXES, BOX // 2]  # the second photo is half as wide; ours would cut off what is outside
    ours, theirs = (each.batch.predict_batch(box_batch=boxes, multimask_output=False) for each in both)
    for number in range(2):
        assert_alike([part[number] for part in ours], [part[number] for part in theirs])


@pytest.mark.slow
def test_the_generator_finds_the_same_masks(both):
    settings = {"points_per_side": 4, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.5}
    ours, theirs = (each.generator(each.model, **settings).generate(photo("coffee")) for each in both)
    assert len(ours) == len(theirs) > 0
    assert set(ours[0]) == set(theirs[0])
    order = lambda records: sorted(records, key=lambda one: (one["area"], one["predicted_iou"]))  # noqa: E731
    for one, other in zip(order(ours), order(theirs), strict=True):
        assert one["area"] == pytest.approx(other["area"], abs=5)
        assert one["predicted_iou"] == pytest.approx(other["predicted_iou"], abs=1e-4)
        assert one["stability_score"] == pytest.approx(other["stability_score"], abs=2e-3)
        assert one["bbox"] == pytest.approx(other["bbox"], abs=1)
