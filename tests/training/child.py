"""A training run in a process of its own, to be killed or to be one of several: FOLDER MODEL_FILE STEPS [compiled]."""

import sys
from pathlib import Path

import torch

from hqsam.training.distributed import process_group
from hqsam.training.loop import train
from hqsam.weights.save import save_model
from tests.training.small import drawn, small_recipe


def main(folder: str, start: str, steps: str, how: str = "plain") -> None:
    torch.set_num_threads(1)
    with process_group("cpu") as processes:
        recipe = small_recipe(Path(start), int(steps), trains="decoder")
        options = {"workers": 0, "save_every": 3, "compiled": how == "compiled"}
        model = train(recipe, drawn(), Path(folder), processes=processes, **options)
        if processes.rank == 0:
            save_model(model, Path(folder) / "model.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
