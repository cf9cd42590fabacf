"""The engine that is tuned to processors beside its plain twin."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import hqsam
from hqsam import hardware
from hqsam.cli.demo import EXAMPLES, Example
from hqsam.engines.build import build_engine
from hqsam.engines.cpu import CpuEngine
from hqsam.engines.fused import int8
from hqsam.engines.fused.conv import FusedConv
from hqsam.engines.fused.int8 import QuantisedLinear, quantise_linears
from hqsam.engines.fused.linear import PackedLinear, PackedUpscale, pack_linears
from hqsam.engines.kernels import Kernels
from hqsam.engines.kernels.build import compiled_kernels
from hqsam.engines.torch import TorchEngine
from hqsam.errors import OptionError
from hqsam.hardware import cpu_features
from hqsam.masks.boundary import iou
from hqsam.model.config import NANO_1
from hqsam.model.hq_sam import HQSam
from hqsam.model.layers import ConvNorm, Mlp, Upscale2x
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.paths import examples_folder
from hqsam.predict.segmenter import Segmenter
from tests import needs
from tests.tiny import tiny_model

CPU = torch.device("cpu")
KINDS = ("vit", "tiny_vit", "tiny_vit_with_little_padding", "efficientnet_lite")
KERNELS = ("plain", "compiled", "compiled without products")


@pytest.fixture(scope="module", params=[(kind, kernels) for kind in KINDS for kernels in KERNELS])
def engines(request):
    kind, kernels = request.param
    chosen = kernels_named(kernels)
    return CpuEngine(tiny_model(kind), torch.float32, chosen), TorchEngine(tiny_model(kind), CPU, torch.float32)


def kernels_named(name):
    if name == "plain":
        return Kernels()
    needs.compiler()
    kernels = copy.copy(compiled_kernels())
    kernels._multiplies = kernels._multiplies and name == "compiled"
    return kernels


def encoded(engine, rows=1):
    size = engine.config.image_size
    random = np.random.default_rng(1)
    return engine.encode([random.integers(0, 256, (size, size * 2 // 3, 3), np.uint8) for _ in range(rows)])[-1]


def prompts(engine, count, masked=None):
    random = torch.Generator().manual_seed(3)
    points = torch.rand(count, 3, 2, generator=random) * engine.config.image_size
    labels = torch.tensor([[1, 2, 3]]).expand(count, -1)
    if masked is None:
        return PromptBatch(points, labels)
    side = engine.config.mask_size
    mask = torch.randn(count, 1, side, side, generator=random)
    return PromptBatch(points, labels, mask, None if masked == "all" else torch.arange(count) % 2 == 0)


@pytest.mark.parametrize("masked", [None, "all", "some"])
@pytest.mark.parametrize("candidates", [1, 3])
@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_both_decode_the_same_masks(engines, source, candidates, masked):
    (logits, scores, _), (plain_logits, plain_scores, _) = (
        engine.decode(encoded(engine), prompts(engine, 5, masked), source, candidates) for engine in engines
    )
    assert logits.shape == plain_logits.shape
    torch.testing.assert_close(logits, plain_logits, rtol=0, atol=1e-4 * float(plain_logits.std()))
    torch.testing.assert_close(scores, plain_scores, rtol=0, atol=1e-5)


@pytest.mark.parametrize("selection", ["each", "best"])
@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_both_keep_the_same_masks_of_ambiguous_prompts(engines, source, selection):
    asked = [prompts(engine, 12) for engine in engines]
    scores = engines[1].decode(encoded(engines[1]), asked[1], "sam" if source == "sam" else "sum", 3).scores
    middle = float(scores.median()) + 1e-6
    ours, plain = (engine.decode_selected(encoded(engine), asked[0], source, selection, middle) for engine in engines)
    assert 0 < len(plain.scores) < scores.numel()
    assert ours.prompt.tolist() == plain.prompt.tolist()
    assert ours.candidate.tolist() == plain.candidate.tolist()
    torch.testing.assert_close(ours.scores, plain.scores, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.logits, plain.logits, rtol=0, atol=1e-4 * float(plain.logits.std()))


def test_a_score_that_nothing_reaches_keeps_nothing(engines):
    for engine in engines:
        kept = engine.decode_selected(encoded(engine), prompts(engine, 4), "sum", "each", 1e9)
        assert kept.logits.shape == (0, engine.config.mask_size, engine.config.mask_size)


def test_both_encode_the_same_features(engines):
    ours, plain = (encoded(engine, rows=2) for engine in engines)
    for name in ("final", "hq_features"):
        expected = plain.tensors[name]
        torch.testing.assert_close(ours.tensors[name], expected, rtol=0, atol=1e-4 * float(expected.std()))


def test_a_session_holds_only_what_masks_need():
    engine = CpuEngine(tiny_model("tiny_vit"), torch.float32, Kernels())
    image = encoded(engine)
    assert set(image.tensors) == {"final", "hq_features"}
    assert image.tensors["final"].is_contiguous(memory_format=torch.channels_last)


def test_the_tuned_engine_is_what_a_cpu_gets():
    assert isinstance(build_engine(tiny_model(), CPU, torch.float32), CpuEngine)
    with pytest.raises(OptionError, match='backend "cpu" does not run on cuda'):
        build_engine(tiny_model(), torch.device("cuda"), torch.float32, "cpu")


def test_a_digest_is_of_weights_and_precision_and_not_of_the_kernels_that_packed_them():
    model = tiny_model("tiny_vit")
    digests = {CpuEngine(model, torch.float32, kernels_named(name)).digest() for name in KERNELS}
    half = CpuEngine(model, torch.bfloat16, Kernels()).digest()
    with torch.no_grad():
        next(model.image_encoder.parameters()).flatten()[0] += 1
    other = CpuEngine(model, torch.float32, Kernels()).digest()
    assert len(digests) == 1 and len({*digests, half, other}) == 3


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_less_precision_gives_the_masks_of_float32(precision):
    """On real photos. A single click at something small leaves much open, and rounding may decide what it means."""
    if precision == "int8" and "avx512_vnni" not in cpu_features():
        pytest.skip("this processor does not multiply bytes")
    exact, quick = (hqsam.load("nano", device="cpu", precision=precision) for precision in ("float32", precision))
    by_box = [
        value for example in EXAMPLES if "points" not in example.prompt for value in agreement(exact, quick, example)
    ]
    by_click = [
        value for example in EXAMPLES if "points" in example.prompt for value in agreement(exact, quick, example)
    ]
    assert len(by_box) == 60 and len(by_click) == 24
    assert np.mean(by_box) >= 0.99 and np.min(by_box) >= 0.98
    assert np.median(by_click) >= 0.93 and np.mean(by_click) >= 0.9


@pytest.mark.parametrize("kind", ["hiera", "plain_hiera"])
def test_a_hiera_in_bfloat16_is_near_its_plain_twin(kind):
    plain = build_engine(tiny_model(kind), CPU, torch.float32, "torch")
    quick = build_engine(tiny_model(kind), CPU, torch.bfloat16)
    expected, found = (encoded(engine, rows=3).tensors for engine in (plain, quick))
    for name in ("final", "skip_0", "skip_1"):
        assert found[name].dtype == torch.bfloat16
        assert float((found[name].float() - expected[name]).norm() / expected[name].norm()) < 0.03


@pytest.mark.parametrize(
    ("device", "backend", "features", "message"),
    [
        ("cuda", "auto", ["avx512_vnni"], 'cuda with backend "torch"'),
        ("cpu", "torch", ["avx512_vnni"], 'cpu with backend "torch"'),
        ("cpu", "auto", ["avx2"], "needs a processor with AVX-512 VNNI"),
    ],
)
def test_bytes_are_multiplied_only_where_that_can_be_done(monkeypatch, device, backend, features, message):
    monkeypatch.setattr(int8, "cpu_features", lambda: features)
    with pytest.raises(OptionError, match=message):
        build_engine(tiny_model(), torch.device(device), torch.int8, backend)


@pytest.mark.parametrize("backend", ["torch", "cpu"])
def test_images_encoded_together_are_as_encoded_alone(backend):
    engine = build_engine(HQSam(NANO_1), CPU, torch.float32, backend)
    random = np.random.default_rng(2)
    images = [random.integers(0, 256, (512, 200 + 100 * row, 3), np.uint8) for row in range(3)]
    for image, together in zip(images, engine.encode(images), strict=True):
        [alone] = engine.encode([image])
        torch.testing.assert_close(together.tensors["final"], alone.tensors["final"], rtol=1e-3, atol=1e-4)
        assert together.tensors["final"].shape[-2:] == (32, min(32, -(-image.shape[1] // 16) + 2))
    assert engine.encode([]) == []


BYTES = pytest.mark.skipif("avx512_vnni" not in cpu_features(), reason="this processor does not multiply bytes")


@BYTES
@pytest.mark.parametrize("rest", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_of_bytes_is_near_its_plain_twin(monkeypatch, kind, rest):
    monkeypatch.setattr(hardware, "is_faster_in_bfloat16", lambda device: rest == torch.bfloat16)
    plain, quantised = (build_engine(tiny_model(kind), CPU, precision) for precision in (torch.float32, torch.int8))
    assert quantised.decoder.precision == rest
    expected, found = (encoded(engine, rows=3).tensors["final"].float() for engine in (plain, quantised))
    assert float((found - expected).norm() / expected.norm()) < 0.05
    assert quantised.encode([]) == []


@BYTES
@pytest.mark.parametrize("kernels", ["plain", "compiled"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_a_quantised_layer_is_near_its_plain_twin(precision, kernels):
    if kernels == "compiled":
        needs.compiler()
    torch.manual_seed(0)
    plain = nn.Sequential(Mlp([64, 96, 64], nn.GELU), nn.Linear(64, 8, bias=False)).to(precision)
    x = torch.randn(2, 3, 5, 64)
    x[0, 0, 0] *= 100  # one token far from the others makes none of them coarse
    expected = plain(x.to(precision)).float()
    quantise_linears(plain, compiled_kernels() if kernels == "compiled" else Kernels())
    assert [type(layer) for layer in plain[0]] == [QuantisedLinear, nn.Identity, QuantisedLinear]
    error = (plain(x.to(precision)).float() - expected).flatten(0, -2).norm(dim=1)
    assert float((error / expected.flatten(0, -2).norm(dim=1)).max()) < 0.06


def agreement(exact: Segmenter, quick: Segmenter, example: Example) -> list[float]:
    """IoU of the two's masks for the prompts of an example, each also moved by some pixels."""
    sessions = [segmenter.open(examples_folder() / example.image) for segmenter in (exact, quick)]
    random = np.random.default_rng(5)
    ious = []
    for _ in range(12):
        asked = {
            name: value if name == "labels" else np.asarray(value, float) + random.uniform(-4, 4, np.shape(value))
            for name, value in example.prompt.items()
        }
        first, second = (session.segment(**asked).masks for session in sessions)
        ious += [iou(a, b) for a, b in zip(first, second, strict=True)]
    return ious


def test_a_fused_convolution_is_its_plain_twin():
    torch.manual_seed(0)
    for settings in ({"kernel": 3, "stride": 2}, {"kernel": 3, "groups": 6}, {}):
        plain = ConvNorm(6, 6, **settings).eval()
        plain.norm.running_mean.normal_()
        plain.norm.running_var.uniform_(0.5, 2)
        plain.norm.weight.data.normal_()
        x = torch.randn(2, 6, 9, 11)
        with torch.inference_mode():
            torch.testing.assert_close(FusedConv(plain, gelu=False)(x), plain(x))
            torch.testing.assert_close(FusedConv(plain, gelu=True)(x), torch.nn.functional.gelu(plain(x)))


@torch.no_grad()
def test_packed_linear_layers_answer_as_the_plain_ones():
    torch.manual_seed(0)
    layers = nn.Sequential(Mlp([24, 48, 24], nn.GELU), nn.Linear(24, 8, bias=False)).bfloat16()
    x = torch.randn(2, 3, 5, 24).bfloat16()
    plain = layers(x)
    pack_linears(layers)
    assert [type(layer) for layer in layers[0]] == [PackedLinear, nn.Identity, PackedLinear]
    torch.testing.assert_close(layers(x), plain, rtol=0.02, atol=0.02 * float(plain.float().std()))
    torch.testing.assert_close(layers(x.transpose(1, 2)), layers(x).transpose(1, 2))


@torch.no_grad()
def test_a_packed_upscaling_answers_as_the_plain_one():
    torch.manual_seed(0)
    layers = nn.Sequential(Upscale2x(24, 12)).bfloat16()
    x = torch.randn(2, 24, 5, 3).bfloat16()
    plain = layers(x)
    pack_linears(layers)
    assert isinstance(layers[0], PackedUpscale)
    torch.testing.assert_close(layers(x), plain, rtol=0.02, atol=0.02)
