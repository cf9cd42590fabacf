"""Scaling of images, points and boxes so that the image's long side fills the model's square."""

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor
from torch.nn import functional as F

from hqsam.geometry import Frame
from hqsam.model.preprocess import resize_longest_side


class ResizeLongestSide:
    """Scales images, points and boxes to a model's square; sizes are height, width."""

    def __init__(self, target_length: int) -> None:
        self.target_length = target_length

    def apply_image(self, image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "new_height new_width 3"]:
        """Scale an image so that its long side is `target_length`."""
        return np.array(resize_longest_side(image, self.target_length))

    def apply_coords(
        self, coords: Shaped[np.ndarray, "*batch 2"], original_size: tuple[int, ...]
    ) -> Float[np.ndarray, "*batch 2"]:
        """Scale points x, y from the original image to the scaled one."""
        return self._frame(original_size).points_to_model(coords)

    def apply_boxes(
        self, boxes: Shaped[np.ndarray, "..."], original_size: tuple[int, ...]
    ) -> Float[np.ndarray, "box 4"]:
        """Scale boxes x0, y0, x1, y1 from the original image to the scaled one."""
        return self._frame(original_size).boxes_to_model(boxes.reshape(-1, 4))

    def apply_image_torch(
        self, image: Float[Tensor, "image channel height width"]
    ) -> Float[Tensor, "image channel new_height new_width"]:
        """Scale float images [B, C, H, W] to a long side of `target_length`; pixels differ a little from PIL's."""
        size_hw = self._frame(tuple(image.shape[-2:])).resized_hw
        return F.interpolate(image, size_hw, mode="bilinear", align_corners=False, antialias=True)

    def apply_coords_torch(
        self, coords: Shaped[Tensor, "*batch 2"], original_size: tuple[int, ...]
    ) -> Float[Tensor, "*batch 2"]:
        """Scale points x, y from the original image to the scaled one, in float32."""
        scale = torch.as_tensor(self._frame(original_size).scale_xy, dtype=torch.float32, device=coords.device)
        return coords.float() * scale

    def apply_boxes_torch(self, boxes: Shaped[Tensor, "..."], original_size: tuple[int, ...]) -> Float[Tensor, "box 4"]:
        """Scale boxes x0, y0, x1, y1 from the original image to the scaled one, in float32."""
        return self.apply_coords_torch(boxes.reshape(-1, 2, 2), original_size).reshape(-1, 4)

    @staticmethod
    def get_preprocess_shape(oldh: int, oldw: int, long_side_length: int) -> tuple[int, int]:
        """Return height and width of the scaled image."""
        return Frame((oldh, oldw), long_side_length).resized_hw

    def _frame(self, original_size: tuple[int, ...]) -> Frame:
        height, width = original_size
        return Frame((int(height), int(width)), self.target_length)
