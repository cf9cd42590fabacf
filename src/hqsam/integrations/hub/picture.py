"""The picture of a model card: masks that the model itself made, drawn over a photo."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from hqsam.images.reading import read_image
from hqsam.paths import examples_folder
from hqsam.predict.segmenter import load

SIDE = 800
"""Longest side of the picture, in pixels."""
_EXAMPLE = "astronaut.jpg"
_BOXES = ((150, 12, 305, 195), (132, 348, 208, 424), (278, 342, 500, 512))
"""Boxes of head, patch and helmet in the example photo."""


@dataclass(frozen=True)
class Picture:
    """A picture as it lies in the repo, and a sentence about it."""

    jpeg: bytes
    caption: str


def picture_of(weights: Path, photo: str | Path | None = None, box: tuple[float, ...] | None = None) -> Picture:
    """Let a model segment a photo, and return it with the masks drawn over it.

    Args:
        weights: the checkpoint.
        photo: an image file; None for an example photo of this package.
        box: a box x0, y0, x1, y1 in the photo's pixels; None for every object, by the mask generator.

    Raises:
        ImageError: the photo cannot be read.
        PromptError: the box is outside it.
    """
    segmenter = load(weights, device="cpu")
    if photo is None:
        image = examples_folder() / _EXAMPLE
        found, prompt = segmenter.open(image).segment(boxes=_BOXES), "three boxes on an example photo"
    elif box is not None:
        image = photo
        found, prompt = segmenter.open(image).segment(box=box), "a box"
    else:
        image = photo
        found, prompt = segmenter.everything(image), "no prompt: the mask generator, which looks for every object"
    drawn = Image.fromarray(found.overlay(read_image(image)))
    drawn.thumbnail((SIDE, SIDE))
    written = BytesIO()
    drawn.save(written, "JPEG", quality=88)
    return Picture(written.getvalue(), f"Masks that this model made from {prompt}.")
