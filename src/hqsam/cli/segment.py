"""`hqsam segment`: masks of objects in images from a prompt."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import (
    DeviceOption,
    Existing,
    JsonOption,
    ModelOption,
    PrecisionOption,
    SourceOption,
    formats_from_option,
    parse_box,
    parse_point,
    prompt_from_options,
)
from hqsam.cli.each_image import for_each_image
from hqsam.errors import OptionError

if TYPE_CHECKING:
    from hqsam.batch.run import Record
    from hqsam.predict.segmenter import Segmenter


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
    existing: Annotated[Existing, typer.Option(help="Results of an earlier run.")] = Existing.replace,
    json_output: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment objects in images by box, clicks or a rough mask, all in pixels of the upright image."""
    from hqsam.batch.inputs import find_images
    from hqsam.cli.models import load_segmenter

    if candidates not in (1, 3):
        raise OptionError(f"--candidates is {candidates}; choose 1 mask a prompt, or 3")
    prompt = prompt_from_options(box or [], point or [], not_point or [], mask)
    prompt |= {"source": source.value if source else None, "candidates": candidates, "detail": detail}
    writes = out is not None or not json_output
    names = formats_from_option(formats, writes)
    found = find_images(images)
    segmenter = load_segmenter(model, device, precision)

    def work(path: Path, folder: Path) -> "Record":
        return _segment_one(segmenter, prompt, names, path, folder)

    for_each_image(found, out, names, existing, work, None if json_output else _to_text)


def _segment_one(
    segmenter: "Segmenter", prompt: dict[str, Any], formats: list[str], path: Path, folder: Path
) -> "Record":
    from hqsam.formats import write

    result = segmenter.open(path).segment(**prompt)
    files = write(result, folder, formats, image=path)
    height, width = result.image_size_hw
    return {
        "image": str(path),
        "size": {"width": width, "height": height},
        "model": segmenter.name,
        "source": result.source,
        "objects": [
            {
                "prompt": int(result.prompt_index[row]),
                "score": round(float(result.scores[row]), 4),
                "box": result.boxes[row].tolist(),
                "area": int(result.areas[row]),
                "rle": rle,
            }
            for row, rle in enumerate(result.rle)
        ],
        "files": [str(file) for file in files],
    }


def _to_text(record: "Record") -> str:
    scores = ", ".join(f"{one['score']:.2f}" for one in record["objects"])
    return f"score {scores} -> {', '.join(record['files'])}"
