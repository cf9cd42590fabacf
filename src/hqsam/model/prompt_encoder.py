"""SAM's prompt encoder: points and boxes become sparse embeddings, masks a dense one."""

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
        """Return a token for each point: the code of its position plus that of its kind."""
        points = prompts.points + 0.5  # SAM was trained on pixel centres
        positions = self._fourier(points / self.image_size)
        is_padding = (prompts.labels == PADDING)[..., None]
        kinds = self.point_kinds(prompts.labels.clamp(min=0))
        return torch.where(is_padding, self.padding, positions.to(kinds.dtype) + kinds)

    def dense_embedding(self, prompts: PromptBatch) -> Float[Tensor, "prompt_or_1 channel height_or_1 width_or_1"]:
        """Return what mask prompts add to the image embedding; without masks, one vector for all prompts and tokens."""
        without = self.no_mask[None, :, None, None]
        if prompts.mask_logits is None:
            return without
        embedded = self.mask_to_embedding(prompts.mask_logits)
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
        phase = 2 * math.pi * ((2 * unit - 1) @ self.frequencies.to(unit.dtype))
        return torch.cat([phase.sin(), phase.cos()], dim=-1)
