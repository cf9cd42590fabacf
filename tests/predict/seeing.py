"""An engine that sees: its logits are the brightness of the picture it was given, at the decoder's resolution.

So what a real model could know at best, it knows exactly, and what detail does to an edge can be computed.
"""

import cv2
import numpy as np
import torch

from hqsam.engines import EncodedImage, Engine, SelectedMasks
from hqsam.model.hq_sam import MaskPrediction
from hqsam.predict.segmenter import Segmenter
from hqsam.prompts import BOX_END, BOX_START
from tests.tiny import tiny_config


class SeeingEngine(Engine):
    """White on black is an object; of several, those in the box. Counts what it is asked."""

    def __init__(self) -> None:
        self.config, self.device = tiny_config(), torch.device("cpu")
        self.encoded_sizes: list[tuple[int, int]] = []
        self.asked: list = []

    def digest(self):
        return "seeing"

    def encode(self, images):
        self.encoded_sizes += [image.shape[:2] for image in images]
        return [self._seen(image) for image in images]

    def decode(self, image, prompts, source="sum", candidates=1):
        self.asked.append(prompts)
        logits = [
            self._within(image.tensors["cells"][0, 0], points, labels)
            for points, labels in zip(prompts.points, prompts.labels, strict=True)
        ]
        return MaskPrediction(
            torch.stack(logits)[:, None].repeat(1, candidates, 1, 1), torch.full((len(logits), candidates), 0.9)
        )

    def decode_selected(self, image, prompts, source, selection, least_score):
        """What lies under each first click, surely; nothing for a click on black."""
        cells, stride = image.tensors["cells"][0, 0], self.config.image_size / self.config.mask_size
        _, pieces = cv2.connectedComponents((cells > 0).numpy().astype(np.uint8))
        columns, rows = (prompts.points[:, 0].numpy() / stride).astype(int).clip(0, len(cells) - 1).T
        here = torch.from_numpy(pieces[rows, columns])
        kept = torch.nonzero(here)[:, 0]
        logits = torch.where(torch.from_numpy(pieces)[None] == here[kept, None, None], cells, torch.tensor(-5.0))
        return SelectedMasks(logits, torch.full((len(kept),), 0.95), kept, torch.ones(len(kept), dtype=torch.int64))

    def _seen(self, image):
        square = np.zeros((self.config.image_size, self.config.image_size), np.float32)
        square[: image.shape[0], : image.shape[1]] = image[..., 0] / 255
        cells = cv2.resize(square, (self.config.mask_size,) * 2, interpolation=cv2.INTER_AREA)
        return EncodedImage({"cells": torch.from_numpy(cells * 10 - 5)[None, None]})

    def _within(self, cells, points, labels):
        if not (labels == BOX_START).any():
            return cells
        stride = self.config.image_size / self.config.mask_size
        (x0, y0), (x1, y1) = (points[labels == label][0] / stride for label in (BOX_START, BOX_END))
        middles = torch.arange(len(cells)) + 0.5
        across, down = (middles > x0 - 1) & (middles < x1 + 1), (middles > y0 - 1) & (middles < y1 + 1)
        return torch.where(down[:, None] & across[None], cells, torch.tensor(-5.0))


def seeing_segmenter() -> tuple[Segmenter, SeeingEngine]:
    """A segmenter over it, and the engine to ask what it did."""
    engine = SeeingEngine()
    return Segmenter(engine), engine


def discs(size_hw, *circles):
    """A picture of white discs (x, y, radius) on black, and the mask of each."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    masks = [np.hypot(x - centre_x, y - centre_y) < radius for centre_x, centre_y, radius in circles]
    picture = np.where(np.logical_or.reduce(masks), np.uint8(255), np.uint8(0))
    return np.repeat(picture[..., None], 3, axis=2), masks
