"""`hqsam everything`: masks of all objects in images, without prompts."""

from collections import Counter
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import (
    BandsOption,
    ChannelOption,
    CornersOption,
    DetailOption,
    DetectorOption,
    DeviceOption,
    Existing,
    JsonOption,
    MinScoreOption,
    MinStabilityOption,
    ModelOption,
    OrthogonalOption,
    PageOption,
    PrecisionOption,
    SimplifyOption,
    SliceOption,
    SnapOption,
    SourceOption,
    StretchOption,
    TextOption,
    ThresholdOption,
    TimeOption,
    ToleranceOption,
    ValueRangeOption,
    formats_from_option,
    outline_options,
    refuse_with_text,
    text_options,
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
    text: TextOption = None,
    detector: DetectorOption = None,
    threshold: ThresholdOption = None,
    points_per_side: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Clicks along each side; more find more.  [default: 32]")
    ] = None,
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
    detail: DetailOption = False,
    snap: SnapOption = False,
    memory_limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="MIB", help="Memory to work in, beside model and image.  [default: 1024]"),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go.  [default: out]")] = None,
    formats: Annotated[
        str,
        typer.Option("--format", metavar="NAMES", help="Any of overlay,coco,label_map,csv,sam,png,gpkg,geotiff,..."),
    ] = "overlay,coco",
    tolerance: ToleranceOption = 0,
    corners: CornersOption = None,
    simplify: SimplifyOption = 0,
    orthogonal: OrthogonalOption = False,
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    json_output: JsonOption = False,
    value_range: ValueRangeOption = None,
    page: PageOption = None,
    bands: BandsOption = None,
    stretch: StretchOption = None,
    channel: ChannelOption = None,
    z: SliceOption = None,
    t: TimeOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment every object in images, without being told where: clicks on a grid, and of their masks the good ones.

    With --text it is every object that words name.
    """
    from hqsam.cli.models import load_segmenter
    from hqsam.predict.mask_generator_config import MaskGeneratorConfig

    chosen = source.value if source else None
    arranged = {"disjoint": disjoint, "cover": cover, "order": order.value}
    words = text_options(text, detector, threshold)
    if text is not None:
        clicks = {"--points-per-side": points_per_side, "--candidates": candidates, "--min-stability": min_stability}
        refuse_with_text(clicks | {"--memory-limit": memory_limit})
        words |= {"crops": crops, "source": chosen, "detail": detail}
        words |= {"snap": snap, "min_score": min_score, "min_area": min_area, **arranged}
    config = MaskGeneratorConfig(
        points_per_side=32 if points_per_side is None else points_per_side,
        crop_n_layers=crops,
        source=chosen,
        candidates=candidates,
        pred_iou_thresh=min_score,
        stability_score_thresh=min_stability,
        min_mask_region_area=min_area,
        detail=detail,
        snap=snap,
        memory_limit=None if memory_limit is None else memory_limit << 20,
    )
    names = formats_from_option(formats, out is not None or not json_output)
    plane = {"channels": channel, "z": z, "t": t}
    inputs = find_inputs(images, out, names)

    def load() -> "Callable[[Path, Path], Record]":
        from hqsam.batch.tasks import EverythingByTextTask, EverythingTask

        common: dict[str, Any] = {
            "segmenter": load_segmenter(model, device, precision),
            "formats": tuple(names),
            "reading": {"value_range": value_range, "page": page, "bands": bands, "stretch": stretch, **plane},
            "writing": outline_options(tolerance, corners, simplify, orthogonal),
        }
        if text is not None:
            return EverythingByTextTask(options=words, **common)
        task = EverythingTask(options={"config": config, **arranged}, **common)
        return task if len(inputs.images) > 1 else with_progress(task, "clicking")

    for_each_image(inputs, out, names, existing, load, None if json_output else _to_text)


def _to_text(record: "Record") -> str:
    count = len(record["objects"])
    named = Counter(one["label"] for one in record["objects"] if one.get("prompt_score"))
    if named:
        return f"{', '.join(f'{number} {label}' for label, number in named.items())} -> {', '.join(record['files'])}"
    return f"{count} object{'' if count == 1 else 's'} -> {', '.join(record['files'])}"
