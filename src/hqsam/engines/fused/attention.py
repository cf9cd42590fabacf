"""The two-way transformer with the image's projections moved to the tokens: exact, as `decoder.py` explains."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.engines.kernels import Kernels, Norm
from hqsam.model.two_way_transformer import CrossAttention, TwoWayBlock


class ImageTokens(NamedTuple):
    """The image's tokens, plain and with their position codes added."""

    tokens: Float[Tensor, "prompt_or_1 image_token channel"]
    with_positions: Float[Tensor, "prompt_or_1 image_token channel"]


class FusedTwoWayBlock:
    """A `TwoWayBlock` whose attentions never project the image."""

    def __init__(self, block: nn.Module, precision: torch.dtype, kernels: Kernels) -> None:
        assert isinstance(block, TwoWayBlock)
        self.block, self.kernels = block, kernels
        self.to_image = TokenToImageAttention(block.to_image, precision, kernels)
        self.from_image = ImageToTokenAttention(block.from_image, precision, kernels)
        norm = block.from_image_norm
        self.norm = Norm(norm.weight, norm.bias, norm.eps)

    def __call__(
        self, tokens: Tensor, image: ImageTokens, token_positions: Tensor, positions: Tensor, first: bool
    ) -> tuple[Tensor, ImageTokens]:
        block = self.block
        if first:
            tokens = block.self_norm(block.self_attention(tokens, tokens, tokens))
        else:
            query = tokens + token_positions
            tokens = block.self_norm(tokens + block.self_attention(query, query, tokens))
        tokens = block.to_image_norm(tokens + self.to_image(tokens + token_positions, image))
        tokens = block.mlp_norm(tokens + block.mlp(tokens))
        added = self.from_image(image.with_positions, tokens + token_positions, tokens)
        return tokens, ImageTokens(*self.kernels.add_norm(added, image.tokens, positions, self.norm))


class TokenToImageAttention:
    """Attention of tokens to the image that never makes the image's keys and values."""

    def __init__(self, attention: CrossAttention, precision: torch.dtype, kernels: Kernels) -> None:
        self.attention, self.precision, self.kernels = attention, precision, kernels
        self.key = _by_head(attention.key.weight, attention.heads)
        self.value = _by_head(attention.value.weight, attention.heads)

    def __call__(self, query: Tensor, image: ImageTokens) -> Float[Tensor, "prompt token channel"]:
        attention, (prompts, tokens, _) = self.attention, query.shape
        queries = attention.query(query).unflatten(-1, (attention.heads, -1))
        # The key's bias adds the same to all logits of a row, which softmax does not see.
        folded = torch.einsum("nthd,hdc->nthc", queries * queries.shape[-1] ** -0.5, self.key).flatten(1, 2)
        weights = self.kernels.softmax(_product(folded.to(self.precision), image.with_positions.transpose(1, 2)))
        seen = _product(weights, image.tokens).float().view(prompts, tokens, attention.heads, -1)
        value = torch.einsum("nthc,hdc->nthd", seen, self.value).flatten(2) + attention.value.bias
        return attention.out(value)


class ImageToTokenAttention:
    """Attention of the image to tokens that never makes the image's queries."""

    def __init__(self, attention: CrossAttention, precision: torch.dtype, kernels: Kernels) -> None:
        self.attention, self.precision, self.kernels = attention, precision, kernels
        self.query = _by_head(attention.query.weight, attention.heads)
        self.query_bias = attention.query.bias.view(attention.heads, -1)
        self.out = attention.out.weight.unflatten(1, (attention.heads, -1))

    def __call__(
        self, queries: Float[Tensor, "prompt_or_1 image_token channel"], key: Tensor, value: Tensor
    ) -> Float[Tensor, "prompt image_token channel"]:
        attention = self.attention
        keys = attention.key(key).unflatten(-1, (attention.heads, -1))
        keys = keys * keys.shape[-1] ** -0.5
        folded = torch.einsum("nthd,hdc->nthc", keys, self.query).flatten(1, 2)
        offset = (keys * self.query_bias).sum(dim=-1)
        logits = _product(folded.to(self.precision), queries.transpose(1, 2))
        weights = self.kernels.softmax_over_tokens(logits, offset)
        values = attention.value(value).unflatten(-1, (attention.heads, -1))
        # Each head's weights sum to 1, so the bias may come in with the values.
        values = torch.einsum("nthd,chd->nthc", values, self.out) + attention.out.bias / attention.heads
        return weights.transpose(1, 2) @ values.flatten(1, 2).to(self.precision)


def _product(a: Float[Tensor, "prompt row inner"], b: Float[Tensor, "prompt_or_1 inner column"]) -> Tensor:
    """Return a batch of products; with one `b` for all, a single large one."""
    if len(b) == 1:
        return (a.flatten(0, 1) @ b[0]).view(len(a), a.shape[1], -1)
    return a @ b


def _by_head(weight: Float[Tensor, "inner width"], heads: int) -> Float[Tensor, "head channel width"]:
    return weight.unflatten(0, (heads, -1))
