"""The search for everything in one view: the whole image, or one crop of it."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int, UInt8

from hqsam.engines import Engine, SelectedMasks
from hqsam.geometry import Frame
from hqsam.masks.boxes import Window
from hqsam.masks.runs import Runs, runs_of_parts
from hqsam.model.preprocess import resize_longest_side
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.predict.candidates import Candidate, Candidates
from hqsam.predict.detail import sharpen_each
from hqsam.predict.found import Found
from hqsam.predict.grid import View, is_cut_off, points_of
from hqsam.predict.measuring import measure
from hqsam.predict.result import Segmentation
from hqsam.predict.search import Search, Settled
from hqsam.prompts import POSITIVE, Prompts

_ROUND = 2
"""Pixels around a measured box within which the mask of the image's size ends for certain."""


class ViewSearch:
    """Encodes a view when it is made; then click, then look at the results."""

    def __init__(
        self,
        engine: Engine,
        pixels: UInt8[np.ndarray, "height width 3"],
        view: View,
        search: Search,
        settled: Settled,
    ) -> None:
        x0, y0, x1, y1 = view.box_xyxy
        self._engine, self._view, self._search, self._settled = engine, view, search, settled
        self._image_size_hw = pixels.shape[0], pixels.shape[1]
        self._pixels = pixels[y0:y1, x0:x1]
        self._points = points_of(view, search)
        self._frame = Frame(view.size_hw, engine.config.image_size)
        self._candidates = Candidates(settled.candidate_bytes, search.box_nms_thresh)
        [self._encoded] = engine.encode([resize_longest_side(self._pixels, engine.config.image_size)])

    def click(self) -> Iterator[int]:
        """Click everywhere and collect what is good, stable and whole; tells after each batch of how many clicks."""
        at_once = self._settled.prompts_at_once
        for start in range(0, len(self._points), at_once):
            some = np.arange(start, min(start + at_once, len(self._points)))
            self._candidates.add(self._answers(some))
            yield len(some)

    def results(self) -> Iterator[Found]:
        """What is kept of all that was collected, best first, at the image's size."""
        kept, at_once = self._candidates.kept(), self._settled.prompts_at_once
        for start in range(0, len(kept), at_once):
            some = self._with_logits(kept[start : start + at_once])
            for one, runs in zip(some, self._runs_of(some), strict=True):
                if not runs.area:
                    continue  # so small that no pixel of a photo smaller than the model's input is inside
                x, y = (self._points[one.point] + self._view.origin_xy).tolist()
                yield Found.of(
                    runs,
                    self._image_size_hw,
                    score=one.score,
                    stability=one.stability,
                    point_xy=(x, y),
                    crop_box=self._view.box_xyxy,
                )

    def _answers(self, some: Int[np.ndarray, "point"]) -> Iterator[Candidate]:
        kept = self._decode(some, self._settled.least_score)
        offset, least = self._search.stability_score_offset, self._settled.least_stability
        for one in measure(kept.logits, self._frame, offset, least):
            if not is_cut_off(one.box_xyxy[None], self._view, self._image_size_hw)[0]:
                yield Candidate(
                    point=int(some[kept.prompt[one.row]]),
                    reading=int(kept.candidate[one.row]),
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
            self._encoded, batch, self._settled.source, self._settled.selection, least_score
        )

    def _prompts(self, some: Int[np.ndarray, "point"]) -> Prompts:
        return Prompts(self._frame, self._points[some][:, None], np.full((len(some), 1), POSITIVE))

    def _with_logits(self, some: list[Candidate]) -> list[Candidate]:
        """The same candidates; those whose logits were forgotten are decoded again."""
        lost = sorted({one.point for one in some if one.logits is None})
        if not lost:
            return some
        kept = self._decode(np.array(lost), -np.inf)
        clicks = [lost[prompt] for prompt in kept.prompt.tolist()]
        rows = {
            self._answer_key(*key): row for row, key in enumerate(zip(clicks, kept.candidate.tolist(), strict=True))
        }
        logits = kept.logits.float().cpu().numpy()
        return [
            one if one.logits is not None else one.with_logits(logits[rows[self._answer_key(one.point, one.reading)]])
            for one in some
        ]

    def _answer_key(self, point: int, reading: int) -> tuple[int, int]:
        """Where one mask answers a click, which reading is the best may differ by rounding when it is asked again."""
        return point, reading if self._settled.selection == "each" else 0

    def _runs_of(self, some: list[Candidate]) -> Iterator[Runs]:
        """Their masks at the image's size."""
        logits = [one.whole_logits(self._engine.config.mask_size) for one in some]
        left, top = self._view.box_xyxy[:2]
        height = self._image_size_hw[0]
        if self._search.detail:
            yield from (runs_of_parts([(mask, top, left)], height) for mask in self._fine_masks(some, logits))
            return
        for one, each in zip(some, logits, strict=True):
            rows, columns = self._window_in_view(one)
            parts = self._frame.mask_columns(each, rows, columns)
            yield runs_of_parts(((part.T, top + rows.start, left + first) for first, part in parts), height)

    def _window_in_view(self, one: Candidate) -> Window:
        height, width = self._view.size_hw
        x0, y0, x1, y1 = one.box_xyxy
        rows = slice(max(0, int(y0) - _ROUND), min(height, math.ceil(y1) + _ROUND))
        return rows, slice(max(0, int(x0) - _ROUND), min(width, math.ceil(x1) + _ROUND))

    def _fine_masks(self, some: list[Candidate], logits: list[np.ndarray]) -> list[np.ndarray]:
        """Masks of the view's size with edges as fine as its pixels."""
        coarse = Segmentation(
            logits=np.stack(logits),
            scores=np.array([one.score for one in some], np.float32),
            prompt_index=np.arange(len(some)),
            prompts=self._prompts(np.array([one.point for one in some])),
            source=self._settled.source,
        )
        finer = {row: fine.masks[0] for row, fine in sharpen_each(coarse, self._pixels, self._engine)}
        return [finer[row] for row in range(len(some))]
