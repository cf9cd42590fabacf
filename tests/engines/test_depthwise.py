"""Depthwise convolutions: the compiled ones and their gradients beside PyTorch's."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from hqsam.engines.kernels.build import compiled_kernels
from hqsam.model.depthwise import PLAIN_DEPTHWISE, DepthwiseOps, Sides, same_padding
from tests import needs

SIZES = st.integers(1, 19)


@pytest.fixture(scope="module")
def compiled() -> DepthwiseOps:
    needs.compiler()
    return compiled_kernels().depthwise_ops


def inputs(channels, height, width, side, seed=0):
    random = torch.Generator().manual_seed(seed)
    x = 4 * torch.randn(2, channels, height, width, generator=random)
    weight, bias = torch.randn(channels, 1, side, side, generator=random), torch.randn(channels, generator=random)
    return [each.requires_grad_() for each in (x, weight, bias)]


@settings(max_examples=60, deadline=None)
@given(
    channels=st.sampled_from([16, 48, 20]),
    height=SIZES,
    width=SIZES,
    side=st.sampled_from([3, 5, 7]),
    stride=st.sampled_from([1, 2]),
    relu6=st.booleans(),
    seed=st.integers(0, 99),
)
def test_compiled_ones_agree_with_pytorch(compiled, channels, height, width, side, stride, relu6, seed):
    results = []
    for ops in (PLAIN_DEPTHWISE, compiled):
        given_tensors = inputs(channels, height, width, side, seed)
        padding = same_padding((height, width), side, stride)
        y = ops.depthwise(*given_tensors, stride, padding, relu6)
        weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed))
        results.append([y, *torch.autograd.grad((y * weights).sum(), given_tensors)])
    for plain, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)


def test_any_padding_is_taken(compiled):
    x, weight, bias = inputs(16, 9, 6, 5)
    around = Sides(top=3, left=0, bottom=1, right=2)
    expected = F.conv2d(F.pad(x, (0, 2, 3, 1)), weight, bias, groups=16)
    torch.testing.assert_close(compiled.depthwise(x, weight, bias, 1, around, relu6=False), expected)


def test_in_bfloat16_only_the_result_is_rounded(compiled):
    x, weight, bias = inputs(32, 16, 16, 3)
    half = x.detach().bfloat16()
    around = same_padding((16, 16), 3, 1)
    expected = PLAIN_DEPTHWISE.depthwise(half.float(), weight, bias, 1, around, relu6=False)
    found = compiled.depthwise(half, weight, bias, 1, around, relu6=False)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=2**-8, atol=2**-8)


@pytest.mark.parametrize(("size", "side", "stride", "expected"), [
    (8, 3, 1, (1, 1)), (8, 3, 2, (0, 1)), (7, 3, 2, (1, 1)), (8, 5, 2, (1, 2)), (7, 5, 2, (2, 2)), (1, 3, 2, (1, 1)),
])  # fmt: skip
def test_same_padding_is_tensorflows(size, side, stride, expected):
    padding = same_padding((size, 4), side, stride)
    assert (padding.top, padding.bottom) == expected


def test_a_copied_model_shares_them(compiled):
    assert copy.deepcopy(compiled) is compiled
