"""`hqsam tiles`: masks of all objects in images larger than memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam import optional
from hqsam.cli.arguments import (
    BandsOption,
    ChannelOption,
    DetailOption,
    DetectorOption,
    DeviceOption,
    Existing,
    LabelsOption,
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
    read_prompts,
    refuse_with_text,
    text_options,
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
    text: TextOption = None,
    detector: DetectorOption = None,
    threshold: ThresholdOption = None,
    points_per_side: Annotated[
        int | None, typer.Option(metavar="N", help="Clicks along each side of a tile.  [default: 32]")
    ] = None,
    model: ModelOption = "auto",
    source: SourceOption = None,
    min_score: MinScoreOption = None,
    min_stability: MinStabilityOption = None,
    min_area: Annotated[int, typer.Option(metavar="PIXELS", help="Remove smaller pieces, fill smaller holes.")] = 0,
    detail: DetailOption = False,
    snap: SnapOption = False,
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Instead of everything: points, boxes and polygons on the map, an object each; attributes are kept.",
        ),
    ] = None,
    crs: Annotated[str, typer.Option(metavar="CRS", help="With prompts whose file does not say it: their CRS.")] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path("out"),
    formats: Annotated[
        str,
        typer.Option("--format", metavar="NAMES", help="Beside a label map and COCO: gpkg,geoparquet,geojson,cog,..."),
    ] = "",
    tolerance: ToleranceOption = 0,
    simplify: SimplifyOption = 0,
    orthogonal: OrthogonalOption = False,
    labels: LabelsOption = "hqsam",
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    json_output: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each image.")] = False,
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
    """Segment every object in images larger than memory, tile by tile, joined across seams; resumes after a kill."""
    from hqsam.cli.models import load_segmenter
    from hqsam.predict.mask_generator_config import MaskGeneratorConfig
    from hqsam.predict.tiles.results import check_tiled_formats

    chosen = source.value if source else None
    words = text_options(text, detector, threshold)
    if text is not None:
        clicks = {"--points-per-side": points_per_side, "--min-stability": min_stability, "--prompts": prompts}
        refuse_with_text(clicks | {"--crs": crs or None})
        words |= {"source": chosen, "detail": detail, "snap": snap}
        words |= {"min_score": min_score, "min_area": min_area}
    config = MaskGeneratorConfig(
        points_per_side=32 if points_per_side is None else points_per_side,
        source=chosen,
        pred_iou_thresh=min_score,
        stability_score_thresh=min_stability,
        min_mask_region_area=min_area,
        detail=detail,
        snap=snap,
    )
    optional.require("tifffile", extra="tiles")
    names = formats_from_option(formats, bool(formats))
    check_tiled_formats(names)
    vector = None if prompts is None else read_prompts(prompts, crs)
    inputs = find_inputs(images, out, ["coco"])
    options: dict[str, Any] = {"tile": tile, "overlap": overlap, "formats": names}
    options["writing"] = outline_options(tolerance, None, simplify, orthogonal)
    plane = {"channels": channel, "z": z, "t": t}
    reading = {"value_range": value_range, "page": page, "bands": bands, "stretch": stretch, **plane}

    def load() -> "Callable[[Path, Path], Record]":
        from hqsam.batch.tasks import FeaturesInTilesTask, TextInTilesTask, TilesTask

        segmenter = load_segmenter(model, device, precision)
        if text is not None:
            task = TextInTilesTask(
                segmenter=segmenter, options=options | words | {"label_image": labels}, reading=reading
            )
            return with_progress(task, "tiles")
        if vector is not None:
            how = {"source": config.source, "detail": detail, "snap": snap}
            task = FeaturesInTilesTask(segmenter=segmenter, vector=vector, options=options | how, reading=reading)
            return with_progress(task, "tiles")
        task = TilesTask(segmenter=segmenter, options=options | {"config": config, "labels": labels}, reading=reading)
        return with_progress(task, "tiles")

    for_each_image(inputs, out, ["coco"], existing, load, None if json_output else _to_text)


def _to_text(record: "Record") -> str:
    return f"{record['count']} object{'' if record['count'] == 1 else 's'} -> {', '.join(record['files'])}"
