"""Models of every kind, so small that a test makes them from nothing; their weights are random but always the same."""

from dataclasses import replace

import torch

from hqsam.engines.build import build_engine
from hqsam.model.config import DecoderConfig, HqConfig, ModelConfig, sam_2
from hqsam.model.encoders.efficientnet_lite.config import EfficientNetLiteConfig
from hqsam.model.encoders.hiera.config import HieraConfig
from hqsam.model.encoders.tiny_vit.config import TinyVitConfig
from hqsam.model.encoders.vit.config import VitConfig
from hqsam.model.hq_sam import HQSam
from hqsam.model.memory.config import MemoryConfig
from hqsam.predict.segmenter import Segmenter

ENCODERS = {
    "vit": VitConfig(width=32, depth=3, heads=2, global_blocks=(1, 2), window=3),
    "tiny_vit": TinyVitConfig(widths=(8, 16, 24, 32), depths=(1, 1, 1, 1), heads=(1, 2, 3, 4), windows=(4, 4, 3, 4)),
    "tiny_vit_with_little_padding": TinyVitConfig(
        widths=(8, 32, 24, 64), depths=(1, 1, 1, 1), heads=(1, 1, 3, 2), windows=(4, 4, 3, 8), even_windows=True
    ),
    "efficientnet_lite": EfficientNetLiteConfig(
        widths=(8, 16, 8, 16, 8, 16, 24), depths=(1, 2, 1, 1, 1, 2, 1), pyramid=(16, 8, 16, 24), pyramid_depth=1,
        attention_depth=1, attention_heads=2,
    ),
    "hiera": HieraConfig(width=8, heads=1, depths=(1, 2, 3, 1), global_blocks=(4,), windows=(8, 4, 6, 2)),
}  # fmt: skip
KINDS = ("vit", "tiny_vit", "plain_vit", "plain_tiny_vit")
"""Kinds that the official code has, too."""

EVERY_KIND = (*KINDS, "efficientnet_lite", "plain_efficientnet_lite", "hiera", "plain_hiera")


def tiny_config(kind: str = "vit") -> ModelConfig:
    """Kinds are HQ-SAMs, with the prefix `plain_` plain SAMs; all see up to 128 x 128 pixels."""
    encoder = ENCODERS[kind.removeprefix("plain_")]
    if kind.removeprefix("plain_") == "hiera":
        return _tiny_sam_2(kind)
    return ModelConfig(
        name=f"{kind}_of_the_tests",
        encoder=encoder,
        hq=None if kind.startswith("plain_") else HqConfig(fusion_width=8),
        image_size=128,
        padding=1 if kind.endswith("_with_little_padding") or encoder.has_skips else None,
        width=32,
        mask_prompt_channels=8,
        drawn_prompt_channels=8 if encoder.has_skips else 0,
        decoder=DecoderConfig(heads=4, mlp_width=32, iou_width=32, smoothing=int(encoder.has_skips)),
    )


def _tiny_sam_2(kind: str) -> ModelConfig:
    usual = sam_2(f"{kind}_of_the_tests", ENCODERS["hiera"])
    hq = None if kind.startswith("plain_") else HqConfig(fusion_width=8, fuse_encoder=False)
    decoder = replace(usual.decoder, heads=4, mlp_width=32, iou_width=32)
    memory = MemoryConfig(width=16, depth=2, mlp_width=32)
    return replace(usual, hq=hq, image_size=128, width=32, mask_prompt_channels=8, decoder=decoder, memory=memory)


def tiny_model(kind: str = "vit") -> HQSam:
    """A whole model of a few hundred kB, always with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return HQSam(tiny_config(kind)).eval()


def tiny_segmenter(kind: str = "vit") -> Segmenter:
    """The same model, ready to open images on the CPU in float32."""
    return Segmenter(build_engine(tiny_model(kind), torch.device("cpu"), torch.float32))
