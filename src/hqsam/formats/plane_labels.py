"""The label map of one plane of a stack as OME-TIFF, with the distances of its pixels."""

from pathlib import Path

import numpy as np

from hqsam.formats.file_names import OutputPaths
from hqsam.formats.ome_tiff_labels import ROWS_AT_ONCE, write_ome_tiff_labels
from hqsam.formats.stack_labels import place_in_stack
from hqsam.images.stacks.stack import StackLayout
from hqsam.masks.instances import Instances
from hqsam.masks.label_blocks import plane_blocks


def write(instances: Instances, paths: OutputPaths) -> list[Path]:
    """Write `IMAGE_labels.ome.tif`: 0 is no object, k the k-th; of objects that overlap the smaller is on top.

    Raises:
        MissingExtra: hqsam[science] is not installed.
        ImageError: the stack cannot be read any more.
    """
    height, width = instances.image_size_hw
    with place_in_stack(instances) as place:
        pixels = StackLayout(sizes={"y": height, "x": width}, dtype=np.dtype(np.uint8))
        layout = pixels if place is None else place.stack.layout
        blocks = plane_blocks(instances, 0, 0, ROWS_AT_ONCE)
        return [write_ome_tiff_labels(paths.path("_labels.ome.tif"), layout, "yx", blocks)]
