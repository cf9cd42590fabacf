"""Models by the official packages' names, at the path that these have for it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from hqsam.errors import CheckpointError
from hqsam.integrations.segment_anything.modeling.sam import Sam
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.load import load_model


def _build(name: str, checkpoint: str | Path | None = None) -> Sam:
    model = HQSam(MODELS[name]) if checkpoint is None else load_model(checkpoint)
    if model.config.encoder != MODELS[name].encoder:
        raise CheckpointError(
            f"{checkpoint} holds {model.config.name}, not {name}; build it by its own name, or with hqsam.load"
        )
    if model.config.hq is not None:  # what the HQ package trains, and nothing else
        for part in model.sam_parts():
            part.requires_grad_(False)
    return Sam(model.eval())  # and not Sam(model).eval(), which is the caller's to call: see Sam.train


def build_sam_vit_h(checkpoint: str | Path | None = None) -> Sam:
    """ViT-H; HQ-SAM or plain SAM, whichever the checkpoint is. Without one, HQ-SAM with random weights."""
    return _build("vit_h", checkpoint)


def build_sam_vit_l(checkpoint: str | Path | None = None) -> Sam:
    """ViT-L, as `build_sam_vit_h`."""
    return _build("vit_l", checkpoint)


def build_sam_vit_b(checkpoint: str | Path | None = None) -> Sam:
    """ViT-B, as `build_sam_vit_h`."""
    return _build("vit_b", checkpoint)


def build_sam_vit_t(checkpoint: str | Path | None = None) -> Sam:
    """TinyViT, as `build_sam_vit_h`; the plain one is MobileSAM."""
    return _build("vit_tiny", checkpoint)


build_sam = build_sam_vit_h

sam_model_registry: dict[str, Callable[..., Sam]] = {
    "default": build_sam_vit_h,
    "vit_h": build_sam_vit_h,
    "vit_l": build_sam_vit_l,
    "vit_b": build_sam_vit_b,
    "vit_tiny": build_sam_vit_t,
    "vit_t": build_sam_vit_t,
}

sam_model_registry_baseline: dict[str, Callable[..., Sam]] = {
    "default": partial(_build, "sam_vit_h"),
    "vit_h": partial(_build, "sam_vit_h"),
    "vit_l": partial(_build, "sam_vit_l"),
    "vit_b": partial(_build, "sam_vit_b"),
    "vit_tiny": partial(_build, "mobile_sam"),
}
"""The HQ package's name for plain SAM."""
