"""A teacher answers once; a kill loses a file at most; and a folder holds the answers of one teacher to one set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hqsam.data.augment import AugmentConfig
from hqsam.data.sampling import SamplingConfig
from hqsam.errors import OutputError, TrainingError
from hqsam.training.distil import answer_cache
from hqsam.training.distil.answer_cache import AnsweredViews, AnswerPlan, bytes_of
from hqsam.training.distil.teacher import Teacher
from hqsam.training.distributed import SingleProcess
from hqsam.weights.digest import sha256_of_tensors
from tests.tiny import tiny_model
from tests.training.small import drawn_samples

ALONE = SingleProcess()
PLAN = AnswerPlan(
    photos={"drawn": drawn_samples(5)}, views=2, size=128, objects=2, augment=AugmentConfig(turn=0), seed=3
)
SAMPLING = SamplingConfig(batch_size=2, objects=2, size=64, augment=AugmentConfig(turn=0))


def filled(folder, plan=PLAN, model=None, told=lambda *_: None):
    model = model or tiny_model()
    missing = answer_cache.missing_shards(folder, plan)
    answer_cache.claim(folder, plan, model.config, sha256_of_tensors(model.state_dict()))
    answer_cache.fill(folder, plan, missing, Teacher(model, ALONE.device, torch.float32), ALONE, told)
    return sorted(folder.glob("*.safetensors"))


def test_every_view_is_answered_once_and_the_size_was_known(tmp_path):
    told = []
    files = filled(tmp_path, told=lambda *progress: told.append(progress))
    assert told == [(8, 10), (10, 10)]
    foreseen, size = bytes_of(tiny_model().config, 2, 10), sum(path.stat().st_size for path in files)
    assert foreseen <= size <= foreseen + 4000 * len(files) + 300 * 10
    assert filled(tmp_path) == files, "nothing is left to do"


def test_a_killed_filling_goes_on_with_the_file_that_is_missing(tmp_path):
    files = filled(tmp_path)
    whole, untouched = files[1].read_bytes(), files[0].stat().st_mtime_ns
    files[1].unlink()
    filled(tmp_path)
    assert files[1].read_bytes() == whole
    assert files[0].stat().st_mtime_ns == untouched


def test_answers_of_another_teacher_or_to_other_views_are_refused(tmp_path):
    filled(tmp_path)
    other = tiny_model()
    with torch.no_grad():
        other.mask_decoder.iou_token.add_(1)
    with pytest.raises(TrainingError, match=r"is another's: teacher was"):
        filled(tmp_path, model=other)
    for changed in ({"views": 1}, {"seed": 4}, {"objects": 3}, {"size": 160}, {"photos": {"drawn": drawn_samples(4)}}):
        with pytest.raises(TrainingError, match="is another's"):
            filled(tmp_path, replace(PLAN, **changed))


def test_a_disk_without_room_is_found_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(answer_cache, "bytes_of", lambda *_: 2**60)
    with pytest.raises(OutputError, match="has room for"):
        filled(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_damaged_file_says_what_to_do(tmp_path):
    damaged = filled(tmp_path)[0]
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(TrainingError, match="remove it, and it will be made again"):
        list(AnsweredViews(tmp_path, PLAN, SAMPLING, 0, teaches=True).inputs([range(10)], 0))


def test_a_batch_has_the_views_at_the_student_s_size_and_the_teacher_s_answers_to_its_prompts(tmp_path):
    filled(tmp_path)
    source = AnsweredViews(tmp_path, PLAN, SAMPLING, 0, teaches=True)
    (given,) = source.inputs([range(10)], 0)
    batch, answers = given.batch, given.answers
    assert batch.images.shape == (10, 64, 64, 3)
    assert answers.final.shape == (10, 32, 8, 8) and answers.inside.shape == (10, 2, 4, 32, 32)
    boxes = batch.labels[..., 0] == 2
    assert 0 < boxes.float().mean() < 1, "clicks and boxes"
    assert torch.equal(batch.truth[boxes], answers.inside[boxes][:, 0]), "a box asks for mask 0"
    clicked = zip(batch.truth[~boxes], answers.inside[~boxes], strict=True)
    assert all(any(torch.equal(truth, mask) for mask in inside[1:]) for truth, inside in clicked)
    teacher, (view, shard, place) = Teacher(tiny_model(), ALONE.device, torch.float32), source.at(4, 0)
    again = teacher.answer(
        PLAN.photo_views().view(view), 2, answer_cache.random_stream(PLAN.seed, "distil.answer", view)
    )
    assert shard * 8 + place == view
    torch.testing.assert_close(answers.final[4].float(), again["final"], atol=2e-2, rtol=1e-2)
    kind = boxes[4].long()
    torch.testing.assert_close(batch.points[4] * 2 + 0.5, again["points"][kind, torch.arange(2)])


def test_rows_are_always_the_same_and_every_epoch_has_another_order_and_other_colours(tmp_path):
    filled(tmp_path)
    source = AnsweredViews(tmp_path, PLAN, SAMPLING, 0, teaches=True)
    first, again, later = (source[rows][0] for rows in (range(10), range(10), range(10, 20)))
    assert torch.equal(first.images, again.images) and torch.equal(first.points, again.points)
    assert not torch.equal(first.images, later.images)
    assert sorted(source.at(row, 0)[0] for row in range(10, 20)) == list(range(10))


def test_without_the_teacher_s_part_the_truth_is_the_mask_that_users_get(tmp_path):
    filled(tmp_path)
    taught, true = (AnsweredViews(tmp_path, PLAN, SAMPLING, 0, teaches=teaches) for teaches in (True, False))
    (with_answers,), (without,) = taught.inputs([range(4)], 0), true.inputs([range(4)], 0)
    assert without.answers is None
    assert torch.equal(without.batch.points, with_answers.batch.points)
    assert not np.array_equal(without.batch.truth, with_answers.batch.truth), "the HQ logits are in it"
