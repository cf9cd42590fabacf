"""The two-way transformer with the image's projections moved to the tokens. See `decoder.py` for why that is exact."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.two_way_transformer import CrossAttention, TwoWayBlock


class FoldedBlock:
    """One block of the two-way transformer."""

    def __init__(self, block: nn.Module, precision: torch.dtype) -> None:
        assert isinstance(block, TwoWayBlock)
        self.block, self.precision = block, precision
        self.to_image = LookAtImage(block.to_image, precision)
        self.from_image = LookFromImage(block.from_image, precision)
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


class LookAtImage:
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


class LookFromImage:
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


def _product(a: Float[Tensor, "prompt row inner"], b: Float[Tensor, "prompt_or_1 inner column"]) -> Tensor:
    """A batch of products; with one b for all, a single large one."""
    if len(b) == 1:
        return (a.flatten(0, 1) @ b[0]).view(len(a), a.shape[1], -1)
    return a @ b


def _by_head(weight: Float[Tensor, "inner width"], heads: int) -> Float[Tensor, "head channel width"]:
    return weight.unflatten(0, (heads, -1))
