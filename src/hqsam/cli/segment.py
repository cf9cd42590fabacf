"""`hqsam segment`: masks of objects in images from a prompt."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import (
    CornersOption,
    DeviceOption,
    Existing,
    JsonOption,
    ModelOption,
    PageOption,
    PrecisionOption,
    SourceOption,
    ToleranceOption,
    ValueRangeOption,
    formats_from_option,
    outline_options,
    parse_box,
    parse_point,
    prompt_from_options,
)
from hqsam.cli.each_image import find_inputs, for_each_image
from hqsam.errors import OptionError

if TYPE_CHECKING:
    from hqsam.batch.records import Record
    from hqsam.batch.tasks import SegmentTask


def segment(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or patterns in quotes.")],
    box: Annotated[
        list[Any] | None,
        typer.Option(
            parser=parse_box, metavar="x0,y0,x1,y1", help="Around the object. Several boxes: several objects."
        ),
    ] = None,
    point: Annotated[
        list[Any] | None, typer.Option(parser=parse_point, metavar="x,y", help="On the object. May be given again.")
    ] = None,
    not_point: Annotated[
        list[Any] | None, typer.Option(parser=parse_point, metavar="x,y", help="Not on the object. May be given again.")
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A rough mask of the object, white on black."),
    ] = None,
    model: ModelOption = "auto",
    source: SourceOption = None,
    candidates: Annotated[int, typer.Option(help="1, or 3: SAM's three readings of an ambiguous prompt.")] = 1,
    detail: Annotated[
        bool, typer.Option("--detail", help="Look at each mask again, closer, for edges as fine as the image; slower.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go.  [default: out]")] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format", metavar="NAMES", help="Any of png,overlay,cutout,coco,svg,label_map,yolo,labelme,geojson."
        ),
    ] = "png,overlay",
    tolerance: ToleranceOption = 0,
    corners: CornersOption = None,
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    json_output: JsonOption = False,
    value_range: ValueRangeOption = None,
    page: PageOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment objects in images by box, clicks or a rough mask, all in pixels of the upright image."""
    from hqsam.cli.models import load_segmenter

    if candidates not in (1, 3):
        raise OptionError(f"--candidates is {candidates}; choose 1 mask a prompt, or 3")
    prompt = prompt_from_options(box or [], point or [], not_point or [], mask)
    prompt |= {"source": source.value if source else None, "candidates": candidates, "detail": detail}
    writes = out is not None or not json_output
    names = formats_from_option(formats, writes)
    inputs = find_inputs(images, out, names)

    def load() -> "SegmentTask":
        from hqsam.batch.tasks import SegmentTask

        return SegmentTask(
            segmenter=load_segmenter(model, device, precision),
            formats=tuple(names),
            prompt=prompt,
            reading={"value_range": value_range, "page": page},
            writing=outline_options(tolerance, corners),
        )

    fitting = prompt if page is None else None  # pages may be of other sizes
    for_each_image(inputs, out, names, existing, load, None if json_output else _to_text, fitting)


def _to_text(record: "Record") -> str:
    scores = ", ".join(f"{one['score']:.2f}" for one in record["objects"])
    return f"score {scores} -> {', '.join(record['files'])}"
