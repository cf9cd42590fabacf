"""Attention by each of its ways, beside PyTorch's own."""

import pytest
import torch
from torch.nn import functional as F

from hqsam.engines import attention
from hqsam.engines.attention import CPU_OPS
from hqsam.engines.kernels.build import compiled_kernels
from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout, from_windows, to_windows
from hqsam.model.encoders.vit.encoder import decomposed_bias, relative_rows
from tests import needs

WAYS = {"whole": {}, "in blocks": {"_SMALL": 0, "_WHOLE": 0, "_BLOCK": 100}, "small": {"_SMALL": 10**9}}


@pytest.fixture(params=["plain", "cpu", "compiled"])
def ops(request):
    if request.param == "compiled":
        needs.compiler()
        return compiled_kernels()
    return PLAIN_OPS if request.param == "plain" else CPU_OPS


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(attention, name, value)


def heads_of(ops, images=3, side=17, heads=2):
    """Queries, keys and values of whole grids, as an encoder has them."""
    torch.manual_seed(0)
    qkv = torch.randn(images, side, side, 3 * heads * 8)
    return ops.split_heads(qkv, None, AttentionLayout(heads, "by_part", (side, side)))


@torch.no_grad()
@pytest.mark.usefixtures("way")
def test_attention_of_several_images_is_pytorch_s(ops):
    query, key, value = heads_of(ops)
    bias = torch.randn(2, 289, 289)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)
    torch.testing.assert_close(ops.attend(query, key, value, bias), expected, rtol=1e-4, atol=1e-5)
    expected = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    torch.testing.assert_close(ops.attend(query, key, value), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.usefixtures("way")
def test_relative_positions_of_several_images_are_a_bias(ops):
    query, key, value = heads_of(ops)
    rows, columns = torch.randn(33, 8), torch.randn(33, 8)
    grid = query.reshape(3, 2, 17, 17, 8) * 8**0.5
    by_row = torch.einsum("nhyxc,ykc->nhyxk", grid, relative_rows(rows, 17))
    by_column = torch.einsum("nhyxc,xkc->nhyxk", grid, relative_rows(columns, 17))
    bias = (by_row[..., :, None] + by_column[..., None, :]).reshape(3, 2, 289, 289)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)
    found = ops.attend_on_grid(query, key, value, *decomposed_bias(query, rows, columns, (17, 17)))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ["by_head", "by_part"])
def test_padding_a_projection_is_projecting_the_padding(order):
    torch.manual_seed(0)
    project, grid = torch.nn.Linear(6, 3 * 2 * 4), torch.randn(2, 5, 7, 6)
    layout = AttentionLayout(2, order, (3, 4))
    padded = project(to_windows(grid, layout.window_hw))
    alone = PLAIN_OPS.split_heads(padded, None, layout)
    for part, expected in zip(PLAIN_OPS.split_heads(project(grid), project.bias, layout), alone, strict=True):
        torch.testing.assert_close(part, expected)


def test_windows_are_put_back_together():
    grid = torch.randn(2, 5, 7, 3)
    for window_hw in ((5, 7), (2, 3), (1, 1), (8, 9)):
        assert torch.equal(from_windows(to_windows(grid, window_hw), (5, 7)), grid)
