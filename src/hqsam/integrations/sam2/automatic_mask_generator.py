"""Masks of everything in an image, called as by the official generator."""

from typing import Any

import numpy as np

from hqsam.engines import Engine
from hqsam.errors import OptionError
from hqsam.integrations.sam2.sam2_base import SAM2Base
from hqsam.integrations.sam2.sam2_image_predictor import SAM2ImagePredictor
from hqsam.integrations.segment_anything.automatic_mask_generator import SamAutomaticMaskGenerator
from hqsam.integrations.segment_anything.engine import SingleMaskEngine
from hqsam.predict.mask_generator_config import MaskGeneratorConfig


class SAM2AutomaticMaskGenerator(SamAutomaticMaskGenerator):
    """A generator of masks for a whole image with SAM 2; `generate(image)` returns records as the official one does."""

    predictor: SAM2ImagePredictor

    def __init__(
        self,
        model: SAM2Base,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.8,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        mask_threshold: float = 0.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: list[np.ndarray] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
        use_m2m: bool = False,
        multimask_output: bool = True,
        **_: Any,
    ) -> None:
        """See `hqsam.predict.mask_generator_config` for what each is; `points_per_batch` is the most, memory decides.

        Raises:
            OptionError: a value is out of range; `use_m2m` or another `mask_threshold` than 0 is asked for.
        """
        if use_m2m or mask_threshold:
            asked = "use_m2m" if use_m2m else f"mask_threshold={mask_threshold:g}"
            raise OptionError(f"{asked} is not supported by this generator; leave it out")
        super().__init__(
            model,
            points_per_side,
            points_per_batch,
            pred_iou_thresh,
            stability_score_thresh,
            stability_score_offset,
            box_nms_thresh,
            crop_n_layers,
            crop_nms_thresh,
            crop_overlap_ratio,
            crop_n_points_downscale_factor,
            point_grids,
            min_mask_region_area,
            output_mode,
        )
        self.multimask_output = multimask_output

    @classmethod
    def from_pretrained(cls, model_id: str, **options: Any) -> "SAM2AutomaticMaskGenerator":
        """Make a generator of a name, a checkpoint or a Hugging Face repo that hqsam reads.

        Raises:
            OptionError: it is no SAM 2, or an option is out of range.
            CheckpointError: it cannot be read.
        """
        return cls(SAM2Base.from_pretrained(model_id, options.pop("device", None)), **options)

    def generate(self, image: np.ndarray, multimask_output: bool | None = None) -> list[dict[str, Any]]:
        """Return a record for each mask of an image, RGB [H, W, 3]; see `SamAutomaticMaskGenerator.generate`."""
        return super().generate(image, self.multimask_output if multimask_output is None else multimask_output)

    def _config(self, points_per_side: int = 1) -> MaskGeneratorConfig:
        """Return the settings; of HQ-SAM 2, too, each of three masks may be kept, unlike of HQ-SAM."""
        return super()._config(points_per_side).but(candidates=3)

    @staticmethod
    def make_predictor(model: Any) -> SAM2ImagePredictor:
        return SAM2ImagePredictor(model)

    def make_engine(self, multimask_output: bool) -> Engine:
        engine = self.predictor.engine
        return engine if multimask_output else SingleMaskEngine(engine, self.predictor.model.single)
