"""SAM's prompt encoder: points and boxes become sparse embeddings, masks a dense one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hqsam.model.config import ModelConfig
from hqsam.model.layers import ChannelNorm
from hqsam.prompts import BOX_END, BOX_START, NEGATIVE, PADDING, POSITIVE

MASK_PIXELS = 4
"""Pixels of a mask prompt for each token of the image embedding, along one side."""

_SPREAD = 2.0
"""Standard deviation of a drawn click, in pixels of a mask prompt."""


@dataclass(frozen=True)
class PromptBatch:
    """N prompts for one image, or for N images, as tensors in the model's pixels.

    SAM was trained on clicks first, then one padding point if there is no box, then the two corners of the box.
    """

    points: Float[Tensor, "prompt point 2"]
    labels: Int[Tensor, "prompt point"]
    mask_logits: Float[Tensor, "prompt 1 mask_size mask_size"] | None = None
    has_mask: Bool[Tensor, "prompt"] | None = None
    """True for prompts with a mask; None: all have one, if `mask_logits` is given."""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def shape(self) -> tuple[int, bool, bool]:
        """Points per prompt, and where masks are: equal for prompts that can be decoded in one batch."""
        return self.points.shape[1], self.mask_logits is None, self.has_mask is None

    @classmethod
    def join(cls, batches: Sequence["PromptBatch"]) -> "PromptBatch":
        """Join prompts of one shape, in order."""
        points, labels = torch.cat([each.points for each in batches]), torch.cat([each.labels for each in batches])
        masks = [each.mask_logits for each in batches if each.mask_logits is not None]
        has_mask = [each.has_mask for each in batches if each.has_mask is not None]
        return cls(points, labels, torch.cat(masks) if masks else None, torch.cat(has_mask) if has_mask else None)

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> "PromptBatch":
        """Copy to a device and cast the masks. Points stay float32: bfloat16 cannot tell neighbouring pixels apart."""
        mask = None if self.mask_logits is None else self.mask_logits.to(device, dtype)
        has_mask = None if self.has_mask is None else self.has_mask.to(device)
        return PromptBatch(self.points.to(device), self.labels.to(device), mask, has_mask)


class PromptEncoder(nn.Module):
    """Turns clicks, boxes and masks into sparse and dense embeddings for the mask decoder (SAM, section 3)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, channels = config.width, config.mask_prompt_channels
        self.image_size, self.grid = config.image_size, config.embedding_size
        self.pad_boxes, self.mask_limit = config.pad_boxes, config.mask_prompt_limit
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.randn(2, width // 2))
        self.point_kinds = nn.Embedding(4, width)
        """Negative, positive, box start, box end."""
        self.padding = nn.Parameter(torch.randn(width))
        self.no_mask = nn.Parameter(torch.randn(width))
        self.mask_to_embedding = nn.Sequential(
            nn.Conv2d(1, channels // 4, 2, 2), ChannelNorm(channels // 4), nn.GELU(),
            nn.Conv2d(channels // 4, channels, 2, 2), ChannelNorm(channels), nn.GELU(),
            nn.Conv2d(channels, width, 1),
        )  # fmt: skip
        drawn = config.drawn_prompt_channels
        self.drawn_to_embedding = _drawing_layers(drawn, width) if drawn else None

    def sparse_embeddings(self, prompts: PromptBatch) -> Float[Tensor, "prompt point channel"]:
        """Return a token for each point: the code of its position plus that of its kind."""
        points = prompts.points + 0.5  # SAM was trained on pixel centres
        positions = self._fourier(points / self.image_size)
        is_padding = (prompts.labels == PADDING)[..., None]
        kinds = self.point_kinds(prompts.labels.clamp(min=0))
        found = torch.where(is_padding, self.padding, positions.to(kinds.dtype) + kinds)
        # All prompts of a batch have a box, or none has.
        if self.pad_boxes and prompts.labels.shape[1] and bool((prompts.labels == BOX_END).any(dim=1).all()):
            found = torch.cat([found, self.padding.expand(len(found), 1, -1)], dim=1)
        return found

    def dense_embedding(self, prompts: PromptBatch) -> Float[Tensor, "prompt_or_1 channel height_or_1 width_or_1"]:
        """Return what prompts add to the image embedding: masks, and where the model has layers for it, a drawing of
        points and boxes. Without either, it is one vector for all prompts and tokens."""
        embedded = self._mask_embedding(prompts)
        if self.drawn_to_embedding is None:
            return embedded
        drawing = draw_prompts(prompts, self.image_size, MASK_PIXELS * self.grid)
        return embedded + self.drawn_to_embedding(drawing.to(embedded.dtype))

    def _mask_embedding(self, prompts: PromptBatch) -> Float[Tensor, "prompt_or_1 channel height_or_1 width_or_1"]:
        without = self.no_mask[None, :, None, None]
        if prompts.mask_logits is None:
            return without
        logits, limit = prompts.mask_logits, self.mask_limit
        embedded = self.mask_to_embedding(logits.clamp(-limit, limit) if limit else logits)
        if prompts.has_mask is None:
            return embedded
        return torch.where(prompts.has_mask[:, None, None, None], embedded, without)

    def grid_positions(self, size_hw: tuple[int, int]) -> Float[Tensor, "1 channel height width"]:
        """Return the position code of each token of an image embedding that begins at the square's top left corner."""
        rows, columns = (
            (torch.arange(n, dtype=torch.float32, device=self.frequencies.device) + 0.5) / self.grid for n in size_hw
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return self._fourier(torch.stack([x, y], dim=-1)).permute(2, 0, 1)[None]

    def _fourier(self, unit: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch channel"]:
        """Return random Fourier features of positions in [0, 1] (SAM, appendix A)."""
        with torch.autocast(unit.device.type, enabled=False):  # bfloat16 would move points by pixels
            phase = 2 * math.pi * ((2 * unit - 1) @ self.frequencies.to(unit.dtype))
        return torch.cat([phase.sin(), phase.cos()], dim=-1)


def draw_prompts(prompts: PromptBatch, image_size: int, size: int) -> Float[Tensor, "prompt 3 {size} {size}"]:
    """Draw each prompt as an image: the share of each pixel that its box covers, and a spot for each click.

    Args:
        prompts: points in the model's pixels.
        image_size: side of the model's square, in its pixels.
        size: side of the drawing, in its own.

    Returns:
        Three channels between 0 and 1: the box, the clicks on the object, those beside it.
    """
    at = (prompts.points.float() + 0.5) * (size / image_size)
    kind = prompts.labels[..., None]
    start, end = ((at * (kind == corner)).sum(dim=1) for corner in (BOX_START, BOX_END))
    edges = torch.arange(size + 1, dtype=torch.float32, device=at.device)
    inside = torch.minimum(end[..., None], edges[1:]) - torch.maximum(start[..., None], edges[:-1])
    columns, rows = inside.clamp(0, 1).unbind(dim=1)
    drawn = [rows[:, :, None] * columns[:, None, :]]
    nothing = torch.zeros_like(drawn[0])[:, None]  # where there are no points: a condition would be lost in a graph
    centres = edges[:-1] + 0.5
    for label in (POSITIVE, NEGATIVE):
        spots = torch.exp(-(((at[..., None] - centres) / _SPREAD).square()) / 2) * (kind == label)[..., None]
        columns, rows = spots.unbind(dim=2)
        spot = rows[..., :, None] * columns[..., None, :]
        drawn.append(torch.cat([spot, nothing], dim=1).amax(dim=1))
    return torch.stack(drawn, dim=1)


def _drawing_layers(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, channels // 2, 2, 2), ChannelNorm(channels // 2), nn.GELU(),
        nn.Conv2d(channels // 2, channels, 2, 2), ChannelNorm(channels), nn.GELU(),
        nn.Conv2d(channels, width, 1),
    )  # fmt: skip
