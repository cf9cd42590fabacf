"""SAM's two-way transformer: tokens attend to the image, then the image attends to the tokens."""

from jaxtyping import Float
from torch import Tensor, nn

from hqsam.model.attention_ops import PLAIN_OPS, AttentionOps
from hqsam.model.config import DecoderConfig
from hqsam.model.layers import Mlp


class TwoWayTransformer(nn.Module):
    """Blocks that update prompt tokens and image tokens in turn, and a last attention of tokens to the image."""

    def __init__(self, width: int, config: DecoderConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(TwoWayBlock(width, config) for _ in range(config.depth))
        self.final_attention = CrossAttention(width, config.heads, width // config.attention_shrink)
        self.final_norm = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Float[Tensor, "prompt token channel"],
        image: Float[Tensor, "prompt_or_1 image_token channel"],
        positions: Float[Tensor, "1 image_token channel"],
    ) -> tuple[Float[Tensor, "prompt token channel"], Float[Tensor, "prompt image_token channel"]]:
        """Return the updated prompt tokens and image tokens.

        The image may be one row shared by all prompts: then its first projections are computed once. Exact.
        """
        token_positions = tokens
        for index, block in enumerate(self.blocks):
            tokens, image = block(tokens, image, token_positions, positions, first=index == 0)
        query, key = tokens + token_positions, image + positions
        tokens = self.final_norm(tokens + self.final_attention(query, key, image))
        return tokens, image


class TwoWayBlock(nn.Module):
    """Self attention, tokens to image, MLP, and image to tokens, with a norm after each."""

    def __init__(self, width: int, config: DecoderConfig) -> None:
        super().__init__()
        inner = width // config.attention_shrink
        self.self_attention = CrossAttention(width, config.heads, width)
        self.self_norm = nn.LayerNorm(width)
        self.to_image = CrossAttention(width, config.heads, inner)
        self.to_image_norm = nn.LayerNorm(width)
        self.mlp = Mlp([width, config.mlp_width, width])
        self.mlp_norm = nn.LayerNorm(width)
        self.from_image = CrossAttention(width, config.heads, inner)
        self.from_image_norm = nn.LayerNorm(width)

    def forward(
        self, tokens: Tensor, image: Tensor, token_positions: Tensor, positions: Tensor, first: bool
    ) -> tuple[Tensor, Tensor]:
        if first:  # Here the tokens are their own positions still, and have nothing to be added to.
            tokens = self.self_norm(self.self_attention(tokens, tokens, tokens))
        else:
            query = tokens + token_positions
            tokens = self.self_norm(tokens + self.self_attention(query, query, tokens))
        image_key = image + positions
        tokens = self.to_image_norm(tokens + self.to_image(tokens + token_positions, image_key, image))
        tokens = self.mlp_norm(tokens + self.mlp(tokens))
        image = self.from_image_norm(image + self.from_image(image_key, tokens + token_positions, tokens))
        return tokens, image


class CrossAttention(nn.Module):
    """Multi-head attention in `inner` channels; a query or key with one row serves the whole batch."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.ops: AttentionOps = PLAIN_OPS
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)

    def forward(
        self,
        query: Float[Tensor, "query_batch query channel"],
        key: Float[Tensor, "key_batch key channel"],
        value: Float[Tensor, "key_batch key channel"],
    ) -> Float[Tensor, "batch query channel"]:
        batch = max(query.shape[0], key.shape[0])  # len() would fix it in an exported graph
        parts = [self._split(part) for part in (self.query(query), self.key(key), self.value(value))]
        parts[0] = parts[0] * parts[0].shape[-1] ** -0.5
        query, key, value = (part.expand(batch, -1, -1, -1) for part in parts)
        attended = self.ops.attend(query, key, value)
        return self.out(attended.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Float[Tensor, "batch head token channel"]:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
