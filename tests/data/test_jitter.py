"""The paper's jitter, against placements worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hqsam.data.jitter import JitterConfig, Placement, can_be_seen, place, place_object, resized_to

SEEDS = st.integers(0, 2**32 - 1)


class Drawn(np.random.Generator):
    """A generator that gives what the test says: whether to flip, the scale, the crop's top and left."""

    def __init__(self, flip: float, scale: float, offsets: tuple[int, int]) -> None:
        super().__init__(np.random.PCG64(0))
        self.flip, self.scale, self.offsets = flip, scale, list(offsets)
        self.limits: list[int] = []

    def random(self) -> float:
        return self.flip

    def uniform(self, low: float, high: float) -> float:
        assert (low, high) == (0.1, 2.0)
        return self.scale

    def integers(self, low: int, high: int) -> int:
        self.limits.append(high)
        return self.offsets.pop(0)


@pytest.mark.parametrize(
    ("size_hw", "long_side", "expected"),
    [
        ((480, 640), 1024.0, (768, 1024)),
        ((480, 640), 102.4, (76, 102)),  # 102 / 640 * 480 = 76.5, and halves go to the even number
        ((640, 480), 2048.0, (2048, 1536)),
        ((3, 5000), 102.4, (1, 102)),  # 0.06 rows would be none
    ],
)
def test_the_long_side_is_rounded_and_the_short_one_follows(size_hw, long_side, expected):
    assert resized_to(size_hw, long_side) == expected


def test_a_photo_twice_as_large_is_cropped_anywhere_within_its_margins():
    drawn = Drawn(flip=0.7, scale=2.0, offsets=(100, 1024))
    placement = place((480, 640), 1024, JitterConfig(), drawn)
    assert placement == Placement(1024, (1536, 2048), 100, 1024, flipped=False)
    assert drawn.limits == [1536 - 1024 + 1, 2048 - 1024 + 1]


def test_a_small_photo_lies_at_the_top_left_beside_grey_and_its_mask_beside_nothing():
    drawn = Drawn(flip=0.2, scale=0.5, offsets=(0, 0))
    placement = place((2, 4), 8, JitterConfig(), drawn)
    assert placement == Placement(8, (2, 4), 0, 0, flipped=True)
    image = np.arange(8, dtype=np.uint8).reshape(2, 4, 1).repeat(3, axis=2)
    placed = placement.of_image(image)
    assert placed[:2, :4, 0].tolist() == [[3, 2, 1, 0], [7, 6, 5, 4]]
    assert (placed[2:] == 128).all() and (placed[:, 4:] == 128).all()
    mask = placement.of_mask(image[..., 0] == 0)
    assert np.argwhere(mask).tolist() == [[0, 3]]
    assert mask.max() == 255


@pytest.mark.parametrize("resized", [(60, 90), (7, 10), (20, 30)])
def test_pixels_are_resized_as_torch_does_without_smoothing(resized):
    random = np.random.default_rng(0)
    image, mask = random.integers(0, 256, (20, 30, 3), np.uint8), random.random((20, 30)) > 0.5
    placement = Placement(90, resized)
    for ours, pixels in (
        (placement.of_image(image), image),
        (placement.of_mask(mask)[..., None], mask[..., None] * 255),
    ):
        wanted = F.interpolate(torch.tensor(pixels).permute(2, 0, 1)[None].float(), resized, mode="bilinear")[0]
        placed = torch.tensor(ours).permute(2, 0, 1)[:, : resized[0], : resized[1]]
        assert (placed - wanted).abs().max() <= 1


@given(SEEDS)
def test_an_object_of_one_pixel_is_always_seen(seed):
    random = np.random.default_rng(seed)
    mask = np.zeros(tuple(random.integers(1, 300, 2)), bool)
    mask[tuple(random.integers(0, mask.shape))] = True
    placement, placed = place_object(mask, 32, JitterConfig(), random)
    assert can_be_seen(placed)
    assert (placed == placement.of_mask(mask)).all()


def test_scales_are_drawn_evenly_and_every_other_photo_is_flipped():
    random = np.random.default_rng(0)
    placements = [place((1000, 1000), 1000, JitterConfig(), random) for _ in range(4000)]
    scales = np.array([placement.resized_hw[0] for placement in placements]) / 1000
    assert 0.1 <= scales.min() < 0.11
    assert 1.99 < scales.max() <= 2
    assert abs(np.median(scales) - 1.05) < 0.05
    assert abs(np.mean([placement.flipped for placement in placements]) - 0.5) < 0.03
