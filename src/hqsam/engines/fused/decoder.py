"""SAM's decoder for inference: the same arithmetic, in an order that never projects the image.

A prompt has some eight tokens, the image 4,096. In attention between them the plain decoder
(`model/two_way_transformer.py`) projects each of these to a query, key and value, again for every prompt. But

    (W_q x) . (W_k y)  =  (W_k' W_q x) . y

so the projections can be moved to the few tokens, and what is left for the image are products with thin matrices of
tokens x heads rows. Likewise for values and outputs. The masks are made from pixels that stay in the order in which
the upscaling makes them, and the last 3x3 convolution of the HQ features becomes nine numbers per pixel, as only its
product with one filter is asked for. All of it is exact; `HQSam.decode` is the plain twin.

Tokens are computed in float32, where they cost little and decide much; the image's side in the engine's precision.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hqsam.engines.attention import CPU_OPS
from hqsam.engines.fused.attention import FusedTwoWayBlock, ImageTokens, TokenToImageAttention
from hqsam.engines.fused.upscaling import HqMaskHead, MaskUpscaling, SkipUpscaling
from hqsam.engines.inference import inference_copy
from hqsam.engines.kernels import Kernels
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.hq_sam import HQSam, fill_square
from hqsam.model.prompt_encoder import PromptBatch


class SharedImage(NamedTuple):
    """The decoder's input that all prompts of an image share."""

    embedding: Float[Tensor, "1 image_token channel"]
    """The image embedding, without the dense embedding of a mask."""
    hq_features: Float[Tensor, "1 pixel pixel_channel"] | None
    """The HQ features that depend on the image alone, row by row; None for plain SAM and HQ-SAM 2."""
    size_hw: tuple[int, int]
    """Rows and columns of image tokens."""
    skips: tuple[Float[Tensor, "1 _ _ _"], ...] = ()
    """Encoder features added to the embedding as the mask decoder upscales it (`ImageFeatures.skips`)."""


class DecoderState(NamedTuple):
    """Tokens and image after the transformer, and the predicted IoU of each mask, before any is made."""

    mask_tokens: Float[Tensor, "prompt mask channel"]
    hq_token: Float[Tensor, "prompt channel"] | None
    image_tokens: Float[Tensor, "prompt image_token channel"]
    iou_predictions: Float[Tensor, "prompt mask"]
    object_scores: Float[Tensor, "prompt"] | None = None


class FusedDecoder:
    """Decodes prompts to masks, with a copy of a model's float32 weights."""

    def __init__(self, model: HQSam, precision: torch.dtype, kernels: Kernels) -> None:
        self.config, self.precision, self.kernels = model.config, precision, kernels
        self.prompt_encoder = inference_copy(model.prompt_encoder).float()
        self.mask_decoder = inference_copy(model.mask_decoder).float()
        self.hq = inference_copy(model.hq).float() if model.hq else None
        set_attention_ops(self.mask_decoder, CPU_OPS)
        side = model.config.embedding_size
        positions = self.prompt_encoder.grid_positions((side, side))
        self.positions = positions.to(precision, memory_format=torch.channels_last)  # whole rows need no copy
        transformer = self.mask_decoder.transformer
        self.blocks = [FusedTwoWayBlock(block, precision, kernels) for block in transformer.blocks]
        self.final_attention = TokenToImageAttention(transformer.final_attention, precision, kernels)
        has_skips = model.config.encoder.has_skips
        upscaling = SkipUpscaling if has_skips else MaskUpscaling
        self.upscaling = upscaling(self.mask_decoder, precision, kernels)
        self.hq_head = HqMaskHead(self.hq, precision, kernels) if self.hq else None

    def share(self, final: Tensor, hq_features: Tensor | None, skips: tuple[Tensor, ...] = ()) -> SharedImage:
        """Lay out the encoder's features as the input that all prompts of the image share."""
        hq = None if hq_features is None else _as_tokens(hq_features).contiguous()
        size_hw = (final.shape[-2], final.shape[-1])
        return SharedImage(_as_tokens(final).contiguous(), hq, size_hw, skips)  # no copies, if they are channels-last

    def run_transformer(self, image: SharedImage, prompts: PromptBatch, with_hq: bool) -> DecoderState:
        """Run the two-way transformer, and predict the IoU of SAM's masks."""
        decoder = self.mask_decoder
        has_hq = with_hq and self.hq is not None
        own = decoder.own_tokens(self.hq.token if self.hq and has_hq else decoder.iou_token[:0])
        prompt_tokens = self.prompt_encoder.sparse_embeddings(prompts)
        start = torch.cat([own.expand(len(prompt_tokens), -1, -1), prompt_tokens], dim=1)
        positions = _tokens_within(self.positions, image.size_hw)
        embedding = self._with_masks(image, prompts)
        tokens, image_tokens = start, ImageTokens(embedding, embedding + positions)
        for index, block in enumerate(self.blocks):
            tokens, image_tokens = block(tokens, image_tokens, start, positions, first=index == 0)
        attended = self.final_attention(tokens + start, image_tokens)
        tokens = decoder.transformer.final_norm(tokens + attended)
        masks = len(decoder.mask_tokens)
        return DecoderState(
            mask_tokens=tokens[:, 1 : 1 + masks],
            hq_token=tokens[:, 1 + masks] if has_hq else None,
            image_tokens=image_tokens.tokens,
            iou_predictions=decoder.predicted_iou(tokens[:, 0]),
            object_scores=decoder.object_scores(tokens[:, len(own) - 1]),
        )

    def _with_masks(self, image: SharedImage, prompts: PromptBatch) -> Tensor:
        dense_embedding = _tokens_within(self.prompt_encoder.dense_embedding(prompts), image.size_hw)
        return image.embedding + dense_embedding.to(self.precision)

    def masks(
        self,
        image: SharedImage,
        state: DecoderState,
        with_hq: bool,
        prompt: Int[Tensor, "mask"],
        candidate: Int[Tensor, "mask"] | None = None,
    ) -> Float[Tensor, "mask height width"]:
        """Return logits of some masks.

        Args:
            image: the image.
            state: what `run_transformer` returned.
            with_hq: add the HQ mask.
            prompt: the prompt of each mask; those of one prompt, which follow each other, are made together.
            candidate: the number of each of SAM's masks; None: the HQ mask alone.
        """
        hq_filters = self.hq.filter(state.hq_token) if with_hq and self.hq else None
        filters = self._filters(state, prompt, candidate)
        height, width = image.size_hw
        logits = torch.empty(len(prompt), 4 * height, 4 * width, dtype=torch.float32)
        # One by one: a prompt's pixels fit into the processor's cache, those of a batch do not.
        for number, masks in _runs(prompt):
            tokens, as_image = state.image_tokens[number], hq_filters is not None
            made, pixels = self.upscaling(tokens, image.size_hw, filters[masks], as_image, image.skips)
            if hq_filters is None or pixels is None:
                logits[masks] = made
            else:
                hq_mask = self._hq_mask(image, pixels, hq_filters[number])
                logits[masks] = hq_mask if candidate is None else made + hq_mask
        return fill_square(logits, self.config)

    def _filters(self, state: DecoderState, prompt: Tensor, candidate: Tensor | None) -> Tensor:
        """Return a filter [channel] for each mask, or none without candidates; only heads in use are computed."""
        if candidate is None:
            return state.mask_tokens.new_empty(0, self.config.width // 8)
        filters = state.mask_tokens.new_empty(len(prompt), self.config.width // 8)
        for index, head in enumerate(self.mask_decoder.filters):
            [rows] = (candidate == index).nonzero(as_tuple=True)
            if len(rows):
                filters[rows] = head(state.mask_tokens[prompt[rows], index])
        return filters

    def _hq_mask(self, image: SharedImage, pixels: Tensor, filters: Tensor) -> Float[Tensor, "height width"]:
        assert self.hq_head
        if image.hq_features is None:  # HQ-SAM 2 fuses none of the encoder's
            mask = torch.zeros(pixels.shape[-2:], dtype=torch.float32)
        else:
            mask = self.kernels.apply_filter(image.hq_features[0], filters).view(pixels.shape[-2:])
        self.hq_head.add(pixels, filters, onto=mask)
        return mask


def _runs(prompt: Int[Tensor, "mask"]) -> Iterator[tuple[int, slice]]:
    """Yield the number of each prompt, and the slice of its masks."""
    numbers, counts = torch.unique_consecutive(prompt, return_counts=True)
    ends = counts.cumsum(0).tolist()
    for number, count, end in zip(numbers.tolist(), counts.tolist(), ends, strict=True):
        yield number, slice(end - count, end)


def _tokens_within(grid: Float[Tensor, "batch channel _ _"], size_hw: tuple[int, int]) -> Tensor:
    """Return the tokens of the square, row by row, that an image fills; a grid of one token stands for all."""
    return _as_tokens(grid[..., : size_hw[0], : size_hw[1]]).contiguous()


def _as_tokens(grid: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch token channel"]:
    return grid.flatten(2).transpose(1, 2)
