"""Options that several commands share, and parsers from words of a command line to arguments of the library."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from hqsam.errors import InputError

Box = tuple[float, float, float, float]
Point = tuple[float, float]


class Source(str, Enum):
    """The mask that is returned: SAM's, the HQ token's, or their sum."""

    sum = "sum"
    hq = "hq"
    sam = "sam"


class Corners(str, Enum):
    """Place of outlines: along the edges of pixels, or within the outermost pixels."""

    pixel_edges = "pixel_edges"
    pixel_centres = "pixel_centres"


class Existing(Enum):
    """Treatment of results that are there already."""

    replace = "replace"
    keep = "keep"
    refuse = "refuse"


# Options that several commands have.
ModelOption = Annotated[str, typer.Option(help="A name of `hqsam weights list`, a file, or owner/repo.")]
SourceOption = Annotated[Source | None, typer.Option(help="SAM's mask plus the HQ one, HQ alone, or SAM alone.")]
DeviceOption = Annotated[str, typer.Option(help="cuda, mps or cpu.")]
PrecisionOption = Annotated[str, typer.Option(help="float32, bfloat16, float16, or int8 on a CPU.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print a line of JSON for each image; files are written only if --out is given.")
]


def parse_value_range(text: str) -> tuple[float, float]:
    """Parse `LOW,HIGH`."""
    low, high = _numbers(text, "LOW,HIGH")
    if not low < high:
        raise typer.BadParameter(f"{text!r} is not LOW,HIGH: the first number has to be the lower one")
    return low, high


ToleranceOption = Annotated[
    float,
    typer.Option(min=0, metavar="PIXELS", help="Simplify outlines by at most this; 1 is pleasant to edit by hand."),
]
CornersOption = Annotated[
    Corners | None,
    typer.Option(
        help="Where outlines of yolo and labelme run: within pixels, for tools that draw outlines as those do, or "
        "along edges, for tools that only fill.  [default: pixel_centres]"
    ),
]
ValueRangeOption = Annotated[
    Any,
    typer.Option(
        "--value-range",
        parser=parse_value_range,
        metavar="LOW,HIGH",
        help="Values that are black and white in images of more than 8 bits.  [default: as file or values say]",
    ),
]
PageOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Page of a stack, or frame of an animation.  [default: 1]")
]


def _at_most_one(value: float | None) -> float | None:
    if value is not None and not value <= 1:  # not a number is not, either
        raise typer.BadParameter(f"{value:g} is not a number up to 1; the lower, the more is found")
    return value


MinScoreOption = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        callback=_at_most_one,
        help="Least predicted IoU; lower finds more.  [default: 0.88; for nano 0.4]",
    ),
]
MinStabilityOption = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        callback=_at_most_one,
        help="Least stability; lower finds more.  [default: 0.95; for nano 0.7]",
    ),
]


def parse_box(text: str) -> Box:
    """Parse `x0,y0,x1,y1`."""
    x0, y0, x1, y1 = _numbers(text, "x0,y0,x1,y1")
    return x0, y0, x1, y1


def parse_point(text: str) -> Point:
    """Parse `x,y`."""
    x, y = _numbers(text, "x,y")
    return x, y


def split_words(text: str) -> list[str]:
    """Split `png,overlay` or `png overlay` into words, each once."""
    return list(dict.fromkeys(text.replace(",", " ").split()))


def formats_from_option(text: str, wanted: bool) -> list[str]:
    """Return the formats to write; none if no files are `wanted`.

    Raises:
        OptionError: one of them is not known.
        InputError: files are wanted, and no format is named.
    """
    from hqsam.formats import FORMATS, format_named

    names = split_words(text) if wanted else []
    if wanted and not names:
        raise InputError(f"--format is {text!r}, which names no format; choose from {', '.join(FORMATS)}")
    for name in names:
        format_named(name)
    return names


def outline_options(tolerance: float, corners: Corners | None) -> dict[str, Any]:
    """Return the options of `hqsam.formats.write` about outlines."""
    return {"tolerance": tolerance} | ({"corners": corners.value} if corners else {})


def prompt_from_options(
    boxes: list[Box], points: list[Point], not_points: list[Point], mask: Path | None
) -> dict[str, Any]:
    """Return the arguments of `Session.segment`: one prompt, or one for each of several boxes.

    Raises:
        DataError: the mask cannot be read.
        InputError: there is no prompt, or several boxes come with clicks, which could belong to any of them.
    """
    if not (boxes or points or not_points or mask):
        raise InputError(
            "say what to segment, with --box x0,y0,x1,y1, --point x,y or --mask FILE, in the image's pixels"
        )
    if len(boxes) > 1 and (points or not_points or mask):
        raise InputError(
            f"got {len(boxes)} boxes together with clicks or a mask, which could belong to any of them; "
            "give one box with them, or segment the boxes by themselves"
        )
    prompt: dict[str, Any] = {}
    if boxes:
        prompt |= {"box": boxes[0]} if len(boxes) == 1 else {"boxes": boxes}
    if points or not_points:
        prompt |= {"points": points + not_points, "labels": [1] * len(points) + [0] * len(not_points)}
    if mask:
        from hqsam.formats.mask_images import read_mask

        prompt["mask"] = read_mask(mask)
    return prompt


def _numbers(text: str, form: str) -> list[float]:
    expected = form.count(",") + 1
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != expected:
        raise typer.BadParameter(f"{text!r} is not {form}: {expected} numbers with commas between them")
    return numbers
