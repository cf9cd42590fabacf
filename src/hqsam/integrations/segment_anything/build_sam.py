"""Plain SAM by the names of Meta's package; `build_sam_hq` beside this has HQ-SAM."""

from collections.abc import Callable
from pathlib import Path

from hqsam.errors import CheckpointError
from hqsam.integrations.segment_anything.modeling.sam import Sam
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.load import load_model


def build_sam_vit_h(checkpoint: str | Path | None = None) -> Sam:
    """Build plain SAM with ViT-H.

    Args:
        checkpoint: a checkpoint of Meta's package, or any other of this model that hqsam reads; None for random
            weights.

    Raises:
        CheckpointError: the checkpoint cannot be read, or is of another model or an HQ-SAM.
    """
    return _build_plain("sam_vit_h", checkpoint)


def build_sam_vit_l(checkpoint: str | Path | None = None) -> Sam:
    """Build plain SAM with ViT-L; see `build_sam_vit_h`."""
    return _build_plain("sam_vit_l", checkpoint)


def build_sam_vit_b(checkpoint: str | Path | None = None) -> Sam:
    """Build plain SAM with ViT-B; see `build_sam_vit_h`."""
    return _build_plain("sam_vit_b", checkpoint)


def build_sam_vit_t(checkpoint: str | Path | None = None) -> Sam:
    """Build MobileSAM, plain SAM with TinyViT; see `build_sam_vit_h`."""
    return _build_plain("mobile_sam", checkpoint)


build_sam = build_sam_vit_h

sam_model_registry: dict[str, Callable[..., Sam]] = {
    "default": build_sam_vit_h,
    "vit_h": build_sam_vit_h,
    "vit_l": build_sam_vit_l,
    "vit_b": build_sam_vit_b,
    "vit_tiny": build_sam_vit_t,
    "vit_t": build_sam_vit_t,
}
"""Builders of plain SAM by the name of their encoder."""


def build_model(name: str, checkpoint: str | Path | None) -> HQSam:
    """Return a model of the table, from a checkpoint or with random weights, ready to predict.

    Raises:
        CheckpointError: the checkpoint cannot be read, or its encoder is another.
    """
    model = HQSam(MODELS[name]) if checkpoint is None else load_model(checkpoint)
    if model.config.encoder != MODELS[name].encoder:
        raise CheckpointError(
            f"{checkpoint} holds {model.config.name}, not {name}; build it by its own name, or with hqsam.load"
        )
    return model.eval()


def _build_plain(name: str, checkpoint: str | Path | None) -> Sam:
    model = build_model(name, checkpoint)
    if model.hq is not None:
        raise CheckpointError(
            f"{checkpoint} holds an HQ-SAM, and this is the door to plain SAM; import "
            "hqsam.integrations.segment_anything_hq in its place, or take build_sam_hq or sam_hq_model_registry"
        )
    return Sam(model)  # and not Sam(model).eval(), which is the caller's to call: see Sam.train
