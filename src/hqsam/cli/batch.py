"""`hqsam batch`: masks of whole archives of images, in one process, several, or on a Ray cluster."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import (
    DetailOption,
    DetectorOption,
    DeviceOption,
    MinScoreOption,
    MinStabilityOption,
    ModelOption,
    PageOption,
    PrecisionOption,
    SnapOption,
    SourceOption,
    TextOption,
    ThresholdOption,
    ToleranceOption,
    ValueRangeOption,
    split_words,
    text_options,
)
from hqsam.cli.exit_codes import FAILED_WORK
from hqsam.errors import OptionError

if TYPE_CHECKING:
    from hqsam.batch.progress import OnProgress, Progress


class Engine(str, Enum):
    """The way to share out the work."""

    local = "local"
    ray = "ray"


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Folders, patterns in quotes, lists (.txt), COCO files (.json), tables (.csv, .parquet), WebDataset "
            "tars (.tar); local, or s3://, gs://, https://.",
        ),
    ],
    prompts: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="A COCO results file of boxes; column:NAME of a table; annotations: the COCO file's own boxes; "
            "beside, a JSON of the image's name beside it; everything; or text, for what --text names.",
        ),
    ],
    out: Annotated[str, typer.Option(metavar="DIR", help="Where results go: a folder, or s3://bucket/prefix.")],
    images: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where images of lists, tables and COCO files are.")
    ] = None,
    image_column: Annotated[str, typer.Option(metavar="NAME", help="The column of a table with the paths.")] = "path",
    formats: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAMES", help="parquet, coco, webdataset; or files of each image: png, label_map, ..."
        ),
    ] = "parquet",
    model: ModelOption = "auto",
    source: SourceOption = None,
    detail: DetailOption = False,
    snap: SnapOption = False,
    engine: Annotated[Engine, typer.Option(help="This machine, or a Ray cluster.")] = Engine.local,
    address: Annotated[
        str | None, typer.Option(help="With ray: the cluster, such as auto or HOST:PORT.  [default: one started here]")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes or Ray actors; each loads the model.")] = 1,
    cpus: Annotated[float, typer.Option(min=0, help="With ray: processors of each actor.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="With ray: GPUs of each actor.")] = 0,
    readers: Annotated[int, typer.Option(min=1, help="Threads of each worker that read ahead.")] = 2,
    batch_size: Annotated[int, typer.Option(min=1, help="Images encoded together; 8 suits a GPU.")] = 1,
    shard_size: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Images of a shard, which is lost and done again by a kill.")
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Stop when more images or prompts fail.")
    ] = None,
    max_store_failures: Annotated[
        int, typer.Option(min=1, metavar="N", help="Stop when a store fails for N images in a row.")
    ] = 10,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Do shards with failures again.")] = False,
    metrics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep a text file for Prometheus (.prom) up to date.")
    ] = None,
    points_per_side: Annotated[int, typer.Option(min=1, metavar="N", help="With everything: clicks a side.")] = 32,
    min_score: MinScoreOption = None,
    min_stability: MinStabilityOption = None,
    min_area: Annotated[int, typer.Option(min=0, metavar="PIXELS", help="With everything: smallest pieces.")] = 0,
    text: TextOption = None,
    detector: DetectorOption = None,
    threshold: ThresholdOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    value_range: ValueRangeOption = None,
    page: PageOption = None,
    tolerance: ToleranceOption = 0,
) -> None:
    """Segment an archive of images from boxes or everything; stopped or killed, the same command goes on.

    Results are shards that are written whole or not at all, the same whatever the engine and number of workers. What
    cannot be read is a line of failed.jsonl.
    """
    from hqsam.batch.sources import find_items

    if (prompts == "text") != (text is not None):
        raise OptionError('words are given as --prompts text --text "cup, spoon"; give both, or neither')
    words = text_options(text, detector, threshold) or None
    items = find_items(inputs, prompts, images, image_column)

    from hqsam.batch.engines.ray import RayOptions
    from hqsam.batch.job import BatchJob
    from hqsam.batch.run_batch import BatchRun
    from hqsam.batch.sinks import check_formats
    from hqsam.cli.models import fetch_model

    names = tuple(split_words(formats))
    check_formats(names)
    everything: dict[str, Any] | None = None
    if prompts == "everything":
        given = {"pred_iou_thresh": min_score, "stability_score_thresh": min_stability}
        everything = {"points_per_side": points_per_side, "min_mask_region_area": min_area}
        everything |= {name: value for name, value in given.items() if value is not None}
    job = BatchJob(
        out=out,
        formats=names,
        model=fetch_model(model),
        device=device,
        precision=precision,
        everything=everything,
        text=words,
        source=source.value if source else None,
        detail=detail,
        snap=snap,
        batch_size=batch_size,
        reading={"value_range": value_range, "page": page},
        writing={"tolerance": tolerance},
        readers=readers,
        max_store_failures=max_store_failures,
    )
    run = BatchRun(
        engine=engine.value,
        workers=workers,
        ray=RayOptions(address=address, cpus=cpus, gpus=gpus),
        max_failures=max_failures,
        retry_failed=retry_failed,
        chunk_size=shard_size,
        metrics=metrics,
    )
    from hqsam.hardware import limit_torch_threads

    limit_torch_threads()
    with _shown() as on_progress:
        summary = run(job, items, on_progress)
    _print_summary(summary, out)
    if summary["failures"]:
        raise typer.Exit(FAILED_WORK)


@contextmanager
def _shown(every_s: float = 10) -> "Iterator[OnProgress]":
    """Lend a function that prints a line of progress on stderr, now and then."""
    shown_at = time.monotonic()

    def show(now: "Progress") -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at > every_s:
            shown_at = time.monotonic()
            typer.echo(now.in_words(), err=True)

    yield show


def _print_summary(summary: dict[str, Any], out: str) -> None:
    about = f"{summary['images']:,} images, {summary['masks']:,} masks, {summary['failures']} failures: {out}"
    if summary["was_finished"]:
        typer.echo(f"{about} (finished before; nothing was left to do)")
        return
    last = summary["last_start"]
    rate = last["images"] / last["seconds"]
    typer.echo(f"{about} ({last['images']:,} images in {last['seconds']:.1f} s, {rate:.2f} images/s)")
    for count in summary.get("notes", {}).values():
        others = f" (and {count['images'] - 1:,} other images)" if count["images"] > 1 else ""
        typer.echo(f"note: {count['first']}{others}", err=True)
    if summary["failures"]:
        typer.echo(f"hqsam: {summary['failures']} failures; {out}/failed.jsonl says why", err=True)
