"""The mask generator's work in one crop, which may be the whole image: a grid of clicks, and the masks to keep."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Int, UInt8

from hqsam.engines import Engine, SelectedMasks
from hqsam.masks.instances import Instances
from hqsam.masks.runs import Runs, runs_from_parts
from hqsam.masks.windows import Window
from hqsam.model.preprocess import prepare_image
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.predict.candidates import Candidate, Candidates
from hqsam.predict.detail import refine_each
from hqsam.predict.mask_generator_config import MaskGeneratorConfig, ResolvedConfig
from hqsam.predict.point_grid import GridCrop, is_near_crop_edge, points_in_crop
from hqsam.predict.result import Segmentation
from hqsam.predict.snap import snap_mask
from hqsam.predict.stability import measure_stability
from hqsam.prompts import POSITIVE, Prompts

_ROUND = 2
"""Pixels around a measured box within which the mask of the image's size ends for certain."""


class CropMaskGenerator:
    """Encodes a crop when it is made; then decode the points, then take the masks."""

    def __init__(
        self,
        engine: Engine,
        pixels: UInt8[np.ndarray, "height width 3"],
        crop: GridCrop,
        config: MaskGeneratorConfig,
        resolved: ResolvedConfig,
        may_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Encode a crop.

        Args:
            engine: the model.
            pixels: the whole image.
            crop: the part of it.
            config: what to look for.
            resolved: the same for this engine.
            may_stop: called again and again while edges are made finer; it may raise, to stop.
        """
        x0, y0, x1, y1 = crop.box_xyxy
        self._engine, self._crop, self._config, self._resolved = engine, crop, config, resolved
        self._may_stop = may_stop
        self._image_size_hw = pixels.shape[0], pixels.shape[1]
        self._pixels = pixels[y0:y1, x0:x1]
        self._points = points_in_crop(crop, config)
        self._frame, prepared = prepare_image(self._pixels, engine.config)
        self._candidates = Candidates(resolved.candidate_bytes, config.box_nms_thresh)
        [self._encoded] = engine.encode([prepared])

    def decode_points(self) -> Iterator[int]:
        """Decode every click and collect what is good, stable and whole; yield the number of clicks of each batch."""
        at_once = self._resolved.prompts_at_once
        for start in range(0, len(self._points), at_once):
            some = np.arange(start, min(start + at_once, len(self._points)))
            self._candidates.add(self._answers(some))
            yield len(some)

    def masks(self) -> Iterator[Instances]:
        """Yield what is kept of all that was collected, best first, at the image's size."""
        kept, at_once = self._candidates.kept(), self._resolved.prompts_at_once
        for start in range(0, len(kept), at_once):
            some = self._with_logits(kept[start : start + at_once])
            for one, runs in zip(some, self._runs_of(some), strict=True):
                if not runs.area:
                    continue  # so small that no pixel of an image smaller than the model's input is inside
                yield self._instance(one, runs)

    def _instance(self, one: Candidate, runs: Runs) -> Instances:
        """Return one mask with what SAM's records say of it."""
        point = self._points[one.point_index] + self._crop.origin_xy
        x0, y0, x1, y1 = self._crop.box_xyxy
        return Instances.from_rle(
            [runs.to_rle(self._image_size_hw)],
            self._image_size_hw,
            scores=[one.score],
            columns={
                "point_coords": point[None, None],
                "stability_score": np.array([one.stability]),
                "crop_box": np.array([[x0, y0, x1 - x0, y1 - y0]]),
            },
        )

    def _answers(self, some: Int[np.ndarray, "point"]) -> Iterator[Candidate]:
        kept = self._decode(some, self._resolved.least_score)
        offset, least = self._config.stability_score_offset, self._resolved.least_stability
        for one in measure_stability(kept.logits, self._frame, offset, least):
            if not is_near_crop_edge(one.box_xyxy[None], self._crop, self._image_size_hw)[0]:
                yield Candidate(
                    point_index=int(some[kept.prompt[one.row]]),
                    mask_index=int(kept.candidate[one.row]),
                    score=float(kept.scores[one.row]),
                    stability=one.stability,
                    box_xyxy=one.box_xyxy,
                    window=one.window,
                    logits=one.logits,
                )

    def _decode(self, some: Int[np.ndarray, "point"], least_score: float) -> SelectedMasks:
        points, labels = self._prompts(some).in_model()
        batch = PromptBatch(torch.from_numpy(points), torch.from_numpy(labels))
        return self._engine.decode_selected(
            self._encoded, batch, self._resolved.source, self._resolved.selection, least_score
        )

    def _prompts(self, some: Int[np.ndarray, "point"]) -> Prompts:
        return Prompts(self._frame, self._points[some][:, None], np.full((len(some), 1), POSITIVE))

    def _with_logits(self, some: list[Candidate]) -> list[Candidate]:
        """Return the same candidates; those whose logits were dropped are decoded again."""
        lost = sorted({one.point_index for one in some if one.logits is None})
        if not lost:
            return some
        kept = self._decode(np.array(lost), -np.inf)
        clicks = [lost[prompt] for prompt in kept.prompt.tolist()]
        rows = {
            self._answer_key(*key): row for row, key in enumerate(zip(clicks, kept.candidate.tolist(), strict=True))
        }
        logits = kept.logits.float().cpu().numpy()
        return [
            one
            if one.logits is not None
            else one.with_logits(logits[rows[self._answer_key(one.point_index, one.mask_index)]])
            for one in some
        ]

    def _answer_key(self, point: int, mask_index: int) -> tuple[int, int]:
        """Name an answer to a click: of one best mask, its number may differ by rounding when it is decoded again."""
        return point, mask_index if self._resolved.selection == "each" else 0

    def _runs_of(self, some: list[Candidate]) -> Iterator[Runs]:
        """Yield the runs of candidates at the image's size."""
        logits = [one.whole_logits(self._engine.config.mask_size) for one in some]
        left, top = self._crop.box_xyxy[:2]
        height = self._image_size_hw[0]
        if self._config.detail or self._config.snap:
            # Only the runs are kept: each mask is as large as the crop.
            found = {row: runs_from_parts([(mask, top, left)], height) for row, mask in self._fine_masks(some, logits)}
            yield from (found[row] for row in range(len(some)))
            return
        for one, each in zip(some, logits, strict=True):
            rows, columns = self._window_in_crop(one)
            parts = self._frame.mask_columns(each, rows, columns)
            yield runs_from_parts(((part.T, top + rows.start, left + first) for first, part in parts), height)

    def _window_in_crop(self, one: Candidate) -> Window:
        height, width = self._crop.size_hw
        x0, y0, x1, y1 = one.box_xyxy
        rows = slice(max(0, int(y0) - _ROUND), min(height, math.ceil(y1) + _ROUND))
        return rows, slice(max(0, int(x0) - _ROUND), min(width, math.ceil(x1) + _ROUND))

    def _fine_masks(self, some: list[Candidate], logits: list[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each candidate's row, in any order, and its mask of the crop's size, with edges as fine as its pixels.

        One mask is made at a time.
        """
        prompts = self._prompts(np.array([one.point_index for one in some]))
        scores = np.array([one.score for one in some], np.float32)
        coarse = Segmentation.from_logits(np.stack(logits), scores, prompts, self._resolved.source)
        fine = ((row, coarse[row]) for row in range(len(some)))
        if self._config.detail:
            fine = refine_each(coarse, self._pixels, self._engine, lambda *_: self._may_stop())
        for row, one in fine:
            self._may_stop()
            mask = one.mask(0)
            diagonal = float(np.hypot(*self._image_size_hw))
            yield row, snap_mask(mask, self._pixels, diagonal=diagonal) if self._config.snap else mask
