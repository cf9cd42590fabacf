"""`hqsam tiles`: masks of all objects in images larger than memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hqsam import optional
from hqsam.cli.arguments import (
    DeviceOption,
    Existing,
    MinScoreOption,
    MinStabilityOption,
    ModelOption,
    PageOption,
    PrecisionOption,
    SourceOption,
    ValueRangeOption,
)
from hqsam.cli.each_image import find_inputs, for_each_image
from hqsam.cli.progress import with_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from hqsam.batch.records import Record


def tiles(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or patterns in quotes.")],
    tile: Annotated[int, typer.Option(metavar="PIXELS", help="How wide and high a tile is.")] = 1024,
    overlap: Annotated[float, typer.Option(metavar="0.05..0.5", help="How much of that tiles share.")] = 0.25,
    points_per_side: Annotated[int, typer.Option(metavar="N", help="Clicks along each side of a tile.")] = 32,
    model: ModelOption = "auto",
    source: SourceOption = None,
    min_score: MinScoreOption = None,
    min_stability: MinStabilityOption = None,
    min_area: Annotated[int, typer.Option(metavar="PIXELS", help="Remove smaller pieces, fill smaller holes.")] = 0,
    detail: Annotated[
        bool, typer.Option("--detail", help="Look at each mask again, closer, for edges as fine as the image; slower.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path("out"),
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    json_output: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each image.")] = False,
    value_range: ValueRangeOption = None,
    page: PageOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment every object in images larger than memory, tile by tile, joined across seams; resumes after a kill."""
    from hqsam.cli.models import load_segmenter
    from hqsam.predict.mask_generator_config import MaskGeneratorConfig

    config = MaskGeneratorConfig(
        points_per_side=points_per_side,
        source=source.value if source else None,
        pred_iou_thresh=min_score,
        stability_score_thresh=min_stability,
        min_mask_region_area=min_area,
        detail=detail,
    )
    optional.require("tifffile", extra="tiles")
    inputs = find_inputs(images, out, ["coco"])
    options = {"tile": tile, "overlap": overlap, "config": config}

    def load() -> "Callable[[Path, Path], Record]":
        from hqsam.batch.tasks import TilesTask

        task = TilesTask(
            segmenter=load_segmenter(model, device, precision),
            options=options,
            reading={"value_range": value_range, "page": page},
        )
        return with_progress(task, "tiles")

    for_each_image(inputs, out, ["coco"], existing, load, None if json_output else _to_text)


def _to_text(record: "Record") -> str:
    return f"{record['count']} object{'' if record['count'] == 1 else 's'} -> {', '.join(record['files'])}"
