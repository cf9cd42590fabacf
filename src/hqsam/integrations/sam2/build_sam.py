"""Builders by the names of the official package."""

from pathlib import Path
from typing import Any

import torch

from hqsam.errors import CheckpointError, OptionError
from hqsam.integrations.sam2.sam2_base import SAM2Base
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights.load import load_model


def build_sam2(
    config_file: str,
    ckpt_path: str | Path | None = None,
    device: str | torch.device = "cuda",
    mode: str = "eval",
    hydra_overrides_extra: list[str] | None = None,
    apply_postprocessing: bool = True,
    **kwargs: Any,
) -> SAM2Base:
    """Build a SAM 2.1, SAM 2 or HQ-SAM 2.

    Args:
        config_file: a config of the official packages, such as "configs/sam2.1/sam2.1_hiera_l.yaml", of which the name
            alone counts, or a model of hqsam, such as "hq_sam2_hiera_t".
        ckpt_path: a checkpoint that hqsam reads; None for random weights.
        device: where the model computes.
        mode: "eval", or "train", for a model in training mode.
        hydra_overrides_extra: not supported; the sizes are those of the config's name.
        apply_postprocessing: let the best of masks 1 to 3 replace mask 0 where that is unstable.

    Raises:
        OptionError: the config is not known, or something else is asked for.
        CheckpointError: the checkpoint cannot be read, or is of another model.
    """
    if hydra_overrides_extra or kwargs:
        asked = [*(hydra_overrides_extra or []), *kwargs]
        raise OptionError(f"hqsam reads no YAML configs, so {asked} cannot change them; leave it out")
    name = _model_of(config_file)
    model = HQSam(MODELS[name]) if ckpt_path is None else load_model(ckpt_path)
    if model.config.encoder != MODELS[name].encoder or (model.hq is None) != (MODELS[name].hq is None):
        raise CheckpointError(
            f"{ckpt_path} holds {model.config.name}, and {config_file} is {name}; give its own config"
        )
    return SAM2Base(model.to(device), apply_postprocessing).train(mode != "eval")


build_sam2_hq = build_sam2
"""The builder of HQ-SAM 2's package."""


def build_sam2_video_predictor(*_: Any, **__: Any) -> None:
    """Refuse: videos have a face of their own.

    Raises:
        OptionError: always.
    """
    raise OptionError(
        "this package has no video predictor; hqsam.load(...).open_video(clip, compatible='sam2') decides as the "
        "official one does, and without compatible as docs/video.md says"
    )


def _model_of(config_file: str) -> str:
    stem = str(config_file).replace("\\", "/").rpartition("/")[2].removesuffix(".yaml")
    name = stem.replace("sam2.1_hq_", "hq_sam2_")
    if name not in MODELS or MODELS[name].fit != "squash":
        known = ", ".join(row.name for row in MODELS.values() if row.fit == "squash")
        raise OptionError(f"{config_file!r} is no config of a SAM 2 that hqsam has; known: {known}")
    return name
