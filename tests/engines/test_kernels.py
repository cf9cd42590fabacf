"""The compiled kernels beside their plain twins, on any shapes; and how they are compiled."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hqsam.engines.attention import CPU_OPS
from hqsam.engines.kernels import Bottleneck, Kernels, Norm, build
from hqsam.engines.kernels.build import best_depthwise, best_kernels, compiled_kernels, kernels_or_error
from hqsam.engines.kernels.compiled import CompiledKernels
from hqsam.errors import OptionError
from hqsam.model.attention_ops import PLAIN_OPS, AttentionLayout
from hqsam.model.config import NANO_1
from hqsam.model.depthwise import PLAIN_DEPTHWISE
from hqsam.model.encoders.tiny_vit.encoder import absolute_distances
from hqsam.model.preprocess import batches
from tests import needs

PLAIN = Kernels()
CHANNELS = st.sampled_from([1, 5, 24, 32, 48, 64, 192, 256])
SEEDS = st.integers(0, 2**31)
PRECISIONS = st.sampled_from([torch.float32, torch.bfloat16])
FEW = settings(max_examples=25)


@pytest.fixture(scope="module")
def compiled() -> Kernels:
    needs.compiler()
    return compiled_kernels()


class Numbers:
    """Random tensors of one precision."""

    def __init__(self, seed: int, precision: torch.dtype) -> None:
        self.random, self.precision = torch.Generator().manual_seed(seed), precision

    def __call__(self, *shape: int, scale: float = 1.0) -> torch.Tensor:
        return (scale * self.exact(*shape)).to(self.precision)

    def exact(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.random)

    def norm(self, channels: int) -> Norm:
        return Norm(1 + 0.3 * self.exact(channels), self.exact(channels), 1e-6)


def alike(ours, plain, precision, size=1.0) -> None:
    """As alike as the precision allows: bfloat16 has 8 bits, and the plain twin rounds to them after every pass."""
    tolerance = 2e-5 if precision == torch.float32 else 0.04
    torch.testing.assert_close(ours.float(), plain.float(), rtol=tolerance, atol=tolerance * size)


@FEW
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 300), st.booleans(), PRECISIONS, SEEDS)
def test_softmax(compiled, groups, rows, columns, biased, precision, seed):
    numbers = Numbers(seed, precision)
    logits = numbers(groups, rows, columns, scale=5)
    bias = numbers(rows, columns) if biased else None
    expected = PLAIN.softmax(logits.clone(), bias)
    alike(compiled.softmax(logits, bias), expected, precision, 0.5)


@FEW
@given(st.integers(1, 9), st.integers(1, 20), st.sampled_from([3, 14, 16, 32, 64]), PRECISIONS, SEEDS)
def test_softmax_of_grid(compiled, queries, height, width, precision, seed):
    numbers = Numbers(seed, precision)
    logits = numbers(queries, height * width, scale=3)
    by_row, by_column = numbers(queries, height), numbers(queries, width)
    expected = PLAIN.softmax_of_grid(logits.clone(), by_row, by_column)
    alike(compiled.softmax_of_grid(logits, by_row, by_column), expected, precision, 0.5)


def test_softmax_of_numbers_of_any_size_is_a_share(compiled):
    logits = torch.tensor([[0.0, -3e38, 3e38, 88.0], [-1e9, -1e9, -1e9, -1e9], [-500.0, 0.0, -90.0, 1e-30]])
    torch.testing.assert_close(compiled.softmax(logits.clone()), logits.softmax(-1), rtol=1e-5, atol=1e-30)


def test_what_is_no_number_is_not_made_one(compiled):
    rows = torch.tensor([[500.0] * 20, [-torch.inf] * 20, [1.0] * 20])
    rows[0, 7] = torch.nan
    rows[2, 3] = -torch.inf
    for width in (20, 12):
        expected = rows[:, :width].softmax(-1)
        torch.testing.assert_close(compiled.softmax(rows[:, :width].clone()), expected, equal_nan=True)


@FEW
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4), st.integers(1, 200), PRECISIONS, SEEDS)
def test_softmax_over_tokens(compiled, prompts, tokens, heads, places, precision, seed):
    numbers = Numbers(seed, precision)
    logits, offset = numbers(prompts, tokens * heads, places, scale=3), numbers.exact(prompts, tokens, heads)
    expected = PLAIN.softmax_over_tokens(logits.clone(), offset)
    alike(compiled.softmax_over_tokens(logits, offset), expected, precision)


SIDES = st.integers(1, 9)


@FEW
@given(SIDES, SIDES, st.sampled_from([16, 48, 64]), st.integers(1, 3), PRECISIONS, SEEDS)
def test_bottleneck(compiled, height, width, channels, expand, precision, seed):
    numbers, inner = Numbers(seed, precision), 16 * expand
    x = numbers(3, height, width, channels)
    weights = Bottleneck(
        widen=numbers(inner, channels, scale=channels**-0.5),
        mix=numbers.exact(9, inner) / 3,
        narrow=numbers(channels, inner, scale=inner**-0.5),
        widen_bias=numbers.exact(inner),
        mix_bias=numbers.exact(inner),
        narrow_bias=numbers.exact(channels),
    )
    alike(compiled.bottleneck(x, weights), PLAIN.bottleneck(x, weights), precision)


@FEW
@given(SIDES, SIDES, SIDES, SIDES, st.booleans(), st.sampled_from([32, 64]), PRECISIONS, SEEDS)
def test_attention_with_a_relative_bias(compiled, height, width, rows, columns, biased, channels, precision, seed):
    attend_at_once = compiled.relative_bias_attention(channels)
    if attend_at_once is None:
        pytest.skip("products are left to PyTorch on this processor")
    for order in ("by_head", "by_part"):
        numbers, layout = Numbers(seed, precision), AttentionLayout(2, order, (rows, columns))
        qkv, outside = numbers(3, height, width, 6 * channels), numbers(6 * channels)
        padding = None if layout.fits((height, width)) else outside
        table = numbers(2, rows, 11) if biased else None  # of a longer reach than the window
        bias = None if table is None else table.flatten(1)[:, absolute_distances((rows, columns), 11, qkv.device)]
        attended = CPU_OPS.attend(*PLAIN.split_heads(qkv, padding, layout), bias)
        for tiles in {False, compiled._has_tiles}:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(compiled, "_has_tiles", tiles)
                found = attend_at_once(qkv, padding, layout, table)
            alike(found, PLAIN.merge_heads(attended, layout, (height, width)), precision)


@FEW
@given(st.integers(1, 20), st.integers(1, 70), st.sampled_from([16, 64, 80]), SEEDS)
def test_attention_on_a_grid_in_tiles(compiled, height, width, channels, seed):
    if not compiled._has_tiles:
        pytest.skip("this processor has no tiles")
    numbers = Numbers(seed, torch.bfloat16)
    query, key, value = (numbers(2, 3, height * width, channels, scale=size) for size in (0.7, 1, 1))
    by_row, by_column = numbers(2, 3, height * width, height, scale=2), numbers(2, 3, height * width, width, scale=2)
    with torch.no_grad():
        found = compiled.attend_on_grid(query, key, value, by_row, by_column)
        parts = (part.float() for part in (query, key, value, by_row, by_column))
        alike(found, PLAIN_OPS.attend_on_grid(*parts), torch.bfloat16, 0.5)


@torch.no_grad()
def test_attention_on_a_grid_is_the_same_in_tiles_and_without_and_by_any_number_of_threads(compiled, monkeypatch):
    numbers, threads = Numbers(5, torch.bfloat16), torch.get_num_threads()
    parts = [numbers(1, 2, 300, size) for size in (32, 32, 32, 12, 25)]
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(compiled.attend_on_grid(*parts))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    monkeypatch.setattr(compiled, "_has_tiles", False)
    alike(compiled.attend_on_grid(*parts), results[0], torch.bfloat16, 3)  # logits in bfloat16 are off by up to 0.03


def test_what_the_kernels_do_not_multiply_is_left_to_pytorch(compiled, monkeypatch):
    assert compiled.relative_bias_attention(24) is None
    assert not compiled.has_bottleneck(24, 96)
    monkeypatch.setattr(compiled, "_multiplies", False)
    assert compiled.relative_bias_attention(32) is None
    assert not compiled.has_bottleneck(32, 96)


@FEW
@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(["by_head", "by_part"]), CHANNELS, PRECISIONS, SEEDS)
def test_heads_are_split_and_merged(compiled, height, width, rows, columns, order, channels, precision, seed):
    numbers, layout = Numbers(seed, precision), AttentionLayout(3, order, (rows, columns))
    qkv, padding = numbers(2, height, width, 9 * channels), numbers(9 * channels)
    padding = None if layout.fits((height, width)) else padding
    ours, plain = compiled.split_heads(qkv, padding, layout), PLAIN.split_heads(qkv, padding, layout)
    for part, expected in zip(ours, plain, strict=True):
        torch.testing.assert_close(part, expected, rtol=0.01, atol=1e-6)
    joined = compiled.merge_heads(ours[2], layout, (height, width))
    assert torch.equal(joined, PLAIN.merge_heads(plain[2], layout, (height, width)))
    values = qkv.unflatten(-1, (3, 3, channels)).select(-2 if order == "by_head" else -3, 2)
    assert torch.equal(joined, values.flatten(-2))


@FEW
@given(
    st.lists(st.tuples(st.integers(1, 48), st.integers(1, 48)), min_size=1, max_size=3),
    st.booleans(),
    PRECISIONS,
    SEEDS,
)
def test_normalise_and_pad(compiled, sizes, padding, precision, seed):
    random = np.random.default_rng(seed)
    images = [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    config = replace(NANO_1, image_size=48, padding=padding)
    images = [images[number] for number in batches(images, config)[0]]
    ours = compiled.normalise_and_pad(images, config, precision)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(ours, PLAIN.normalise_and_pad(images, config, precision), rtol=0, atol=0)


def test_normalise_and_pad_of_an_image_that_is_a_view(compiled):
    image = np.random.default_rng(0).integers(0, 256, (20, 60, 3), np.uint8)[::-1, ::2]
    config = replace(NANO_1, image_size=32)
    ours = compiled.normalise_and_pad([image], config, torch.float32)
    assert torch.equal(ours, PLAIN.normalise_and_pad([image], config, torch.float32))


def test_what_would_be_written_or_read_beyond_memory_is_refused(compiled):
    config = replace(NANO_1, image_size=32)
    with pytest.raises(AssertionError, match="resize_longest_side"):
        compiled.normalise_and_pad([np.zeros((33, 5, 3), np.uint8)], config, torch.float32)
    fractions = [np.full((5, 5, 3), 0.5, np.float32)]  # are not read as bytes, but go the plain way
    plain = PLAIN.normalise_and_pad(fractions, config, torch.float32)
    assert torch.equal(compiled.normalise_and_pad(fractions, config, torch.float32), plain)
    with pytest.raises(AssertionError):
        compiled.split_heads(torch.zeros(1, 3, 3, 24), None, AttentionLayout(2, "by_part", (2, 2)))


@FEW
@given(st.integers(1, 23), CHANNELS, PRECISIONS, SEEDS)
def test_norm(compiled, rows, channels, precision, seed):
    numbers = Numbers(seed, precision)
    x, norm = numbers(rows, 4, channels), numbers.norm(channels)
    given = x.clone()
    alike(compiled.norm(x, norm), PLAIN.norm(given, norm), precision, 5 if channels > 1 else 1e3)
    assert torch.equal(x, given)


@FEW
@given(st.integers(1, 23), CHANNELS, PRECISIONS, SEEDS)
def test_quantise(compiled, rows, channels, precision, seed):
    numbers = Numbers(seed, precision)
    x = numbers(rows, 4, channels) * numbers(rows, 4, 1)
    quantised, steps = compiled.quantise(x)
    expected, expected_steps = PLAIN.quantise(x)
    torch.testing.assert_close(steps, expected_steps)
    assert (quantised.int() - expected.int()).abs().max() <= 1  # a half may be rounded either way
    worth = (quantised.float() - 128) * steps[:, None]
    assert ((worth - x.flatten(0, 1).float()).abs() <= 0.501 * steps[:, None]).all()


def test_a_row_of_zeros_stays_zero(compiled):
    for kernels in (compiled, PLAIN):
        quantised, steps = kernels.quantise(torch.zeros(2, 20))
        assert (quantised == 128).all()
        assert (steps > 0).all()


@FEW
@given(st.integers(1, 23), CHANNELS, st.booleans(), PRECISIONS, SEEDS)
def test_dequantise(compiled, rows, channels, gelu, precision, seed):
    numbers = Numbers(seed, precision)
    x, steps, bias = numbers(rows, channels, scale=9), numbers.exact(rows).abs(), numbers.exact(channels)
    expected = PLAIN.dequantise(x.clone(), steps, bias, gelu)
    alike(compiled.dequantise(x, steps, bias, gelu), expected, precision)


@FEW
@given(st.integers(1, 3), st.booleans(), st.integers(1, 20), CHANNELS, PRECISIONS, SEEDS)
def test_add_norm(compiled, prompts, shared, places, channels, precision, seed):
    numbers = Numbers(seed, precision)
    added, onto = numbers(prompts, places, channels), numbers(1 if shared else prompts, places, channels)
    positions, norm = numbers(1, places, channels), numbers.norm(channels)
    expected = PLAIN.add_norm(added.clone(), onto, positions, norm)
    for ours, plain in zip(compiled.add_norm(added, onto, positions, norm), expected, strict=True):
        alike(ours, plain, precision, 5 if channels > 1 else 1e3)


@FEW
@given(st.integers(1, 23), CHANNELS, PRECISIONS, SEEDS)
def test_norm_gelu(compiled, rows, channels, precision, seed):
    numbers = Numbers(seed, precision)
    x, norm = numbers(rows, 4, channels), numbers.norm(channels)
    expected = PLAIN.norm_gelu(x.clone(), norm)
    alike(compiled.norm_gelu(x, norm), expected, precision, 2)


def test_gelu_is_pytorch_s_over_its_whole_range(compiled):
    x = torch.linspace(-40, 40, 4096).view(16, 256)  # 4 x 4 places of 16 pixels with 16 channels
    spread = compiled.upscaled_masks(x.clone(), (4, 4), torch.zeros(0, 16), image=True)[1]
    plain = PLAIN.upscaled_masks(x, (4, 4), torch.zeros(0, 16), image=True)[1]
    torch.testing.assert_close(spread, plain, rtol=1e-6, atol=3e-6)


@FEW
@given(st.integers(1, 7), st.integers(1, 7), CHANNELS, st.integers(0, 3), st.booleans(), PRECISIONS, SEEDS)
def test_upscaled_masks(compiled, height, width, channels, masks, image, precision, seed):
    numbers = Numbers(seed, precision)
    x, filters = numbers(height * width, 16 * channels), numbers.exact(masks, channels)
    logits, pixels = compiled.upscaled_masks(x.clone(), (height, width), filters, image)
    plain_logits, plain_pixels = PLAIN.upscaled_masks(x, (height, width), filters, image)
    alike(logits, plain_logits, precision, channels**0.5)
    assert (pixels is None) is (plain_pixels is None) is (not image)
    if image:
        alike(pixels, plain_pixels, precision)


@FEW
@given(st.integers(1, 50), CHANNELS, PRECISIONS, SEEDS)
def test_apply_filter(compiled, rows, channels, precision, seed):
    numbers = Numbers(seed, precision)
    x, filters = numbers(rows, channels), numbers.exact(channels)
    alike(compiled.apply_filter(x, filters), PLAIN.apply_filter(x, filters), precision, channels**0.5)


@FEW
@given(st.integers(1, 40), st.integers(1, 30), CHANNELS, PRECISIONS, SEEDS)
def test_norm_gelu_conv3x3(compiled, height, width, channels, precision, seed):
    numbers = Numbers(seed, precision)
    wide = numbers(1, height, width, channels).permute(0, 3, 1, 2)
    norm, taps, onto = numbers.norm(channels), numbers.exact(channels, 3, 3), numbers.exact(height, width)
    expected = onto.clone()
    PLAIN.norm_gelu_conv3x3(wide.clone(), norm, taps, expected)
    compiled.norm_gelu_conv3x3(wide, norm, taps, onto)
    alike(onto, expected, precision, 3 * channels**0.5)


def test_any_number_of_threads_gives_the_same(compiled):
    numbers = Numbers(3, torch.bfloat16)
    wide = numbers(1, 70, 40, 64).permute(0, 3, 1, 2)
    norm, taps, threads = numbers.norm(64), numbers.exact(64, 3, 3), torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(torch.zeros(70, 40))
            compiled.norm_gelu_conv3x3(wide, norm, taps, results[-1])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Nothing compiled yet."""
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path))
    kernels_or_error.cache_clear()
    yield tmp_path
    kernels_or_error.cache_clear()


def test_a_machine_without_a_compiler_takes_the_plain_kernels(fresh, monkeypatch):
    monkeypatch.setenv("PATH", str(fresh))
    monkeypatch.delenv("CXX", raising=False)
    assert type(best_kernels(torch.float32)) is Kernels
    if sys.platform == "linux":
        with pytest.raises(OptionError, match=r"no C\+\+ compiler; install g\+\+"):
            compiled_kernels()


def test_a_precision_without_kernels_takes_the_plain_ones():
    assert type(best_kernels(torch.float16)) is Kernels


def test_what_a_compiler_says_when_it_fails_is_told_and_nothing_is_left(fresh, monkeypatch):
    needs.compiler()
    monkeypatch.setattr(build, "_FLAGS", ("-std=c++17", "-fno-such-flag"))
    with pytest.raises(OptionError, match="fno-such-flag"):
        compiled_kernels()
    assert not list((fresh / "kernels").iterdir())
    assert type(best_kernels(torch.float32)) is Kernels


def test_a_compiler_that_fails_is_tried_once_and_the_user_hears_of_it_once(fresh, monkeypatch, caplog):
    needs.compiler()
    commands = []

    def fail(command, **_):
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "no such builtin")

    monkeypatch.setattr(subprocess, "run", fail)
    for _ in range(2):
        assert type(best_kernels(torch.float32)) is Kernels
        assert best_depthwise() is PLAIN_DEPTHWISE
    assert len(commands) == 1
    [record] = [one for one in caplog.records if one.levelname == "WARNING"]
    assert "no such builtin" in record.getMessage()


def test_without_a_folder_for_temporary_files_there_are_the_plain_kernels(fresh, monkeypatch):
    needs.compiler()

    def none_usable():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(build.tempfile, "TemporaryDirectory", none_usable)
    assert type(best_kernels(torch.float32)) is Kernels
    with pytest.raises(OptionError, match="No usable temporary directory"):
        compiled_kernels()


def test_paths_of_mapped_files_may_have_spaces_and_files_may_be_gone():
    maps = (
        "7f00-7f10 r-xp 00000000 08:01 123                        /opt/my python/lib/libgomp-a34.so.1\n"
        "7f10-7f20 r--p 00001000 08:01 123                        /opt/my python/lib/libgomp-a34.so.1\n"
        "7f20-7f30 r-xp 00000000 08:01 124    /usr/lib/libiomp5.so (deleted)\n"
        "7f30-7f40 rw-p 00000000 00:00 0 \n"
        "7f40-7f50 rw-p 00000000 00:00 0      [heap]\n"
    )
    files = build._mapped_files(maps)
    assert files == ["/opt/my python/lib/libgomp-a34.so.1", "/usr/lib/libiomp5.so", "[heap]"]


def test_an_openmp_that_cannot_be_opened_does_not_end_the_program(monkeypatch):
    if sys.platform != "linux":
        pytest.skip("the files that are mapped are read on Linux only")
    monkeypatch.setattr(build, "_mapped_files", lambda _: ["/nowhere at all/libgomp.so.1"])
    build._share_openmp_of_torch()


def test_a_damaged_library_is_compiled_again(fresh):
    needs.compiler()
    compiled_kernels()
    [library] = (fresh / "kernels").iterdir()
    whole = library.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:5000] + b"x" + whole[5001:]):
        library.unlink()  # the one that is loaded stays as it is
        library.write_bytes(damaged)
        kernels_or_error.cache_clear()
        assert isinstance(best_kernels(torch.float32), CompiledKernels)
        assert len(library.read_bytes()) == len(whole)


def test_the_library_is_compiled_once_and_kept(fresh, monkeypatch):
    needs.compiler()
    compiled_kernels()
    [library] = (fresh / "kernels").iterdir()
    kernels_or_error.cache_clear()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was compiled again"))
    compiled_kernels()
    assert [*(fresh / "kernels").iterdir()] == [library]
