"""A student comes to agree with its teacher; runs resume; and what makes no sense is refused before the work."""

import json
from dataclasses import replace

import pytest
import torch

from hqsam.errors import OptionError, TrainingError
from hqsam.model.config import MODELS
from hqsam.paths import examples_folder
from hqsam.training.config import RunOptions
from hqsam.training.data_split import open_data_split
from hqsam.training.distributed import SingleProcess
from hqsam.training.recipes import distil
from hqsam.training.recipes.distil import answered_views, with_student
from hqsam.training.run_log import validations_of
from hqsam.training.trainer import train
from hqsam.weights.load import load_model
from tests.nano import nano_file
from tests.training.distil.small import photos, small_distil
from tests.training.small import model_file, same_weights


def options(folder, **more):
    return RunOptions(folder=folder, workers=0, save_every=2, **more)


def records(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_run_learns_features_masks_and_scores_and_then_the_hq_part(tmp_path):
    model = train(small_distil(tmp_path), photos(5, held_out=2), options(tmp_path / "run"))
    of_sam, of_hq = ([one for one in records(tmp_path / "run") if one["stage"] == name] for name in ("sam", "hq"))
    assert all({"loss", "features", "iou_0", "best_iou_0"} <= one.keys() for one in of_sam if "loss" in one)
    assert all("features" not in one for one in of_hq) and "hq_iou_0" in of_hq[1]
    assert list(validations_of(tmp_path / "run")) == ["sam, step 0", "sam, step 4", "hq, step 0", "hq, step 4"]
    assert "box_hq_iou" in of_hq[0]["validation"]
    assert same_weights(model, load_model(tmp_path / "run" / "model.safetensors")), "without any projection"
    start = load_model(tmp_path / "efficientnet_lite.safetensors").state_dict()
    changed = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, start[name])}
    assert changed == {"image_encoder", "prompt_encoder", "mask_decoder", "hq"}


def test_a_run_stopped_again_and_again_ends_where_the_unbroken_one_does(tmp_path, one_thread):
    recipe, places = small_distil(tmp_path), [("teacher", 8), ("held-out photos", 1), ("sam", 3), ("hq", 3)]

    def stop(what, step, *_):
        if (what, step) in places:
            places.remove((what, step))
            raise KeyboardInterrupt

    while places:
        with pytest.raises(KeyboardInterrupt):
            train(recipe, photos(5, 2), options(tmp_path / "broken", on_progress=stop))
    broken = train(recipe, photos(5, 2), options(tmp_path / "broken"))
    unbroken = train(recipe, photos(5, 2), options(tmp_path / "unbroken"))
    assert same_weights(broken, unbroken)
    steps = [[(one["stage"], one["step"]) for one in records(tmp_path / name)] for name in ("broken", "unbroken")]
    assert steps[0] == steps[1]


def test_features_of_another_width_are_learnt_by_a_projection_that_a_checkpoint_keeps(tmp_path, one_thread):
    from hqsam.model.hq_sam import HQSam
    from hqsam.weights.save import save_model
    from tests.tiny import tiny_config

    narrow = tmp_path / "narrow.safetensors"
    torch.manual_seed(0)
    save_model(HQSam(replace(tiny_config("tiny_vit"), width=16, name="narrow")), narrow)
    recipe = replace(small_distil(tmp_path), start=str(narrow))

    def stop(what, step, *_):
        if (what, step) == ("sam", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, photos(), options(tmp_path / "broken", on_progress=stop))
    broken = train(recipe, photos(), options(tmp_path / "broken"))
    assert same_weights(broken, train(recipe, photos(), options(tmp_path / "unbroken")))


def test_a_student_of_its_teacher_s_sizes_starts_with_its_decoder(tmp_path, monkeypatch):
    from hqsam.training.initial_model import initial_model
    from tests.tiny import tiny_config, tiny_model

    monkeypatch.setitem(MODELS, "fitting", tiny_config("tiny_vit"))
    monkeypatch.setitem(MODELS, "other", replace(tiny_config("tiny_vit"), width=16))
    recipe = replace(small_distil(tmp_path), start="")
    teacher = tiny_model("vit").mask_decoder
    assert same_weights(initial_model(with_student(recipe, "fitting")).mask_decoder, teacher)
    assert initial_model(with_student(recipe, "other")).config.width == 16


def test_a_teacher_that_is_its_own_student_is_refused(tmp_path):
    recipe = small_distil(tmp_path)
    with pytest.raises(OptionError, match="its own teacher"):
        train(replace(recipe, start=recipe.teacher), photos(), options(tmp_path / "run"))
    assert not (tmp_path / "run" / "teacher").exists()


def test_a_cache_is_shared_by_runs_and_another_teacher_s_is_refused(tmp_path):
    recipe, cache = small_distil(tmp_path), tmp_path / "cache"
    train(recipe, photos(), options(tmp_path / "one", cache=cache))
    made = {path.name: path.stat().st_mtime_ns for path in cache.glob("*.safetensors")}
    train(small_distil(tmp_path, 2), photos(), options(tmp_path / "two", cache=cache))
    assert made == {path.name: path.stat().st_mtime_ns for path in cache.glob("*.safetensors")}
    other = replace(recipe, teacher=str(model_file(tmp_path, "tiny_vit")))
    with pytest.raises(TrainingError, match=r"is another's: teacher was"):
        train(other, photos(), options(tmp_path / "three", cache=cache))


def test_a_plain_sam_as_student_has_no_hq_stage():
    recipe = with_student(distil(50), "mobile_sam")
    assert [stage.name for stage in recipe.stages] == ["sam"]
    with pytest.raises(OptionError, match="no model named 'nanno'"):
        with_student(distil(50), "nanno")


def test_few_photos_are_viewed_more_often_and_many_once():
    assert [answered_views(count) for count in (0, 1, 40, 1000, 100_000)] == [8, 8, 8, 2, 1]
    assert [distil(count).stages[0].steps for count in (1, 40, 1000, 10_000, 10**7)] == [400, 650, 2000, 5000, 20000]


@pytest.mark.slow
def test_a_smaller_student_of_nano_comes_to_agree_with_it(tmp_path):
    data = open_data_split(
        examples_folder(), tmp_path / "run", SingleProcess(), validation=examples_folder(), kind="photos"
    )
    recipe = small_distil(tmp_path, teacher=str(nano_file(tmp_path)))
    steps = {"sam": 300, "hq": 60}
    stages = tuple(
        replace(
            stage,
            steps=steps[stage.name],
            warmup_steps=10,
            rounds=(1.0,),
            ema_decay=0.97,
            sampling=replace(stage.sampling, batch_size=8),
        )
        for stage in recipe.stages
    )
    train(replace(recipe, stages=stages, cached_views=4), data, options(tmp_path / "run"))
    before, *_, after = validations_of(tmp_path / "run").values()
    assert after["box_sam_iou"] > before["box_sam_iou"] + 0.15
    assert after["click_sam_iou"] > before["click_sam_iou"] + 0.15
    assert after["box_sum_iou"] > before["box_sum_iou"] + 0.05
