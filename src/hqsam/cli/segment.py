"""`hqsam segment`: masks of objects in images from a prompt."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import (
    BandsOption,
    BoxOption,
    ChannelOption,
    CornersOption,
    DetailOption,
    DetectorOption,
    DeviceOption,
    Existing,
    JsonOption,
    ModelOption,
    NotPointOption,
    OrthogonalOption,
    PageOption,
    PointOption,
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
    check_crs,
    formats_from_option,
    outline_options,
    prompt_from_options,
    read_prompts,
    text_options,
)
from hqsam.cli.each_image import find_inputs, for_each_image
from hqsam.errors import InputError, OptionError

if TYPE_CHECKING:
    from hqsam.batch.records import Record
    from hqsam.batch.tasks import FeaturesTask, SegmentTask, TextTask


def segment(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Files, folders, or patterns in quotes.")],
    box: BoxOption = None,
    point: PointOption = None,
    not_point: NotPointOption = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A rough mask of the object, white on black."),
    ] = None,
    text: TextOption = None,
    detector: DetectorOption = None,
    threshold: ThresholdOption = None,
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Points, boxes and polygons on the map, an object each: .gpkg, .geojson, ...; attributes are kept.",
        ),
    ] = None,
    crs: Annotated[
        str,
        typer.Option(metavar="CRS", help="Boxes and points are in this, such as EPSG:4326, or map: the image's own."),
    ] = "",
    model: ModelOption = "auto",
    source: SourceOption = None,
    candidates: Annotated[
        str,
        typer.Option(
            metavar="1|3|first",
            help="1, or 3: three readings of an ambiguous prompt. first: mask 0, where SAM 2 would take another.",
        ),
    ] = "1",
    detail: DetailOption = False,
    snap: SnapOption = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where results go.  [default: out]")] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAMES",
            help="Any of png,overlay,cutout,coco,svg,label_map,yolo,labelme,...; on maps gpkg,geojson,geotiff,...",
        ),
    ] = "png,overlay",
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
    """Segment objects in images by box, clicks or a rough mask, in pixels of the image or on a map, or by words."""
    from hqsam.cli.models import load_segmenter

    if candidates not in ("1", "3", "first"):
        raise OptionError(f"--candidates is {candidates}; choose 1 mask a prompt, or 3, or first")
    which = candidates if candidates == "first" else int(candidates)
    how: dict[str, Any] = {"source": source.value if source else None, "detail": detail, "snap": snap}
    words = text_options(text, detector, threshold)
    prompt: dict[str, Any] = {}
    vector = None
    if text is not None:
        if box or point or not_point or mask or prompts or crs or candidates != "1":
            raise OptionError(
                "--text finds boxes by itself; leave --box, --point, --mask, --prompts, --crs and --candidates away"
            )
        words |= how
    elif prompts is not None:
        if box or point or not_point or mask or candidates != "1":
            raise InputError("got --prompts with --box, --point, --mask or --candidates; give one or the other")
        vector = read_prompts(prompts, crs)
    else:
        prompt = prompt_from_options(box or [], point or [], not_point or [], mask)
        prompt |= {**how, "candidates": which}
        check_crs(crs)
    writes = out is not None or not json_output
    plane = {"channels": channel, "z": z, "t": t}
    names = formats_from_option(formats, writes)
    inputs = find_inputs(images, out, names)

    def load() -> "SegmentTask | FeaturesTask | TextTask":
        from hqsam.batch.tasks import FeaturesTask, SegmentTask, TextTask

        common: dict[str, Any] = {
            "segmenter": load_segmenter(model, device, precision),
            "formats": tuple(names),
            "reading": {"value_range": value_range, "page": page, "bands": bands, "stretch": stretch, **plane},
            "writing": outline_options(tolerance, corners, simplify, orthogonal),
        }
        if text is not None:
            return TextTask(options=words, **common)
        if vector is not None:
            return FeaturesTask(vector=vector, how=how, **common)
        return SegmentTask(prompt=prompt, crs=crs, **common)

    fitting = (
        prompt if prompt and page is None and not crs else None
    )  # pages may be of other sizes, maps of other units
    for_each_image(inputs, out, names, existing, load, None if json_output else _to_text, fitting)


def _to_text(record: "Record") -> str:
    if any("prompt_score" in one for one in record["objects"]):
        found = ", ".join(f"{one['label']} {one['prompt_score']:.2f}" for one in record["objects"])
        return f"{found} -> {', '.join(record['files'])}"
    scores = ", ".join(f"{one['score']:.2f}" for one in record["objects"])
    return f"score {scores} -> {', '.join(record['files'])}"
