"""`hqsam everything`: masks of all objects in images, without prompts."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hqsam.cli.arguments import (
    CornersOption,
    DeviceOption,
    Existing,
    JsonOption,
    MinScoreOption,
    MinStabilityOption,
    ModelOption,
    PageOption,
    PrecisionOption,
    SourceOption,
    ToleranceOption,
    ValueRangeOption,
    formats_from_option,
    outline_options,
)
from hqsam.cli.each_image import find_inputs, for_each_image
from hqsam.cli.progress import with_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from hqsam.batch.records import Record


class Order(str, Enum):
    """The mask that gets a pixel which several masks claim."""

    small_on_top = "small_on_top"
    large_on_top = "large_on_top"
    first_on_top = "first_on_top"


def everything(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or patterns in quotes.")],
    points_per_side: Annotated[
        int, typer.Option(min=1, metavar="N", help="Clicks along each side; more find more.")
    ] = 32,
    crops: Annotated[
        int, typer.Option(min=0, metavar="N", help="Look again at 2 x 2 parts (1), and at 4 x 4 (2), ...")
    ] = 0,
    model: ModelOption = "auto",
    source: SourceOption = None,
    candidates: Annotated[
        int | None, typer.Option(help="Masks of each click that may be kept: the best one (1) or all three (3).")
    ] = None,
    min_score: MinScoreOption = None,
    min_stability: MinStabilityOption = None,
    min_area: Annotated[
        int, typer.Option(min=0, metavar="PIXELS", help="Remove smaller pieces, fill smaller holes.")
    ] = 0,
    disjoint: Annotated[bool, typer.Option("--disjoint", help="Give shared pixels to one mask.")] = False,
    cover: Annotated[bool, typer.Option("--cover", help="Fill what no mask has; without overlaps, too.")] = False,
    order: Annotated[Order, typer.Option(help="With --disjoint: who gets a shared pixel.")] = Order.small_on_top,
    detail: Annotated[
        bool, typer.Option("--detail", help="Look at each mask again, closer, for edges as fine as the image; slower.")
    ] = False,
    memory_limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="MIB", help="Memory to work in, beside model and image.  [default: 1024]"),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go.  [default: out]")] = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="NAMES", help="Any of overlay,coco,label_map,csv,sam,png,svg,geojson,...")
    ] = "overlay,coco",
    tolerance: ToleranceOption = 0,
    corners: CornersOption = None,
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    json_output: JsonOption = False,
    value_range: ValueRangeOption = None,
    page: PageOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment every object in images, without being told where: clicks on a grid, and of their masks the good ones."""
    from hqsam.cli.models import load_segmenter
    from hqsam.predict.mask_generator_config import MaskGeneratorConfig

    config = MaskGeneratorConfig(
        points_per_side=points_per_side,
        crop_n_layers=crops,
        source=source.value if source else None,
        candidates=candidates,
        pred_iou_thresh=min_score,
        stability_score_thresh=min_stability,
        min_mask_region_area=min_area,
        detail=detail,
        memory_limit=None if memory_limit is None else memory_limit << 20,
    )
    names = formats_from_option(formats, out is not None or not json_output)
    inputs = find_inputs(images, out, names)
    options = {"config": config, "disjoint": disjoint, "cover": cover, "order": order.value}

    def load() -> "Callable[[Path, Path], Record]":
        from hqsam.batch.tasks import EverythingTask

        task = EverythingTask(
            segmenter=load_segmenter(model, device, precision),
            formats=tuple(names),
            options=options,
            reading={"value_range": value_range, "page": page},
            writing=outline_options(tolerance, corners),
        )
        return task if len(inputs.images) > 1 else with_progress(task, "clicking")

    for_each_image(inputs, out, names, existing, load, None if json_output else _to_text)


def _to_text(record: "Record") -> str:
    count = len(record["objects"])
    return f"{count} object{'' if count == 1 else 's'} -> {', '.join(record['files'])}"
