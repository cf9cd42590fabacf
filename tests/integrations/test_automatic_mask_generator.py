"""Code written for the official mask generator, with only its import changed."""

import numpy as np
import pytest
import torch

from hqsam.errors import OptionError
from hqsam.images.reading import read_image
from hqsam.integrations.segment_anything import Sam, SamAutomaticMaskGenerator, SamPredictor
from hqsam.integrations.segment_anything.utils.amg import (
    MaskData,
    batched_mask_to_box,
    mask_to_rle_pytorch,
    rle_to_mask,
)
from hqsam.masks import rle
from hqsam.paths import examples_folder
from hqsam.predict.small_regions import remove_small_regions
from hqsam.weights.load import load_model
from tests.nano import nano_file
from tests.tiny import tiny_model

KEYS = ["segmentation", "area", "bbox", "predicted_iou", "point_coords", "stability_score", "crop_box"]
ANY_MASK = {"pred_iou_thresh": -9.0, "stability_score_thresh": 0.0, "points_per_side": 4}


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)


def generate(photo, kind="vit", multimask_output=True, **options):
    return SamAutomaticMaskGenerator(Sam(tiny_model(kind)), **ANY_MASK | options).generate(photo, multimask_output)


@pytest.mark.parametrize("kind", ["vit", "plain_tiny_vit"])
def test_records_have_the_keys_and_types_of_theirs(photo, kind):
    records = generate(photo, kind)
    assert records
    for record in records:
        assert list(record) == KEYS
        assert record["segmentation"].shape == (60, 90) and record["segmentation"].dtype == bool
        assert record["area"] == record["segmentation"].sum()
        assert [type(record[key]) for key in ("area", "predicted_iou", "stability_score")] == [int, float, float]
        assert record["crop_box"] == [0, 0, 90, 60]
        [[x, y]] = record["point_coords"]
        assert 0 < x < 90 and 0 < y < 60


def test_boxes_reach_from_the_first_pixel_to_the_last_as_theirs_do(photo):
    for record in generate(photo):
        rows, columns = np.nonzero(record["segmentation"])
        expected = [columns.min(), rows.min(), np.ptp(columns), np.ptp(rows)]
        assert record["bbox"] == expected


def test_run_lengths_are_the_same_masks(photo):
    masks = [record["segmentation"] for record in generate(photo)]
    packed = [record["segmentation"] for record in generate(photo, output_mode="coco_rle")]
    unpacked = [record["segmentation"] for record in generate(photo, output_mode="uncompressed_rle")]
    assert packed == [rle.encode(mask) for mask in masks]
    assert all(np.array_equal(rle.decode(one), mask) for one, mask in zip(unpacked, masks, strict=True))
    assert all(isinstance(one["counts"], list) and sum(one["counts"]) == 60 * 90 for one in unpacked)


@pytest.mark.parametrize(("kind", "multimask"), [("vit", True), ("vit", False), ("plain_vit", True)])
def test_each_mask_is_an_answer_of_the_predictor_to_its_click(photo, kind, multimask):
    predictor = SamPredictor(Sam(tiny_model(kind)))
    predictor.set_image(photo)
    records = generate(photo, kind, multimask, box_nms_thresh=1.0)
    for record in records:
        masks, scores, _ = predictor.predict(
            np.array(record["point_coords"]), np.array([1]), multimask_output=multimask
        )
        best = np.argmin(np.abs(scores - record["predicted_iou"]))
        assert abs(scores[best] - record["predicted_iou"]) < 1e-4
        assert (masks[best] != record["segmentation"]).mean() < 1e-3
    assert len(records) == 16 * (3 if kind == "plain_vit" else 1)


def test_crops_are_looked_at_too(tmp_path):
    generator = SamAutomaticMaskGenerator(
        Sam(load_model(nano_file(tmp_path))),
        points_per_side=6,
        crop_n_layers=1,
        pred_iou_thresh=0.0,
        stability_score_thresh=0.3,
    )
    records = generator.generate(read_image(examples_folder() / "coffee.jpg"))
    boxes = {tuple(record["crop_box"]) for record in records}
    assert boxes >= {(0, 0, 600, 400)} and len(boxes) > 2
    for record in records:
        (x, y, width, height), [[column, row]] = record["crop_box"], record["point_coords"]
        assert x < column < x + width and y < row < y + height


def test_points_may_be_given(photo):
    grid = [np.array([[0.5, 0.5], [0.25, 0.75]])]
    records = generate(photo, points_per_side=None, point_grids=grid, box_nms_thresh=1.0)
    assert sorted(record["point_coords"][0] for record in records) == [[22.5, 45.0], [45.0, 30.0]]


def test_settings_are_attributes_and_may_be_set_between_images(photo):
    generator = SamAutomaticMaskGenerator(Sam(tiny_model("vit")), **ANY_MASK, crop_n_layers=1)
    assert [grid.shape for grid in generator.point_grids] == [(16, 2), (16, 2)]
    assert (generator.points_per_side, generator.pred_iou_thresh) == (4, -9.0)
    generator.crop_n_layers = 0
    records = generator.generate(photo)
    best = max(record["predicted_iou"] for record in records)
    generator.pred_iou_thresh = best - 1e-6
    assert [record["predicted_iou"] for record in generator.generate(photo)] == [best]
    generator.box_nms_thresh = 7
    with pytest.raises(OptionError, match="0 to 1"):
        generator.generate(photo)


def test_small_regions_are_removed_from_data_too():
    masks = torch.zeros(3, 30, 30, dtype=torch.bool)
    masks[0, 5:20, 5:20] = True
    masks[1] = masks[0]
    masks[1, 10, 10] = False
    masks[2, 22:29, 22:29] = True
    masks[2, 2, 2] = True
    data = MaskData(rles=mask_to_rle_pytorch(masks), boxes=batched_mask_to_box(masks), scores=np.array([0.1, 0.2, 0.3]))
    data = SamAutomaticMaskGenerator.postprocess_small_regions(data, 5, 0.7)
    assert data["scores"].tolist() == [0.1, 0.3]  # the first needed no change, which the second became alike
    assert data["boxes"].tolist() == [[5, 5, 19, 19], [22, 22, 28, 28]]
    assert np.array_equal(rle_to_mask(data["rles"][0]), masks[0]) and rle_to_mask(data["rles"][1]).sum() == 49
    empty = MaskData(rles=[], boxes=torch.zeros(0, 4))
    assert SamAutomaticMaskGenerator.postprocess_small_regions(empty, 5, 0.7) is empty


def test_small_regions_are_removed(photo):
    for record in generate(photo, min_mask_region_area=20):
        assert np.array_equal(remove_small_regions(record["segmentation"], 20), record["segmentation"])


def test_the_model_stays_as_it_was(photo):
    model = tiny_model("tiny_vit").train()
    for value in model.parameters():
        value.requires_grad_(True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    SamAutomaticMaskGenerator(Sam(model), **ANY_MASK).generate(photo)
    assert model.training and all(value.requires_grad for value in model.parameters())
    after = model.state_dict()
    assert list(after) == list(before)
    still = [name for name in before if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(after[name], before[name]) for name in still)


def test_a_model_that_is_trained_on_is_used_as_it_is_now(photo):
    sam = Sam(tiny_model("vit"))
    generator = SamAutomaticMaskGenerator(sam, **ANY_MASK)
    before = generator.generate(photo)
    with torch.no_grad():
        sam.model.mask_decoder.iou_head[-1].bias += 1
    after = generator.generate(photo)
    assert [one["predicted_iou"] for one in after] == pytest.approx([one["predicted_iou"] + 1 for one in before])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"points_per_side": None}, "exactly one"),
        ({"point_grids": [np.zeros((1, 2))]}, "exactly one"),
        ({"output_mode": "polygons"}, "binary_mask"),
        ({"box_nms_thresh": 7}, "0 to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, said):
    with pytest.raises(OptionError, match=said):
        SamAutomaticMaskGenerator(Sam(tiny_model("vit")), **options)
