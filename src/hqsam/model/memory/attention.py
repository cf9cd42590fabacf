"""Memory attention: the features of a frame look at themselves, and at what is remembered of earlier frames."""

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from hqsam.model.attention_ops import PLAIN_OPS, AttentionOps
from hqsam.model.layers import Mlp
from hqsam.model.memory.config import MemoryConfig
from hqsam.model.memory.positions import axial_rotations, rotate, sine_positions


class MemoryAttention(nn.Module):
    """Layers of self attention, cross attention to memories, and an MLP."""

    def __init__(self, config: MemoryConfig, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MemoryAttentionLayer(config, width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        features: Float[Tensor, "object_or_1 channel height width"],
        memory: Float[Tensor, "object token memory_channel"],
        positions: Float[Tensor, "object token memory_channel"],
        pointer_tokens: int,
    ) -> Float[Tensor, "object channel height width"]:
        """Return the features of a frame for each object, with what its memories say.

        Args:
            features: of the frame alone; one row serves all objects.
            memory: tokens of maps, each a grid of the features' size, and then those of pointers.
            positions: codes of place and time, which are added to keys alone.
            pointer_tokens: the number of tokens at the end that have no place in the frame.
        """
        size_hw = (features.shape[-2], features.shape[-1])
        x = features.flatten(2).mT
        x = x + 0.1 * sine_positions(x.shape[-1], size_hw, x.device).to(x.dtype)
        rotations = axial_rotations(x.shape[-1], size_hw, x.device)
        for layer in self.layers:
            x = layer(x, memory, memory + positions, rotations, pointer_tokens)
        return self.norm(x).mT.unflatten(2, size_hw)


class MemoryAttentionLayer(nn.Module):
    """Self attention, attention to memories, and an MLP, each on normalised input and added to it."""

    def __init__(self, config: MemoryConfig, width: int) -> None:
        super().__init__()
        self.self_norm, self.self_attention = nn.LayerNorm(width), RotaryAttention(width, width)
        self.memory_norm, self.memory_attention = nn.LayerNorm(width), RotaryAttention(width, config.width)
        self.mlp_norm, self.mlp = nn.LayerNorm(width), Mlp([width, config.mlp_width, width])

    def forward(
        self,
        x: Float[Tensor, "object_or_1 token channel"],
        memory: Float[Tensor, "object memory_token memory_channel"],
        keys: Float[Tensor, "object memory_token memory_channel"],
        rotations: Complex[Tensor, "token pair"],
        pointer_tokens: int,
    ) -> Float[Tensor, "object token channel"]:
        # In the first layer all objects share one row, up to where they look at their memories.
        normed = self.self_norm(x)
        x = x + self.self_attention(normed, normed, normed, rotations)
        x = x + self.memory_attention(self.memory_norm(x), keys, memory, rotations, pointer_tokens)
        return x + self.mlp(self.mlp_norm(x))


class RotaryAttention(nn.Module):
    """Attention of one head whose queries and keys are turned by their places in the frame."""

    def __init__(self, width: int, memory_width: int) -> None:
        super().__init__()
        self.ops: AttentionOps = PLAIN_OPS
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(memory_width, width), nn.Linear(memory_width, width)

    def forward(
        self,
        query: Float[Tensor, "object_or_1 token channel"],
        key: Float[Tensor, "object key_token _"],
        value: Float[Tensor, "object key_token _"],
        rotations: Complex[Tensor, "token pair"],
        placeless: int = 0,
    ) -> Float[Tensor, "object token channel"]:
        """Attend; the last `placeless` keys are not turned."""
        queries, keys = rotate(self.query(query), rotations), self.key(key)
        placed = keys.shape[1] - placeless
        keys = torch.cat([rotate(keys[:, :placed], rotations), keys[:, placed:]], dim=1)
        queries = (queries * queries.shape[-1] ** -0.5).expand(len(keys), -1, -1)
        return self.out(self.ops.attend(queries[:, None], keys[:, None], self.value(value)[:, None])[:, 0])
