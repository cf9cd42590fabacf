"""`hqsam train`: train a model by a recipe on a folder of images and masks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from hqsam.training.config import Recipe, Trains
    from hqsam.training.data_split import DataSplit
    from hqsam.training.running import Report

_RECIPES = (
    "finetune: an HQ-SAM learns from your masks. hq_vit_tiny, hq_vit_b, hq_vit_l, hq_vit_h: the paper's training, from "
    "SAM's weights. nano: the bundled model, from nothing."
)
_TRAINS = (
    "What learns. hq: the HQ part, SAM stays as it is. decoder: SAM's mask decoder as well. lora: low-rank additions "
    "to the encoder as well. The paper warns of the last two: masks of the kind trained on get better, and those of "
    "all else worse; tuned so, SAM-L fell on COCO from 48.5 AP to 19.5 (decoder) and 43.7 (LoRA), while training "
    "the HQ part brought it to 49.5."
)


def train(
    recipe: Annotated[str, typer.Argument(help=_RECIPES)],
    data: Annotated[Path | None, typer.Option(help="Images and true masks: a folder, or COCO JSON.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Start from this: a name, a checkpoint file or a Hugging Face repo.")
    ] = None,
    trains: Annotated[Literal["hq", "decoder", "lora"], typer.Option("--train", help=_TRAINS)] = "hq",
    validation: Annotated[Path | None, typer.Option(help="Images and masks to be tried on after every epoch.")] = None,
    hold_out: Annotated[
        float | None,
        typer.Option(min=0, max=0.9, help="Or a share of the data for that. Default: 0.2 for finetune, else none."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Compute SAM's features once and keep them here; its size is said first.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/RECIPE")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a setting: stages.0.steps=100")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that prepare images.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Let torch compile what learns.")] = False,
    tensorboard: Annotated[
        bool | None, typer.Option(help="Write for TensorBoard. Default: if it is installed.")
    ] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the recipe and stop.")] = False,
) -> None:
    """Train a model. Stopped or killed, the same command goes on from the last checkpoint.

    For several GPUs or machines, start it with torchrun or accelerate launch, as in
    `torchrun --nproc-per-node 8 -m hqsam train hq_vit_l --data DIR`: the batch is the recipe's, however many share it.
    """

    def configured(images: int) -> "Recipe":
        return _config(recipe, images, model, trains, bool(cache), settings)

    if print_config:
        _show(configured(50))
        return
    if data is None:
        raise typer.BadParameter("give the folder of images and masks: --data DIR")
    from hqsam import hardware
    from hqsam.training.data_split import open_data_split
    from hqsam.training.distributed import is_distributed, process_group
    from hqsam.training.job import Options, run
    from hqsam.training.tensorboard import is_installed

    if not is_distributed():
        hardware.limit_torch_threads()
    folder = out or Path("runs") / recipe
    share = (0.2 if recipe == "finetune" else 0.0) if hold_out is None else hold_out
    with process_group(device) as processes, _bar(processes.rank == 0) as (say, report):
        first = configured(50)
        data_split = open_data_split(
            data, folder, processes, validation=validation, hold_out=share, longest_side=first.read_at,
            seed=first.seed, on_progress=lambda done, total: report("reading", done, total, {}),
        )  # fmt: skip
        config = configured(data_split.images)
        _introduce(say, data_split, config, cache)
        board = is_installed() if tensorboard is None else tensorboard
        options = Options(workers=workers, cache=cache, compiled=compiled, tensorboard=board)
        path = run(config, data_split, folder, processes, report, options)
    if processes.rank == 0:
        typer.echo(f"wrote {path}; try it: hqsam segment IMAGE --model {path} --box x0,y0,x1,y1")


def _config(
    name: str, images: int, model: str | None, trains: "Trains", cached: bool, settings: list[str] | None
) -> "Recipe":
    from dataclasses import replace

    from hqsam.training.overrides import override
    from hqsam.training.recipes import recipe_of
    from hqsam.training.trainable import with_trainable

    config = recipe_of(name, images)
    if model is not None:
        config = replace(config, start=model, model="")
    config = replace(config, views=(config.views or 4) if cached else 0)
    config = with_trainable(config, trains)
    for setting in settings or []:
        config = override(config, setting)
    return config


def _show(config: "Recipe") -> None:
    from rich.pretty import pprint

    pprint(config, expand_all=False)


def _introduce(say: Callable[[str], None], data_split: "DataSplit", config: "Recipe", cache: Path | None) -> None:
    held = f", {len(data_split.held_out)} held out" if data_split.held_out else ""
    say(f"{data_split.images} images in {len(data_split.sets)} sets{held}")
    if data_split.report.issues:
        broken = len(data_split.report.broken_names)
        say(f"{len(data_split.report.issues)} issues in the data, {broken} images left out: hqsam data check tells")
    if cache is not None:
        from hqsam.training.cache import bytes_of
        from hqsam.training.initial_model import config_of_start

        size = bytes_of(config_of_start(config), config.views * data_split.images)
        say(f"features of {config.views} views of each image: {size / 2**20:.0f} MiB in {cache}")


@contextmanager
def _bar(seen: bool) -> "Iterator[tuple[Callable[[str], None], Report]]":
    from rich.console import Console
    from rich.progress import Progress, TaskID, TextColumn

    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[metrics]}"))
    with Progress(*columns, console=Console(stderr=True), disable=not seen) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, step: int, steps: int, metrics: dict[str, float]) -> None:
            if not seen:
                return
            if what == "validation":
                progress.console.print(f"step {step}: {_words(metrics, digits=3)}", highlight=False)
                return
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=steps, metrics="")
            shown = {k: v for k, v in metrics.items() if k in ("loss", "images_per_s") or k.endswith("iou_0")}
            progress.update(tasks[what], completed=step, metrics=_words(shown, digits=3))

        yield (progress.console.print if seen else lambda *_: None), report


def _words(metrics: dict[str, float], digits: int) -> str:
    return "  ".join(f"{name} {value:.{digits}f}" for name, value in metrics.items())
