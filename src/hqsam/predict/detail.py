"""Detail: what surrounds a mask is encoded again by itself, and merged along the edge, which follows the pixels then.

The model's logits are a quarter of its input's size, so that on a large image an edge can only be some pixels off. In a
crop the same number of logits lies closer together. The crop is asked with the same box and clicks, and with the mask
itself; its answer counts near the edge that is known, and not at all if it is about something else.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from hqsam.engines import Engine
from hqsam.geometry import clip_boxes
from hqsam.masks.boxes import box_of_mask
from hqsam.predict.crop_refiner import CropRefiner
from hqsam.predict.detail_crops import DetailCrop, crops_around_objects, tiles_along_edges
from hqsam.predict.multiscale_logits import MultiscaleLogits, cell_centres_in_image
from hqsam.predict.result import Segmentation

RgbImage = UInt8[np.ndarray, "height width 3"]

Progress = Callable[[int, int], None]
"""A function that is called with how many crops are done, and how many there are. It may raise, to stop."""

_FINER = 4
"""Tiles are encoded where they show an edge at least so much closer than the object's own crop does."""

_TILES_ACROSS = 8
"""Largest number of an object's tiles side by side: smaller parts of it could not be recognised."""


def add_detail(
    coarse: Segmentation,
    pixels: RgbImage,
    engine: Engine,
    progress: Progress | None = None,
) -> Segmentation:
    """Return the same masks with edges as fine as the image allows; those that gain nothing are as they were.

    Args:
        coarse: an answer for this image.
        pixels: the image.
        engine: whose answer it is.
        progress: called after each crop.
    """
    if not len(coarse):
        return coarse
    finer = dict(refine_each(coarse, pixels, engine, progress))
    rows = [finer[row] for row in range(len(coarse))]
    patches = tuple(row.patches[0] if row.patches else () for row in rows)
    logits = np.concatenate([row.logits for row in rows])
    return replace(coarse, logits=logits, patches=patches if any(patches) else ())


def refine_each(
    coarse: Segmentation,
    pixels: RgbImage,
    engine: Engine,
    progress: Progress | None = None,
) -> Iterator[tuple[int, Segmentation]]:
    """Yield each row's number, and that mask with finer edges, as soon as its last crop is done.

    Every row comes once, not in their order. Nothing of the image's size is held for those that are not asked for.
    """
    multiscale = {row: coarse.multiscale_logits(row) for row in range(len(coarse))}
    prompts = {row: coarse.prompts.select(coarse.prompt_index[row : row + 1]) for row in multiscale}
    crops = _plan(coarse, engine.config.image_size)
    last_crop = {row: number for number, crop in enumerate(crops) for row in crop.rows}
    for row in multiscale.keys() - last_crop.keys():
        yield row, coarse[row]
    for number, crop in enumerate(crops):
        known = {row: multiscale[row] for row in crop.rows}
        for row, patch in CropRefiner.encode(pixels, crop, engine).patches(known, prompts, coarse.source).items():
            multiscale[row] = multiscale[row].with_patch(patch)
        if progress is not None:
            progress(number + 1, len(crops))
        for row in crop.rows:
            if last_crop[row] == number:
                yield row, _with_multiscale(coarse[row], multiscale.pop(row))


def _plan(coarse: Segmentation, model_size: int) -> list[DetailCrop]:
    """Return crops of whole objects first, then along the edges of those that are still far from full resolution."""
    boxes = np.concatenate([_box_of(coarse, row) for row in range(len(coarse))])
    crops = crops_around_objects(boxes, coarse.image_size_hw, model_size)
    seen_at = np.full(len(coarse), float(max(coarse.image_size_hw)))
    for crop in crops:
        seen_at[list(crop.rows)] = max(crop.size_hw)
    return crops + _tiles(coarse, boxes, seen_at, model_size)


def _tiles(coarse: Segmentation, boxes: np.ndarray, seen_at: np.ndarray, model_size: int) -> list[DetailCrop]:
    """Return tiles of the image's own resolution, or of the largest objects a half of it, a quarter, ..."""
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    halvings = np.ceil(np.log2(np.maximum(1, longer / (_TILES_ACROSS * model_size)))).astype(int)
    sides = model_size << halvings
    worthwhile = (seen_at >= _FINER * sides) & (longer > 0)
    tiles = []
    for side in np.unique(sides[worthwhile]):
        edges = {int(row): _edge(coarse, int(row)) for row in np.flatnonzero(worthwhile & (sides == side))}
        tiles += tiles_along_edges(edges, coarse.image_size_hw, int(side))
    return tiles


def _box_of(coarse: Segmentation, row: int) -> Float[np.ndarray, "1 4"]:
    """Return the box around a mask, to a cell, and the box that it was prompted with; empty if the mask is."""
    boxes = [_box_of_cells(coarse, row)]
    if coarse.prompts.boxes is not None and boxes[0].any():
        boxes.append(coarse.prompts.boxes[coarse.prompt_index[row]][None])
    both = np.concatenate(boxes)
    return np.concatenate([both[:, :2].min(axis=0), both[:, 2:].max(axis=0)])[None]


def _box_of_cells(coarse: Segmentation, row: int) -> Float[np.ndarray, "1 4"]:
    frame, inside = coarse.prompts.frame, _inside_of(coarse, row)
    cell = frame.model_size / len(inside)
    return clip_boxes(frame.boxes_to_image(box_of_mask(inside)[None] * cell), frame.image_size_hw)


def _inside_of(coarse: Segmentation, row: int) -> Bool[np.ndarray, "mask_size mask_size"]:
    """Return the cells of the image, without the square's padding, that are inside a mask."""
    (x, y), (height, width) = cell_centres_in_image(coarse.prompts.frame, coarse.logits.shape[-1]), coarse.image_size_hw
    return (coarse.logits[row] > 0) & (x < width) & (y < height)


def _edge(coarse: Segmentation, row: int) -> Float[np.ndarray, "place 2"]:
    """Return places x, y in the image along a mask's outline: the cells on either side of it."""
    x, y = cell_centres_in_image(coarse.prompts.frame, coarse.logits.shape[-1])
    inside = _inside_of(coarse, row).astype(np.uint8)
    outline = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    height, width = coarse.image_size_hw
    outline &= (x < width) & (y < height)
    return np.stack([x[outline], y[outline]], axis=1).astype(np.float64)


def _with_multiscale(one: Segmentation, multiscale: MultiscaleLogits) -> Segmentation:
    """Return a mask with all that is known of it; its `logits` are the same, seen from further away."""
    if not multiscale.patches:
        return one
    logits = multiscale.sample(*cell_centres_in_image(multiscale.frame, len(multiscale.logits)))
    return replace(one, logits=logits[None], patches=(multiscale.patches,))
