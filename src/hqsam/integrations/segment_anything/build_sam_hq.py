"""HQ-SAM by the names of segment-anything-hq's and Grounded-SAM's packages."""

import warnings
from collections.abc import Callable
from pathlib import Path

from hqsam.errors import DataWarning
from hqsam.integrations.segment_anything.build_sam import build_model
from hqsam.integrations.segment_anything.modeling.sam import Sam


def build_sam_hq_vit_h(checkpoint: str | Path | None = None) -> Sam:
    """Build HQ-SAM with ViT-H, of which only the HQ part is trainable.

    Args:
        checkpoint: a checkpoint of segment-anything-hq, or any other of this model that hqsam reads; one of plain SAM
            gives plain SAM, with a `DataWarning`. None for random weights.

    Raises:
        CheckpointError: the checkpoint cannot be read, or is of another model.
    """
    return _build_hq("vit_h", checkpoint)


def build_sam_hq_vit_l(checkpoint: str | Path | None = None) -> Sam:
    """Build HQ-SAM with ViT-L; see `build_sam_hq_vit_h`."""
    return _build_hq("vit_l", checkpoint)


def build_sam_hq_vit_b(checkpoint: str | Path | None = None) -> Sam:
    """Build HQ-SAM with ViT-B; see `build_sam_hq_vit_h`."""
    return _build_hq("vit_b", checkpoint)


def build_sam_hq_vit_t(checkpoint: str | Path | None = None) -> Sam:
    """Build light HQ-SAM, with TinyViT; see `build_sam_hq_vit_h`."""
    return _build_hq("vit_tiny", checkpoint)


build_sam_hq = build_sam_hq_vit_h

sam_hq_model_registry: dict[str, Callable[..., Sam]] = {
    "default": build_sam_hq_vit_h,
    "vit_h": build_sam_hq_vit_h,
    "vit_l": build_sam_hq_vit_l,
    "vit_b": build_sam_hq_vit_b,
    "vit_tiny": build_sam_hq_vit_t,
    "vit_t": build_sam_hq_vit_t,
}
"""Builders of HQ-SAM by the name of their encoder."""


def _build_hq(name: str, checkpoint: str | Path | None) -> Sam:
    model = build_model(name, checkpoint)
    if model.hq is None:
        warnings.warn(
            f"{checkpoint} is a checkpoint of plain SAM: its masks are SAM's; for HQ masks give one of HQ-SAM",
            DataWarning,
            stacklevel=3,
        )
    else:  # what the HQ package trains, and nothing else
        for part in model.sam_parts():
            part.requires_grad_(False)
    return Sam(model)  # and not Sam(model).eval(), which is the caller's to call: see Sam.train
