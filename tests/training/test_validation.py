"""Validation is the mean over the objects of held-out images, by box and by click, by whoever computes it."""

import json

import numpy as np
import pytest
import torch

from hqsam.data.open_dataset import open_datasets
from hqsam.engines.torch import TorchEngine
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.hardware import pick_precision
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.regions import innermost_point
from hqsam.predict.segmenter import Segmenter
from hqsam.training.config import RunOptions
from hqsam.training.data_split import DataSplit, open_data_split, split
from hqsam.training.distributed import SingleProcess
from hqsam.training.run_log import validations_of
from hqsam.training.trainer import train
from hqsam.training.validation import score_table, spread, validate
from tests import needs
from tests.tiny import tiny_model
from tests.training.small import drawn_samples, small_recipe, write_photos

ALONE = SingleProcess()


@pytest.mark.parametrize("prompt", ["box", "click"])
def test_scores_are_the_means_over_all_objects_asked_about(prompt):
    samples = drawn_samples(3)
    found = validate(tiny_model(), samples, ALONE).scores
    device = torch.device("cpu")
    segmenter = Segmenter(TorchEngine(tiny_model(), device, pick_precision("auto", device)))
    for source in ("sam", "hq", "sum"):
        agreements = []
        for sample in samples:
            session = segmenter.open(sample.image)
            for truth in map(sample.mask, sample.object_ids):
                click = {"points": [innermost_point(truth)], "labels": [1]}
                asked = {"box": box_of_mask(truth)} if prompt == "box" else click
                agreements.append(mask_scores(session.segment(**asked, source=source).masks[0], truth))
        assert found[f"{prompt}_{source}_iou"] == pytest.approx(np.mean([each.iou for each in agreements]), abs=1e-5)
        edges = np.mean([each.boundary_iou for each in agreements])
        assert found[f"{prompt}_{source}_boundary_iou"] == pytest.approx(edges, abs=1e-5)


class Half:
    """One of two processes; what the other would have added is remembered."""

    device, world_size = torch.device("cpu"), 2

    def __init__(self, rank: int) -> None:
        self.rank, self.seen = rank, None

    def all_reduce_mean(self, tensors):
        (self.seen,) = (tensor.clone() for tensor in tensors)

    def barrier(self):
        pass

    def run_on_first(self, work):
        work()


def test_two_processes_share_the_images_and_each_is_asked_about_once():
    samples = drawn_samples(5)
    whole, first, second = Half(0), Half(0), Half(1)
    whole.world_size = 1
    for one in (whole, first, second):
        validate(tiny_model(), samples, one, max_images=5)
    torch.testing.assert_close(first.seen + second.seen, whole.seen)


def test_no_more_images_than_wanted_are_asked_about_evenly_spread():
    assert spread(100, 4) == [0, 25, 50, 75]
    assert spread(3, 10) == [0, 1, 2]
    assert spread(0, 10) == []


def test_the_worst_and_the_best_are_shown_by_box_and_by_click():
    images = validate(tiny_model(), drawn_samples(6), ALONE).images
    assert set(images) == {"worst", "best"}
    assert not np.array_equal(images["worst"], images["best"])
    assert all(image.dtype == np.uint8 and image.shape[1] > 5 * 320 for image in images.values())


def test_a_model_without_an_hq_part_is_validated_by_sam_alone():
    found = validate(tiny_model("plain_vit"), drawn_samples(2), ALONE)
    assert set(found.scores) == {f"{p}_sam_{m}" for p in ("box", "click") for m in ("iou", "boundary_iou")}
    assert set(found.images) == {"worst", "best"}


def test_the_table_has_a_row_for_each_validation_and_a_column_for_each_prompt_and_source():
    before = {"box_sum_iou": 0.843, "box_sum_boundary_iou": 0.6, "click_sum_iou": 0.603, "click_sum_boundary_iou": 0.4}
    table = score_table({"before": before, "step 200": {**before, "click_sum_iou": 0.675}}).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in table] == [
        ["IoU / boundary IoU", "box, HQ + SAM", "click, HQ + SAM"],
        ["---", "---:", "---:"],
        ["before", "84.3 / 60.0", "60.3 / 40.0"],
        ["step 200", "84.3 / 60.0", "67.5 / 40.0"],
    ]


def test_scores_that_were_not_taken_leave_their_cells_empty():
    table = score_table({"before": {}, "after": {"box_sum_iou": 0.5, "box_sum_boundary_iou": 0.25}}).splitlines()
    assert [line.split("|")[2].strip() for line in table[2:]] == ["", "50.0 / 25.0"]


def test_validations_of_version_0_1_were_by_box(tmp_path):
    record = {"stage": "hq", "stage_number": 0, "step": 3, "validation": {"sum_iou": 0.5, "sum_boundary_iou": 0.4}}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    assert validations_of(tmp_path) == {"hq, step 3": {"box_sum_iou": 0.5, "box_sum_boundary_iou": 0.4}}


def test_a_run_s_folder_has_the_scores_and_the_pictures_of_each_validation(tmp_path, start):
    data = DataSplit({"drawn": drawn_samples(4)}, drawn_samples(2))
    train(small_recipe(start, 2), data, RunOptions(folder=tmp_path, workers=0))
    assert list(validations_of(tmp_path)) == ["hq, step 0", "hq, step 2"]
    assert {"box_hq_iou", "click_sum_boundary_iou"} < validations_of(tmp_path)["hq, step 2"].keys()
    names = sorted(path.name for path in (tmp_path / "validation").iterdir())
    assert names == [f"hq-{step:07d}-{which}.jpg" for step in (0, 2) for which in ("best", "worst")]


def test_held_out_images_are_always_the_same_and_never_learnt_from(tmp_path):
    (photos,) = open_datasets(write_photos(tmp_path / "set", 10)).values()
    learnt, held = split(photos, 0.3, seed=1)
    assert (len(learnt), len(held)) == (7, 3)
    assert sorted([*learnt.names, *held.names]) == sorted(photos.names)
    assert split(photos, 0.3, seed=1)[1].names == held.names
    assert split(photos, 0.3, seed=2)[1].names != held.names


def test_broken_images_are_left_out_and_a_resumed_run_goes_by_the_same_report(tmp_path):
    data = write_photos(tmp_path / "set", 6)
    (data / "images" / "3.png").write_bytes(b"no photo")
    (data / "masks" / "5.png").unlink()
    data_split = open_data_split(data, tmp_path / "run", ALONE, hold_out=0.25, seed=0)
    assert (data_split.images, len(data_split.validation)) == (3, 1)
    assert len(data_split.check.broken_names) == 2
    (data / "images" / "3.png").write_bytes((data / "images" / "1.png").read_bytes())
    (tmp_path / "run" / "run.json").write_text("{}")  # it has begun
    assert open_data_split(data, tmp_path / "run", ALONE, hold_out=0.25, seed=0).images == 3


def test_tensorboard_has_the_loss_the_scores_and_the_pictures(tmp_path, start):
    needs.package("tensorboard", install='pip install "hqsam[train]"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data_split = open_data_split(write_photos(tmp_path / "set", 6), tmp_path / "run", ALONE, hold_out=0.5)
    options = RunOptions(folder=tmp_path / "run", workers=0, tensorboard=True)
    train(small_recipe(start, 2), data_split, options)
    assert options.model_path == tmp_path / "run" / "model.safetensors" and options.model_path.is_file()
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert len(events.Scalars("hq/loss")) == 2
    for prompt in ("box", "click"):
        assert 0 <= events.Scalars(f"hq/validation/{prompt}_hq_iou")[0].value <= 1
        assert [event.step for event in events.Scalars(f"hq/validation/{prompt}_hq_iou")] == [0, 2], "before and after"
    assert set(events.Tags()["images"]) == {"hq/worst", "hq/best"}


def test_metrics_of_a_validation_are_lines_of_json(tmp_path, start):
    data = DataSplit({"drawn": drawn_samples(4)}, drawn_samples(1))
    train(small_recipe(start, 1), data, RunOptions(folder=tmp_path, workers=0))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], "validation" in line) for line in lines] == [(0, True), (1, False), (1, True)]
