"""`hqsam tiles`: masks of all objects in images larger than memory."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hqsam.cli.arguments import (
    DeviceOption,
    Existing,
    MinScoreOption,
    MinStabilityOption,
    ModelOption,
    PrecisionOption,
    SourceOption,
)
from hqsam.cli.each_image import for_each_image
from hqsam.cli.progress import progress_bar

if TYPE_CHECKING:
    from hqsam.batch.run import Record


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
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment every object in images larger than memory, tile by tile, joined across seams; resumes after a kill."""
    from hqsam.batch.inputs import find_images
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
    found = find_images(images)
    segmenter = load_segmenter(model, device, precision)

    def work(path: Path, folder: Path) -> "Record":
        with progress_bar("tiles") as tell:
            result = segmenter.everything_in_tiles(path, folder, config, tile=tile, overlap=overlap, progress=tell)
        files = [str(result.label_map), str(result.coco)]
        return {"image": str(path), "model": segmenter.name, "count": result.count, "files": files}

    for_each_image(found, out, ["coco"], existing, work, None if json_output else _to_text)


def _to_text(record: "Record") -> str:
    return f"{record['count']} object{'' if record['count'] == 1 else 's'} -> {', '.join(record['files'])}"
