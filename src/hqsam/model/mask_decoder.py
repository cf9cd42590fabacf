"""SAM's mask decoder: takes the image embedding, its positions, sparse prompt embeddings and extra tokens.

An extra token is the HQ token, for example; `HQSam.decode` makes masks of those.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hqsam.model.config import ModelConfig
from hqsam.model.layers import ChannelNorm, Mlp, Upscale2x
from hqsam.model.two_way_transformer import TwoWayTransformer


class DecoderState(NamedTuple):
    """Tokens and image embedding after the transformer, and the predicted IoU of each mask, before any is made."""

    mask_tokens: Float[Tensor, "prompt mask channel"]
    extra_tokens: Float[Tensor, "prompt extra channel"]
    image_embedding: Float[Tensor, "prompt channel height width"]
    iou_predictions: Float[Tensor, "prompt mask"]

    def select(self, prompts: Int[Tensor, "some"]) -> "DecoderState":
        """Return the rows of some prompts."""
        return DecoderState(*(part[prompts] for part in self))


class MaskInputs(NamedTuple):
    """Tokens that become filters, and the upscaled embedding that the filters are applied to."""

    mask_tokens: Float[Tensor, "prompt mask channel"]
    extra_tokens: Float[Tensor, "prompt extra channel"]
    upscaled_embedding: Float[Tensor, "prompt pixel_channel height width"]
    iou_predictions: Float[Tensor, "prompt mask"]
    """Predicted IoU of each of SAM's masks: mask 0 for a clear prompt, the others for an ambiguous one."""


class MaskDecoder(nn.Module):
    """Decodes an image embedding and prompt tokens to masks (SAM, appendix A)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, decoder = config.width, config.decoder
        masks = 1 + decoder.candidates
        self.iou_token = nn.Parameter(torch.randn(1, width))
        self.mask_tokens = nn.Parameter(torch.randn(masks, width))
        self.transformer = TwoWayTransformer(width, decoder)
        self.upscale = nn.Sequential(
            Upscale2x(width, width // 4), ChannelNorm(width // 4), nn.GELU(),
            Upscale2x(width // 4, width // 8), nn.GELU(),
        )  # fmt: skip
        self.filters = nn.ModuleList(filter_head(width) for _ in range(masks))
        self.iou_head = Mlp([width] + [decoder.iou_width] * (decoder.iou_depth - 1) + [masks])

    def forward(
        self,
        embedding: Float[Tensor, "prompt_or_1 channel height width"],
        positions: Float[Tensor, "1 channel height width"],
        prompt_tokens: Float[Tensor, "prompt point channel"],
        extra_tokens: Float[Tensor, "extra channel"],
    ) -> MaskInputs:
        """Run the transformer and upscale the embedding; `masks` makes masks of the result."""
        return self.mask_inputs(self.run_transformer(embedding, positions, prompt_tokens, extra_tokens))

    def run_transformer(
        self,
        embedding: Float[Tensor, "prompt_or_1 channel height width"],
        positions: Float[Tensor, "1 channel height width"],
        prompt_tokens: Float[Tensor, "prompt point channel"],
        extra_tokens: Float[Tensor, "extra channel"],
    ) -> DecoderState:
        """Run the two-way transformer, and predict the IoU of each mask."""
        own = torch.cat([self.iou_token, self.mask_tokens, extra_tokens])
        tokens = torch.cat([own.expand(len(prompt_tokens), -1, -1), prompt_tokens], dim=1)
        tokens, image = self.transformer(tokens, _as_tokens(embedding), _as_tokens(positions))
        size_hw = embedding.shape[-2:]
        masks = len(self.mask_tokens)
        return DecoderState(
            mask_tokens=tokens[:, 1 : 1 + masks],
            extra_tokens=tokens[:, 1 + masks : len(own)],
            image_embedding=image.transpose(1, 2).unflatten(2, size_hw),
            iou_predictions=self.iou_head(tokens[:, 0]),
        )

    def mask_inputs(self, state: DecoderState) -> MaskInputs:
        """Upscale the image embedding to the resolution of masks."""
        return MaskInputs(
            state.mask_tokens, state.extra_tokens, self.upscale(state.image_embedding), state.iou_predictions
        )

    def masks(self, mask_inputs: MaskInputs, first: int, last: int) -> Float[Tensor, "prompt mask height width"]:
        """Return logits of SAM's masks `first` to `last`, both included; no others are computed."""
        filters = [self.filters[index](mask_inputs.mask_tokens[:, index]) for index in range(first, last + 1)]
        return apply_filters(torch.stack(filters, dim=1), mask_inputs.upscaled_embedding)


def filter_head(width: int) -> Mlp:
    """Return the head that turns a token into a filter over the upscaled embedding (SAM's hypernetwork MLP)."""
    return Mlp([width, width, width, width // 8])


def apply_filters(
    filters: Float[Tensor, "prompt mask channel"],
    pixels: Float[Tensor, "prompt_or_1 channel height width"],
) -> Float[Tensor, "prompt mask height width"]:
    """Return the product of each filter with every pixel: the logits of a mask."""
    # This way round, because pixels lie channels last, and so then do their gradients.
    return (pixels.flatten(2).mT @ filters.mT).mT.unflatten(2, pixels.shape[-2:])


def _as_tokens(grid: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch token channel"]:
    return grid.flatten(2).transpose(1, 2)
