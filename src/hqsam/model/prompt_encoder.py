"""Prompts become tokens (points, boxes) and a picture (masks), in the decoder's width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hqsam.model.config import ModelConfig
from hqsam.model.layers import ChannelNorm
from hqsam.prompts import PADDING


@dataclass(frozen=True)
class PromptBatch:
    """N prompts for one image, or for N images, in the model's pixels.

    SAM was trained on clicks first, then one padding point if there is no box, then the two corners of the box.
    """

    points: Float[Tensor, "prompt point 2"]
    labels: Int[Tensor, "prompt point"]
    mask_logits: Float[Tensor, "prompt 1 mask_size mask_size"] | None = None
    has_mask: Bool[Tensor, "prompt"] | None = None
    """Which prompts carry a mask; None: all, if `mask_logits` is given."""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def shape(self) -> tuple[int, bool, bool]:
        """What prompts have in common that can be decoded in one batch: clicks and corners, and where masks are."""
        return self.points.shape[1], self.mask_logits is None, self.has_mask is None

    @classmethod
    def join(cls, batches: Sequence["PromptBatch"]) -> "PromptBatch":
        """Join prompts of one shape, in order."""
        points, labels = torch.cat([each.points for each in batches]), torch.cat([each.labels for each in batches])
        masks = [each.mask_logits for each in batches if each.mask_logits is not None]
        has_mask = [each.has_mask for each in batches if each.has_mask is not None]
        return cls(points, labels, torch.cat(masks) if masks else None, torch.cat(has_mask) if has_mask else None)

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> "PromptBatch":
        """A copy elsewhere. Points stay float32: bfloat16 cannot tell neighbouring pixels apart."""
        mask = None if self.mask_logits is None else self.mask_logits.to(device, dtype)
        has_mask = None if self.has_mask is None else self.has_mask.to(device)
        return PromptBatch(self.points.to(device), self.labels.to(device), mask, has_mask)


class PromptEncoder(nn.Module):
    """SAM's prompt encoder."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, channels = config.width, config.mask_prompt_channels
        self.image_size, self.grid = config.image_size, config.embedding_size
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

    def sparse_embeddings(self, prompts: PromptBatch) -> Float[Tensor, "prompt point channel"]:
        """One token for each point: where it is plus what it is."""
        points = prompts.points + 0.5  # SAM was trained on pixel centres
        where = self._fourier(points / self.image_size)
        is_padding = (prompts.labels == PADDING)[..., None]
        kinds = self.point_kinds(prompts.labels.clamp(min=0))
        return torch.where(is_padding, self.padding, where.to(kinds.dtype) + kinds)

    def dense_embedding(self, prompts: PromptBatch) -> Float[Tensor, "prompt_or_1 channel height_or_1 width_or_1"]:
        """What the mask prompts add to the image embedding. Without masks: one vector for every prompt and place."""
        nothing = self.no_mask[None, :, None, None]
        if prompts.mask_logits is None:
            return nothing
        embedded = self.mask_to_embedding(prompts.mask_logits)
        if prompts.has_mask is None:
            return embedded
        return torch.where(prompts.has_mask[:, None, None, None], embedded, nothing)

    def grid_positions(self, size_hw: tuple[int, int]) -> Float[Tensor, "1 channel height width"]:
        """The position code of each place of an image embedding, which fills the square or begins at its corner."""
        rows, columns = (
            (torch.arange(n, dtype=torch.float32, device=self.frequencies.device) + 0.5) / self.grid for n in size_hw
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return self._fourier(torch.stack([x, y], dim=-1)).permute(2, 0, 1)[None]

    def _fourier(self, unit: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch channel"]:
        """Random Fourier features of positions in [0, 1] (SAM, appendix A)."""
        phase = 2 * math.pi * ((2 * unit - 1) @ self.frequencies.to(unit.dtype))
        return torch.cat([phase.sin(), phase.cos()], dim=-1)
