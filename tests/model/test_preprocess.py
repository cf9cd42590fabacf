"""Images are scaled to the model's square as SAM does, or squashed as HQ-SAM's evaluation does."""

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from hqsam.geometry import Frame
from hqsam.model.preprocess import resize_image, resize_longest_side

IMAGE = np.random.default_rng(0).integers(0, 256, (30, 70, 3), np.uint8)


def test_a_padded_image_is_scaled_by_pillow_s_bilinear():
    resized = resize_image(IMAGE, Frame((30, 70), 32))
    assert np.array_equal(resized, Image.fromarray(IMAGE).resize((32, 14), Image.Resampling.BILINEAR))
    assert np.array_equal(resized, resize_longest_side(IMAGE, 32))


def test_a_squashed_image_is_not_smoothed_and_its_fractions_are_cut_off():
    channels = torch.from_numpy(IMAGE).permute(2, 0, 1)[None].float()
    expected = F.interpolate(channels, (128, 128), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    assert np.array_equal(resize_image(IMAGE, Frame((30, 70), 128, "squash")), expected.to(torch.uint8).numpy())


def test_an_image_of_the_right_size_stays_as_it_is():
    square = IMAGE[:, :30]
    assert resize_image(square, Frame((30, 30), 30, "squash")) is square
    assert resize_image(square, Frame((30, 30), 30)) is square
