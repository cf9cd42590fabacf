"""`hqsam track`: follow objects through a video."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from hqsam.cli.arguments import (
    BoxOption,
    DeviceOption,
    Existing,
    ModelOption,
    PrecisionOption,
    SourceOption,
    parse_object_point,
    prompt_from_options,
    split_words,
)
from hqsam.cli.progress import progress_bar


class Direction(str, Enum):
    """The way through the frames."""

    forward = "forward"
    reverse = "reverse"
    both = "both"


class Compatible(str, Enum):
    """The official video predictor that is followed."""

    hq = "hq"
    sam2 = "sam2"


def track(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A video, a folder of frames, or a pattern in quotes.")],
    box: BoxOption = None,
    point: Annotated[
        list[Any] | None,
        typer.Option(
            parser=parse_object_point, metavar="[N:]x,y", help="On the object, or on the N-th. May be given again."
        ),
    ] = None,
    not_point: Annotated[
        list[Any] | None,
        typer.Option(parser=parse_object_point, metavar="[N:]x,y", help="Not on it. May be given again."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A mask, or a label map of several objects."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Class of the objects; several: of each, in their order.")
    ] = None,
    frame: Annotated[int, typer.Option(min=0, metavar="N", help="The frame that the prompts are for.")] = 0,
    direction: Annotated[Direction, typer.Option(help="Follow forward, in reverse, or both ways.")] = Direction.forward,
    start: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="First frame; in reverse, the last.  [default: --frame]")
    ] = None,
    stop: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The frame before which it ends; in reverse, after which.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Look at each N-th frame alone.")] = 1,
    preview: Annotated[bool, typer.Option("--preview", help="Keep a picture of the last frame, preview.jpg.")] = False,
    model: ModelOption = "auto",
    source: SourceOption = None,
    compatible: Annotated[
        Compatible | None,
        typer.Option(help="Decide as HQ-SAM 2's own video predictor, or SAM 2's; for their models, and not resumed."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path("out"),
    formats: Annotated[
        str,
        typer.Option("--format", metavar="NAMES", help="Any of davis,ytvis,coco,csv,overlay,cutout,cutout_png."),
    ] = "davis,csv",
    existing: Annotated[Existing, typer.Option(help="An earlier run in DIR: go on (keep), or start anew.")] = (
        Existing.keep
    ),
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Follow objects through a video, from prompts on one frame; stopped or killed, it goes on where it was."""
    from hqsam.errors import OptionError
    from hqsam.optional import require
    from hqsam.video.frames import check_index, open_frames
    from hqsam.video.track_run import labelled

    names = split_words(formats)
    if compatible is not None and every != 1:
        raise OptionError(f"--every is {every}, and official predictors look at every frame; leave one of them out")
    frames = open_frames(video)
    for number in (frame, frame if start is None else start):
        check_index(number, len(frames), frames.name)
    prompts = labelled(_prompts(box or [], point or [], not_point or [], mask, frames.size_hw), label or [])

    from hqsam.video.track_run import TrackRun, check_prompted, prepare_folder
    from hqsam.video.writers import format_named

    if any(format_named(name).needs_pyav for name in names):
        require("av", extra="video")
    check_prompted(prompts, out, existing.value)
    prepare_folder(out, existing.value, can_go_on=compatible is None)
    run = TrackRun(
        prompts=prompts,
        frame=frame,
        start=start,
        stop=stop,
        direction=direction.value,
        every=every,
        formats=names,
        preview=preview,
    )

    from hqsam.cli.models import load_segmenter

    opened = load_segmenter(model, device, precision).open_video(
        frames,
        source=source.value if source else None,
        results=out if compatible is None else None,
        compatible=compatible.value if compatible else None,
    )
    typer.echo(f"note: {opened.about}", err=True)
    with progress_bar("frames") as progress:
        written = run(opened, out, progress)
    for path in written:
        typer.echo(str(path))


def _prompts(
    boxes: list[Any], points: list[Any], not_points: list[Any], mask: Path | None, size_hw: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return the arguments of `Video.add` for each object, checked as far as this goes without a model."""
    from hqsam.geometry import Frame
    from hqsam.prompts import check_prompts
    from hqsam.video.track_run import prompts_by_number, prompts_of_mask_file

    clicks = [*((number, point, 1) for number, point in points), *((number, point, 0) for number, point in not_points)]
    if not (boxes or clicks or mask):
        return []
    if mask is not None and not (boxes or clicks):
        prompts = prompts_of_mask_file(mask)
    elif len(boxes) > 1 or any(number is not None for number, _, _ in clicks):
        prompts = prompts_by_number(boxes, clicks, has_mask=mask is not None)
    else:
        prompts = [prompt_from_options(boxes, [one for _, one in points], [one for _, one in not_points], mask)]
    for prompt in prompts:
        check_prompts(Frame(size_hw, 1024), 256, **{name: value for name, value in prompt.items() if name != "label"})
    return prompts
