"""SAM's mask decoder: takes the image embedding, its positions, sparse prompt embeddings and extra tokens.

An extra token is the HQ token, for example; `HQSam.decode` makes masks of those.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hqsam.model.config import ModelConfig
from hqsam.model.layers import ChannelNorm, ConvBlock, Mlp, Upscale2x
from hqsam.model.two_way_transformer import TwoWayTransformer


class DecoderState(NamedTuple):
    """Tokens and image embedding after the transformer, and the predicted IoU of each mask, before any is made."""

    mask_tokens: Float[Tensor, "prompt mask channel"]
    extra_tokens: Float[Tensor, "prompt extra channel"]
    image_embedding: Float[Tensor, "prompt channel height width"]
    iou_predictions: Float[Tensor, "prompt mask"]
    object_scores: Float[Tensor, "prompt"] | None = None
    """Logits of the object's being in the image; None for decoders without them."""

    def select(self, prompts: Int[Tensor, "some"]) -> "DecoderState":
        """Return the rows of some prompts."""
        objects = None if self.object_scores is None else self.object_scores[prompts]
        tokens, extra_tokens, image, iou, _ = self
        return DecoderState(tokens[prompts], extra_tokens[prompts], image[prompts], iou[prompts], objects)


class MaskInputs(NamedTuple):
    """Tokens that become filters, and the upscaled embedding that the filters are applied to."""

    mask_tokens: Float[Tensor, "prompt mask channel"]
    extra_tokens: Float[Tensor, "prompt extra channel"]
    upscaled_embedding: Float[Tensor, "prompt pixel_channel height width"]
    iou_predictions: Float[Tensor, "prompt mask"]
    """Predicted IoU of each of SAM's masks: mask 0 for a clear prompt, the others for an ambiguous one."""
    object_scores: Float[Tensor, "prompt"] | None = None
    """Logits of the object's being in the image; None for decoders without them."""


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
        self.smooth = nn.Sequential(*(ConvBlock(width // 4) for _ in range(decoder.smoothing)))
        self.filters = nn.ModuleList(filter_head(width) for _ in range(masks))
        self.iou_head = Mlp([width] + [decoder.iou_width] * (decoder.iou_depth - 1) + [masks])
        self.bounded_iou, self.least_stability = decoder.bounded_iou, decoder.least_stability
        self.object_token = nn.Parameter(torch.randn(1, width)) if decoder.object_score else None
        self.object_head = Mlp([width, width, width, 1]) if decoder.object_score else None

    def forward(
        self,
        embedding: Float[Tensor, "prompt_or_1 channel height width"],
        positions: Float[Tensor, "1 channel height width"],
        prompt_tokens: Float[Tensor, "prompt point channel"],
        extra_tokens: Float[Tensor, "extra channel"],
        skips: tuple[Float[Tensor, "skip_rows _ _ _"], ...] = (),
    ) -> MaskInputs:
        """Run the transformer and upscale the embedding; `masks` makes masks of the result."""
        return self.mask_inputs(self.run_transformer(embedding, positions, prompt_tokens, extra_tokens), skips)

    def run_transformer(
        self,
        embedding: Float[Tensor, "prompt_or_1 channel height width"],
        positions: Float[Tensor, "1 channel height width"],
        prompt_tokens: Float[Tensor, "prompt point channel"],
        extra_tokens: Float[Tensor, "extra channel"],
    ) -> DecoderState:
        """Run the two-way transformer, and predict the IoU of each mask."""
        own = self.own_tokens(extra_tokens)
        prompts = prompt_tokens.shape[0]  # len() would fix their number in an exported graph
        tokens = torch.cat([own.expand(prompts, -1, -1), prompt_tokens], dim=1)
        tokens, image = self.transformer(tokens, _as_tokens(embedding), _as_tokens(positions))
        size_hw = embedding.shape[-2:]
        masks = len(self.mask_tokens)
        return DecoderState(
            mask_tokens=tokens[:, 1 : 1 + masks],
            extra_tokens=tokens[:, 1 + masks : 1 + masks + len(extra_tokens)],
            image_embedding=image.transpose(1, 2).unflatten(2, size_hw),
            iou_predictions=self.predicted_iou(tokens[:, 0]),
            object_scores=self.object_scores(tokens[:, len(own) - 1]),
        )

    def own_tokens(self, extra_tokens: Float[Tensor, "extra channel"]) -> Float[Tensor, "own channel"]:
        """Return the tokens before those of prompts: IoU, masks, extra ones and, where there is one, the object's."""
        # Attention does not see their order, so the object's need not come first, as it does in SAM 2's own code.
        last = [] if self.object_token is None else [self.object_token]
        return torch.cat([self.iou_token, self.mask_tokens, extra_tokens, *last])

    def predicted_iou(self, token: Float[Tensor, "prompt channel"]) -> Float[Tensor, "prompt mask"]:
        """Return the predicted IoU of each mask, of the IoU token."""
        found = self.iou_head(token)
        return found.sigmoid() if self.bounded_iou else found

    def object_scores(self, token: Float[Tensor, "prompt channel"]) -> Float[Tensor, "prompt"] | None:
        """Return the logit of the object's being in the image, of its token; None without such a head."""
        return None if self.object_head is None else self.object_head(token)[:, 0]

    def mask_inputs(self, state: DecoderState, skips: tuple[Float[Tensor, "skip_rows _ _ _"], ...] = ()) -> MaskInputs:
        """Upscale the image embedding to the resolution of masks, adding the image's skip features on the way."""
        upscaled = self.upscaled(state.image_embedding, skips)
        return MaskInputs(state.mask_tokens, state.extra_tokens, upscaled, state.iou_predictions, state.object_scores)

    def upscaled(
        self,
        embedding: Float[Tensor, "prompt channel height width"],
        skips: tuple[Float[Tensor, "skip_rows _ _ _"], ...],
    ) -> Float[Tensor, "prompt pixel_channel height_4 width_4"]:
        """Enlarge an image embedding four times."""
        first, norm, activation, second, last = self.upscale
        if not skips:
            return self.upscale(embedding)
        half = self.smooth(activation(norm(first(embedding) + skips[0])))
        return last(second(half) + skips[1])

    def masks(self, mask_inputs: MaskInputs, first: int, last: int) -> Float[Tensor, "prompt mask height width"]:
        """Return logits of SAM's masks `first` to `last`, both included; no others are computed."""
        filters = [self.filters[index](mask_inputs.mask_tokens[:, index]) for index in range(first, last + 1)]
        return apply_filters(torch.stack(filters, dim=1), mask_inputs.upscaled_embedding)


STABILITY_OFFSET = 0.05
"""Logits around 0 between which the area of a stable mask hardly changes."""


def steady_masks(
    logits: Float[Tensor, "prompt height width"], iou_predictions: Float[Tensor, "prompt mask"], least: float
) -> Int[Tensor, "prompt"]:
    """Return the number of the mask that answers each clear prompt: 0, or the best of the others if 0 is unstable.

    Args:
        logits: SAM's mask 0 of each prompt.
        iou_predictions: of mask 0 and of the others.
        least: a mask of lower stability gives way (SAM 2's `dynamic_multimask_via_stability`).
    """
    inner = (logits > STABILITY_OFFSET).flatten(1).sum(dim=1)
    outer = (logits > -STABILITY_OFFSET).flatten(1).sum(dim=1)
    stability = torch.where(outer > 0, inner / outer, 1.0)
    return torch.where(stability >= least, 0, 1 + iou_predictions[:, 1:].argmax(dim=1))


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
