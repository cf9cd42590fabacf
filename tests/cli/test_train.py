import json

import pytest
import torch

from hqsam.weights.load import load_model
from tests.training.small import write_photos


@pytest.fixture
def data(tmp_path):
    return write_photos(tmp_path / "mine", 6)


SETTINGS = ("--set", "stages.0.steps=3", "--set", "stages.0.warmup_steps=1")
QUICK = (*SETTINGS, "--workers", "0", "--no-tensorboard", "--device", "cpu")


def test_finetune_writes_a_model_that_opens_and_says_how_it_went(hqsam, data, tiny_file, tmp_path):
    finished = hqsam("train", "finetune", "--data", data, "--model", tiny_file, "--out", tmp_path / "run", *QUICK)
    assert finished.code == 0, finished.err
    path = tmp_path / "run" / "model.safetensors"
    assert f"wrote {path}" in finished.out
    assert "5 images in 1 sets, 1 held out" in finished.err
    learnt, before = load_model(path).state_dict(), load_model(tiny_file).state_dict()
    assert {n.split(".")[0] for n, value in learnt.items() if not torch.equal(value, before[n])} == {"hq"}
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [0, 1, 2, 3, 3]
    assert {"box_sam_iou", "box_hq_boundary_iou", "click_hq_iou"} <= records[-1]["validation"].keys()


def test_with_a_cache_its_size_is_said_first(hqsam, data, tiny_file, tmp_path):
    words = ("train", "finetune", "--data", data, "--model", tiny_file, "--cache", tmp_path / "kept", *QUICK)
    finished = hqsam(*words, "--out", tmp_path / "run")
    assert finished.code == 0, finished.err
    assert "features of 16 views of each image: 1 MiB" in finished.err
    assert len(list((tmp_path / "kept").glob("*.safetensors"))) == 5


def test_the_same_command_goes_on_and_another_one_is_refused(hqsam, data, tiny_file, tmp_path):
    words = ("train", "finetune", "--data", data, "--model", tiny_file, "--out", tmp_path / "run", *QUICK)
    assert hqsam(*words).code == 0
    assert hqsam(*words).code == 0
    refused = hqsam(*words, "--set", "seed=7")
    assert refused.code == 1
    assert "recipe.seed was 42 and is 7" in refused.err


def test_print_config_shows_the_recipe_and_needs_no_data(hqsam):
    shown = hqsam("train", "hq_vit_l", "--print-config", "--set", "stages.0.epochs=3", "--train", "decoder")
    assert shown.code == 0
    assert "epochs=3" in shown.out and "batch_size=32" in shown.out and "trainable='decoder'" in shown.out


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("nonsense", "--print-config"), 2, "unknown recipe 'nonsense'; choose one of finetune, hq_vit_tiny"),
        (("finetune",), 2, "--data"),
        (("finetune", "--data", "nowhere", "--model", "nano"), 1, "there is no nowhere"),
        (("finetune", "--data", "nowhere", "--model", "nanno"), 2, "did you mean 'nano'"),
        (("finetune", "--data", "nowhere", "--model", "gone.pth"), 1, "there is no file gone.pth"),
        (("finetune", "--data", "nowhere", "--encoder-weights", "gone.pth"), 1, "there is no file gone.pth"),
        (("finetune", "--print-config", "--set", "stages.0.stepz=1"), 2, "there is no 'stepz'"),
        (("finetune", "--print-config", "--train", "everything"), 2, "everything"),
        (("finetune", "--print-config", "--train", "lora", "--cache", "kept"), 2, "leave the cache out"),
        (("finetune", "--data", ".", "--hold-out", "1"), 2, "hold"),
        (("finetune", "--print-config", "--teacher", "vit_l"), 2, "are for the recipe distil"),
        (("distil", "--print-config", "--student", "nanno"), 2, "no model named 'nanno'"),
        (("distil", "--print-config", "--student", "nano", "--model", "nano"), 2, "give one of them"),
        (("distil",), 2, "the folder of photos: --data"),
        (("distil", "--data", ".", "--teacher", "gone.pth"), 1, "there is no file gone.pth"),
        (("distil", "--data", ".", "--teacher", "nano"), 1, "found no photos in"),
        (("distil", "--data", "nowhere", "--teacher", "nano"), 1, "nowhere is not a folder"),
    ],
)
def test_what_cannot_be_is_refused_in_words(hqsam, words, code, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = hqsam("train", *words)
    assert refused.code == code
    assert complaint in " ".join(refused.err.split())


def test_the_encoder_may_start_from_a_file_and_the_folder_says_so(hqsam, data, tiny_file, tmp_path):
    words = ("train", "finetune", "--data", data, "--model", tiny_file, "--encoder-weights", tiny_file)
    finished = hqsam(*words, "--out", tmp_path / "run", *QUICK)
    assert finished.code == 0, finished.err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["encoder_weights"] == str(tiny_file)


def test_the_validation_is_shown_before_and_after_by_box_and_by_click(hqsam, data, tiny_file, tmp_path):
    finished = hqsam("train", "finetune", "--data", data, "--model", tiny_file, "--out", tmp_path / "run", *QUICK)
    rows = [line for line in finished.out.splitlines() if line.startswith("|")]
    assert "box, HQ + SAM" in rows[0] and "click, HQ + SAM" in rows[0]
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["hq, step 0", "hq, step 3"]
    assert str(tmp_path / "run" / "validation") in finished.out


def test_with_images_to_validate_on_none_are_held_out(hqsam, data, tiny_file, tmp_path):
    words = ("train", "finetune", "--data", data, "--model", tiny_file, "--validation", data, *QUICK)
    finished = hqsam(*words, "--out", tmp_path / "run")
    assert "6 images in 1 sets, 6 held out" in finished.err


def test_every_recipe_is_named_in_the_help(hqsam, monkeypatch):
    from hqsam.training.recipes import RECIPES

    monkeypatch.setenv("COLUMNS", "400")
    shown = hqsam("train", "--help").out
    assert all(name in shown for name in RECIPES)


def test_a_model_without_an_hq_part_gets_one(hqsam, data, tmp_path):
    from tests.training.small import model_file

    plain = model_file(tmp_path, "plain_tiny_vit")
    finished = hqsam("train", "finetune", "--data", data, "--model", plain, "--out", tmp_path / "run", *QUICK)
    assert finished.code == 0, finished.err
    assert load_model(tmp_path / "run" / "model.safetensors").hq is not None


def test_help_warns_of_what_tuning_costs(hqsam, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    assert "COCO from 48.5 AP to 19.5" in hqsam("train", "--help").out


def test_distil_learns_from_photos_and_says_the_size_of_the_answers_first(hqsam, photos, tiny_file, tmp_path):
    from tests.training.small import model_file

    start = model_file(tmp_path / "start", "efficientnet_lite")
    words = ("train", "distil", "--data", photos, "--teacher", tiny_file, "--model", start, "--set", "cached_views=2")
    quick = (*QUICK, "--set", "stages.0.sampling.batch_size=2", "--set", "stages.1.steps=2", "--hold-out", "0.4")
    finished = hqsam(*words, *quick, "--out", tmp_path / "run")
    assert finished.code == 0, finished.err
    assert "3 images in 1 sets, 2 held out" in finished.err
    assert f"answers of {tiny_file} to 2 views of each photo: 1 MiB in {tmp_path / 'run' / 'teacher'}" in finished.err
    rows = [line.split("|")[1].strip() for line in finished.out.splitlines() if line.startswith("|")]
    assert rows[2:] == ["sam, step 0", "hq, step 2"]
    assert load_model(tmp_path / "run" / "model.safetensors").config.name == "efficientnet_lite_of_the_tests"


def test_a_student_that_is_its_own_teacher_is_refused(hqsam, photos, tiny_file, tmp_path):
    words = ("train", "distil", "--data", photos, "--teacher", tiny_file, "--model", tiny_file, *QUICK)
    refused = hqsam(*words, "--out", tmp_path / "run")
    assert refused.code in (1, 2)
    assert "the student starts as its own teacher" in " ".join(refused.err.split())
