"""Augmentation for a small model and few images: jitter, rotation, pasted objects, colours.

Every function takes a random generator, so that a batch is a pure function of its seed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hqsam.data.sample import Sample
from hqsam.masks.boxes import box_of_mask

_LEAST_AREA = 100
_LEAST_CROP = 64


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Probabilities and strengths of the changes."""

    scale: tuple[float, float] = (0.7, 2.0)
    """Range of the long side after jitter, relative to the model's image; uniform in its logarithm."""
    around: float = 0.0
    """Probability, among crops, of one around an object, as `detail` makes them."""
    margin: tuple[float, float] = (1.1, 3.0)
    """Range of such a crop's side relative to the object's longer side; uniform."""
    fit: float = 0.4
    """Probability of the whole image instead of a crop, scaled to fit, as at inference."""
    stretch: float = 1.2
    """Largest factor by which the aspect ratio changes."""
    turn: float = 0.3
    """Probability of a rotation, by up to `turn_by` degrees."""
    turn_by: float = 25.0
    flip: float = 0.5
    paste: float = 0.6
    """Probability of an object of another image being pasted in."""
    colour: float = 0.8
    gray: float = 0.05
    blur: float = 0.1


_MEAN_COLOUR = (124, 116, 104)
"""SAM's mean colour, which is zero after normalising, as padding is at inference; all but zero for `nano`, too."""


def augment(sample: Sample, other: Sample, size: int, config: AugmentConfig, random: np.random.Generator) -> Sample:
    """Return a jittered, rotated, flipped and recoloured sample, with an object of another one pasted in.

    Pixels outside of the image have the mean colour and the label 0.

    Args:
        sample: the image and its objects.
        other: where an object may be pasted from.
        size: side of the square that is returned, in pixels.
        config: what may change, and how often.
        random: all that is random comes from here.
    """
    sample = rotated(jitter(sample, size, config, random), config, random)
    if random.random() < config.paste:
        sample = paste(rotated(jitter(other, size, config, random), config, random), sample, random)
    if random.random() < config.flip:
        sample = Sample(sample.image[:, ::-1], sample.labels[:, ::-1], sample.name)
    image = recolour_all_but_padding(sample.image, config, random)
    return Sample(image, np.ascontiguousarray(sample.labels), sample.name)


def jitter(sample: Sample, size: int, config: AugmentConfig, random: np.random.Generator) -> Sample:
    """Return a sample after large-scale jitter: scaled, then cropped or padded to size x size (Ghiasi et al., 2021)."""
    fits = random.random() < config.fit
    if not fits and random.random() < config.around:
        sample, fits = crop_around_object(sample, config, random), True
    height, width = sample.labels.shape
    scale = 1.0 if fits else float(np.exp(random.uniform(*np.log(config.scale))))
    stretch = 1.0 if fits else float(np.exp(random.uniform(-1, 1) * np.log(config.stretch)))
    factor = scale * size / max(height, width)
    size_wh = (max(8, round(width * factor * stretch)), max(8, round(height * factor / stretch)))
    shrinks = size_wh[0] < width
    image = cv2.resize(sample.image, size_wh, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    labels = cv2.resize(sample.labels, size_wh, interpolation=cv2.INTER_NEAREST_EXACT)
    x, y = (0 if fits else int(random.integers(0, max(1, side - size + 1))) for side in size_wh)
    image, labels = image[y : y + size, x : x + size], labels[y : y + size, x : x + size]
    pad = ((0, size - labels.shape[0]), (0, size - labels.shape[1]))
    return Sample(_pad_with_mean(image, pad), np.pad(labels, pad), sample.name)


def crop_around_object(sample: Sample, config: AugmentConfig, random: np.random.Generator) -> Sample:
    """Return a square around one of a sample's objects, as far as the image reaches; or the sample, if it has none."""
    ids = [number for number, area in sample.areas.items() if area >= _LEAST_AREA]
    if not ids:
        return sample
    mask = sample.mask(ids[int(random.integers(len(ids)))])
    x0, y0, x1, y1 = (int(value) for value in box_of_mask(mask))
    side = max(_LEAST_CROP, max(x1 - x0, y1 - y0) * random.uniform(*config.margin))
    spare = (side - np.array([x1 - x0, y1 - y0])) / 2
    centre = np.array([x0 + x1, y0 + y1]) / 2 + random.uniform(-1, 1, 2) * np.maximum(spare, 0) * 0.7
    left, top = (max(0, int(at - side / 2)) for at in centre)
    right, bottom = (int(at + side / 2) + 1 for at in centre)
    part = np.s_[top:bottom, left:right]
    return Sample(sample.image[part], sample.labels[part], sample.name)


def rotated(sample: Sample, config: AugmentConfig, random: np.random.Generator) -> Sample:
    """Return a sample rotated about its centre, with probability `config.turn`; else the sample itself."""
    if random.random() >= config.turn:
        return sample
    height, width = sample.labels.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-1, 1) * config.turn_by, 1.0)
    image = cv2.warpAffine(sample.image, turn, (width, height), borderValue=_MEAN_COLOUR)
    labels = cv2.warpAffine(sample.labels, turn, (width, height), flags=cv2.INTER_NEAREST)
    return Sample(image, labels, sample.name)


def _pad_with_mean(image: np.ndarray, pad: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    padded = np.empty((image.shape[0] + pad[0][1], image.shape[1] + pad[1][1], 3), np.uint8)
    padded[:] = _MEAN_COLOUR
    padded[: image.shape[0], : image.shape[1]] = image
    return padded


def paste(source: Sample, onto: Sample, random: np.random.Generator) -> Sample:
    """Copy one object of a sample to a random place of another one, with a soft edge."""
    ids = [number for number in source.object_ids if 0.01 < (source.labels == number).mean() < 0.4]
    if not ids:
        return onto
    mask = source.labels == ids[int(random.integers(len(ids)))]
    shift = [int(random.integers(-side // 3, side // 3 + 1)) for side in mask.shape]
    mask, pixels = np.roll(mask, shift, (0, 1)), np.roll(source.image, shift, (0, 1))
    mask = _without_wrapped(mask, shift)
    if mask.sum() < 64:
        return onto
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0.7)[..., None]
    image = (pixels * alpha + onto.image * (1 - alpha)).astype(np.uint8)
    labels = np.where(mask, onto.labels.max() + 1, onto.labels).astype(np.uint16)
    return Sample(image, labels, onto.name)


def _without_wrapped(mask: np.ndarray, shift: list[int]) -> np.ndarray:
    mask = mask.copy()
    for axis, steps in enumerate(shift):
        wrapped = slice(0, steps) if steps >= 0 else slice(steps, None)
        mask[(slice(None),) * axis + (wrapped,)] = False
    return mask


def recolour_all_but_padding(
    image: UInt8[np.ndarray, "height width 3"], config: AugmentConfig, random: np.random.Generator
) -> UInt8[np.ndarray, "height width 3"]:
    """Return an image in other colours, as `recolour` makes them; padding keeps its own."""
    changed = recolour(image, config, random)
    changed[(image == _MEAN_COLOUR).all(axis=2)] = _MEAN_COLOUR
    return changed


def recolour(
    image: UInt8[np.ndarray, "height width 3"], config: AugmentConfig, random: np.random.Generator
) -> UInt8[np.ndarray, "height width 3"]:
    """Return an image with other brightness, contrast, saturation and tint, sometimes gray or blurred."""
    if random.random() < config.colour:
        gain = np.float32(random.uniform(0.7, 1.3)) * random.uniform(0.88, 1.12, 3).astype(np.float32)
        image = _saturate(image, float(random.uniform(0.6, 1.4)))
        image = np.clip((image - 116.0) * gain + 116.0 + random.uniform(-30, 30), 0, 255).astype(np.uint8)
    if random.random() < config.gray:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if random.random() < config.blur:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.5, 1.5)))
    return np.ascontiguousarray(image)


def _saturate(image: np.ndarray, amount: float) -> Float[np.ndarray, "height width 3"]:
    gray = image.mean(axis=2, keepdims=True, dtype=np.float32)
    return gray + (image - gray) * np.float32(amount)
