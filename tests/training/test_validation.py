"""Validation is the mean over the objects of held-out photos, by whoever computes it; TensorBoard shows it."""

import numpy as np
import pytest
import torch

from hqsam.data.open_dataset import open_datasets
from hqsam.engines.torch import TorchEngine
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.masks.boxes import box_of_mask
from hqsam.predict.segmenter import Segmenter
from hqsam.training.data_split import open_data_split, split
from hqsam.training.distributed import SingleProcess
from hqsam.training.job import Options, run
from hqsam.training.validation import Validation, spread
from tests import needs
from tests.tiny import tiny_model
from tests.training.small import drawn, small_recipe, write_photos

ALONE = SingleProcess(torch.device("cpu"))


def test_scores_are_the_means_over_all_objects_asked_about_by_their_boxes():
    samples = drawn(3)["drawn"]
    found = Validation(samples, most=9)(tiny_model(), "hq", 1, ALONE)
    segmenter = Segmenter(TorchEngine(tiny_model(), *_as_auto()))
    for source in ("sam", "hq", "sum"):
        agreements = []
        for sample in samples:
            session = segmenter.open(sample.image)
            for number in sample.object_ids:
                mask = session.segment(box=box_of_mask(sample.mask(number)), source=source).masks[0]
                agreements.append(mask_scores(mask, sample.mask(number)))
        assert found[f"{source}_iou"] == pytest.approx(np.mean([each.iou for each in agreements]), abs=1e-5)
        edges = np.mean([each.boundary_iou for each in agreements])
        assert found[f"{source}_boundary_iou"] == pytest.approx(edges, abs=1e-5)


def _as_auto():
    from hqsam.hardware import pick_precision

    return torch.device("cpu"), pick_precision("auto", torch.device("cpu"))


class Half:
    """One of two processes; what the other would have added is remembered."""

    device, count = torch.device("cpu"), 2

    def __init__(self, rank: int) -> None:
        self.rank, self.seen = rank, None

    def average(self, tensors):
        (self.seen,) = (tensor.clone() for tensor in tensors)

    def wait(self):
        pass

    def agree(self, work):
        work()


def test_two_processes_share_the_photos_and_each_is_asked_about_once():
    samples = drawn(5)["drawn"]
    whole, first, second = Half(0), Half(0), Half(1)
    whole.count = 1
    for one in (whole, first, second):
        Validation(samples, most=5)(tiny_model(), "hq", 1, one)
    torch.testing.assert_close(first.seen + second.seen, whole.seen)


def test_no_more_photos_than_wanted_are_asked_about_evenly_spread():
    assert spread(100, 4) == [0, 25, 50, 75]
    assert spread(3, 10) == [0, 1, 2]
    assert spread(0, 10) == []


def test_a_strip_shows_prompt_before_after_and_truth():
    shown = []
    Validation(drawn(6)["drawn"], 6, lambda *told: shown.append(told))(tiny_model(), "hq", 7, ALONE)
    assert [told[:3] for told in shown] == [(f"drawn/{seed}", "hq", 7) for seed in range(4)]
    assert all(told[3].dtype == np.uint8 and told[3].shape[1] > 4 * 320 for told in shown)


def test_held_out_photos_are_always_the_same_and_never_learnt_from(tmp_path):
    (photos,) = open_datasets(write_photos(tmp_path / "set", 10)).values()
    learnt, held = split(photos, 0.3, seed=1)
    assert (len(learnt), len(held)) == (7, 3)
    assert sorted([*learnt.names, *held.names]) == sorted(photos.names)
    assert split(photos, 0.3, seed=1)[1].names == held.names
    assert split(photos, 0.3, seed=2)[1].names != held.names


def test_broken_photos_are_left_out_and_a_resumed_run_goes_by_the_same_report(tmp_path):
    data = write_photos(tmp_path / "set", 6)
    (data / "images" / "3.png").write_bytes(b"no photo")
    (data / "masks" / "5.png").unlink()
    data_split = open_data_split(data, tmp_path / "run", ALONE, hold_out=0.25, seed=0)
    assert (data_split.images, len(data_split.held_out)) == (3, 1)
    assert len(data_split.report.broken_names) == 2
    (data / "images" / "3.png").write_bytes((data / "images" / "1.png").read_bytes())
    assert open_data_split(data, tmp_path / "run", ALONE, hold_out=0.25, seed=0).images == 3


def test_tensorboard_has_the_loss_the_scores_and_the_pictures(tmp_path, start):
    needs.package("tensorboard", install='pip install "hqsam[train]"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    data_split = open_data_split(write_photos(tmp_path / "set", 6), tmp_path / "run", ALONE, hold_out=0.5)
    options = Options(workers=0, tensorboard=True)
    path = run(small_recipe(start, 2), data_split, tmp_path / "run", ALONE, options=options)
    assert path == tmp_path / "run" / "model.safetensors" and path.is_file()
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert len(events.Scalars("hq/loss")) == 2
    assert 0 <= events.Scalars("validation/hq_iou")[0].value <= 1
    assert [event.step for event in events.Scalars("validation/hq_iou")] == [0, 2], "before and after"
    assert len(events.Tags()["images"]) == 3
