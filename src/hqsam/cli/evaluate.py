"""`hqsam evaluate`: measure a model's masks on a suite of images with true masks."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hqsam import optional, storage
from hqsam.cli.arguments import DeviceOption, ModelOption, PrecisionOption, Source, split_words
from hqsam.errors import DataError, OptionError

if TYPE_CHECKING:
    from hqsam.evaluation.run import Outcome
    from hqsam.evaluation.run_folder import Shard
    from hqsam.evaluation.suites.suite import OpenSuite
    from hqsam.predict.segmenter import Segmenter

_PROMPTS = "box, noisy-box:0.2,0.4, click:1,3,5,10,5+5, innermost, coarse-mask, clicks-to-target, track, detector:FILE"


class Pipeline(str, Enum):
    """The way in which images reach the model."""

    official = "official"
    user = "user"


class CandidateChoice(str, Enum):
    """The mask of SAM's several that is measured."""

    single = "single"
    best = "best"


def evaluate(
    suite: Annotated[str, typer.Argument(help="A name of `hqsam evaluate --list`; folder: your own images.")] = "",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the suite's files are.")] = None,
    model: ModelOption = "auto",
    source: Annotated[str, typer.Option(metavar="NAMES", help="Any of sum,hq,sam.  (default: all)")] = "",
    prompt: Annotated[
        list[str] | None, typer.Option(metavar="PROMPT", help=f"May be given again: {_PROMPTS}.  (default: box)")
    ] = None,
    pipeline: Annotated[
        Pipeline | None,
        typer.Option(help="As the paper squashes images, or as sessions see them.  (default: the suite's own)"),
    ] = None,
    candidates: Annotated[
        CandidateChoice,
        typer.Option("--mask-choice", "--reading", help="SAM's single mask, or the best scored of its three."),
    ] = CandidateChoice.single,
    only: Annotated[str, typer.Option("--set", metavar="NAMES", help="Only these sets of the suite.")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it goes.  (default: runs/evaluate/SUITE-MODEL)")
    ] = None,
    shard: Annotated[
        str, typer.Option(metavar="i/n", help="Do the i-th of n parts; n processes may share a run.")
    ] = "1/1",
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only N images, from all sets in turn.")] = None,
    seed: Annotated[int, typer.Option(help="Of prompts that are drawn at random.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read, and as many that measure.")] = 2,
    batch: Annotated[int, typer.Option(min=1, help="Images encoded together.")] = 1,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    show_list: Annotated[bool, typer.Option("--list", help="Show the suites and stop.")] = False,
) -> None:
    """Measure a model's masks as the paper does. Stopped or killed, the same command goes on."""
    from hqsam.cli.suite_list import print_suites

    if show_list:
        print_suites(suite)
        return
    if not suite or data is None:
        raise typer.BadParameter("give a suite and its folder, as in: hqsam evaluate folder --data DIR; or --list")
    prompts = tuple(prompt or ())
    opened, part = _check(suite, data, only, shard, prompts, split_words(source))
    storage.check_folder(out or Path("runs") / "evaluate")

    from hqsam.cli.models import check_hardware, fetch_model, load_fetched
    from hqsam.cli.progress import progress_bar
    from hqsam.evaluation.run import EvaluationConfig, evaluate

    check_hardware(device, precision)
    name = fetch_model(model)
    folder = out or Path("runs") / "evaluate" / _folder_name(suite, name)
    segmenter = load_fetched(name, device, precision)
    config = EvaluationConfig(
        **_model(name, segmenter, precision),
        sources=tuple(split_words(source)),
        prompts=prompts,
        pipeline=pipeline.value if pipeline else None,
        candidates=candidates.value,
        seed=seed,
    )
    with progress_bar("images") as on_progress:
        outcome = evaluate(
            segmenter,
            opened,
            config,
            folder,
            shard=part,
            limit=limit,
            workers=workers,
            batch_size=batch,
            on_progress=on_progress,
        )
    _print_outcome(outcome, folder)


def _folder_name(suite: str, model: str) -> str:
    from hqsam.weights.read import SUFFIXES

    suffix = Path(model).suffix  # a name such as sam2.1_hiera_t has none
    return f"{suite}-{_model_name(Path(model)).removesuffix(suffix if suffix in SUFFIXES else '')}"


def _check(
    suite: str, data: Path, only: str, shard: str, prompts: Sequence[str], sources: Sequence[str]
) -> "tuple[OpenSuite, Shard]":
    """Check everything that can be wrong before a model is loaded."""
    from hqsam.evaluation.follow_videos import scored_as_followed
    from hqsam.evaluation.prompt_protocols import parse_prompts
    from hqsam.evaluation.run_folder import parse_shard
    from hqsam.evaluation.suites import find
    from hqsam.evaluation.suites.folder import scored_by_precision

    row, part = find(suite), parse_shard(shard)
    if unknown := set(sources) - set(Source.__members__):
        raise OptionError(f"unknown source {unknown.pop()!r}; choose of sum, hq and sam")
    if row.metric.package:
        optional.require(row.metric.package, extra="evaluate")
    detectors = [word.removeprefix("detector:") for word in prompts if word.startswith("detector:")]
    for path in map(Path, detectors):
        if not path.exists():
            raise DataError(f"cannot read {path}: there is no such file or folder")
    parse_prompts([word for word in prompts if not word.startswith("detector:")])
    opened = row.open(data, split_words(only) or None)
    if detectors:
        opened = scored_by_precision(opened)
    if "track" in prompts:
        opened = scored_as_followed(opened)
    for warning in opened.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if row.ask == "detector" and not detectors and "track" not in prompts:
        typer.echo(
            f"note: the paper asked with boxes of {row.boxes_from or 'a detector'} (--prompt detector:FILE); with true "
            "ones the figures are not to be compared with its",
            err=True,
        )
    return opened, part


def _model(name: str, segmenter: "Segmenter", precision: str) -> dict[str, str]:
    """Return the model's name, a hash of its weights, and the precision it computes in."""
    from hqsam.hardware import pick_precision
    from hqsam.weights.digest import sha256_of_file
    from hqsam.weights.load import locate

    path = locate(name)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {
        "model": _model_name(Path(name)),
        "weights": " ".join(sha256_of_file(file) for file in files),
        "precision": str(pick_precision(precision, segmenter.device)).removeprefix("torch."),
    }


def _model_name(path: Path) -> str:
    """Return what reports call a model: its name or file; that of a training run by the name of the run's folder."""
    return path.absolute().parent.name if path.name == "model.safetensors" else path.name


def _print_outcome(outcome: "Outcome", folder: Path) -> None:
    """Print the tables and where the reports are, or how much is still to do."""
    if not outcome.reports:
        typer.echo(
            f"{outcome.done} of {outcome.total} images are done, in {folder}. Whoever does the last ones writes the "
            "reports; without --shard the same command does the rest."
        )
        return
    typer.echo(next(path for path in outcome.reports if path.suffix == ".md").read_text("utf-8"))
    typer.echo(f"wrote {', '.join(str(path) for path in outcome.reports)}")
