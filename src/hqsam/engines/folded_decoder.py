"""SAM's decoder for inference: the same arithmetic, in an order that never projects the image.

A prompt has some eight tokens, the image 4,096 places. In attention between them the plain decoder
(`model/two_way_transformer.py`) projects every place to a query, key and value, for each prompt anew. But

    (W_q x) . (W_k y)  =  (W_k' W_q x) . y

so the projections can be moved to the few tokens, and what is left for the image are products with thin matrices of
tokens x heads rows. Likewise for values and outputs. The masks are made from pixels that stay in the order in which
the upscaling makes them, and the last 3x3 convolution of the HQ features becomes nine numbers per pixel, as only its
product with one filter is asked for. All of it is exact; `HQSam.decode` is the plain twin.

Tokens are computed in float32, where they cost little and decide much; the image's side in the engine's precision.
"""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.hq_features import HqPart
from hqsam.model.hq_sam import HQSam
from hqsam.model.layers import ChannelNorm, Upscale2x
from hqsam.model.mask_decoder import MaskDecoder
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.model.two_way_transformer import CrossAttention, TwoWayBlock


class SharedImage(NamedTuple):
    """What all prompts of an image start from."""

    embedding: Float[Tensor, "1 place channel"]
    """The image embedding, with nothing added for a mask."""
    hq_pixels: Float[Tensor, "1 pixel pixel_channel"] | None
    """The HQ features that depend on the image alone, row by row; None for plain SAM."""


class Attended(NamedTuple):
    """Tokens and image after the transformer, before any mask is made."""

    mask_tokens: Float[Tensor, "prompt mask channel"]
    hq_token: Float[Tensor, "prompt channel"] | None
    image: Float[Tensor, "prompt place channel"]
    iou: Float[Tensor, "prompt mask"]


class FoldedDecoder:
    """Prompts to masks, from a model's float32 weights."""

    def __init__(self, model: HQSam, precision: torch.dtype) -> None:
        self.config, self.precision = model.config, precision
        prompt_encoder, decoder, hq = copy.deepcopy((model.prompt_encoder, model.mask_decoder, model.hq))
        self.prompt_encoder, self.mask_decoder = prompt_encoder.float(), decoder.float()
        self.hq = hq.float() if hq else None
        side = model.config.embedding_size
        self.positions = _as_places(self.prompt_encoder.grid_positions((side, side))).to(precision).contiguous()
        transformer = self.mask_decoder.transformer
        self.blocks = [_FoldedBlock(block, precision) for block in transformer.blocks]
        self.final_attention = _LookAtImage(transformer.final_attention, precision)
        self.pixels = _Pixels(self.mask_decoder, side, precision)
        self.hq_pixels = _HqPixels(self.hq, precision) if self.hq else None

    def share(self, final: Tensor, hq_features: Tensor | None) -> SharedImage:
        """What an image's prompts have in common, from the encoder's answer."""
        hq = None if hq_features is None else _as_places(hq_features).contiguous()
        return SharedImage(_as_places(final).contiguous(), hq)  # no copies, if they are channels-last

    def attend(self, image: SharedImage, prompts: PromptBatch, with_hq: bool) -> Attended:
        """The two-way transformer, and the predicted IoU of SAM's masks."""
        decoder = self.mask_decoder
        guests = [self.hq.token] if with_hq and self.hq else []
        own = torch.cat([decoder.iou_token, decoder.mask_tokens, *guests])
        prompt_tokens = self.prompt_encoder.tokens(prompts)
        start = torch.cat([own.expand(len(prompt_tokens), -1, -1), prompt_tokens], dim=1)
        tokens, places = start, self._with_masks(image.embedding, prompts)
        for index, block in enumerate(self.blocks):
            tokens, places = block(tokens, places, start, self.positions, first=index == 0)
        looked = self.final_attention(tokens + start, places + self.positions, places)
        tokens = decoder.transformer.final_norm(tokens + looked)
        masks = len(decoder.mask_tokens)
        return Attended(
            mask_tokens=tokens[:, 1 : 1 + masks],
            hq_token=tokens[:, 1 + masks] if guests else None,
            image=places,
            iou=decoder.iou_head(tokens[:, 0]),
        )

    def _with_masks(self, embedding: Tensor, prompts: PromptBatch) -> Tensor:
        picture = _as_places(self.prompt_encoder.picture(prompts))
        return embedding + picture.to(self.precision)

    def masks(
        self,
        image: SharedImage,
        attended: Attended,
        with_hq: bool,
        prompt: Int[Tensor, "mask"],
        candidate: Int[Tensor, "mask"] | None = None,
    ) -> Float[Tensor, "mask height width"]:
        """Logits of chosen masks: SAM's candidates of some prompts, with the HQ mask added if asked; or it alone.

        Masks of one prompt should follow each other: its pixels are made once for all of them.
        """
        side = 4 * self.config.embedding_size
        hq_filters = self.hq.filter(attended.hq_token) if with_hq and self.hq else None
        filters = None if candidate is None else self._filters(attended, prompt, candidate)
        logits = torch.zeros(len(prompt), side, side)
        # One by one: a prompt's pixels fit into the processor's cache, those of a batch do not.
        for number, masks in _runs(prompt):
            pixels = self.pixels(attended.image[number])
            if filters is not None:
                logits[masks] += self.pixels.picture(filters[masks], pixels)
            if hq_filters is not None:
                logits[masks] += self._hq_mask(image, pixels, hq_filters[number])
        return logits

    def _filters(self, attended: Attended, prompt: Tensor, candidate: Tensor) -> Float[Tensor, "mask channel"]:
        """A filter for each mask; heads that nobody asks for are not computed."""
        filters = attended.mask_tokens.new_empty(len(prompt), self.config.width // 8)
        for index, head in enumerate(self.mask_decoder.filters):
            [rows] = (candidate == index).nonzero(as_tuple=True)
            if len(rows):
                filters[rows] = head(attended.mask_tokens[prompt[rows], index])
        return filters

    def _hq_mask(self, image: SharedImage, pixels: Tensor, filters: Tensor) -> Float[Tensor, "height width"]:
        assert self.hq_pixels and image.hq_pixels is not None
        moving = self.hq_pixels(self.pixels.channels_last(pixels), filters)
        still = image.hq_pixels[0] @ filters.to(self.precision)
        return moving + still.float().view(moving.shape)


class _FoldedBlock:
    """One block of the two-way transformer."""

    def __init__(self, block: nn.Module, precision: torch.dtype) -> None:
        assert isinstance(block, TwoWayBlock)
        self.block, self.precision = block, precision
        self.to_image = _LookAtImage(block.to_image, precision)
        self.from_image = _LookFromImage(block.from_image, precision)
        norm = block.from_image_norm
        self.norm = (norm.weight.to(precision), norm.bias.to(precision), norm.eps)

    def __call__(
        self, tokens: Tensor, places: Tensor, token_positions: Tensor, positions: Tensor, first: bool
    ) -> tuple[Tensor, Tensor]:
        block = self.block
        if first:
            tokens = block.self_norm(block.self_attention(tokens, tokens, tokens))
        else:
            placed = tokens + token_positions
            tokens = block.self_norm(tokens + block.self_attention(placed, placed, tokens))
        placed_image = places + positions
        tokens = block.to_image_norm(tokens + self.to_image(tokens + token_positions, placed_image, places))
        tokens = block.mlp_norm(tokens + block.mlp(tokens))
        updated = self.from_image(placed_image, tokens + token_positions, tokens, places)
        weight, bias, eps = self.norm
        return tokens, F.layer_norm(updated, updated.shape[-1:], weight, bias, eps)


class _LookAtImage:
    """Attention of tokens to the image: keys and values of the image are never made."""

    def __init__(self, attention: CrossAttention, precision: torch.dtype) -> None:
        self.attention, self.precision = attention, precision
        self.key = _by_head(attention.key.weight, attention.heads)
        self.value = _by_head(attention.value.weight, attention.heads)

    def __call__(self, query: Tensor, keys: Tensor, values: Tensor) -> Float[Tensor, "prompt token channel"]:
        attention, (prompts, tokens, _) = self.attention, query.shape
        queries = attention.query(query).unflatten(-1, (attention.heads, -1))
        # The key's bias adds the same to all logits of a row, which softmax does not see.
        folded = torch.einsum("nthd,hdc->nthc", queries * queries.shape[-1] ** -0.5, self.key).flatten(1, 2)
        weights = _product(folded.to(self.precision), keys.transpose(1, 2)).softmax(dim=-1)
        seen = _product(weights, values).float().view(prompts, tokens, attention.heads, -1)
        value = torch.einsum("nthc,hdc->nthd", seen, self.value).flatten(2) + attention.value.bias
        return attention.out(value)


class _LookFromImage:
    """Attention of the image to tokens, and the sum with the image: its queries are never made."""

    def __init__(self, attention: CrossAttention, precision: torch.dtype) -> None:
        self.attention, self.precision = attention, precision
        self.query = _by_head(attention.query.weight, attention.heads)
        self.query_bias = attention.query.bias.view(attention.heads, -1)
        self.out = attention.out.weight.unflatten(1, (attention.heads, -1))

    def __call__(self, queries: Tensor, key: Tensor, value: Tensor, onto: Tensor) -> Tensor:
        attention, tokens = self.attention, key.shape[1]
        keys = attention.key(key).unflatten(-1, (attention.heads, -1))
        keys = keys * keys.shape[-1] ** -0.5
        folded = torch.einsum("nthd,hdc->nthc", keys, self.query).flatten(1, 2)
        offset = (keys * self.query_bias).sum(dim=-1).flatten(1, 2)[..., None]
        logits = _product(folded.to(self.precision), queries.transpose(1, 2)) + offset.to(self.precision)
        weights = logits.unflatten(1, (tokens, attention.heads)).softmax(dim=1).flatten(1, 2)
        values = attention.value(value).unflatten(-1, (attention.heads, -1))
        # Each head's weights sum to 1, so the bias may come in with the values.
        values = torch.einsum("nthd,chd->nthc", values, self.out) + attention.out.bias / attention.heads
        added = weights.transpose(1, 2) @ values.flatten(1, 2).to(self.precision)
        return added.add_(onto)


class _Pixels:
    """Four pixels for each place, twice, in the order they come: [place, 2 x 2, 2 x 2, channel]."""

    def __init__(self, decoder: MaskDecoder, side: int, precision: torch.dtype) -> None:
        self.side, self.precision = side, precision
        first, norm, _, second, _ = decoder.upscale
        assert isinstance(first, Upscale2x) and isinstance(second, Upscale2x) and isinstance(norm, ChannelNorm)
        self.first, self.second = _as_linear(first, precision), _as_linear(second, precision)
        self.norm = (norm.weight.to(precision), norm.bias.to(precision), norm.eps)

    def __call__(self, image: Float[Tensor, "place channel"]) -> Float[Tensor, "pixel pixel_channel"]:
        weight, bias, eps = self.norm
        x = F.linear(image, *self.first).unflatten(-1, (4, -1))
        x = F.gelu(F.layer_norm(x, x.shape[-1:], weight, bias, eps))
        x = F.gelu(F.linear(x, *self.second))
        return x.view(16 * len(image), -1)

    def picture(
        self, filters: Float[Tensor, "mask pixel_channel"], pixels: Float[Tensor, "pixel pixel_channel"]
    ) -> Float[Tensor, "mask height width"]:
        """The filters' products with all pixels, each put where it belongs."""
        side, masks = self.side, len(filters)
        products = (filters.to(self.precision) @ pixels.T).float()
        nested = products.view(masks, side, side, 2, 2, 2, 2)
        return nested.permute(0, 1, 3, 5, 2, 4, 6).reshape(masks, 4 * side, 4 * side)

    def channels_last(
        self, pixels: Float[Tensor, "pixel pixel_channel"]
    ) -> Float[Tensor, "1 pixel_channel height width"]:
        """The pixels as an image, in the layout that convolutions like."""
        side, channels = self.side, pixels.shape[1]
        nested = pixels.view(side, side, 2, 2, 2, 2, channels)
        image = nested.permute(0, 2, 4, 1, 3, 5, 6).reshape(1, 4 * side, 4 * side, channels)
        return image.permute(0, 3, 1, 2)


class _HqPixels:
    """The HQ features made from the decoder's pixels, as far as one filter needs them."""

    def __init__(self, hq: HqPart, precision: torch.dtype) -> None:
        widen, norm, _, narrow = hq.from_decoder
        assert isinstance(widen, nn.Conv2d) and isinstance(norm, ChannelNorm) and isinstance(narrow, nn.Conv2d)
        assert widen.bias is not None and narrow.bias is not None
        self.precision = precision
        self.widen = (widen.weight.to(precision, memory_format=torch.channels_last), widen.bias.to(precision))
        self.norm = (norm.weight.to(precision), norm.bias.to(precision), norm.eps)
        self.narrow, self.narrow_bias = narrow.weight, narrow.bias

    def __call__(
        self, pixels: Float[Tensor, "1 channel height width"], filters: Float[Tensor, "pixel_channel"]
    ) -> Float[Tensor, "height width"]:
        height, width = pixels.shape[-2:]
        wide = F.conv2d(pixels, *self.widen, padding=1).permute(0, 2, 3, 1).flatten(0, 2)
        weight, bias, eps = self.norm
        wide = F.gelu(F.layer_norm(wide, wide.shape[-1:], weight, bias, eps))
        taps = torch.einsum("c,cwyx->yxw", filters, self.narrow).flatten(0, 1).to(self.precision)
        products = (taps @ wide.T).float().view(3, 3, height, width)
        return _sum_of_shifted(products) + filters @ self.narrow_bias


def _sum_of_shifted(taps: Float[Tensor, "3 3 height width"]) -> Float[Tensor, "height width"]:
    """What a 3x3 convolution does with each tap's product: shift it to its centre and add, zeros outside."""
    height, width = taps.shape[-2:]
    total = taps.new_zeros(height + 2, width + 2)
    for y in range(3):
        for x in range(3):
            total[2 - y : 2 - y + height, 2 - x : 2 - x + width] += taps[y, x]
    return total[1:-1, 1:-1]


def _runs(prompt: Int[Tensor, "mask"]) -> Iterator[tuple[int, slice]]:
    """Each prompt with its masks."""
    numbers, counts = torch.unique_consecutive(prompt, return_counts=True)
    ends = counts.cumsum(0).tolist()
    for number, count, end in zip(numbers.tolist(), counts.tolist(), ends, strict=True):
        yield number, slice(end - count, end)


def _product(a: Float[Tensor, "prompt row inner"], b: Float[Tensor, "prompt_or_1 inner column"]) -> Tensor:
    """A batch of products; with one b for all, a single large one."""
    if len(b) == 1:
        return (a.flatten(0, 1) @ b[0]).view(len(a), a.shape[1], -1)
    return a @ b


def _by_head(weight: Float[Tensor, "inner width"], heads: int) -> Float[Tensor, "head channel width"]:
    return weight.unflatten(0, (heads, -1))


def _as_linear(upscale: Upscale2x, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    """A 2x2 transposed convolution of stride 2 as a linear layer to four pixels."""
    weight = upscale.weight.permute(2, 3, 1, 0).flatten(0, 2)
    assert upscale.bias is not None
    return weight.to(precision).contiguous(), upscale.bias.repeat(4).to(precision)


def _as_places(grid: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch place channel"]:
    return grid.flatten(2).transpose(1, 2)
