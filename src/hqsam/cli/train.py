"""`hqsam train`: train a model by a recipe on a folder of images and masks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from hqsam import optional, storage
from hqsam.errors import CheckpointError, OptionError

if TYPE_CHECKING:
    from hqsam.training.config import OnProgress, Recipe, Trainable
    from hqsam.training.data_split import DataSplit

_RECIPES = (
    "finetune: an HQ-SAM learns from your masks. hq_vit_tiny, hq_vit_b, hq_vit_l, hq_vit_h: the paper's training, from "
    "SAM's weights; hq_sam2: the same from SAM 2.1 (--base). nano: the bundled model; --encoder-weights "
    "starts it from ImageNet. distil: a small model learns from a teacher's answers to photos without masks."
)
_TRAINABLE = (
    "Parts to train. hq: the HQ part, SAM stays frozen. decoder: SAM's mask decoder as well. lora: low-rank additions "
    "to the encoder as well. The paper warns of the last two: masks of the kind trained on get better, and those of "
    "all else worse; tuned so, SAM-L fell on COCO from 48.5 AP to 19.5 (decoder) and 43.7 (LoRA), while training "
    "the HQ part brought it to 49.5."
)


def train(
    recipe: Annotated[str, typer.Argument(help=_RECIPES)],
    data: Annotated[
        Path | None,
        typer.Option(help="Images and true masks: a folder, or COCO JSON. For distil: photos, without masks."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Start from this: a name, a checkpoint file or a Hugging Face repo.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="For hq_sam2: the SAM 2.1 to start from; a name or a file. Default: sam2.1_hiera_l"),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="For distil: the model to learn from; a name, file or repo as for --model. Default: vit_l"),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(help="For distil: the model to train from random weights, in place of --model. Default: nano"),
    ] = None,
    encoder_weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Start the image encoder from the weights in this file.")
    ] = None,
    trains: Annotated[Literal["hq", "decoder", "lora"], typer.Option("--train", help=_TRAINABLE)] = "hq",
    validation: Annotated[Path | None, typer.Option(help="Images and masks to validate on.")] = None,
    hold_out: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.9,
            help="Or a share of the data for that. Default: 0.2 for finetune, 0.1 for distil, else none.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Compute SAM's features (distil: the teacher's answers) once and keep them here; the size is said."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/RECIPE")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a setting: stages.0.steps=100")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that prepare images.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    compiled: Annotated[bool, typer.Option("--compile", help="Let torch compile what is trained.")] = False,
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
        start = _start_of(recipe, model, base)
        config = _config(recipe, images, start, trains, bool(cache), settings, _Distilled(teacher, student))
        return replace(config, encoder_weights=str(encoder_weights)) if encoder_weights else config

    if print_config:
        _show(configured(50))
        return
    if data is None:
        what = "photos" if recipe == "distil" else "images and masks"
        raise typer.BadParameter(f"give the folder of {what}: --data DIR")
    from hqsam import hardware
    from hqsam.training import tensorboard as board
    from hqsam.training.config import RunOptions
    from hqsam.training.data_split import open_data_split
    from hqsam.training.distributed import is_distributed, process_group
    from hqsam.training.recipes import RECIPES
    from hqsam.training.trainer import train

    if not is_distributed():
        hardware.limit_torch_threads()
    folder, first = out or Path("runs") / recipe, configured(50)
    _check(first, folder, trains, tensorboard)
    with process_group(device) as processes, _progress(processes.rank == 0) as (say, on_progress):
        data_split = open_data_split(
            data,
            folder,
            processes,
            validation=validation,
            hold_out=hold_out if hold_out is not None else 0.0 if validation else RECIPES[recipe].hold_out,
            max_side=first.max_side,
            seed=first.seed,
            kind=RECIPES[recipe].data,
            on_progress=lambda done, total: on_progress("reading", done, total, {}),
        )
        config = configured(data_split.images)
        _introduce(say, data_split, config, cache or (folder / "teacher" if config.teacher else None))
        options = RunOptions(
            folder=folder,
            processes=processes,
            on_progress=on_progress,
            on_message=say,
            workers=workers,
            cache=cache,
            compile=compiled,
            tensorboard=board.is_installed() if tensorboard is None else tensorboard,
        )
        train(config, data_split, options)
    if options.writes:
        _conclude(folder)
        path = options.model_path
        typer.echo(f"wrote {path}; try it: hqsam segment IMAGE --model {path} --box x0,y0,x1,y1")


def _start_of(recipe: str, model: str | None, base: str | None) -> str | None:
    """Return the checkpoint to start from, where the user names one."""
    if base is None:
        return model
    if recipe != "hq_sam2":
        raise OptionError(f"--base is for the recipe hq_sam2; give --model, if {recipe} is to start from {base}")
    if model is not None:
        raise OptionError("--base and --model both name what to start from; give one of them")
    return base


def _check(config: "Recipe", folder: Path, trains: "Trainable", tensorboard: bool | None) -> None:
    """Check what can be wrong before the data is read and a model is fetched."""
    from hqsam.weights import hub
    from hqsam.weights.load import locate
    from hqsam.weights.registry import CHECKPOINTS

    for name in (config.start, config.teacher):
        if name and name not in CHECKPOINTS and not hub.is_repo(name):
            locate(name)
    if config.encoder_weights and not Path(config.encoder_weights).is_file():
        raise CheckpointError(f"there is no file {config.encoder_weights}")
    if trains == "lora":
        optional.require("peft", extra="train")
    if tensorboard:
        optional.require("tensorboard", extra="train")
    storage.check_folder(folder)


class _Distilled(NamedTuple):
    """Options of the recipe `distil`."""

    teacher: str | None
    student: str | None


def _config(
    name: str,
    images: int,
    model: str | None,
    trains: "Trainable",
    cached: bool,
    settings: list[str] | None,
    distilled: _Distilled,
) -> "Recipe":
    from hqsam.training.overrides import override
    from hqsam.training.recipes import recipe_of
    from hqsam.training.recipes.distil import with_student
    from hqsam.training.trainable import with_trainable

    config = recipe_of(name, images)
    if not config.teacher and any(distilled):
        raise OptionError(f"--teacher and --student are for the recipe distil; {name} learns from true masks")
    if distilled.teacher:
        config = replace(config, teacher=distilled.teacher)
    if distilled.student and model is not None:
        raise OptionError("--student starts from random weights and --model from a checkpoint; give one of them")
    if distilled.student:
        config = with_student(config, distilled.student)
    if model is not None:
        config = replace(config, start=model, model="")
    if not config.teacher:
        config = replace(config, cached_views=(config.cached_views or 4) if cached else 0)
    config = with_trainable(config, trains)
    for setting in settings or []:
        config = override(config, setting)
    return config


def _show(config: "Recipe") -> None:
    from rich.pretty import pprint

    pprint(config, expand_all=False)


def _introduce(say: Callable[[str], None], data: "DataSplit", config: "Recipe", cache: Path | None) -> None:
    held_out = f", {len(data.validation) or 'none'} held out"
    say(f"{data.images} images in {len(data.training)} sets{held_out}")
    if data.check.issues:
        broken = len(data.check.broken_names)
        say(f"{len(data.check.issues)} issues in the data, {broken} images left out: hqsam data check tells")
    if cache is not None:
        say(_about_cache(config, data.images, cache))


def _about_cache(config: "Recipe", images: int, cache: Path) -> str:
    """Return the size of what is computed once, in words."""
    from hqsam.training import feature_cache
    from hqsam.training.distil import answer_cache
    from hqsam.training.distil.distillation import views_of
    from hqsam.training.initial_model import initial_config
    from hqsam.weights.load import load_model

    if not config.teacher:
        size = feature_cache.bytes_of(initial_config(config), config.cached_views * images)
        return f"features of {config.cached_views} views of each image: {size / 2**20:.0f} MiB in {cache}"
    views, teacher = views_of(config), load_model(config.teacher).config
    size = answer_cache.bytes_of(teacher, config.stages[0].sampling.objects, views * images)
    return f"answers of {config.teacher} to {views} views of each photo: {-(-size // 2**20)} MiB in {cache}"


@contextmanager
def _progress(seen: bool) -> "Iterator[tuple[Callable[[str], None], OnProgress]]":
    """Lend a function that prints a line, and one that moves the progress bars."""
    from rich.console import Console
    from rich.progress import Progress, TaskID, TextColumn

    from hqsam.training.validation import score_table

    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[metrics]}"))
    with Progress(*columns, console=Console(stderr=True), disable=not seen) as progress:
        tasks: dict[str, TaskID] = {}

        def say(words: str) -> None:
            if seen:
                progress.console.print(words, highlight=False, markup=False, soft_wrap=True)

        def on_progress(what: str, step: int, steps: int, metrics: Mapping[str, float]) -> None:
            if what == "validation":
                say(score_table({f"step {step}": metrics}))
                return
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=steps, metrics="")
            shown = {k: v for k, v in metrics.items() if k in ("loss", "images_per_s") or k.endswith("iou_0")}
            words = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
            progress.update(tasks[what], completed=step, metrics=words)

        yield say, on_progress


def _conclude(folder: Path) -> None:
    """Print the first and the last validation of a run, and where their pictures are."""
    from hqsam.training.run_log import validations_of
    from hqsam.training.validation import score_table

    found = list(validations_of(folder).items())
    if found:
        typer.echo(score_table(dict([found[0], found[-1]])))
    if (folder / "validation").exists():
        typer.echo(f"the worst and the best object of each validation: {folder / 'validation'}")
