"""Killed and started again, a run ends where the unbroken one does; what goes wrong leaves the last checkpoint."""

import errno
import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from hqsam.errors import DataError, OutputError, TrainingError
from hqsam.training import checkpoint, trainer
from hqsam.training.config import RENAMED_SETTINGS, RunOptions
from hqsam.training.data_split import DataSplit
from hqsam.training.run_folder import claim, require_free
from hqsam.training.trainer import train
from hqsam.weights.load import load_model
from tests.training.small import drawn, drawn_samples, same_weights, small_recipe

STEPS = 24


def child(folder: Path, start: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.training.child", str(folder), str(start), str(STEPS)]
    return subprocess.Popen(command)


def options(folder: Path, **more) -> RunOptions:
    return RunOptions(folder=folder, workers=0, save_every=2, **more)


def steps_told(folder: Path) -> list[int]:
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["step"] for line in lines]


def test_a_run_killed_at_any_moment_ends_where_the_unbroken_one_does(tmp_path, start):
    unbroken = child(tmp_path / "unbroken", start)
    assert unbroken.wait(240) == 0
    broken = child(tmp_path / "broken", start)
    deadline, moment = time.monotonic() + 240, random.randrange(1, STEPS)
    while len(steps_told(tmp_path / "broken")) < moment and time.monotonic() < deadline:
        time.sleep(0.002)
    broken.kill()
    assert broken.wait() != 0, f"it was done before it could be killed at step {moment}"
    again = child(tmp_path / "broken", start)
    assert again.wait(240) == 0
    models = [load_model(tmp_path / name / "model.safetensors") for name in ("unbroken", "broken")]
    assert same_weights(*models), f"killed at step {moment}"
    assert steps_told(tmp_path / "broken") == list(range(1, STEPS + 1))


@pytest.fixture
def stopped(tmp_path, start):
    """The folder of a run that was stopped at its fifth step, with a checkpoint of the fourth."""

    def stop(_stage: str, step: int, *_: object) -> None:
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_recipe(start), drawn(), options(tmp_path / "run", on_progress=stop))
    return tmp_path / "run"


def kept(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_folder_of_another_run_is_refused_in_words_and_left_alone(stopped, start):
    before = kept(stopped)
    with pytest.raises(TrainingError, match=r"recipe\.stages\.0\.learning_rate was 0\.001 and is 0\.1"):
        train(small_recipe(start, learning_rate=0.1), drawn(), options(stopped))
    with pytest.raises(TrainingError, match="images_and_masks was '' and is 'others'"):
        train(small_recipe(start), replace(drawn(), fingerprint="others"), options(stopped))
    with pytest.raises(TrainingError, match=r"images\.drawn was 8 and is 7"):
        train(small_recipe(start), drawn(7), options(stopped))
    assert kept(stopped) == before


def test_a_checkpoint_of_another_model_is_refused(stopped, tmp_path):
    from tests.training.small import model_file

    other = model_file(tmp_path, "vit")
    with pytest.raises(TrainingError, match="start was"):
        train(small_recipe(other), drawn(), options(stopped))


def test_a_second_run_into_a_folder_in_use_is_refused(stopped, start):
    before = kept(stopped)
    with (
        FileLock(stopped / ".lock"),
        pytest.raises(TrainingError, match="another run is writing into"),
    ):
        train(small_recipe(start), drawn(), options(stopped))
    assert kept(stopped) == before


def test_a_folder_with_other_things_in_it_is_no_run_s(tmp_path, start):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(TrainingError, match=r"holds thesis\.txt and no run\.json"):
        train(small_recipe(start), drawn(), options(tmp_path))
    with pytest.raises(TrainingError, match=r"thesis\.txt"):
        require_free(tmp_path)
    assert sorted(kept(tmp_path)) == ["thesis.txt"]


def test_a_damaged_run_json_is_an_error_and_not_a_new_run(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        claim(tmp_path, "run.json", {"a": 1})


def test_a_loss_that_is_no_number_stops_the_run_and_leaves_the_last_checkpoint(stopped, start, monkeypatch):
    before = checkpoint.latest(stopped / "0-hq")
    real = trainer.training_loss

    def spoilt(*arguments, **named):
        loss, metrics = real(*arguments, **named)
        return loss * float("nan"), metrics

    monkeypatch.setattr(trainer, "training_loss", spoilt)
    with pytest.raises(TrainingError, match=r"the loss is nan .* at step 5 of stage 'hq'.*learning rate"):
        train(small_recipe(start), drawn(), options(stopped))
    assert checkpoint.latest(stopped / "0-hq")["step"] == before["step"] == 4


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_says_what_to_do(stopped, start, monkeypatch, error):
    def exhausted(*_: object, **__: object):
        raise error

    monkeypatch.setattr(trainer, "training_loss", exhausted)
    with pytest.raises(TrainingError, match=r"out of memory at step 5 of stage 'hq'.*stages\.0\.micro_batch=1"):
        train(small_recipe(start), drawn(), options(stopped))
    assert checkpoint.latest(stopped / "0-hq")["step"] == 4
    monkeypatch.undo()
    train(small_recipe(start, micro_batch=1), drawn(), options(stopped))  # as the error says


def test_settings_that_failed_before_the_first_checkpoint_can_be_mended(tmp_path, start):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_recipe(start, learning_rate=100.0), drawn(), options(tmp_path / "run", on_progress=stop))
    train(small_recipe(start), drawn(), options(tmp_path / "run"))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]["stages"][0]["learning_rate"] == 0.001


def test_another_number_of_stages_is_told_as_a_number(stopped, start):
    recipe = small_recipe(start)
    with pytest.raises(TrainingError, match=r"recipe\.stages had 1 entries and has 2\."):
        train(replace(recipe, stages=recipe.stages * 2), drawn(), options(stopped))


def test_sets_are_looked_for_before_the_first_stage(tmp_path, start):
    recipe, said = small_recipe(start), []
    named = replace(recipe.stages[0], sampling=replace(recipe.stages[0].sampling, weights=(("others", 1.0),)))
    with pytest.raises(DataError, match=r"none of the sets \['others'\] is among \['drawn'\].*weights=\(\)"):
        train(replace(recipe, stages=(*recipe.stages, named)), drawn(), options(tmp_path / "run"))
    data = DataSplit({**drawn().training, "others": drawn(2).training["drawn"]})
    one_step = replace(recipe, stages=(replace(named, steps=1),))
    train(one_step, data, options(tmp_path / "run", on_message=said.append))
    assert said == ["the recipe names its sets, and leaves these out: drawn"]


def test_other_errors_keep_their_words(stopped, start, monkeypatch):
    def broken(*_: object, **__: object):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(trainer, "training_loss", broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train(small_recipe(start), drawn(), options(stopped))


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), RuntimeError("PytorchStreamWriter failed writing file data/3")]
)
def test_a_full_disk_leaves_the_last_checkpoint_and_nothing_half_written(stopped, start, monkeypatch, error):
    def full(_state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="disk"):
        train(small_recipe(start), drawn(), options(stopped))
    names = sorted(path.name for path in (stopped / "0-hq").iterdir())
    assert names == ["step-0000002.ckpt", "step-0000004.ckpt"]
    assert checkpoint.latest(stopped / "0-hq")["step"] == 4


def test_an_unreadable_checkpoint_says_what_to_do(stopped, start):
    newest = stopped / "0-hq" / "step-0000004.ckpt"
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(TrainingError, match="remove it to go on from the one before"):
        train(small_recipe(start), drawn(), options(stopped))
    newest.unlink()
    train(small_recipe(start), drawn(), options(stopped))
    assert steps_told(stopped) == [1, 2, 3, 4, 5, 6]


def test_a_run_stopped_in_its_second_stage_keeps_the_metrics_of_that_stage(tmp_path, start):
    (stage,) = small_recipe(start, 4).stages
    recipe = replace(small_recipe(start), stages=(stage, replace(stage, name="second")))

    def stop(what: str, step: int, *_: object) -> None:
        if (what, step) == ("second", 4):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, drawn(), options(tmp_path / "run", on_progress=stop))
    train(recipe, drawn(), options(tmp_path / "run"))
    assert steps_told(tmp_path / "run") == [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_run_killed_before_its_first_checkpoint_validates_once_at_step_0(tmp_path, start):
    data = DataSplit(drawn().training, drawn_samples(1))

    def stop(what: str, *_: object) -> None:
        if what == "hq":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(small_recipe(start, 2), data, options(tmp_path / "run", on_progress=stop))
    train(small_recipe(start, 2), data, options(tmp_path / "run"))
    assert steps_told(tmp_path / "run") == [0, 1, 2, 2]


def as_version_0_1_wrote_it(folder: Path) -> None:
    """Give a run's folder the names that version 0.1 had for settings and for what is in a checkpoint."""
    identity = (folder / "run.json").read_text()
    for old, new in RENAMED_SETTINGS.items():
        identity = identity.replace(f'"{new}"', f'"{old}"')
    (folder / "run.json").write_text(identity)
    for path in checkpoint.checkpoints(folder / "0-hq"):
        state = torch.load(path, weights_only=True)
        state["average"] = state.pop("ema")
        del state["random_streams"]
        torch.save(state, path)


def test_a_run_of_version_0_1_goes_on_and_says_that_its_random_numbers_are_others(stopped, start):
    as_version_0_1_wrote_it(stopped)
    said = []
    train(small_recipe(start), drawn(), options(stopped, on_message=said.append))
    assert ["resumed at step 4" in words for words in said] == [True]
    assert "note" in (stopped / "metrics.jsonl").read_text()
    said.clear()
    train(small_recipe(start), drawn(), options(stopped, on_message=said.append))
    assert not said, "it is done"
