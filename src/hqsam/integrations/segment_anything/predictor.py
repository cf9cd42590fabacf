"""Prediction for one image at a time, called as by the official predictors."""

from collections.abc import Sequence
from operator import is_not
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.errors import ImageError, OptionError, PromptError
from hqsam.geometry import Frame
from hqsam.images.reading import ImageLike, read_image
from hqsam.integrations.segment_anything.modeling.mask_decoder import MaskDecoder
from hqsam.integrations.segment_anything.modeling.sam import Sam, hq_options
from hqsam.integrations.segment_anything.transforms import ResizeLongestSide
from hqsam.integrations.set_image import NoImageError, of_set_image


class SamPredictor:
    """A predictor for one image at a time: `set_image`, then `predict`.

    As in the official predictors, an image that was encoded before is restored by assigning `features`,
    `interm_features` (of an HQ-SAM), `original_size`, `input_size` and `is_image_set`.
    """

    is_image_set = False
    """True once an image is set, so that `predict` may be called."""
    features: Tensor | None = None
    """The image's embedding [1, C, h, w]."""
    interm_features: Sequence[Tensor] | Tensor | None = None
    """The early features of an HQ-SAM [1, h, w, D], in a list."""
    original_size: tuple[int, ...] | None = None
    """Height and width of the image."""
    input_size: tuple[int, ...] | None = None
    """Height and width of the image in the model's pixels."""
    _hq_cache: "_HqFeatureCache | None" = None

    def __init__(self, sam_model: Sam) -> None:
        self.model = sam_model
        self.transform = ResizeLongestSide(sam_model.image_encoder.img_size)
        self.reset_image()

    def set_image(self, image: ImageLike, image_format: str = "RGB") -> None:
        """Encode an image.

        Args:
            image: colours [H, W, 3] of uint8, a PIL image or a path.
            image_format: "RGB", or "BGR" as OpenCV reads images.

        Raises:
            ImageError: the image cannot be read.
            OptionError: `image_format` is another word.
        """
        if image_format not in ("RGB", "BGR"):
            raise OptionError(f"image_format is {image_format!r}; choose RGB or BGR")
        pixels = read_image(image)
        if image_format == "BGR":
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        resized = torch.from_numpy(self.transform.apply_image(pixels)).to(self.device)
        self.set_torch_image(resized.permute(2, 0, 1)[None], pixels.shape[:2])

    @torch.no_grad()
    def set_torch_image(self, transformed_image: Tensor, original_image_size: tuple[int, ...]) -> None:
        """Encode an image that `transform` has scaled.

        Args:
            transformed_image: colours [1, 3, H, W] from 0 to 255, the long side as long as the model's square.
            original_image_size: height and width of the image before it was scaled.

        Raises:
            ImageError: the sizes do not belong together.
        """
        size = self.transform.target_length
        if transformed_image.shape[:2] != (1, 3) or max(transformed_image.shape[2:]) != size:
            raise ImageError(
                f"the image has the shape {tuple(transformed_image.shape)}; expected [1, 3, H, W] with a long side "
                f"of {size}, as transform.apply_image_torch makes it"
            )
        input_size = tuple(transformed_image.shape[2:])
        _frame(original_image_size, input_size, size)
        self.reset_image()
        found = self.model.image_encoder(self.model.preprocess(transformed_image))
        self.features, self.interm_features = found if isinstance(found, tuple) else (found, None)
        self.original_size, self.input_size = tuple(original_image_size), input_size
        self.is_image_set = True

    def predict(
        self,
        point_coords: np.ndarray | None = None,
        point_labels: np.ndarray | None = None,
        box: np.ndarray | None = None,
        mask_input: np.ndarray | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        hq_token_only: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return masks for one prompt in the image's pixels; without a prompt the model guesses the object.

        Args:
            point_coords: points x, y [N, 2].
            point_labels: a label for each point [N]: 1 inside, 0 outside.
            box: x0, y0, x1, y1.
            mask_input: logits [1, h, w] of an earlier answer.
            multimask_output: three masks of a plain SAM, for an ambiguous prompt, or the best of them of an HQ-SAM.
            return_logits: return logits instead of bool masks.
            hq_token_only: return an HQ-SAM's HQ mask alone, without adding SAM's.

        Returns:
            Masks [C, H, W], bool or logits; their predicted IoU [C]; logits [C, h, w] that `mask_input` takes.

        Raises:
            NoImageError: no image is set.
            PromptError: the prompt does not fit together, is not finite, or is more than one box.
        """
        size_hw = self._image_size()
        points = labels = boxes = mask = None
        if point_coords is not None:
            points = torch.from_numpy(self.transform.apply_coords(np.asarray(point_coords), size_hw))[None]
            labels = None if point_labels is None else torch.as_tensor(np.asarray(point_labels))[None]
        if box is not None:
            boxes = torch.from_numpy(self.transform.apply_boxes(_one_box(box), size_hw))
        if mask_input is not None:
            mask = torch.as_tensor(np.asarray(mask_input, np.float32))[None]
        hq_only = {"hq_token_only": True} if hq_token_only else {}  # which Meta's predict_torch, in a subclass, lacks
        found = self.predict_torch(
            points, labels, boxes, mask, multimask_output, return_logits=return_logits, **hq_only
        )
        masks, scores, logits = (part[0].cpu().numpy() for part in found)
        return masks, scores, logits

    @torch.no_grad()
    def predict_torch(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        hq_token_only: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return masks for B prompts in the model's pixels, as `transform` scales them.

        Args:
            point_coords: points x, y [B, N, 2].
            point_labels: a label for each point [B, N]: 1 inside, 0 outside, -1 for padding.
            boxes: x0, y0, x1, y1 [B, 4].
            mask_input: logits of an earlier answer [B, 1, h, w], or [1, 1, h, w] for all prompts.
            multimask_output: three masks of a plain SAM, for ambiguous prompts, or the best of them of an HQ-SAM.
            return_logits: return logits instead of bool masks.
            hq_token_only: return an HQ-SAM's HQ mask alone, without adding SAM's.

        Returns:
            Masks [B, C, H, W], bool or logits; predicted IoU [B, C]; logits [B, C, h, w] that `mask_input` takes.

        Raises:
            NoImageError: no image is set.
            PromptError: the prompts do not fit together, or are not finite.
        """
        frame = self._open_frame()
        points = None if point_coords is None else (point_coords, point_labels)
        sparse, dense = self.model.prompt_encoder(points=points, boxes=boxes, masks=mask_input)
        decoder = self.model.mask_decoder
        known = {"hq_features": self._hq_features(decoder)} if type(decoder).forward is MaskDecoder.forward else {}
        logits, scores = decoder(
            image_embeddings=self.get_image_embedding(),
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask_output,
            **hq_options(self.interm_features, hq_token_only),
            **known,
        )
        flat = logits.flatten(0, 1)
        masks = frame.masks_to_image(flat) if return_logits else frame.masks_in_image(flat - self.model.mask_threshold)
        return masks.unflatten(0, logits.shape[:2]), scores, logits

    def get_image_embedding(self) -> Float[Tensor, "1 channel height width"]:
        """Return the embedding of the image that is set.

        Raises:
            NoImageError: no image is set.
        """
        return of_set_image(self.features if self.is_image_set else None)

    def reset_image(self) -> None:
        """Forget the image."""
        self.is_image_set = False
        self.features = self.interm_features = self.original_size = self.input_size = self._hq_cache = None

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.model.device

    def _hq_features(self, decoder: MaskDecoder) -> Tensor | None:
        """Return the HQ features of the image, made once for all prompts until the image or the weights change."""
        made_of = (decoder, self.features, self.interm_features)
        weights = (
            [] if decoder.hq is None else [one for part in decoder.hq.image_modules() for one in part.parameters()]
        )
        versions = [0 if weight.is_inference() else weight._version for weight in weights]
        known = self._hq_cache
        if known is None or known.versions != versions or any(map(is_not, known.made_of, made_of)):
            made = decoder.hq_features_of(self.get_image_embedding(), self.interm_features)
            self._hq_cache = known = _HqFeatureCache(made_of, versions, made)
        return known.features

    def _image_size(self) -> tuple[int, ...]:
        self.get_image_embedding()
        if self.original_size is None or self.input_size is None:
            raise NoImageError("the image's features are set, but not its original_size and input_size")
        return self.original_size

    def _open_frame(self) -> Frame:
        size_hw, input_size = self._image_size(), self.input_size
        assert input_size is not None
        return _frame(size_hw, input_size, self.transform.target_length)


class _HqFeatureCache(NamedTuple):
    """The part of the HQ features that depends on the image alone, with what it was made of."""

    made_of: tuple[object, ...]
    versions: list[int]
    """Number of times that each weight had been written to."""
    features: Tensor | None


def _frame(original_size: tuple[int, ...], input_size: tuple[int, ...], model_size: int) -> Frame:
    """Return the frame of an image of `original_size` that was scaled to `input_size` for the model's square."""
    height, width = original_size
    frame = Frame((int(height), int(width)), model_size)
    if frame.resized_hw != tuple(input_size):
        raise ImageError(
            f"an image of {tuple(original_size)} is scaled to {frame.resized_hw} for this model, and this one "
            f"to {tuple(input_size)}; scale it with transform.apply_image"
        )
    return frame


def _one_box(box: np.ndarray) -> np.ndarray:
    box = np.asarray(box)
    if box.size != 4:
        raise PromptError(
            f"box has the shape {box.shape}; predict takes one box, x0, y0, x1, y1. For several, scale them with "
            "transform.apply_boxes_torch and call predict_torch(None, None, boxes=...)"
        )
    return box
