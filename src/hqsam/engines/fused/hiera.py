"""Hiera's positions, made once: enlarging them takes a tenth of the time of an image, and always gives the same."""

import torch
from torch import nn

from hqsam.engines.kernels import Kernels
from hqsam.model.encoders.hiera.encoder import HieraEncoder


@torch.no_grad()
def fuse_hiera(encoder: nn.Module, image_size: int, kernels: Kernels | None) -> None:
    """Replace the map of positions and that of windows by their sum, at the image's size, in place and for good."""
    assert isinstance(encoder, HieraEncoder)
    trunk = encoder.trunk
    side = image_size // trunk.patches.stride[0]
    known = trunk.position_map((side, side))
    trunk.positions = nn.Parameter(known, requires_grad=False)
    trunk.positions_are_whole = True
