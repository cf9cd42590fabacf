"""Prediction for one image or a batch of images, called as by the official predictor."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.engines import Engine
from hqsam.errors import OptionError
from hqsam.images.reading import ImageLike
from hqsam.integrations.sam2.sam2_base import SAM2Base
from hqsam.integrations.set_image import of_set_image
from hqsam.predict.session import Session

_LIMIT = 32.0
"""Low-resolution logits are cut off at this and minus this, as officially; masks are made before."""


class SAM2ImagePredictor:
    """A predictor: `set_image`, then `predict`; or `set_image_batch`, then `predict_batch`.

    The model's weights are taken over when the predictor is made; make another one after they have changed.
    """

    def __init__(
        self,
        sam_model: SAM2Base,
        mask_threshold: float = 0.0,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        **_: Any,
    ) -> None:
        """Make a predictor.

        Args:
            sam_model: what `build_sam2` returned.
            mask_threshold: logits above this are inside.
            max_hole_area: holes of at most so many low-resolution pixels are filled; 0: none.
            max_sprinkle_area: specks of at most so many low-resolution pixels are removed; 0: none.
        """
        self.model, self.mask_threshold = sam_model, mask_threshold
        self._max_hole_area, self._max_sprinkle_area = max_hole_area, max_sprinkle_area
        self._segmenter = sam_model.segmenter()
        self._sessions: list[Session] = []
        self._is_batch = False

    @classmethod
    def from_pretrained(cls, model_id: str, **options: Any) -> "SAM2ImagePredictor":
        """Make a predictor of a name, a checkpoint or a Hugging Face repo that hqsam reads.

        Raises:
            OptionError: it is no SAM 2.
            CheckpointError: it cannot be read.
        """
        return cls(SAM2Base.from_pretrained(model_id, options.pop("device", None)), **options)

    def set_image(self, image: ImageLike) -> None:
        """Encode an image, RGB [H, W, 3] of uint8, a PIL image or a path.

        Raises:
            ImageError: the image cannot be read.
        """
        self.reset_predictor()
        self._sessions = [self._segmenter.open(image)]

    def set_image_batch(self, image_list: Sequence[ImageLike]) -> None:
        """Encode several images, which may differ in size.

        Raises:
            ImageError: an image cannot be read.
        """
        self.reset_predictor()
        self._sessions, self._is_batch = list(self._segmenter.open_many(image_list)), True

    def predict(
        self,
        point_coords: np.ndarray | None = None,
        point_labels: np.ndarray | None = None,
        box: np.ndarray | None = None,
        mask_input: np.ndarray | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
        hq_token_only: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return masks of the image that is set.

        Args:
            point_coords: points x, y [K, 2], or [N, K, 2] for N prompts.
            point_labels: a label for each point: 1 inside, 0 outside.
            box: x0, y0, x1, y1 [4], or [N, 4] for N prompts.
            mask_input: logits [1, h, w] of an earlier answer, or [N, 1, h, w].
            multimask_output: three masks for each prompt, instead of one.
            return_logits: return logits instead of masks.
            normalize_coords: points and boxes are in pixels; False: they run from 0 to 1.
            hq_token_only: return an HQ-SAM 2's HQ mask alone, without adding SAM's.

        Returns:
            Masks [C, H, W] of float32, 0 or 1, or logits; their predicted IoU [C]; logits [C, h, w] that `mask_input`
            takes. For N > 1 prompts each with a leading N.

        Raises:
            NoImageError: no image is set.
            PromptError: the prompt does not fit together, is not finite, or is empty.
        """
        one = self._sessions[0] if self._sessions and not self._is_batch else None
        session = of_set_image(one, "set_image(image), or predict_batch after set_image_batch,")
        asked = _Asked(point_coords, point_labels, box, mask_input, normalize_coords)
        return self._predict(session, asked, multimask_output, return_logits, hq_token_only)

    def predict_batch(
        self,
        point_coords_batch: Sequence[np.ndarray | None] | None = None,
        point_labels_batch: Sequence[np.ndarray | None] | None = None,
        box_batch: Sequence[np.ndarray | None] | None = None,
        mask_input_batch: Sequence[np.ndarray | None] | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Return masks, scores and logits of each image that `set_image_batch` was given; arguments as of `predict`.

        Raises:
            NoImageError: no images are set.
            PromptError: a prompt does not fit.
        """
        sessions = of_set_image(self._sessions if self._is_batch else None, "set_image_batch(images)")

        def given(batch: Sequence[np.ndarray | None] | None, number: int) -> np.ndarray | None:
            return None if batch is None else batch[number]

        found = [
            self._predict(
                session,
                _Asked(
                    given(point_coords_batch, number),
                    given(point_labels_batch, number),
                    given(box_batch, number),
                    given(mask_input_batch, number),
                    normalize_coords,
                ),
                multimask_output,
                return_logits,
                False,
            )
            for number, session in enumerate(sessions)
        ]
        masks, scores, logits = ([one[part] for one in found] for part in range(3))
        return masks, scores, logits

    def get_image_embedding(self) -> Float[Tensor, "image channel height width"]:
        """Return the embedding of the image that is set.

        Raises:
            NoImageError: no image is set.
        """
        sessions = of_set_image(self._sessions or None)
        return torch.cat([session.encoded.tensors["final"] for session in sessions])

    @property
    def engine(self) -> Engine:
        """The engine that computes."""
        return self._segmenter.engine

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.model.device

    def reset_predictor(self) -> None:
        """Forget the images."""
        self._sessions, self._is_batch = [], False

    def _predict(
        self, session: Session, asked: "_Asked", multimask_output: bool, return_logits: bool, hq_token_only: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if hq_token_only and "hq" not in self._segmenter.config.sources:
            raise OptionError(f"{self._segmenter.name} has no HQ token; leave hq_token_only out, or load an HQ-SAM 2")
        found = session.segment(
            **asked.arguments(session.image_size_hw),
            candidates=3 if multimask_output else self.model.single,
            source="hq" if hq_token_only else None,
        )
        logits = self._tidied(found.logits)
        frame = session.frame
        whole = frame.masks_to_image(torch.from_numpy(logits)).numpy()
        masks = whole if return_logits else (whole > self.mask_threshold).astype(np.float32)
        prompts = len(found.prompts)
        parts = masks, found.scores, found.logits.clip(-_LIMIT, _LIMIT)
        split = [part.reshape(prompts, -1, *part.shape[1:]) for part in parts]
        masks, scores, low_res = split if prompts > 1 else (part[0] for part in split)
        return masks, scores, low_res

    def _tidied(self, logits: Float[np.ndarray, "mask h w"]) -> Float[np.ndarray, "mask h w"]:
        """Return the logits with small holes and specks turned to 10 above and below the threshold, as officially."""
        if self._max_hole_area <= 0 and self._max_sprinkle_area <= 0:
            return logits
        changed = logits.copy()
        for mask, each in zip(logits, changed, strict=True):
            each[_small(mask <= self.mask_threshold, self._max_hole_area)] = self.mask_threshold + 10
            each[_small(mask > self.mask_threshold, self._max_sprinkle_area)] = self.mask_threshold - 10
        return changed


class _Asked(NamedTuple):
    points: Any
    labels: Any
    box: Any
    mask: Any
    in_pixels: bool

    def arguments(self, size_hw: tuple[int, int]) -> dict[str, Any]:
        """Return the arguments of `Session.segment`."""
        unit = np.ones(2) if self.in_pixels else np.array(size_hw[::-1], float)
        found: dict[str, Any] = {}
        if self.points is not None:
            found |= {
                "points": _array(self.points) * unit,
                "labels": None if self.labels is None else _array(self.labels),
            }
        if self.box is not None:
            boxes = _array(self.box).reshape(-1, 4) * np.tile(unit, 2)
            found |= {"box": boxes[0]} if len(boxes) == 1 else {"boxes": boxes}
        if self.mask is not None:
            mask = _array(self.mask)
            found["mask"] = mask[0] if mask.shape[0] == 1 else mask
            if found["mask"].ndim == 4:
                found["mask"] = found["mask"][:, 0]
        return found


def _array(given: Any) -> np.ndarray:
    return given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)


def _small(region: np.ndarray, largest: float) -> np.ndarray:
    """Return the pixels of a region's 8-connected pieces of at most so many pixels."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8), connectivity=8)
    small = np.asarray(stats)[:, cv2.CC_STAT_AREA] <= largest
    return region & small[np.asarray(pieces, np.int64)]
