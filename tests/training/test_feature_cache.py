"""Kept features say what the encoder said; they are made once, and are of one model and one set of views."""

import json
from dataclasses import replace

import pytest
import torch

from hqsam.data.loader import PromptedDataset, batches
from hqsam.errors import OptionError, OutputError, TrainingError
from hqsam.training import feature_cache
from hqsam.training.config import RunOptions
from hqsam.training.distributed import SingleProcess
from hqsam.training.encoding import frozen_encoder
from hqsam.training.recipes import finetune
from hqsam.training.trainable import with_trainable
from hqsam.training.trainer import train
from tests.tiny import tiny_model
from tests.training.small import drawn, model_file, same_weights, size_of_tests, small_recipe

SAMPLING = replace(finetune(8).stages[0].sampling, size=size_of_tests())
ALONE = SingleProcess(torch.device("cpu"))


def filled(folder, views=3, model=None, seed=0, count=8, told=lambda *_: None, files=""):
    model = model or tiny_model("tiny_vit")
    dataset = PromptedDataset(drawn(count).training, SAMPLING, seed, files)
    return feature_cache.fill(
        folder,
        dataset,
        views=views,
        model=model,
        encode=frozen_encoder(model, torch.float32),
        processes=ALONE,
        on_view=told,
    )


def test_every_view_is_kept_once_with_its_features_and_masks(tmp_path):
    told = []
    kept = filled(tmp_path, told=lambda done, total: told.append((done, total)))
    assert len(kept) == 24
    assert told == [(16, 24), (24, 24)]
    dataset, encode = (
        PromptedDataset(drawn().training, SAMPLING, 0),
        frozen_encoder(tiny_model("tiny_vit"), torch.float32),
    )
    expected = {_mark(encode(torch.from_numpy(dataset.view(row).image)[None]).final[0]) for row in range(24)}
    (given,) = kept.inputs([range(24)], 0)
    assert {_mark(final) for final in given.features.final} == expected
    (next_epoch,) = kept.inputs([range(24, 48)], 0)
    assert {_mark(final) for final in next_epoch.features.final} == expected
    assert not torch.equal(next_epoch.features.final, given.features.final), "another order"


def _mark(final: torch.Tensor) -> float:
    return round(float(final.half().float().abs().sum()), 1)


def test_a_view_s_prompts_are_drawn_anew_and_its_truth_stays(tmp_path):
    kept = filled(tmp_path, views=1, count=1)
    given = [next(kept.inputs([[row]], 0)).batch for row in range(12)]
    assert all(torch.equal(one.truth, given[0].truth) or one.truth.shape == given[0].truth.shape for one in given)
    assert {tuple(one.tokens.flatten().tolist()) for one in given} > {(2, 2)} or len(
        {tuple(one.tokens.flatten().tolist()) for one in given}
    ) > 2
    again = next(kept.inputs([[3]], 0)).batch
    assert all(torch.equal(*pair) for pair in zip(again, given[3], strict=True))


def test_truth_and_prompts_are_those_of_the_same_view_uncached(tmp_path):
    kept = filled(tmp_path, views=1, count=1)
    dataset = PromptedDataset(drawn(1).training, SAMPLING, 0)
    (uncached,) = batches(dataset, [[0]], 0)
    cached = next(kept.inputs([[0]], 0)).batch
    assert torch.equal(cached.truth, uncached.truth)
    assert cached.points.shape == uncached.points.shape


def test_a_killed_filling_goes_on_with_what_is_missing(tmp_path):
    kept = filled(tmp_path)
    files = sorted(tmp_path.glob("*.safetensors"))
    untouched = files[0].stat().st_mtime_ns
    whole = files[1].read_bytes()
    files[1].unlink()
    filled(tmp_path)
    assert files[0].stat().st_mtime_ns == untouched
    assert files[1].read_bytes() == whole
    assert [kept.path(shard) for shard in kept.shards] == files


def test_the_size_is_told_beforehand(tmp_path):
    filled(tmp_path)
    told = feature_cache.bytes_of(tiny_model("tiny_vit").config, 24)
    taken = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    assert told < taken < 1.4 * told + 2**16


def test_features_of_another_model_or_of_other_views_are_refused(tmp_path):
    filled(tmp_path)
    other = tiny_model("tiny_vit")
    with torch.no_grad():
        next(other.image_encoder.parameters()).add_(1)
    for changed in ({"model": other}, {"views": 2}, {"seed": 1}, {"count": 7}, {"files": "other masks"}):
        with pytest.raises(TrainingError, match="is another's"):
            filled(tmp_path, **changed)


def test_a_cache_of_version_0_1_is_used_if_it_is_complete(tmp_path):
    filled(tmp_path)
    path = tmp_path / "cache.json"
    identity = json.loads(path.read_text())
    del identity["random_streams"], identity["data"]
    path.write_text(json.dumps(identity))
    assert len(filled(tmp_path)) == 24
    sorted(tmp_path.glob("*.safetensors"))[0].unlink()
    with pytest.raises(TrainingError, match=r"begun by hqsam 0\.1\.0 and not completed"):
        filled(tmp_path)


def test_a_disk_without_room_is_found_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "bytes_of", lambda *_: 2**60)
    with pytest.raises(OutputError, match="has room for"):
        filled(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


def test_features_beyond_float16_are_refused(tmp_path):
    model = tiny_model("tiny_vit")
    encode = frozen_encoder(model, torch.float32)

    def huge(images):
        features = encode(images)
        return features._replace(early=features.early + 1e6)

    with pytest.raises(TrainingError, match="float16"):
        feature_cache.fill(
            tmp_path,
            PromptedDataset(drawn().training, SAMPLING, 0),
            views=1,
            model=model,
            encode=huge,
            processes=ALONE,
        )


def test_a_damaged_shard_says_what_to_do(tmp_path):
    filled(tmp_path)
    damaged = sorted(tmp_path.glob("*.safetensors"))[0]
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.raises(TrainingError, match="remove it, and it will be made again"):
        list(filled(tmp_path).inputs([range(24)], 0))


def test_the_loop_learns_from_kept_features_and_resumes(tmp_path, start, one_thread):
    recipe = replace(small_recipe(start, 6), cached_views=2)
    losses = []

    def stop(_what, step, _steps, metrics):
        if "loss" in metrics:
            losses.append(metrics["loss"])
        if step == 4 and "loss" in metrics:
            raise KeyboardInterrupt

    broken_run = RunOptions(folder=tmp_path / "broken", workers=0, save_every=2, cache=tmp_path / "features")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, drawn(), replace(broken_run, on_progress=stop))
    broken = train(recipe, drawn(), broken_run)
    unbroken = train(recipe, drawn(), replace(broken_run, folder=tmp_path / "unbroken"))
    assert same_weights(broken, unbroken)
    assert len(losses) == 4


def test_lora_changes_the_encoder_and_so_takes_no_kept_features(start):
    with pytest.raises(OptionError, match="leave the cache out"):
        with_trainable(replace(small_recipe(start), cached_views=2), "lora")


def test_stages_of_one_run_keep_their_views_apart(tmp_path):
    recipe = small_recipe(model_file(tmp_path), steps=1)
    (hq,) = recipe.stages
    iou = replace(hq, name="iou", trainable="iou", sampling=replace(hq.sampling, objects=3))
    recipe = replace(recipe, stages=(hq, iou), cached_views=1)
    for run in ("first", "second"):
        told = []
        train(recipe, drawn(), RunOptions(folder=tmp_path / run, cache=tmp_path / "cache", on_progress=told_to(told)))
        assert {folder.name for folder in (tmp_path / "cache").iterdir()} == {"hq", "iou"}
        assert ("features" in told) == (run == "first")


def told_to(names):
    return lambda name, *_: names.append(name)
