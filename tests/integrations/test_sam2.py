"""The door for code written for Meta's sam2: its shapes and types, with the session's own masks."""

import numpy as np
import pytest
import torch

from hqsam.errors import CheckpointError, OptionError, PromptError
from hqsam.integrations.sam2 import SAM2Base, build_sam2
from hqsam.integrations.sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator
from hqsam.integrations.sam2.build_sam import build_sam2_video_predictor
from hqsam.integrations.sam2.sam2_image_predictor import SAM2ImagePredictor
from hqsam.integrations.segment_anything import Sam
from hqsam.model.config import MODELS
from hqsam.weights.save import save_model
from tests.tiny import tiny_model, tiny_segmenter

PHOTO = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)
POINTS, LABELS, BOX = np.array([[30, 20], [70, 50]]), np.array([1, 0]), np.array([10, 5, 80, 50])
BOXES = np.array([[10, 5, 80, 50], [0, 0, 30, 59], [40, 20, 89, 59]])


@pytest.fixture(scope="module")
def predictor():
    predictor = SAM2ImagePredictor(SAM2Base(tiny_model("hiera")))
    predictor.set_image(PHOTO)
    return predictor


@pytest.fixture(scope="module")
def session():
    return tiny_segmenter("hiera").open(PHOTO)


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"point_coords": POINTS, "point_labels": LABELS}, {"points": POINTS, "labels": LABELS}),
        ({"box": BOX}, {"box": BOX}),
        (
            {"point_coords": POINTS, "point_labels": LABELS, "box": BOX[None]},
            {"points": POINTS, "labels": LABELS, "box": BOX},
        ),
    ],
)
def test_a_prompt_is_answered_in_the_official_shapes_by_the_session_s_masks(predictor, session, given, ours, several):
    masks, scores, logits = predictor.predict(**given, multimask_output=several)
    count = 3 if several else 1
    assert masks.shape == (count, 60, 90) and masks.dtype == np.float32 and set(np.unique(masks)) <= {0, 1}
    assert scores.shape == (count,) and logits.shape == (count, 32, 32) and np.abs(logits).max() <= 32
    expected = session.segment(**ours, candidates=count)
    assert np.array_equal(masks.astype(bool), expected.masks)
    np.testing.assert_array_equal(scores, expected.scores)


def test_many_boxes_have_a_leading_dimension(predictor, session):
    masks, scores, logits = predictor.predict(box=BOXES, multimask_output=False)
    assert masks.shape == (3, 1, 60, 90) and scores.shape == (3, 1) and logits.shape == (3, 1, 32, 32)
    assert np.array_equal(masks[:, 0].astype(bool), session.segment(boxes=BOXES).masks)


def test_an_answer_is_given_back_as_mask_input(predictor, session):
    _, _, logits = predictor.predict(box=BOX, multimask_output=False)
    masks, _, _ = predictor.predict(box=BOX, mask_input=logits, multimask_output=False)
    assert np.array_equal(masks.astype(bool), session.segment(box=BOX, mask=logits).masks)


def test_coordinates_between_0_and_1_are_scaled_by_the_photo(predictor):
    one = predictor.predict(box=BOX, multimask_output=False)
    other = predictor.predict(box=BOX / [90, 60, 90, 60], multimask_output=False, normalize_coords=False)
    np.testing.assert_allclose(one[2], other[2], atol=1e-4)


def test_the_hq_mask_alone_and_logits(predictor, session):
    logits, _, _ = predictor.predict(box=BOX, multimask_output=False, hq_token_only=True, return_logits=True)
    assert np.array_equal(logits > 0, session.segment(box=BOX, source="hq").masks)
    plain = SAM2ImagePredictor(SAM2Base(tiny_model("plain_hiera")))
    plain.set_image(PHOTO)
    with pytest.raises(OptionError, match="has no HQ token"):
        plain.predict(box=BOX, hq_token_only=True)


def test_without_postprocessing_mask_0_is_kept(session):
    static = SAM2ImagePredictor(SAM2Base(tiny_model("hiera"), apply_postprocessing=False))
    static.set_image(PHOTO)
    _, scores, _ = static.predict(box=BOX, multimask_output=False)
    np.testing.assert_allclose(scores, session.segment(box=BOX, candidates="first").scores, atol=1e-6)


def test_a_batch_of_photos_of_different_sizes(predictor):
    batch = SAM2ImagePredictor(SAM2Base(tiny_model("hiera")))
    batch.set_image_batch([PHOTO, PHOTO[:40, :50]])
    masks, scores, logits = batch.predict_batch(box_batch=[BOXES, np.array([5, 5, 30, 30])], multimask_output=False)
    assert [one.shape for one in masks] == [(3, 1, 60, 90), (1, 40, 50)]
    assert np.array_equal(masks[0], predictor.predict(box=BOXES, multimask_output=False)[0])
    assert len(scores) == len(logits) == 2
    with pytest.raises(PromptError, match="no image is set"):
        batch.predict(box=BOX)


def test_small_holes_are_filled_and_specks_removed(predictor):
    tidy = SAM2ImagePredictor(SAM2Base(tiny_model("hiera")), max_hole_area=4, max_sprinkle_area=4)
    logits = np.full((1, 32, 32), -1, np.float32)
    logits[0, 8:24, 8:24] = 1
    logits[0, 12, 12:15] = -1
    logits[0, 2, 2] = 1
    logits[0, 16:19, 16:19] = -1
    found = tidy._tidied(logits)
    assert (found[0, 12, 12:15] == 10).all() and found[0, 2, 2] == -10
    assert (found[0, 16:19, 16:19] == -1).all(), "a hole of nine pixels is not small"
    assert (found != logits).sum() == 4
    assert predictor._tidied(logits) is logits


def test_before_an_image_is_set_there_is_a_runtime_error():
    with pytest.raises(RuntimeError, match="call set_image"):
        SAM2ImagePredictor(SAM2Base(tiny_model("hiera"))).predict(box=BOX)


@pytest.mark.parametrize("several", [True, False])
def test_the_generator_finds_what_everything_does(several):
    model = SAM2Base(tiny_model("hiera"))
    settings = {"points_per_side": 6, "pred_iou_thresh": 0.0, "stability_score_thresh": 0.0, "box_nms_thresh": 1.0}
    records = SAM2AutomaticMaskGenerator(model, **settings, multimask_output=several).generate(PHOTO)
    assert len(records) > 5 and set(records[0]) == {
        *("segmentation", "area", "bbox", "predicted_iou", "point_coords", "stability_score", "crop_box"),
    }
    if several:
        expected = tiny_segmenter("hiera").everything(PHOTO, **settings, candidates=3)
        assert sorted(one["area"] for one in records) == sorted(expected.areas.tolist())


def test_the_builder_takes_official_configs_and_files(tmp_path, monkeypatch):
    model = tiny_model("plain_hiera")
    monkeypatch.setitem(MODELS, "sam2.1_hiera_t", model.config)
    save_model(model, tmp_path / "tiny.safetensors")
    built = build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", tmp_path / "tiny.safetensors", device="cpu")
    assert built.image_size == 128 and not built.training and built.device == torch.device("cpu")
    for name, value in model.state_dict().items():
        assert torch.equal(built.model.state_dict()[name], value)
    with pytest.raises(CheckpointError, match="holds plain_hiera_of_the_tests"):
        build_sam2("sam2.1_hq_hiera_l.yaml", tmp_path / "tiny.safetensors", device="cpu")
    with pytest.raises(OptionError, match=r"no config of a SAM 2.*sam2\.1_hiera_b\+"):
        build_sam2("sam_vit_b", device="cpu")
    with pytest.raises(OptionError, match="reads no YAML"):
        build_sam2("sam2.1_hiera_t", device="cpu", hydra_overrides_extra=["++model.x=1"])


def test_predictors_and_generators_are_made_of_a_file(tmp_path):
    save_model(tiny_model("hiera"), tmp_path / "tiny.safetensors")
    path = str(tmp_path / "tiny.safetensors")
    generator = SAM2AutomaticMaskGenerator.from_pretrained(path, device="cpu", points_per_side=2)
    assert generator.predictor.model.device == torch.device("cpu")
    SAM2ImagePredictor.from_pretrained(path, device="cpu").set_image(PHOTO)


def test_the_precision_is_the_model_s_and_autocast_changes_nothing(predictor):
    half = SAM2ImagePredictor(SAM2Base(tiny_model("hiera").to(torch.bfloat16)))
    half.set_image(PHOTO)
    with torch.autocast("cpu", torch.bfloat16):
        full = SAM2ImagePredictor(predictor.model)
        full.set_image(PHOTO)
    expected, same, other = (one.predict(box=BOX)[2] for one in (predictor, full, half))
    assert np.array_equal(same, expected) and not np.array_equal(other, expected)


def test_what_is_not_supported_says_so():
    model = SAM2Base(tiny_model("hiera"))
    with pytest.raises(OptionError, match="use_m2m is not supported"):
        SAM2AutomaticMaskGenerator(model, use_m2m=True)
    with pytest.raises(OptionError, match="open_video"):
        build_sam2_video_predictor("sam2.1_hiera_t")
    with pytest.raises(OptionError, match="is no SAM 2"):
        SAM2Base(tiny_model("vit"))
    with pytest.raises(OptionError, match=r"import hqsam\.integrations\.sam2"):
        Sam(tiny_model("plain_hiera"))
