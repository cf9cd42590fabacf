"""The gallery of a report: the worst and best objects, and those in which HQ-SAM differs most from SAM."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from hqsam.evaluation.record import Column, PredictionRecord, SampleRecord, TargetRecord
from hqsam.evaluation.reports.summary import Summary
from hqsam.evaluation.samples import EvaluationSample
from hqsam.images.canvas import Canvas
from hqsam.images.overlay import overlay
from hqsam.images.palette import OBJECTS, WHITE
from hqsam.images.reading import read_image
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.rle import decode
from hqsam.masks.windows import Window

RIGHT, MISSING, SURPLUS = OBJECTS[0], OBJECTS[1], OBJECTS[2]
"""Colours of pixels in both masks, in the ground truth alone, and in the prediction alone: blue, orange and pink."""
SIDE = 300
"""Long side of a panel, in pixels."""
_LEAST_HALF, _FLATTEST = 24, 1.6
"""Half a window's least side in the image's pixels, and its largest ratio of sides."""
Pixels = UInt8[np.ndarray, "_ _ 3"]
Mask = Bool[np.ndarray, "_ _"]


@dataclass(frozen=True)
class GalleryItem:
    """An object and its scores."""

    sample: str
    target: str
    ious: dict[Column, tuple[float, float]]
    """IoU and boundary IoU in every column that is shown."""


@dataclass(frozen=True)
class GallerySection:
    """Some objects under one heading."""

    title: str
    items: list[GalleryItem]


@dataclass(frozen=True, eq=False)
class Panel:
    """One image of a gallery: an object with one mask."""

    pixels: Pixels
    column: Column | None
    """The column of the mask; None for the ground truth."""


def gallery_sections(summary: Summary, each: int = 6) -> list[GallerySection]:
    """Return the worst and best objects of the first column that is not SAM's, and its largest gains and losses beside
    SAM."""
    columns = [one.column for one in summary.columns if str(one.column) in summary.objects.values]
    if not columns:
        return []
    ours = next((column for column in columns if column.source != "sam"), columns[0])
    sam = Column("sam", ours.prompt)
    shown = [column for column in (sam, ours) if column in columns]
    items = _items(summary, list(dict.fromkeys(shown)))
    by_iou = sorted(items, key=lambda one: one.ious[ours][0])
    some = min(each, max(1, len(by_iou) // 2))
    sections = [
        GallerySection(f"Worst by {ours}", _some(by_iou, some)),
        GallerySection(f"Best by {ours}", _some(by_iou[::-1], some)),
    ]
    if sam in shown and sam != ours:
        by_gain = sorted(items, key=lambda one: one.ious[sam][0] - one.ious[ours][0])
        gains = [one for one in by_gain if one.ious[ours][0] > one.ious[sam][0]]
        losses = [one for one in by_gain[::-1] if one.ious[ours][0] < one.ious[sam][0]]
        sections.append(GallerySection(f"Where {ours.source} gains most beside sam", _some(gains, each - 2)))
        sections.append(GallerySection("Where it loses most", _some(losses, each - 2)))
    return [section for section in sections if section.items]


def panels(item: GalleryItem, sample: EvaluationSample, record: SampleRecord) -> list[Panel]:
    """Return panels of an object: its ground truth, and each prediction with what is right, missing and too much.

    Raises:
        ImageError: the photo cannot be read any more.
        DataError: its masks cannot.
    """
    truth = next(target.truth for target in sample.targets() if target.name == item.target)
    assert truth is not None, "only what has a true mask was measured"
    pixels = read_image(sample.image)
    target = next(one for one in record.targets if one.target == item.target)
    masks = {column: decode(_answer(target, column).rle) for column in item.ious}
    window = _window(np.logical_or.reduce([truth, *masks.values()]))
    photo = _scaled(pixels[window])
    true_one = _scaled_mask(truth[window], photo)
    shown = [Panel(overlay(photo, [true_one], colours=[WHITE], opacity=0.0), None)]
    for column, mask in masks.items():
        shown.append(Panel(_compared(photo, _scaled_mask(mask[window], photo), true_one), column))
    return shown


def _items(summary: Summary, columns: Sequence[Column]) -> list[GalleryItem]:
    values: Mapping[Column, Sequence[tuple[float, float] | None]] = {
        column: summary.objects.values[str(column)] for column in columns
    }
    found = []
    for number, (sample, target) in enumerate(summary.objects.names):
        ious = {column: its for column in columns if (its := values[column][number]) is not None}
        if len(ious) == len(columns):
            found.append(GalleryItem(sample, target, ious))
    return found


def _some(items: Sequence[GalleryItem], count: int) -> list[GalleryItem]:
    """Return the first object of each image, at most `count`."""
    first_of = {one.sample: one for one in reversed(items)}
    return [one for one in items if first_of[one.sample] is one][:count]


def _answer(target: TargetRecord, column: Column) -> PredictionRecord:
    return next(answer for answer in target.answers if answer.column == column)


def _window(mask: Mask) -> Window:
    """Return the window around a mask: neither too narrow for what is small, nor too flat for what is long."""
    starts, ends = box_of_mask(mask).reshape(2, 2)
    size = np.array(mask.shape[::-1])
    half = np.maximum((ends - starts) * 0.65, _LEAST_HALF)
    half, centre = np.maximum(half, half.max() / _FLATTEST), (starts + ends) / 2
    x0, y0 = np.clip(np.floor(centre - half), 0, size).astype(int)
    x1, y1 = np.clip(np.ceil(centre + half), 0, size).astype(int)
    return slice(y0, y1), slice(x0, x1)


def _scaled(pixels: Pixels) -> Pixels:
    scale = SIDE / max(pixels.shape[:2])
    size_wh = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _scaled_mask(mask: Mask, photo: Pixels) -> Mask:
    return cv2.resize(mask.astype(np.float32), photo.shape[1::-1], interpolation=cv2.INTER_AREA) >= 0.5


def _compared(photo: Pixels, mask: Mask, truth: Mask) -> Pixels:
    canvas = Canvas((photo * 0.55 + photo.mean(axis=2, keepdims=True) * 0.35).astype(np.uint8))
    for region, colour, share in (
        (mask & truth, RIGHT, 0.5),
        (truth & ~mask, MISSING, 0.8),
        (mask & ~truth, SURPLUS, 0.8),
    ):
        canvas.paint(colour, region * share)
    return canvas.image()
