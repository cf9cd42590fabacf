"""Depthwise convolutions by the compiled kernels, for inference and for training on a processor.

PyTorch's gradients of depthwise convolutions in bfloat16 take 5 to 40 times as long as these.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hqsam.model.depthwise import DepthwiseOps, Sides

PRECISIONS = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
"""The precisions that there are kernels for, and how the names of these end."""

LANES = 16
"""Channels that a kernel takes at a time."""

Call = Callable[..., None]
"""Calls a kernel by its name, for the precision of the first tensor after it."""

_SIDES = (3, 5)


class CompiledDepthwise(DepthwiseOps):
    """Depthwise convolutions of 3 x 3 and 5 x 5, with ReLU6 in the same pass; others are PyTorch's."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def depthwise(self, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: Sides, relu6: bool) -> Tensor:
        side, channels = weight.shape[-1], len(weight)
        if side not in _SIDES or channels % LANES or x.dtype not in PRECISIONS or x.device.type != "cpu":
            return super().depthwise(x, weight, bias, stride, padding, relu6)
        filters = weight.float().reshape(channels, -1).T.contiguous()
        rows = x.permute(0, 2, 3, 1).contiguous()
        filtered: Any = _Depthwise.apply(rows, filters, bias.float(), self.call, (side, stride, *padding), relu6)
        return filtered.permute(0, 3, 1, 2)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        filters: Tensor,
        bias: Tensor,
        call: Call,
        shape: tuple[int, int, int, int, int, int],
        relu6: bool,
    ) -> Tensor:
        side, stride, top, left, bottom, right = shape
        images, height, width, channels = x.shape
        rows, columns = (height + top + bottom - side) // stride + 1, (width + left + right - side) // stride + 1
        y = x.new_empty(images, rows, columns, channels)
        grid = (images, height, width, channels, rows, columns, stride, top, left)
        call("depthwise", x, y, filters, bias, None, side, int(relu6), int(relu6), *grid, 1)
        ctx.save_for_backward(x, y, filters)
        ctx.call, ctx.side, ctx.relu6, ctx.grid = call, side, relu6, grid
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, y, filters = ctx.saved_tensors
        side, relu6 = ctx.side, int(ctx.relu6)
        gradient = gradients[0].to(x.dtype).contiguous()
        passed, threads = torch.empty_like(gradient), torch.get_num_threads()
        images, height, width, channels, rows, columns, stride, top, left = ctx.grid
        sums = x.new_empty(threads, side * side + 1, channels, dtype=torch.float32)
        ctx.call("depthwise_filter_gradient", x, y, gradient, passed, sums, threads, side, relu6, relu6, *ctx.grid)
        *taps, bias = sums.sum(dim=0)
        to_x = torch.empty_like(x)
        turned = filters.flip(0).contiguous()
        back = (images, rows, columns, channels, height, width, 1, side - 1 - top, side - 1 - left, stride)
        ctx.call("depthwise", passed, to_x, turned, None, x, side, 0, relu6, *back)
        return to_x, torch.stack(taps), bias, None, None, None
