"""Options that several commands share, and parsers from words of a command line to arguments of the library."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.errors import InputError, OptionError

if TYPE_CHECKING:
    from hqsam.geo.vector_prompts import VectorPrompts

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


DetailOption = Annotated[
    bool, typer.Option("--detail", help="Look at each mask again, closer, for edges as fine as the image; slower.")
]
SnapOption = Annotated[bool, typer.Option("--snap", help="Move edges of masks to edges of the photo nearby.")]
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


def parse_bands(text: str) -> tuple[int, ...]:
    """Parse `R,G,B` or a single band."""
    words = text.split(",")
    if len(words) not in (1, 3) or not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise typer.BadParameter(f"{text!r} is not one band or three, such as 4,3,2; bands are counted from 1")
    return tuple(int(word) for word in words)


def parse_percentiles(text: str) -> tuple[float, float]:
    """Parse `LOW,HIGH` between 0 and 100."""
    low, high = _numbers(text, "LOW,HIGH")
    if not 0 <= low < high <= 100:
        raise typer.BadParameter(f"{text!r} is not LOW,HIGH: two rising numbers from 0 to 100, such as 2,98")
    return low, high


BandsOption = Annotated[
    Any,
    typer.Option(
        "--bands", parser=parse_bands, metavar="R,G,B", help="Bands of a raster, from 1.  [default: as the file says]"
    ),
]
StretchOption = Annotated[
    Any,
    typer.Option(
        "--stretch",
        parser=parse_percentiles,
        metavar="LOW,HIGH",
        help="Percentiles of bands or channels that are black and white.  [default: on maps 2,98 beyond 8 bits]",
    ),
]


def parse_channels(text: str) -> tuple[int | str, ...]:
    """Parse a channel, by number from 0 or by name, or up to three with commas."""
    words = tuple(word.strip() for word in text.split(","))
    if not all(words) or len(words) > 3:
        raise typer.BadParameter(f"{text!r} is not one channel, or up to three, such as 0 or DAPI,GFP")
    return tuple(int(word) if word.isdecimal() else word for word in words)


ChannelOption = Annotated[
    Any,
    typer.Option(
        "--channel",
        parser=parse_channels,
        metavar="N[,N,N]",
        help="Channel of a stack, from 0 or by name; up to three for red, green, blue.  [default: the first]",
    ),
]
LabelsOption = Annotated[
    str, typer.Option("--labels", metavar="NAME", help="Name of the label image that an OME-Zarr gets in itself.")
]
SliceOption = Annotated[
    int | None, typer.Option("--z", min=0, metavar="N", help="Slice of a stack, from 0.  [default: the middle one]")
]
TimeOption = Annotated[
    int | None, typer.Option("--t", min=0, metavar="N", help="Timepoint of a stack, from 0.  [default: 0]")
]
SimplifyOption = Annotated[
    float,
    typer.Option(min=0, metavar="UNITS", help="On maps: simplify outlines by at most this, in units of the map."),
]
OrthogonalOption = Annotated[
    bool, typer.Option("--orthogonal", help="On maps: outlines with right angles, as of buildings, where they fit.")
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


TextOption = Annotated[
    str | None,
    typer.Option(metavar="WORDS", help='What to look for, such as "cup, spoon"; needs hqsam[text].'),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="With words: folder or repo of a Grounding DINO, MM-Grounding DINO or OWLv2.  "
        "[default: IDEA-Research/grounding-dino-tiny]",
    ),
]
ThresholdOption = Annotated[
    float | None, typer.Option(min=0, max=1, metavar="0..1", help="With words: lowest score of a detector's box.")
]


def parse_box(text: str) -> Box:
    """Parse `x0,y0,x1,y1`."""
    x0, y0, x1, y1 = _numbers(text, "x0,y0,x1,y1")
    return x0, y0, x1, y1


def parse_point(text: str) -> Point:
    """Parse `x,y`."""
    x, y = _numbers(text, "x,y")
    return x, y


BoxOption = Annotated[
    list[Any] | None,
    typer.Option(parser=parse_box, metavar="x0,y0,x1,y1", help="Around the object. Several boxes: several objects."),
]
PointOption = Annotated[
    list[Any] | None, typer.Option(parser=parse_point, metavar="x,y", help="On the object. May be given again.")
]
NotPointOption = Annotated[
    list[Any] | None, typer.Option(parser=parse_point, metavar="x,y", help="Not on the object. May be given again.")
]


def parse_object_point(text: str) -> tuple[int | None, Point]:
    """Parse `x,y`, or `N:x,y` for a point of the N-th object."""
    number, colon, point = text.rpartition(":")
    if colon and not (number.isdecimal() and int(number) >= 1):
        raise typer.BadParameter(f"{text!r} is not N:x,y, with the number of an object from 1")
    return int(number) if colon else None, parse_point(point)


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


def outline_options(
    tolerance: float, corners: Corners | None = None, simplify: float = 0, orthogonal: bool = False
) -> dict[str, Any]:
    """Return the options of `hqsam.formats.write` about outlines."""
    on_map = {"simplify": simplify, "orthogonal": orthogonal}
    return {"tolerance": tolerance, **on_map} | ({"corners": corners.value} if corners else {})


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


def read_prompts(path: Path, crs: str) -> "VectorPrompts":
    """Read the features of a vector file.

    Raises:
        DataError: it cannot be read, or has no feature.
        OptionError: there is no such CRS.
    """
    from hqsam.geo.vector_prompts import read_vector_prompts

    check_crs(crs)
    return read_vector_prompts(path, crs="" if crs == "map" else crs)


def check_crs(crs: str) -> None:
    """Look whether there is such a coordinate reference system; "map" is that of each image.

    Raises:
        OptionError: there is none.
    """
    if crs and crs != "map":
        from hqsam.geo.crs import parse_crs

        parse_crs(crs)


def _numbers(text: str, form: str) -> list[float]:
    expected = form.count(",") + 1
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != expected:
        raise typer.BadParameter(f"{text!r} is not {form}: {expected} numbers with commas between them")
    return numbers


def text_options(text: str | None, detector: str | None, threshold: float | None) -> dict[str, Any]:
    """Return the options of words as `Segmenter.segment_text` takes them, without those that were not given.

    Raises:
        OptionError: options of words were given without words.
        PromptError: there is no word.
        MissingExtra: hqsam[text] is not installed.
    """
    if text is None:
        if detector is not None or threshold is not None:
            raise OptionError('--detector and --threshold are about words; give them, too, such as --text "cup, spoon"')
        return {}
    from hqsam.optional import require
    from hqsam.text.detector import check_labels

    labels = list(check_labels(text))
    require("transformers", extra="text")
    given = {"labels": labels, "detector": detector, "threshold": threshold}
    return {name: value for name, value in given.items() if value is not None}


def refuse_with_text(given: dict[str, Any]) -> None:
    """Refuse options of clicks that were given together with words.

    Raises:
        OptionError: one of them is not None.
    """
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise OptionError(f"--text looks for what words name, and clicks nowhere; leave {', '.join(named)} away")
