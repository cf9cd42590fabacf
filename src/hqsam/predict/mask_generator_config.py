"""The settings of SAM's automatic mask generator under its own names, and a few of ours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from hqsam.engines import Engine, MaskSelection
from hqsam.errors import OptionError
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import Source
from hqsam.predict.sources import check_source, is_number_of_candidates

_THRESHOLDS = {"nano": (0.4, 0.7), "nano_1": (0.4, 0.7)}
"""Least predicted IoU and least stability, for models whose scores mean something else than SAM's."""
_SAM_THRESHOLDS = (0.88, 0.95)
_SAM_2_THRESHOLDS = (0.8, 0.95)
"""Those of each one's official generator."""

_MEMORY = {"cpu": 1 << 30, "cuda": 8 << 30}


@dataclass(frozen=True, kw_only=True)
class MaskGeneratorConfig:
    """Settings of the mask generator: clicks, thresholds and memory. Where one is `None`, the model chooses.

    Raises:
        OptionError: a number is out of its range, or two settings contradict each other.
    """

    points_per_side: int = 32
    """Clicks along each side of the image, or of a crop: 32 are 1024 clicks."""
    point_grids: Sequence[np.ndarray] | None = None
    """Clicks x, y from 0 to 1 instead of the square grid: an array [N, 2] for the image and for each layer of crops."""
    pred_iou_thresh: float | None = None
    """Least predicted IoU: 0.88 for the official models."""
    stability_score_thresh: float | None = None
    """Least stability: 0.95 for the official models."""
    stability_score_offset: float = 1.0
    """Stability is the IoU of the masks cut this much above and below the usual height."""
    box_nms_thresh: float = 0.7
    """IoU of boxes above which only the better of two masks is kept."""
    crop_n_layers: int = 0
    """Layers of crops in which the image is looked at again: 2 x 2 crops, then 4 x 4, and so on."""
    crop_nms_thresh: float = 0.7
    """IoU of boxes above which, of two masks of different crops, only that of the smaller crop is kept."""
    crop_overlap_ratio: float = 512 / 1500
    """The share of the image's short side by which neighbouring crops overlap."""
    crop_n_points_downscale_factor: int = 1
    """With each layer of crops there are this many times fewer clicks along a side."""
    min_mask_region_area: int = 0
    """Pieces and holes of fewer pixels are removed."""
    source: str | None = None
    """The masks' source: "sum", "hq" or "sam", as in `Session.segment`."""
    candidates: int | None = None
    """3: each mask of a click may be kept, as Meta's generator has it, and by default with `sam`.
    1: only the best of the three, as the HQ generator has it. With `hq` there is one mask in any case."""
    detail: bool = False
    """Encode the surroundings of each mask again, closer: edges as fine as the image, and several times the time."""
    snap: bool = False
    """Move the edge of each mask to an edge of the image nearby, as in `Session.segment`."""
    memory_limit: int | None = None
    """Bytes to work in, about, beside the model, the image and the result; 1 GiB, or 8 GiB on a GPU."""

    most_points_at_once: int = 128
    """Clicks decoded in one pass, if memory allows."""

    def __post_init__(self) -> None:
        _check_whole(self, 1, "points_per_side", "crop_n_points_downscale_factor", "most_points_at_once")
        if self.memory_limit is not None:
            _check_whole(self, 1, "memory_limit")
        _check_whole(self, 0, "crop_n_layers", "min_mask_region_area")
        _check_between(self, 0, math.inf, "stability_score_offset")
        _check_between(self, 0, 1, "box_nms_thresh", "crop_nms_thresh", "crop_overlap_ratio")
        for name in ("pred_iou_thresh", "stability_score_thresh"):
            if getattr(self, name) is not None:
                _check_between(self, -math.inf, 1, name)
        if self.candidates is not None and not is_number_of_candidates(self.candidates):
            raise OptionError(f"candidates is {self.candidates!r}; choose 1, the best mask of a click, or 3, each")
        if self.point_grids is not None:
            _check_grids(self.point_grids, self.crop_n_layers)

    @classmethod
    def of(cls, config: "MaskGeneratorConfig | None", changes: Mapping[str, Any]) -> "MaskGeneratorConfig":
        """Return the config that a caller asks for, by a whole one, by some settings by name, or by both.

        Raises:
            OptionError: it is no config, there is no such setting, or it cannot have that value.
        """
        if config is not None and not isinstance(config, MaskGeneratorConfig):
            raise OptionError(
                f"config is {config!r}; give a MaskGeneratorConfig, or settings by their names, "
                "as in points_per_side=16"
            )
        return (config or cls()).but(**changes)

    def but(self, **changes: Any) -> "MaskGeneratorConfig":
        """Return the same config with some settings changed.

        Raises:
            OptionError: there is no such setting, or it cannot have that value.
        """
        unknown = [name for name in changes if name not in self.__dataclass_fields__]
        if unknown:
            raise OptionError(f"there is no setting {unknown[0]!r}; choose from {', '.join(self.__dataclass_fields__)}")
        return replace(self, **changes)

    def resolve(self, engine: Engine) -> "ResolvedConfig":
        """Return the settings with every default resolved for this model and machine.

        Raises:
            OptionError: the model has no such source.
        """
        source = check_source(self.source, engine.config)
        candidates = self.candidates or (3 if source == "sam" else 1)
        official = _SAM_THRESHOLDS if engine.config.memory is None else _SAM_2_THRESHOLDS
        least_score, least_stability = _THRESHOLDS.get(engine.config.name, official)
        memory = self.memory_limit or _MEMORY.get(engine.device.type, _MEMORY["cpu"])
        return ResolvedConfig(
            source=source,
            selection="each" if candidates == 3 else "best",
            least_score=least_score if self.pred_iou_thresh is None else self.pred_iou_thresh,
            least_stability=least_stability if self.stability_score_thresh is None else self.stability_score_thresh,
            prompts_at_once=min(max(memory // 2 // _bytes_a_prompt(engine.config), 1), self.most_points_at_once),
            candidate_bytes=memory // 4,
        )


@dataclass(frozen=True, kw_only=True)
class ResolvedConfig:
    """The settings that depend on the model and the machine."""

    source: Source
    selection: MaskSelection
    least_score: float
    least_stability: float
    prompts_at_once: int
    candidate_bytes: int
    """The memory for logits of masks that may yet be kept."""


def _bytes_a_prompt(config: ModelConfig) -> int:
    """Return what decoding takes at its peak: about eight maps of the decoder's pixels, in float32."""
    return 8 * 4 * config.mask_size**2 * (config.width // 8)


def _check_whole(config: MaskGeneratorConfig, least: Literal[0, 1], *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, Integral) or int(value) < least:
            raise OptionError(f"{name} is {value!r}; give a whole number, {least} or more")


def _check_between(config: MaskGeneratorConfig, least: float, most: float, *names: str) -> None:
    """Refuse values outside a range; NaN is outside of any."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, Real) or not least <= float(value) <= most:
            raise OptionError(f"{name} is {value!r}; give a number{_range_in_words(least, most)}")


def _range_in_words(least: float, most: float) -> str:
    if math.isfinite(least) and math.isfinite(most):
        return f", {least:g} to {most:g}"
    return f", {least:g} or more" if math.isfinite(least) else f" up to {most:g}; the lower, the more is found"


def _check_grids(grids: Sequence[np.ndarray], layers: int) -> None:
    if not isinstance(grids, Sequence | np.ndarray) or isinstance(grids, str):
        raise OptionError(f"point_grids is a {type(grids).__name__}; give a list with an array [N, 2] for each layer")
    if len(grids) <= layers:
        raise OptionError(f"got {len(grids)} point_grids for the image and {layers} layers of crops; give one for each")
    for grid in grids:
        if np.ndim(grid) != 2 or np.shape(grid)[1] != 2:
            raise OptionError(f"a grid in point_grids has the shape {np.shape(grid)}; expected [N, 2], x and y 0 to 1")
        outside = ~((np.asarray(grid) >= 0) & (np.asarray(grid) <= 1))  # not a number is outside, too
        if outside.any():
            raise OptionError(f"point_grids has the value {np.asarray(grid)[outside][0]}; x and y are from 0 to 1")
