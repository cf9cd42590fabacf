"""Where the label image of a stack goes: into an OME-Zarr itself, else into a file of the stack's own kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqsam.errors import OutputError
from hqsam.formats import ome_tiff_labels, zarr_labels
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.stacks.open_stack import is_stack_file, open_stack
from hqsam.images.stacks.plane import chosen_place
from hqsam.images.stacks.stack import Stack
from hqsam.images.stacks.zarr_stack import is_ome_zarr
from hqsam.masks.instances import Instances
from hqsam.masks.label_blocks import plane_blocks

DEFAULT_LABELS = "hqsam"
"""The name of the label image that an OME-Zarr gets."""


@dataclass(frozen=True)
class PlaceInStack:
    """The plane of an open stack that masks are of."""

    stack: Stack
    t: int
    z: int


@contextmanager
def place_in_stack(instances: Instances) -> Iterator[PlaceInStack | None]:
    """Open the stack that masks were made from, to read its values; None for masks of another image.

    A page of a TIFF is another image as well: it was read by its number, not by its place in the stack.

    Raises:
        ImageError: it cannot be read any more.
    """
    path: Any = getattr(instances.image, "path", None)
    if not isinstance(path, Path) or not is_stack_file(path):
        yield None
        return
    options: ReadOptions = getattr(instances.image, "options", DEFAULTS)
    if options.page is not None:
        yield None
        return
    with open_stack(path) as stack:
        yield PlaceInStack(stack, *chosen_place(stack, options))


def write_plane_labels(image: Path, path: Path, found: Instances, reading: ReadOptions, labels: str) -> Path:
    """Write the label image of one plane of a stack.

    Args:
        image: the stack.
        path: the file, for stacks that are no OME-Zarr.
        found: the objects.
        reading: which plane they are of.
        labels: the name of the label image in an OME-Zarr.

    Raises:
        OutputError: it cannot be written; nothing half-written was left.
    """
    with open_stack(image) as stack:
        t, z = chosen_place(stack, reading)
        if is_ome_zarr(image):
            blocks = plane_blocks(found, t, z, zarr_labels.ROWS_AT_ONCE)
            return zarr_labels.write_zarr_labels(image, labels, blocks)
        blocks = plane_blocks(found, t, z, ome_tiff_labels.ROWS_AT_ONCE)
        return ome_tiff_labels.write_ome_tiff_labels(path, stack.layout, "yx", blocks)


def check_outside(folder: Path, image: Path) -> None:
    """Refuse a folder for results that lies within the image.

    Raises:
        OutputError: it does.
    """
    if image.is_dir() and folder.resolve().is_relative_to(image.resolve()):
        raise OutputError(
            f"{folder} lies within {image}, which holds the image; choose another --out: labels find their place in an "
            "OME-Zarr by themselves"
        )
