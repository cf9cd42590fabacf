"""The image with its masks: drawn on it, or cut out of it as PNGs with transparency."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hqsam.formats.file_names import OutputPaths
from hqsam.formats.files import write_png
from hqsam.images.cutout import cutout
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.label_map_overlay import label_map_overlay
from hqsam.images.overlay import overlay
from hqsam.masks.instances import Instances
from hqsam.masks.lazy_masks import LazyMasks
from hqsam.masks.runs import runs_from_rle

Image = UInt8[np.ndarray, "height width 3"]

_FEW = 6
"""Largest number of masks drawn one by one: with more, colours that shine through each other cannot be told apart."""


def write_overlay(instances: Instances, paths: OutputPaths, image: Image) -> list[Path]:
    """Write `IMAGE_overlay.png`: the image with masks and prompts drawn on it."""
    return [write_png(paths.path("_overlay.png"), draw(instances, image, instances.drawn_prompts()))]


def write_cutouts(instances: Instances, paths: OutputPaths, image: Image) -> list[Path]:
    """Write `IMAGE_cutout.png`, or `IMAGE_cutout_01.png`, `IMAGE_cutout_02.png`, ..., each as large as the image."""
    return [
        write_png(paths.mask_path("_cutout.png", row), cutout(image, instances.soft_alpha(row)))
        for row in range(len(instances))
    ]


def draw(instances: Instances, image: Image, prompts: DrawnPrompts | None) -> Image:
    """Draw masks, and prompts if any are given, over their image."""
    if len(instances) <= _FEW or prompts is not None:
        return overlay(image, LazyMasks(instances.rle, instances.image_size_hw), prompts)
    return label_map_overlay(image, [runs_from_rle(rle) for rle in instances.rle])
