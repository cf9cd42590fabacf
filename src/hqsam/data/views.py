"""Views: augmented square crops of samples with some of their objects, and the prompts for them."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from hqsam.data.augment import augment
from hqsam.data.jitter import JitterConfig, can_be_seen, place_object
from hqsam.data.prompting import CLICKS, Prompt, first_prompt, paper_prompt
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.prompts import PADDING


class View(NamedTuple):
    """A square image and some of its objects, none of them empty."""

    image: UInt8[np.ndarray, "size size 3"]
    masks: UInt8[np.ndarray, "object size size"]
    """Share of each pixel that the object covers, 0 to 255."""


class ViewPrompts(NamedTuple):
    """Prompts for the objects of a view, in the view's pixels, and their ground truth."""

    truth: UInt8[np.ndarray, "object truth_size truth_size"]
    """Share of each pixel that the object covers, 0 to 255."""
    points: Float[np.ndarray, "object token 2"]
    labels: Int64[np.ndarray, "object token"]
    tokens: Int64[np.ndarray, "object"]
    """Number of each object's points that count; those after them are padding."""
    mask_prompt: Float[np.ndarray, "object 1 mask_size mask_size"] | None
    has_mask: Bool[np.ndarray, "object"] | None


def augmented_view(sample: Sample, other: Sample, config: SamplingConfig, random: np.random.Generator) -> View | None:
    """Return an augmented view of a sample; None if none of its objects is left.

    `other` is a sample that an object may be pasted from. The paper's jitter wants none, and always shows something.
    """
    if isinstance(config.augment, JitterConfig):
        return jittered_view(_united(sample, config, random), config, config.augment, random)
    changed = augment(_united(sample, config, random), other, config.size, config.augment, random)
    ids = [number for number, area in changed.areas.items() if area >= config.smallest * changed.labels.size]
    if not ids:
        return None
    chosen = [ids[int(random.integers(len(ids)))] for _ in range(config.objects)]
    return View(changed.image, np.stack([changed.mask(number) * np.uint8(255) for number in chosen]))


def jittered_view(
    sample: Sample, config: SamplingConfig, jitter: JitterConfig, random: np.random.Generator
) -> View | None:
    """Return a view in which one object is visible, and others where they are; None if the sample has no objects."""
    ids = _large_enough(sample, config.smallest)
    if not ids:
        return None
    first, *others = [ids[int(random.integers(len(ids)))] for _ in range(config.objects)]
    placement, mask = place_object(sample.mask(first), config.size, jitter, random)
    masks = [placement.of_mask(sample.mask(number)) for number in others]
    masks = [mask, *(each if can_be_seen(each) else mask for each in masks)]
    return View(placement.of_image(sample.image), np.stack(masks))


def add_prompts(
    view: View, config: SamplingConfig, random: np.random.Generator, alike: np.random.Generator | None = None
) -> ViewPrompts:
    """Draw a prompt for each object of a view, which may be done again and again for one view.

    `alike` draws what the views of a step have in common.
    """
    truth = np.stack([_shrunk(mask, config.size // config.truth_stride) for mask in view.masks])
    coverages, mask_size = (mask / np.float32(255) for mask in view.masks), config.size // config.stride
    if config.prompts == "paper":
        prompts = [paper_prompt(coverage, mask_size, random) for coverage in coverages]
        return ViewPrompts(truth, *_filled_up(prompts, CLICKS + 1), *_mask_prompts(prompts, mask_size))
    clicks, boxes = config.first.clicks(alike or random), config.first.box
    prompts = [first_prompt(coverage, mask_size, clicks, boxes, random) for coverage in coverages]
    masks = _mask_prompts(prompts, mask_size) if config.first.mask else (None, None)
    return ViewPrompts(truth, *_filled_up(prompts, 1 + config.first.most_clicks), *masks)


def _united(sample: Sample, config: SamplingConfig, random: np.random.Generator) -> Sample:
    if random.random() < dict(config.unions).get(sample.name.split("/")[0], 0):
        return Sample(sample.image, (sample.labels > 0).astype(np.uint16), sample.name)
    return sample


def _large_enough(sample: Sample, smallest: float) -> list[int]:
    areas = sample.areas
    least = min(smallest * sample.labels.size, max(areas.values(), default=0))
    return [number for number, area in areas.items() if area >= least]


def _shrunk(mask: np.ndarray, size: int) -> np.ndarray:
    return mask if len(mask) == size else cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)


def _filled_up(prompts: list[Prompt], most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points and labels filled up to one length, and how many of each count."""
    points = np.zeros((len(prompts), most, 2), np.float32)
    labels = np.full((len(prompts), most), PADDING, np.int64)
    tokens = np.array([len(prompt.labels) for prompt in prompts])
    for row, prompt in enumerate(prompts):
        points[row, : tokens[row]], labels[row, : tokens[row]] = prompt.points, prompt.labels
    return points, labels, tokens


def _mask_prompts(prompts: list[Prompt], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mask prompts, zeros where there is none, and which prompts have one."""
    nothing = np.zeros((size, size), np.float32)
    masks = np.stack([nothing if prompt.mask is None else prompt.mask for prompt in prompts])
    return masks[:, None], np.array([prompt.mask is not None for prompt in prompts])
