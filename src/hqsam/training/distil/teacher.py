"""The teacher: finds objects in a photo by clicks, and answers clicks and boxes for them."""

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.data.prompting import Prompt, box_prompt, click_prompt, noisy_box
from hqsam.data.views import View
from hqsam.engines.attention import CPU_OPS
from hqsam.engines.inference import inference_copy, inference_state
from hqsam.engines.kernels.build import best_depthwise
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.depthwise import set_depthwise_ops
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.model.mask_decoder import MaskInputs
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.predict.point_grid import build_point_grid
from hqsam.training.distil.objects import choose_candidates, choose_objects
from hqsam.training.encoding import frozen_encoder

KINDS = 2
"""Kinds of prompts for each object: a click, and a box."""

_CLICKS_PER_SIDE = 4


class Teacher:
    """A frozen model that answers prompts on square views."""

    def __init__(self, model: HQSam, device: torch.device, precision: torch.dtype) -> None:
        """Prepare a model, which stays as it is, for inference on a device."""
        self.config, self.device, self._precision = model.config, device, precision
        self._model = inference_copy(model).to(device)
        set_attention_ops(self._model, CPU_OPS)
        set_depthwise_ops(self._model, best_depthwise())
        self._encode = frozen_encoder(self._model, precision)
        self._model.in_precision(precision)

    @inference_state()
    def answer(self, view: View, objects: int, random: np.random.Generator) -> dict[str, Tensor]:
        """Find objects in a view by clicks, and answer for each a click and a box.

        Args:
            view: a square image, and where the photo is in it.
            objects: the number of objects to return; where the teacher finds fewer, they are repeated.
            random: all that is random comes from here.

        Returns:
            Tensors by name, for K objects, kind 0 a click and kind 1 a box, m logits a side:
            final [channel, g, g], the image embedding; points [kind, K, 2, 2], in pixels of the view, and labels
            [kind, K, 2]; inside [kind, K, mask, m, m], probabilities 0 to 255 of SAM's masks, and scores [kind, K,
            mask]; truth [kind, K, m, m], the same of the mask that users get by default; chosen [K], the click's mask
            that is the object.
        """
        features = self._encode(torch.from_numpy(self._at_own_size(view.image))[None].to(self.device))
        features = features.map(lambda part: part.to(self._precision))
        of_view = _AnswersOnView(self._model, features, len(view.image))
        clicks = _clicks(view.masks[0], random)
        answered = of_view.masks(clicks)
        masks, scores = answered.inside[:, 1:] > 127, answered.scores[:, 1:]
        areas = masks.mean(axis=(2, 3)) / max((view.masks[0] > 127).mean(), 1e-6)
        candidates = choose_candidates(areas, scores, random)
        usable = np.flatnonzero(candidates >= 0)
        of_click = masks[usable, candidates[usable]]
        picked = choose_objects(of_click, scores[usable, candidates[usable]], objects)
        if picked:
            picked = [picked[number % len(picked)] for number in range(objects)]
            rows, chosen, found = usable[picked], 1 + candidates[usable[picked]], of_click[picked]
        else:  # nothing is in the photo but itself
            rows, chosen = np.arange(objects) % len(clicks), np.zeros(objects, np.int64)
            found = np.repeat(_resized(view.masks[0] > 127, masks.shape[-1])[None], objects, axis=0)
        of_clicks = [clicks[row] for row in rows]
        boxes = [box_prompt(noisy_box(_resized(mask, len(view.image)), random)) for mask in found]
        by_box = of_view.masks(boxes)
        return {
            "final": features.final[0],
            "points": torch.from_numpy(np.stack([_points(of_clicks), _points(boxes)])),
            "labels": torch.from_numpy(np.stack([[each.labels for each in kind] for kind in (of_clicks, boxes)])),
            "inside": torch.from_numpy(np.stack([answered.inside[rows], by_box.inside])),
            "scores": torch.from_numpy(np.stack([answered.scores[rows], by_box.scores])),
            "truth": torch.from_numpy(
                np.stack([of_view.default_masks(of_clicks, chosen), of_view.default_masks(boxes, 0 * chosen)])
            ),
            "chosen": torch.from_numpy(chosen),
        }

    def _at_own_size(self, image: np.ndarray) -> np.ndarray:
        size = self.config.image_size
        return image if len(image) == size else cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


class _Masks:
    """Masks 0 to 3 of some prompts as arrays, and their scores."""

    def __init__(self, logits: Tensor, scores: Tensor) -> None:
        self.inside, self.scores = _probabilities(logits), scores.float().cpu().numpy()


class _AnswersOnView:
    """Decodes prompts on one encoded view."""

    def __init__(self, model: HQSam, features: ImageFeatures, view_size: int) -> None:
        self.model, self.features, self.view_size = model, features, view_size
        self.hq_features = model.hq_features(features)

    def masks(self, prompts: list[Prompt]) -> _Masks:
        """Answer as SAM does, without the HQ token: mask 0 and all candidates."""
        mask_inputs = self._decoded(prompts, with_hq=False)
        logits = self.model.mask_decoder.masks(mask_inputs, 0, self.model.config.decoder.candidates)
        return _Masks(logits, mask_inputs.iou_predictions)

    def default_masks(self, prompts: list[Prompt], chosen: np.ndarray) -> np.ndarray:
        """Answer with what users get by default: SAM's mask of this number, plus the HQ logits if there are."""
        mask_inputs = self._decoded(prompts, with_hq=self.model.hq is not None)
        logits = self.model.mask_decoder.masks(mask_inputs, 0, self.model.config.decoder.candidates)
        logits = logits[torch.arange(len(prompts)), torch.from_numpy(chosen).to(logits.device)]
        if self.model.hq is not None:
            logits = logits + self.model.hq_masks(mask_inputs, self.hq_features)[:, 0]
        return _probabilities(logits)

    def _decoded(self, prompts: list[Prompt], with_hq: bool) -> MaskInputs:
        device = self.features.final.device
        points = scaled_points(torch.from_numpy(_points(prompts)), self.view_size, self.model.config.image_size)
        labels = torch.from_numpy(np.stack([prompt.labels for prompt in prompts]))
        return self.model.run_decoder(self.features, PromptBatch(points.to(device), labels.to(device)), with_hq)


def scaled_points(points: Float[Tensor, "*batch 2"], size: int, to: int) -> Float[Tensor, "*batch 2"]:
    """Convert points between squares of two sizes, in pixels; whole numbers are the centres of pixels."""
    return points if size == to else (points + 0.5) * (to / size) - 0.5


def _clicks(inside: np.ndarray, random: np.random.Generator) -> list[Prompt]:
    """Return clicks on a grid over the photo's part of a view, each moved within its cell, in random order."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    cell = 0.5 / _CLICKS_PER_SIDE
    grid = build_point_grid(_CLICKS_PER_SIDE)
    grid = np.clip(grid + random.uniform(-cell, cell, grid.shape), 0, 0.999)
    x, y = (ends[(grid[:, axis] * len(ends)).astype(int)] for axis, ends in enumerate((columns, rows)))
    points = np.stack([x, y], axis=1).astype(np.float32)
    return [click_prompt(point[None]) for point in random.permutation(points)]


def _points(prompts: list[Prompt]) -> Float[np.ndarray, "prompt 2 2"]:
    return np.stack([prompt.points for prompt in prompts]).astype(np.float32)


def _resized(mask: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(mask.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST).astype(bool)


def _probabilities(logits: Tensor) -> np.ndarray:
    return (logits.float().sigmoid() * 255).round().to("cpu", torch.uint8).numpy()
