"""A training run in a process of its own, to be killed or to be one of several: FOLDER MODEL_FILE STEPS [compiled]."""

import sys
from pathlib import Path

import torch

from hqsam.training.config import RunOptions
from hqsam.training.distributed import process_group
from hqsam.training.trainer import train
from tests.training.small import drawn, small_recipe


def main(folder: str, start: str, steps: str, how: str = "plain") -> None:
    torch.set_num_threads(1)
    with process_group("cpu") as processes:
        recipe = small_recipe(Path(start), int(steps), trainable="decoder")
        options = RunOptions(
            folder=Path(folder), processes=processes, workers=0, save_every=3, compile=how == "compiled"
        )
        train(recipe, drawn(), options)


if __name__ == "__main__":
    main(*sys.argv[1:])
