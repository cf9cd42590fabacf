"""Codes of positions and times by sines, and the rotations that stand for them in memory attention."""

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

_TEMPERATURE = 10_000.0


def sine_positions(channels: int, size_hw: tuple[int, int], device: torch.device) -> Float[Tensor, "token {channels}"]:
    """Return the code of each place of a grid, row by row: half of the channels for its row, half for its column.

    Places count from 1 and are scaled to 2 pi, sines and cosines take turns (DETR, Carion et al., 2020).
    """
    rows, columns = (
        2 * math.pi * torch.arange(1, n + 1, dtype=torch.float32, device=device) / (n + 1e-6) for n in size_hw
    )
    each = [
        torch.stack([phase[:, 0::2].sin(), phase[:, 1::2].cos()], dim=2).flatten(1)
        for phase in (axis[:, None] / _periods(channels // 2, device) for axis in (rows, columns))
    ]
    height, width = size_hw
    by_row, by_column = each[0][:, None].expand(-1, width, -1), each[1][None].expand(height, -1, -1)
    return torch.cat([by_row, by_column], dim=2).flatten(0, 1)


def sine_times(times: Float[Tensor, "*batch"], channels: int) -> Float[Tensor, "*batch {channels}"]:
    """Return the code of each time: sines, then cosines."""
    phase = times[..., None] / _periods(channels // 2, times.device)
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


def axial_rotations(
    channels: int, size_hw: tuple[int, int], device: torch.device
) -> Complex[Tensor, "token {channels}/2"]:
    """Return the rotation of each pair of channels at each place of a grid, row by row.

    The first half of the pairs turn by the column, the others by the row (axial RoPE, Heo et al., 2024).
    """
    speeds = _TEMPERATURE ** -(torch.arange(0, channels, 4, dtype=torch.float32, device=device) / channels)
    height, width = size_hw
    places = torch.arange(height * width, device=device)
    columns, rows = (places % width).float(), places.div(width, rounding_mode="floor").float()
    angles = torch.cat([torch.outer(columns, speeds), torch.outer(rows, speeds)], dim=1)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(
    tokens: Float[Tensor, "object token channel"], rotations: Complex[Tensor, "place pair"]
) -> Float[Tensor, "object token channel"]:
    """Turn neighbouring pairs of channels of tokens that are one grid, or several, one after the other."""
    pairs = torch.view_as_complex(tokens.float().unflatten(-1, (-1, 2)).contiguous())
    turned = pairs.unflatten(1, (-1, len(rotations))) * rotations
    return torch.view_as_real(turned).flatten(3).flatten(1, 2).to(tokens.dtype)


def _periods(channels: int, device: torch.device) -> Float[Tensor, "{channels}"]:
    steps = torch.arange(channels, dtype=torch.float32, device=device)
    return _TEMPERATURE ** (2 * torch.div(steps, 2, rounding_mode="floor") / channels)
