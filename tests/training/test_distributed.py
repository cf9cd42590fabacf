"""Two processes learn what one does, and a batch may be computed in parts."""

import json
import subprocess
import sys

import pytest
import torch

from hqsam.errors import MissingExtra, OptionError, TrainingError
from hqsam.training import distributed
from hqsam.training.config import RunOptions
from hqsam.training.distributed import SingleProcess, process_group
from hqsam.training.trainer import train
from tests import needs
from tests.training.small import drawn, small_recipe

STEPS = 4


def losses(folder):
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [record["loss"] for record in records], [record["norm"] for record in records]


def test_two_processes_have_the_losses_of_one(tmp_path, start):
    needs.package("accelerate", install='pip install "hqsam[train]"')
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    script = ["-m", "tests.training.child", str(tmp_path / "two"), str(start), str(STEPS)]
    command = [*launch, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", *script]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    train(small_recipe(start, STEPS, trainable="decoder"), drawn(), RunOptions(folder=tmp_path / "one", workers=0))
    for one, two in zip(losses(tmp_path / "one"), losses(tmp_path / "two"), strict=True):
        assert len(two) == STEPS
        assert two == pytest.approx(one, rel=1e-4)


def test_a_batch_in_parts_has_the_loss_of_the_whole(tmp_path, start):
    for name, size in [("whole", 0), ("parts", 1), ("uneven", 3)]:
        train(small_recipe(start, 3, micro_batch=size), drawn(), RunOptions(folder=tmp_path / name, workers=0))
    whole, parts, uneven = (losses(tmp_path / name) for name in ("whole", "parts", "uneven"))
    assert parts[0] == pytest.approx(whole[0], rel=1e-4)
    assert uneven[0] == pytest.approx(whole[0], rel=1e-4)
    assert parts[1] == pytest.approx(whole[1], rel=1e-3)


def test_more_processes_than_images_in_a_batch_are_refused(tmp_path, start):
    crowd = SingleProcess(torch.device("cpu"))
    crowd.world_size = 5
    with pytest.raises(OptionError, match=r"5 processes cannot share a batch of 4.*batch_size=5"):
        train(small_recipe(start), drawn(), RunOptions(folder=tmp_path / "run", processes=crowd, workers=0))


def test_alone_nothing_more_than_torch_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group("cpu") as one:
        assert (one.rank, one.world_size) == (0, 1)


def test_among_many_a_missing_accelerate_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises((MissingExtra, ImportError), match="accelerate"), process_group("cpu"):
        pass


class Pretended:
    """An accelerator of two processes whose tensors are all reduced to what `other` holds."""

    def __init__(self, other: float) -> None:
        self.other = other

    def reduce(self, tensor, how):
        assert how == "mean"
        return (tensor + self.other) / 2


def pretend(rank: int, other: float) -> distributed.AccelerateGroup:
    group = object.__new__(distributed.AccelerateGroup)
    group.rank, group.world_size, group.device = rank, 2, torch.device("cpu")
    group._accelerator = Pretended(other)
    return group


def test_tensors_of_any_shape_are_averaged_in_place():
    one, two = torch.ones(2, 3), torch.zeros(4)
    pretend(0, 3.0).all_reduce_mean([one, two])
    assert torch.equal(one, torch.full((2, 3), 2.0))
    assert torch.equal(two, torch.full((4,), 1.5))


def test_if_the_first_cannot_begin_all_stop():
    def fail():
        raise TrainingError("the folder is another's")

    with pytest.raises(TrainingError, match="another's"):
        pretend(0, 0.0).run_on_first(fail)
    with pytest.raises(TrainingError, match="first process"):
        pretend(1, 1.0).run_on_first(fail)
    pretend(1, 0.0).run_on_first(fail)  # only the first does the work
