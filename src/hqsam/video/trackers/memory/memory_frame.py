"""A frame as the models with a memory see it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from hqsam.engines import EncodedImage, Engine
from hqsam.geometry import Frame
from hqsam.predict.session import Session

_GIVEN = 10.0
"""Logits of a mask that was given are this inside, and minus this outside."""


@dataclass(frozen=True, eq=False)
class MemoryFrame:
    """An encoded frame."""

    index: int
    session: Session

    @property
    def encoded(self) -> EncodedImage:
        """The frame alone, as an engine keeps it."""
        return self.session.encoded

    @property
    def nbytes(self) -> int:
        """Memory that it takes, in bytes."""
        return self.encoded.nbytes

    def masks(self, logits: Float[Tensor, "object h w"]) -> Bool[np.ndarray, "object height width"]:
        """Return masks of the frame's size."""
        return self.session.frame.masks_in_image(logits).numpy()

    def square_mask(self, mask: Bool[np.ndarray, "height width"]) -> Float[Tensor, "1 side side"]:
        """Return a mask that was given in the model's square: 0 or 1, resized as in SAM 2."""
        side = self.session.engine.config.image_size
        given = torch.from_numpy(np.array(mask, np.float32))[None, None]
        resized = F.interpolate(given, (side, side), mode="bilinear", align_corners=False, antialias=True)
        return (resized[0] >= 0.5).float()

    def logits_of_mask(self, square: Float[Tensor, "1 side side"]) -> Float[Tensor, "1 h w"]:
        """Return a mask in the model's square as the decoder would give it, from -10 to 10."""
        size = self.session.engine.config.mask_size
        logits = (square * 2 - 1)[None] * _GIVEN
        return F.interpolate(logits, (size, size), mode="bilinear", align_corners=False, antialias=True)[0]


def encode_frame(pixels: UInt8[np.ndarray, "height width 3"], index: int, engine: Engine) -> MemoryFrame:
    """Encode a frame. It is resized to the square by PIL's bicubic on bytes, as SAM 2 does with videos alone."""
    config = engine.config
    frame = Frame((pixels.shape[0], pixels.shape[1]), config.image_size, config.fit)
    height, width = frame.resized_hw
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
    [encoded] = engine.encode([resized])
    return MemoryFrame(index, Session(frame, encoded, engine, f"frame {index}"))
