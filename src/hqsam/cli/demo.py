"""`hqsam demo`: segment the images of examples/ by box, by clicks, and with a correction."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.paths import examples_folder

if TYPE_CHECKING:
    from hqsam.images.contact_sheet import Panel
    from hqsam.predict.result import Segmentation
    from hqsam.predict.segmenter import Segmenter


@dataclass(frozen=True, kw_only=True)
class Example:
    """An example image, an object in it, and a prompt for that object."""

    image: str
    what: str
    how: str
    prompt: dict[str, Any]
    """Arguments of `Session.segment`."""
    correction: dict[str, Any] = field(default_factory=dict)
    """Further clicks, with which the first answer is refined; none for most."""


EXAMPLES = (
    Example(image="coffee.jpg", what="the cup", how="a box", prompt={"box": (170, 15, 412, 308)}),
    Example(
        image="astronaut.jpg",
        what="head, patch and helmet",
        how="three boxes",
        prompt={"boxes": [(150, 12, 305, 195), (132, 348, 208, 424), (278, 342, 500, 512)]},
    ),
    Example(image="cat.jpg", what="an eye", how="a click", prompt={"points": [(167, 116)], "labels": [1]}),
    Example(
        image="photographer.jpg",
        what="photographer and tripod",
        how="a box and a correction",
        prompt={"box": (0, 60, 402, 512)},
        correction={"points": [(303, 430)], "labels": [0]},
    ),
    Example(image="rocket.jpg", what="the rocket", how="a click", prompt={"points": [(322, 220)], "labels": [1]}),
)
"""Plain boxes around objects, and clicks at their middle."""


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go.")] = Path("out"),
    model: Annotated[str, typer.Option(help="A name of `hqsam weights list`, a file, or auto.")] = "nano",
) -> None:
    """Segment the example images and write masks, overlays, cutouts and a contact sheet."""
    from hqsam import storage
    from hqsam.cli.models import load_segmenter
    from hqsam.formats.files import write_png
    from hqsam.images.contact_sheet import contact_sheet

    images = examples_folder()
    storage.check_folder(out)
    segmenter = load_segmenter(model)
    panels = [panel for example in EXAMPLES for panel in _show(segmenter, example, images, out)]
    sheet = write_png(out / "contact_sheet.png", contact_sheet(panels, columns=3))
    typer.echo(f"Masks, overlays and cutouts of {len(EXAMPLES)} images are in {out}/; open {sheet} to see them all.")


def segment_example(segmenter: "Segmenter", example: Example, image: Path) -> tuple["Segmentation", "Segmentation"]:
    """Segment an example; return the first answer and the refined one, which are the same without a correction."""
    session = segmenter.open(image)
    first = session.segment(**example.prompt)
    return first, session.segment(refine=first, **example.correction) if example.correction else first


def _show(segmenter: "Segmenter", example: Example, images: Path, out: Path) -> list["Panel"]:
    """Segment one example, write and print its files, and return its panels of the contact sheet."""
    from hqsam.images.contact_sheet import Panel
    from hqsam.images.reading import read_image

    path = images / example.image
    first, last = segment_example(segmenter, example, path)
    files = last.save(out, "png", "overlay", "cutout", image=path)
    asked = f"{example.what}, by {example.how}"
    typer.echo(f"{example.image}: {asked} -> {', '.join(file.name for file in files)}")
    before = Panel(first.overlay(path), f"{example.image}, before the corrections")
    return [
        before if example.correction else Panel(read_image(path), example.image),
        Panel(last.overlay(path), asked),
        Panel(last.cutout(path), "cut out"),
    ]
