"""Families of encoders: stored configs are read, and a new family is a folder's content and a row."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

import hqsam
from hqsam.model.config import MODELS, NANO, HqConfig, ModelConfig
from hqsam.model.encoders import FAMILIES, family_of
from hqsam.model.encoders.efficientnet_lite.config import EFFICIENTNET_LITES
from hqsam.model.encoders.family import EncoderFamily, ImageEncoder, TensorNames
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.model.layers import ConvNorm, Neck
from hqsam.weights import keys
from hqsam.weights.keys import from_ours, to_ours
from hqsam.weights.save import save_model

STORED_NANO = {
    "name": "nano", "image_size": 512, "padding": 2, "width": 192, "mask_prompt_channels": 16, "family": "tiny_vit",
    "encoder": {
        "widths": [48, 96, 192, 256], "depths": [2, 2, 6, 2], "heads": [2, 3, 6, 8], "windows": [8, 8, 16, 16],
        "even_windows": True, "merge_strides": [2, 2, 1], "attention_biases": True, "expand": 3, "mlp_ratio": 4,
        "early_stage": 0, "early_after_merging": False,
    },
    "hq": {"fusion_width": 64},
    "decoder": {"depth": 2, "heads": 8, "mlp_width": 1024, "attention_shrink": 2, "candidates": 3, "iou_depth": 3,
                "iou_width": 192},
    "pixel_mean": [123.675, 116.28, 103.53], "pixel_std": [58.395, 57.12, 57.375],
}  # fmt: skip
"""The config in the header of a nano that version 0.1 saved."""


def test_configs_that_were_saved_before_are_read():
    assert ModelConfig.from_dict(STORED_NANO) == replace(MODELS["nano_1"], name="nano")


@pytest.mark.parametrize("name", MODELS)
def test_a_config_survives_its_trip_through_a_dict(name):
    config = MODELS[name]
    assert ModelConfig.from_dict(config.to_dict()) == config
    assert family_of(config.encoder).config is type(config.encoder)


@dataclass(frozen=True, kw_only=True)
class ToyConfig:
    width: int = 32
    stride: int = 16
    early_stride: int = 16
    has_skips: bool = False

    @property
    def early_width(self):
        return self.width

    @property
    def outline(self):
        return (self.width,), (1,)


class Toy(ImageEncoder):
    """Patches, and a convolution that knows its norm."""

    def __init__(self, config, image_size, out_channels):
        super().__init__()
        self.embed = nn.Conv2d(3, config.width, config.stride, config.stride)
        self.mix = ConvNorm(config.width, config.width, 3)
        self.neck = Neck(config.width, out_channels)

    def forward(self, images):
        early = self.mix(self.embed(images))
        return ImageFeatures(final=self.neck(early), early=early)


TOY = EncoderFamily(
    title="Toy",
    config=ToyConfig,
    build=Toy,
    tensor_names=TensorNames(
        rows="""
            embed.*      stem.conv.*     -
            mix.{piece}.* body.{piece}.* -
        """,
        words={"piece": ("conv c", "norm bn")},
    ),
    outline=lambda tensors: ((32,), (1,)) if "image_encoder.mix.conv.weight" in tensors else None,
    fixed_size=False,
)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    for cached in (keys._rules, keys._patterns, keys._match):
        cached.cache_clear()
    torch.manual_seed(0)
    yield HQSam(ModelConfig(name="toy_sam", encoder=ToyConfig(), hq=HqConfig(), image_size=128, width=32)).eval()
    for cached in (keys._rules, keys._patterns, keys._match):
        cached.cache_clear()


def test_a_new_family_is_one_row(toy, tmp_path):
    save_model(toy, tmp_path / "toy.safetensors")
    image = np.random.default_rng(0).integers(0, 256, (90, 128, 3), np.uint8)
    masks = [
        hqsam.load(tmp_path / "toy.safetensors", device="cpu", precision="float32", backend=backend)
        .open(image)
        .segment(box=(10, 10, 80, 70))
        for backend in ("cpu", "torch")
    ]
    np.testing.assert_allclose(masks[0].logits, masks[1].logits, atol=1e-3)


def test_families_that_share_a_name_of_ours_mean_the_same_by_it():
    meant = {}
    for rule in keys._rules():
        ours = rule.names["hqsam"]
        known = meant.setdefault((ours, *rule.names), rule.names)  # SAM 2's code has a table of its own
        assert known == rule.names, f"{ours} is a name of two families: rename one"


def test_a_new_family_has_official_names(toy):
    official = from_ours(toy.state_dict(), "official")
    assert {"image_encoder.stem.conv.weight", "image_encoder.body.bn.running_mean"} <= set(official)
    ours = to_ours(official, "official")
    assert not ours.unknown and set(ours.ours) == set(toy.state_dict())


@pytest.mark.parametrize(("size", "parameters"), [("lite0", 2_958_848), ("lite1", 3_723_520), ("lite2", 4_357_952)])
def test_backbones_of_efficientnet_lite_have_the_sizes_of_those_that_are_published(size, parameters):
    """Counted in the published files, without the classifier; all their tensors fit."""
    with torch.device("meta"):
        model = HQSam(replace(NANO, encoder=EFFICIENTNET_LITES[size]))
    backbone = model.image_encoder.get_submodule("backbone")
    assert sum(each.numel() for each in backbone.parameters()) == parameters
