"""`hqsam train`: a recipe, a folder of images and masks, and a model comes out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hqsam.training.loop import Report


def train(
    recipe: Annotated[str, typer.Argument(help="nano: the bundled model, from nothing.")],
    data: Annotated[Path | None, typer.Option(help="Folder with SET/images/NAME.jpg and SET/masks/NAME.png.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/RECIPE")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a setting: stages.0.steps=100")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that prepare images.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    print_config: Annotated[bool, typer.Option("--print-config", help="Show the recipe and stop.")] = False,
) -> None:
    """Train a model. Stopped or killed, the same command goes on from the last checkpoint."""
    from hqsam.training.overrides import override
    from hqsam.training.recipes import recipe_of

    config = recipe_of(recipe)
    for setting in settings or []:
        config = override(config, setting)
    if print_config:
        from rich.pretty import pprint

        pprint(config, expand_all=False)
        return
    if data is None:
        raise typer.BadParameter("give the folder of images and masks: --data DIR")

    from hqsam.data.folders import read_sets
    from hqsam.hardware import pick_device
    from hqsam.training.loop import train
    from hqsam.weights.save import save_model

    folder = out or Path("runs") / recipe
    with _bar() as (say, report):
        say(f"reading {data}")
        sets = read_sets(data, config.read_at)
        say(f"{sum(map(len, sets.values()))} images in {len(sets)} sets")
        model = train(config, sets, folder, report, workers=workers, device=pick_device(device).type)
    path = folder / f"{recipe}.safetensors"
    provenance = {"recipe": asdict(config), "images": {name: len(samples) for name, samples in sets.items()}}
    save_model(model, path, provenance=provenance, notice=config.notice)
    typer.echo(f"wrote {path}; try it: hqsam segment PHOTO --model {path} --box x0,y0,x1,y1")


@contextmanager
def _bar() -> "Iterator[tuple[Callable[[str], None], Report]]":
    from rich.progress import Progress, TaskID, TextColumn

    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[metrics]}"))
    with Progress(*columns) as progress:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, step: int, steps: int, metrics: dict[str, float]) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=steps, metrics="")
            shown = [
                f"{name} {value:.3f}" for name, value in metrics.items() if name == "loss" or name.endswith("iou_0")
            ]
            progress.update(tasks[stage], completed=step, metrics="  ".join(shown))

        yield progress.console.print, report
