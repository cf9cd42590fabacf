"""The compiled kernels of `cpp/`, called with the memory of tensors."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hqsam.engines.kernels import Bottleneck, Kernels, Norm, RelativeBiasAttention
from hqsam.engines.kernels.depthwise import LANES, PRECISIONS, CompiledDepthwise
from hqsam.model.attention_ops import AttentionLayout
from hqsam.model.config import ModelConfig
from hqsam.model.depthwise import DepthwiseOps
from hqsam.model.preprocess import batch_hw

_MOST_CHANNELS, _HEAD_CHANNELS = 1024, 32


class CompiledKernels(Kernels):
    """The computations of `Kernels`, each in one pass over memory, by the functions of a compiled library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._multiplies, self._has_tiles = bool(library.multiplies()), bool(library.has_tiles())

    @property
    def depthwise_ops(self) -> DepthwiseOps:
        return CompiledDepthwise(self.call)

    def softmax(self, logits: Tensor, bias: Tensor | None = None) -> Tensor:
        width = logits.shape[-1]
        bias_rows = 1 if bias is None else bias.numel() // width
        self.call("softmax", logits, bias, logits.numel() // width, bias_rows, width)
        return logits

    def softmax_of_grid(self, logits: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
        self.call("softmax_of_grid", logits, by_row, by_column, len(logits), by_row.shape[1], by_column.shape[1])
        return logits

    def attend_on_grid(self, query: Tensor, key: Tensor, value: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
        windows, heads, _, channels = query.shape
        if not self._has_tiles or query.dtype != torch.bfloat16 or channels % LANES:
            return super().attend_on_grid(query, key, value, by_row, by_column)
        attended = query.new_empty(query.shape)
        parts = (part.contiguous() for part in (query, key, value, by_row, by_column))
        size = (by_row.shape[-1], by_column.shape[-1])
        self.call("attend_on_grid", *parts, attended, windows * heads, *size, channels)
        return attended

    def softmax_over_tokens(self, logits: Tensor, offset: Tensor) -> Tensor:
        self.call("softmax_over_tokens", logits, offset.float().contiguous(), *offset.shape, logits.shape[-1])
        return logits

    def split_heads(
        self, qkv: Tensor, padding: Tensor | None, layout: AttentionLayout
    ) -> tuple[Tensor, Tensor, Tensor]:
        images, height, width, channels = qkv.shape
        windows, per_head = images * layout.window_count((height, width)), channels // (3 * layout.heads)
        tokens = layout.window_hw[0] * layout.window_hw[1]
        assert padding is not None or layout.fits((height, width))
        padding = None if padding is None else padding.to(qkv.dtype).contiguous()
        parts = qkv.new_empty(3, windows, layout.heads, tokens, per_head)
        grid = (images, height, width, *layout.window_hw, layout.heads, per_head)
        self.call("split_heads", qkv, padding, parts, float(per_head**-0.5), int(layout.qkv_order == "by_head"), *grid)
        query, key, value = parts
        return query, key, value

    def relative_bias_attention(self, channels: int) -> RelativeBiasAttention | None:
        return self._attend_with_relative_bias if self._multiplies and channels % _HEAD_CHANNELS == 0 else None

    def _attend_with_relative_bias(
        self, qkv: Tensor, padding: Tensor | None, layout: AttentionLayout, biases: Tensor | None
    ) -> Tensor:
        images, height, width, channels = qkv.shape
        per_head = channels // (3 * layout.heads)
        assert padding is not None or layout.fits((height, width))
        padding = None if padding is None else padding.to(qkv.dtype).contiguous()
        biases = None if biases is None else biases.to(qkv.dtype).contiguous()
        reach = (0, 0) if biases is None else biases.shape[1:]
        attended = qkv.new_empty(images, height, width, channels // 3)
        grid = (images, height, width, *layout.window_hw, layout.heads, per_head)
        how = (int(layout.qkv_order == "by_head"), int(self._has_tiles))
        self.call("relative_bias_attention", qkv.contiguous(), padding, biases, *reach, attended, *how, *grid)
        return attended

    def merge_heads(self, attended: Tensor, layout: AttentionLayout, size_hw: tuple[int, int]) -> Tensor:
        windows, _, _, per_head = attended.shape
        images = windows // layout.window_count(size_hw)
        joined = attended.new_empty(images, *size_hw, layout.heads * per_head)
        self.call("merge_heads", attended, joined, images, *size_hw, *layout.window_hw, layout.heads, per_head)
        return joined

    def normalise_and_pad(self, images: Sequence[np.ndarray], config: ModelConfig, precision: torch.dtype) -> Tensor:
        if any(image.dtype != np.uint8 for image in images):
            return super().normalise_and_pad(images, config, precision)  # of squashed images, which have fractions
        height, width = batch_hw(images, config)
        batch = torch.empty(len(images), height, width, 3, dtype=precision, device="cpu")
        mean, deviation = (
            torch.tensor(values, dtype=torch.float32, device="cpu") for values in (config.pixel_mean, config.pixel_std)
        )
        for row, image in zip(batch, images, strict=True):
            image = np.ascontiguousarray(image)
            self.call("normalise_and_pad", row, image.ctypes.data, mean, deviation, *image.shape[:2], height, width)
        return batch.permute(0, 3, 1, 2)

    def has_bottleneck(self, channels: int, inner: int) -> bool:
        return self._multiplies and channels % LANES == 0 and inner % LANES == 0

    def bottleneck(self, x: Tensor, weights: Bottleneck) -> Tensor:
        images, height, width, channels = x.shape
        widen, mix, narrow, *biases = weights
        narrowed = torch.empty_like(x)
        by_step = (widen, biases[0], mix, biases[1], narrow, biases[2])
        self.call("bottleneck", x, narrowed, *by_step, channels, len(widen), images, height, width)
        return narrowed

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        x = x.contiguous()
        normed = torch.empty_like(x)
        self.call("norm", x, normed, *_numbers(norm), *_rows(x))
        return normed

    def quantise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = x.contiguous()
        rows, channels = _rows(x)
        quantised = x.new_empty(rows, channels, dtype=torch.uint8)
        steps = x.new_empty(rows, dtype=torch.float32)
        self.call("quantise", x, quantised, steps, rows, channels)
        return quantised, steps

    def dequantise(self, x: Tensor, steps: Tensor, bias: Tensor, gelu: bool) -> Tensor:
        self.call("dequantise", x, steps, bias, int(gelu), *x.shape)
        return x

    def add_norm(self, added: Tensor, onto: Tensor, positions: Tensor, norm: Norm) -> tuple[Tensor, Tensor]:
        with_positions, (tokens, width) = torch.empty_like(added), added.shape[-2:]
        (rows, _), (onto_rows, _) = _short_rows(added), _short_rows(onto)
        self.call("add_norm", added, onto, positions, with_positions, *_numbers(norm), rows, onto_rows, tokens, width)
        return added, with_positions

    def norm_gelu(self, x: Tensor, norm: Norm) -> Tensor:
        self.call("norm_gelu", x, *_numbers(norm), *_rows(x))
        return x

    def upscaled_masks(
        self, x: Tensor, size_hw: tuple[int, int], filters: Tensor, image: bool
    ) -> tuple[Tensor, Tensor | None]:
        channels, (height, width) = x.shape[-1] // 16, size_hw
        logits = x.new_empty(len(filters), 4 * height, 4 * width, dtype=torch.float32)
        pixels = x.new_empty(1, 4 * height, 4 * width, channels) if image else None
        filters = filters.float().contiguous()
        self.call("upscaled_masks", x, pixels, filters, logits, len(filters), height, width, channels)
        return logits, None if pixels is None else pixels.permute(0, 3, 1, 2)

    def apply_filter(self, rows: Tensor, filters: Tensor) -> Tensor:
        products = rows.new_empty(rows.shape[:-1], dtype=torch.float32)
        self.call("apply_filter", rows, filters.float().contiguous(), products, *_short_rows(rows))
        return products

    def norm_gelu_conv3x3(self, wide: Tensor, norm: Norm, filters: Tensor, onto: Tensor) -> None:
        rows = wide.permute(0, 2, 3, 1)
        height, width, channels = rows.shape[1:]
        by_channel = torch.nn.functional.pad(filters.flatten(1), (0, LANES - 9)).contiguous()
        self.call("norm_gelu_conv3x3", rows, *_numbers(norm), by_channel, onto, height, width, channels)

    def call(self, name: str, first: Tensor, *rest: Any) -> None:
        function = getattr(self._library, f"{name}_{PRECISIONS[first.dtype]}")
        function(*map(_as_argument, (first, *rest)))


def _rows(x: Tensor) -> tuple[int, int]:
    """Return the number of rows, and that of their channels."""
    return x.numel() // x.shape[-1], x.shape[-1]


def _short_rows(x: Tensor) -> tuple[int, int]:
    """Return `_rows` for a kernel that holds a whole row at once."""
    assert x.shape[-1] <= _MOST_CHANNELS, "MOST_CHANNELS in cpp/rows.h"
    return _rows(x)


def _numbers(norm: Norm) -> tuple[Tensor, Tensor, float]:
    return norm.weight, norm.bias, norm.eps


def _as_argument(value: Tensor | float | None) -> Any:
    if isinstance(value, Tensor):
        assert value.is_contiguous() and value.device.type == "cpu", "a kernel reads memory as it lies"
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, float):
        return ctypes.c_float(value)
    return ctypes.c_void_p(None) if value is None else ctypes.c_int64(value)
