"""Small holes of masks, filled as the official video predictors do."""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_INSIDE = 0.1
"""Logit of a filled pixel."""


def fill_holes(logits: Float[Tensor, "h w"], area: int) -> Float[Tensor, "h w"]:
    """Return logits with each piece of the background of at most `area` pixels, of 8 neighbours, made inside."""
    outside = (logits <= 0).numpy().astype(np.uint8)
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(outside, connectivity=8)
    small = np.asarray(facts[:, cv2.CC_STAT_AREA]) <= area
    small[0] = False  # the object
    return torch.where(torch.from_numpy(small[np.asarray(pieces, np.int64)]), torch.tensor(_INSIDE), logits)
