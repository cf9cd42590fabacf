"""`hqsam volume`: objects in stacks, from plane to plane."""

from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import (
    BoxOption,
    ChannelOption,
    DeviceOption,
    LabelsOption,
    MinScoreOption,
    MinStabilityOption,
    ModelOption,
    NotPointOption,
    PointOption,
    PrecisionOption,
    SourceOption,
    StretchOption,
    ValueRangeOption,
    split_words,
)
from hqsam.cli.progress import progress_bar

if TYPE_CHECKING:
    from hqsam.volumes.volume import Volume
    from hqsam.volumes.volume_objects import VolumeObjects


class Axis(str, Enum):
    """The axis from plane to plane: depth or time."""

    z = "z"
    t = "t"


def volume(
    image: Annotated[
        Path, typer.Argument(metavar="STACK", help="OME-TIFF, ImageJ's TIFF, OME-Zarr, NIfTI, or a folder of DICOM.")
    ],
    box: BoxOption = None,
    point: PointOption = None,
    not_point: NotPointOption = None,
    mask: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A mask, or a label map of several objects."),
    ] = None,
    along: Annotated[Axis, typer.Option(help="Join slices in depth (z), or follow in time (t).")] = Axis.z,
    z: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Slice of the prompt, from 0; in time, all that is looked at."),
    ] = None,
    t: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Timepoint that is looked at; in time, that of the prompt.")
    ] = None,
    start: Annotated[int, typer.Option(min=0, metavar="N", help="First plane.")] = 0,
    stop: Annotated[int | None, typer.Option(min=1, metavar="N", help="The plane before which it ends.")] = None,
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help="With prompts: class of the objects.  [default: object]")
    ] = None,
    least_overlap: Annotated[
        float, typer.Option(min=0, max=1, metavar="0..1", help="IoU with the slice before that an object goes on with.")
    ] = 0.3,
    max_gap: Annotated[
        int, typer.Option(min=0, metavar="N", help="Everything: planes an object may be missing on.")
    ] = 1,
    min_planes: Annotated[int, typer.Option(min=1, metavar="N", help="Everything: fewest planes of an object.")] = 1,
    most_share: Annotated[
        float, typer.Option(metavar="0..1", help="Everything: larger shares of a plane are background.")
    ] = 0.5,
    points_per_side: Annotated[int, typer.Option(metavar="N", help="Everything: clicks along each side.")] = 32,
    min_score: MinScoreOption = None,
    min_stability: MinStabilityOption = None,
    channel: ChannelOption = None,
    value_range: ValueRangeOption = None,
    stretch: StretchOption = None,
    model: ModelOption = "auto",
    source: SourceOption = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where results go.")] = Path("out"),
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAMES",
            help="Any of labels,measured,measured_parquet,ome_zarr,ome_tiff,nifti,dicom_seg; labels is the stack's own "
            "kind.",
        ),
    ] = "labels,measured",
    labels: LabelsOption = "hqsam",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
) -> None:
    """Segment objects in stacks: prompted on one plane and followed to the others, or everything, joined by overlap."""
    from hqsam import storage
    from hqsam.images.read_options import ReadOptions
    from hqsam.video.frames import check_index
    from hqsam.video.frames.stack_frames import StackFrames

    options = ReadOptions(channels=channel, z=z, t=t, value_range=value_range, stretch=stretch)
    with closing(StackFrames(image, options, along.value)) as frames:
        plane = frames.plane.t if along is Axis.t else frames.plane.z
        check_index(plane, len(frames), frames.name)
        prompts = _prompts(box or [], point or [], not_point or [], mask, frames.size_hw, label)

        from hqsam.volumes.results import check_formats

        names = split_words(formats)
        check_formats(image, out, names, labels)
        storage.check_folder(out)

        from hqsam.cli.models import load_segmenter
        from hqsam.volumes.volume import Volume

        journal = out / f"{image.name}_planes.journal"
        opened = Volume(load_segmenter(model, device, precision), frames, source.value if source else None)
        with progress_bar("planes") as progress:
            how = {"start": start, "stop": stop, "least_overlap": least_overlap, "progress": progress}
            if prompts:
                found = _followed(opened, plane, prompts, how)
            else:
                thresholds = {"pred_iou_thresh": min_score, "stability_score_thresh": min_stability}
                settings: dict[str, Any] = {"points_per_side": points_per_side, **thresholds}
                settings |= {"journal": journal, "max_gap": max_gap, "most_share": most_share, "min_planes": min_planes}
                found = opened.everything(**how, **settings)
        opened.close()
    typer.echo(f"{len(found)} object{'' if len(found) == 1 else 's'}")
    for path in found.save(out, *names, labels=labels):
        typer.echo(str(path))
    if not prompts:
        storage.remove(journal)


def _followed(opened: "Volume", plane: int, prompts: list[dict[str, Any]], how: dict[str, Any]) -> "VolumeObjects":
    for prompt in prompts:
        opened.add(plane, **prompt)
    return opened.follow(**how)


def _prompts(
    boxes: list[Any],
    points: list[Any],
    not_points: list[Any],
    mask: Path | None,
    size_hw: tuple[int, int],
    label: str | None,
) -> list[dict[str, Any]]:
    """Return the arguments of `Volume.add` for each object; none if there is no prompt."""
    from hqsam.cli.arguments import prompt_from_options
    from hqsam.geometry import Frame
    from hqsam.prompts import check_prompts
    from hqsam.video.track_run import prompts_of_mask_file

    if not (boxes or points or not_points or mask):
        return []
    if mask is not None and not (boxes or points or not_points):
        prompts = prompts_of_mask_file(mask)
    elif len(boxes) > 1 and not (points or not_points or mask):
        prompts = [{"box": box} for box in boxes]
    else:
        prompts = [prompt_from_options(boxes, points, not_points, mask)]
    for prompt in prompts:
        check_prompts(Frame(size_hw, 1024), 256, **{name: value for name, value in prompt.items() if name != "label"})
    return [{**prompt, "label": label} if label else prompt for prompt in prompts]
