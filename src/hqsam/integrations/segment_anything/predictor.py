"""One image at a time: set it, then predict."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.errors import ImageError, OptionError, PromptError
from hqsam.geometry import Frame
from hqsam.integrations.segment_anything.sam import Sam
from hqsam.integrations.segment_anything.transforms import ResizeLongestSide
from hqsam.model.features import ImageFeatures
from hqsam.pictures.reading import ImageLike, read_image


class SamPredictor:
    """The official predictor's twin."""

    def __init__(self, sam_model: Sam) -> None:
        self.model = sam_model
        self.transform = ResizeLongestSide(sam_model.image_encoder.img_size)
        self.reset_image()

    def set_image(self, image: ImageLike, image_format: str = "RGB") -> None:
        """Encode an image [H, W, 3] of uint8; "BGR" if OpenCV read it."""
        if image_format not in ("RGB", "BGR"):
            raise OptionError(f"image_format is {image_format!r}; choose RGB or BGR")
        pixels = read_image(image)
        if image_format == "BGR":
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        resized = torch.from_numpy(self.transform.apply_image(pixels)).to(self.device)
        self.set_torch_image(resized.permute(2, 0, 1)[None], pixels.shape[:2])

    @torch.no_grad()
    def set_torch_image(self, transformed_image: Tensor, original_image_size: tuple[int, ...]) -> None:
        """Encode an image [1, 3, H, W] that `transform` has scaled, with values from 0 to 255."""
        size = self.transform.target_length
        if transformed_image.shape[:2] != (1, 3) or max(transformed_image.shape[2:]) != size:
            raise ImageError(
                f"the image has the shape {tuple(transformed_image.shape)}; expected [1, 3, H, W] with a long side "
                f"of {size}, as transform.apply_image_torch makes it"
            )
        frame = self.model.frame(tuple(transformed_image.shape[2:]), original_image_size)
        features = self.model.encode(self.model.preprocess(transformed_image))
        self._image = _Image(frame, features, self.model.model.hq_features(features))

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
        """Masks for one prompt in the image's pixels.

        Returns:
            Masks [C, H, W], bool or logits; their predicted IoU [C]; logits [C, h, w] that `mask_input` takes.
        """
        size_hw = self._open_image().frame.image_size_hw
        points = labels = boxes = mask = None
        if point_coords is not None:
            points = torch.from_numpy(self.transform.apply_coords(np.asarray(point_coords), size_hw))[None]
        if point_labels is not None:
            labels = torch.as_tensor(np.asarray(point_labels))[None]
        if box is not None:
            boxes = torch.from_numpy(self.transform.apply_boxes(np.asarray(box), size_hw))
        if mask_input is not None:
            mask = torch.as_tensor(np.asarray(mask_input, np.float32))[None]
        found = self.predict_torch(points, labels, boxes, mask, multimask_output, return_logits, hq_token_only)
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
        """Masks for B prompts that `transform` has scaled: points [B, N, 2], labels [B, N], boxes [B, 4].

        Returns:
            Masks [B, C, H, W], bool or logits; predicted IoU [B, C]; logits [B, C, h, w] that `mask_input` takes.
        """
        image = self._open_image()
        prompts = self.model.prompt_batch(point_coords, point_labels, boxes, mask_input)
        logits, scores = self.model.decode(image.features, image.hq_features, prompts, multimask_output, hq_token_only)
        resize = image.frame.masks_to_image if return_logits else image.frame.masks_in_image
        return resize(logits.flatten(0, 1)).unflatten(0, logits.shape[:2]), scores, logits

    def get_image_embedding(self) -> Float[Tensor, "1 channel height width"]:
        """The embedding of the image that is set."""
        return self._open_image().features.final

    def reset_image(self) -> None:
        """Forget the image."""
        self._image: _Image | None = None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def is_image_set(self) -> bool:
        """Whether `predict` may be called."""
        return self._image is not None

    @property
    def original_size(self) -> tuple[int, int]:
        """Height and width of the image that is set."""
        return self._open_image().frame.image_size_hw

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of it in the model's pixels."""
        return self._open_image().frame.resized_hw

    def _open_image(self) -> "_Image":
        if self._image is None:
            raise PromptError("no image is set; call set_image(image) first")
        return self._image


@dataclass(frozen=True, eq=False)
class _Image:
    """The image that is set."""

    frame: Frame
    features: ImageFeatures
    hq_features: Tensor | None
