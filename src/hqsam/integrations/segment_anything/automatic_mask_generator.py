"""Masks of everything in an image, called as by the official generators."""

from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from hqsam.engines import Engine
from hqsam.errors import OptionError
from hqsam.images.reading import read_image
from hqsam.integrations.segment_anything.crops import build_all_layer_point_grids
from hqsam.integrations.segment_anything.engine import engine_for
from hqsam.integrations.segment_anything.mask_data import MaskData
from hqsam.integrations.segment_anything.masks import (
    batched_mask_to_box,
    mask_to_rle_pytorch,
    remove_small_holes_and_islands,
    rle_to_mask,
)
from hqsam.integrations.segment_anything.predictor import SamPredictor
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import box_nms
from hqsam.masks.rle import run_lengths
from hqsam.predict.everything import find_everything
from hqsam.predict.mask_generator_config import MaskGeneratorConfig

_OUTPUT_MODES = ("binary_mask", "uncompressed_rle", "coco_rle")


class SamAutomaticMaskGenerator:
    """A generator of masks for a whole image: segment-anything-hq's for an HQ-SAM, Meta's for a plain SAM.

    It finds masks as `segmenter.everything` does, which is many times faster and holds no stack of masks.
    """

    def __init__(
        self,
        model: nn.Module,
        points_per_side: int | None = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: list[np.ndarray] | None = None,
        min_mask_region_area: int = 0,
        output_mode: str = "binary_mask",
    ) -> None:
        """See `hqsam.predict.mask_generator_config` for what each is.

        `points_per_batch` is the most; memory decides.

        Raises:
            OptionError: a value is out of range, or there is not exactly one of points_per_side and point_grids.
        """
        if (points_per_side is None) == (point_grids is None):
            raise OptionError("give exactly one of points_per_side and point_grids, and None for the other")
        if output_mode not in _OUTPUT_MODES:
            raise OptionError(f"output_mode is {output_mode!r}; choose one of {', '.join(_OUTPUT_MODES)}")
        self.predictor = self.make_predictor(model)
        self.points_per_side, self.points_per_batch, self.output_mode = points_per_side, points_per_batch, output_mode
        self.pred_iou_thresh = pred_iou_thresh
        self.stability_score_thresh = stability_score_thresh
        self.stability_score_offset = stability_score_offset
        self.box_nms_thresh = box_nms_thresh
        self.crop_n_layers = crop_n_layers
        self.crop_nms_thresh = crop_nms_thresh
        self.crop_overlap_ratio = crop_overlap_ratio
        self.crop_n_points_downscale_factor = crop_n_points_downscale_factor
        self.min_mask_region_area = min_mask_region_area
        self.point_grids = point_grids or []
        self._config(points_per_side or 1)
        if points_per_side is not None:
            self.point_grids = build_all_layer_point_grids(
                points_per_side, crop_n_layers, crop_n_points_downscale_factor
            )

    def generate(
        self, image: UInt8[np.ndarray, "height width 3"], multimask_output: bool = True
    ) -> list[dict[str, Any]]:
        """Return a record for each mask of an image.

        Args:
            image: colours, RGB [H, W, 3].
            multimask_output: choose among SAM's masks 1 to 3 for each click, instead of its mask 0.

        Returns:
            Records with the keys segmentation (by `output_mode` a bool array [H, W] or run lengths), area, bbox
            (x, y, width, height, from the first pixel to the last, as theirs), predicted_iou, point_coords,
            stability_score, crop_box.
        """
        engine = self.make_engine(multimask_output)
        return [self._record(one) for one in find_everything(engine, read_image(image), self._config())]

    @staticmethod
    def make_predictor(model: Any) -> Any:
        """Return the predictor of a model."""
        return SamPredictor(model)

    def make_engine(self, multimask_output: bool) -> Engine:
        """Return the engine that runs the model as it is now."""
        return engine_for(self.predictor.model, multimask_output)

    @staticmethod
    def postprocess_small_regions(mask_data: MaskData, min_area: int, nms_thresh: float) -> MaskData:
        """Remove small pieces and holes from masks, and masks that became duplicates by it.

        Args:
            mask_data: masks as uncompressed `rles` with their `boxes`, and any other columns; it is changed.
            min_area: pieces and holes of fewer pixels are removed.
            nms_thresh: IoU of boxes above which two masks are duplicates; one that needed no change is kept.

        Returns:
            `mask_data` itself.
        """
        before = [rle_to_mask(rle) for rle in mask_data["rles"]]
        if not before:
            return mask_data
        tidied = [remove_small_holes_and_islands(mask, min_area) for mask in before]
        masks = torch.from_numpy(np.stack([mask for mask, _ in tidied]))
        boxes, untouched = batched_mask_to_box(masks), np.array([float(not changed) for _, changed in tidied])
        kept = box_nms(boxes.numpy(), untouched, nms_thresh)
        for index in kept[untouched[kept] == 0].tolist():
            mask_data["rles"][index] = mask_to_rle_pytorch(masks[index : index + 1])[0]
            mask_data["boxes"][index] = boxes[index]
        mask_data.filter(torch.from_numpy(kept))
        return mask_data

    def _config(self, points_per_side: int = 1) -> MaskGeneratorConfig:
        """Return the settings as they are now, for callers may set them between two images.

        A subclass that builds itself sets what the official generator does, which is `point_grids` alone.

        Raises:
            OptionError: a value is out of range.
        """
        return MaskGeneratorConfig(
            points_per_side=points_per_side,
            point_grids=self.point_grids or None,
            pred_iou_thresh=self.pred_iou_thresh if self.pred_iou_thresh > 0 else -np.inf,
            stability_score_thresh=self.stability_score_thresh,
            stability_score_offset=self.stability_score_offset,
            box_nms_thresh=self.box_nms_thresh,
            crop_n_layers=self.crop_n_layers,
            crop_nms_thresh=self.crop_nms_thresh,
            crop_overlap_ratio=self.crop_overlap_ratio,
            crop_n_points_downscale_factor=self.crop_n_points_downscale_factor,
            min_mask_region_area=self.min_mask_region_area,
            most_points_at_once=self.points_per_batch,
        )

    def _record(self, one: Instances) -> dict[str, Any]:
        [record] = one.records()
        x, y, width, height = record["bbox"]
        record |= {"segmentation": self._segmentation(one), "bbox": [x, y, width - 1, height - 1]}
        order = ("segmentation", "area", "bbox", "predicted_iou", "point_coords", "stability_score", "crop_box")
        return {key: record[key] for key in order}

    def _segmentation(self, one: Instances) -> Any:
        if self.output_mode == "binary_mask":
            return one.mask(0)
        if self.output_mode == "coco_rle":
            return dict(one.rle[0])
        return {"size": one.rle[0]["size"], "counts": run_lengths(one.rle[0]["counts"]).tolist()}
