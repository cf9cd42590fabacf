"""Small photos with true masks, drawn: shapes in textured colours before textured grounds."""

import cv2
import numpy as np

from hqsam.data.sample import Sample


def scene(seed: int, size: int = 96) -> Sample:
    """One to three ellipses and rectangles, each with its own colour and grain; thin spikes give them detail."""
    random = np.random.default_rng(seed)
    image = _textured(random.uniform(0, 110, 3), size, random)
    labels = np.zeros((size, size), np.uint16)
    for number in range(1, int(random.integers(2, 4))):
        mask = _shape(size, random)
        image[mask] = _textured(random.uniform(130, 255, 3), size, random)[mask]
        labels[mask] = number
    return Sample(image, labels, f"drawn/{seed}")


def _shape(size: int, random: np.random.Generator) -> np.ndarray:
    canvas = np.zeros((size, size), np.uint8)
    centre = tuple(int(value) for value in random.integers(size // 4, 3 * size // 4, 2))
    axes = tuple(int(value) for value in random.integers(size // 10, size // 4, 2))
    if random.random() < 0.5:
        cv2.ellipse(canvas, centre, axes, float(random.uniform(0, 180)), 0, 360, 1, -1)
    else:
        cv2.rectangle(canvas, np.subtract(centre, axes).tolist(), np.add(centre, axes).tolist(), 1, -1)
    for _ in range(4):
        angle, length = random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.45) * size
        tip = (int(centre[0] + length * np.cos(angle)), int(centre[1] + length * np.sin(angle)))
        cv2.line(canvas, centre, tip, 1, 2)
    return canvas.astype(bool)


def _textured(colour: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    return np.clip(colour + random.normal(0, 12, (size, size, 1)), 0, 255).astype(np.uint8)
