"""Logits of which some parts are finer than the rest."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hqsam.geometry import Frame
from hqsam.predict.multiscale_logits import MultiscaleLogits, Patch, cell_centres_in_image

SIZE = (200, 300)
FRAME = Frame(SIZE, 128)


def smooth(seed, size=32):
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, 1, 6, 6)).astype(np.float32))
    return torch.nn.functional.interpolate(noise, (size, size), mode="bicubic")[0, 0].numpy()


@st.composite
def patches(draw):
    height, width = draw(st.integers(8, 120)), draw(st.integers(8, 160))
    x0, y0 = draw(st.integers(0, SIZE[1] - width)), draw(st.integers(0, SIZE[0] - height))
    return Patch(x0, y0, Frame((height, width), 128), smooth(draw(st.integers(0, 99))))


@given(st.lists(patches(), max_size=3), st.integers(0, 150), st.integers(0, 250))
def test_mask_and_logits_of_any_window_agree(patches, top, left):
    multiscale = MultiscaleLogits(FRAME, smooth(0), tuple(patches))
    rows, columns = slice(top, top + 50), slice(left, left + 50)
    np.testing.assert_array_equal(multiscale.in_window(rows, columns) > 0, multiscale.mask()[rows, columns])


def test_without_patches_it_is_the_frame_s_own_mask():
    multiscale = MultiscaleLogits(FRAME, smooth(1))
    np.testing.assert_array_equal(
        multiscale.mask(), FRAME.masks_to_image(torch.from_numpy(smooth(1)[None]))[0].numpy() > 0
    )


def test_the_last_patch_lies_on_top():
    inside, outside = (np.full((32, 32), value, np.float32) for value in (1, -1))
    frame = Frame((50, 60), 128)
    multiscale = MultiscaleLogits(FRAME, outside, (Patch(10, 20, frame, inside), Patch(40, 40, frame, outside)))
    mask = multiscale.mask()
    assert mask[20:40, 10:70].all() and not mask[40:90, 40:100].any() and mask[40:70, 10:40].all()
    assert mask.sum() == 50 * 60 - 30 * 30


@given(patches())
def test_between_its_places_it_is_what_it_is_at_them(patch):
    multiscale = MultiscaleLogits(FRAME, smooth(2), (patch,))
    x, y = cell_centres_in_image(patch.frame, 32)
    height, width = patch.frame.image_size_hw
    inside = (x < width) & (y < height)
    found = multiscale.sample(x + patch.x0, y + patch.y0)
    np.testing.assert_allclose(found[inside], patch.logits[inside], atol=2e-2)


def test_places_are_where_the_frame_puts_them():
    ramp = np.tile(np.arange(32, dtype=np.float32), (32, 1))  # a logit's column is its value
    multiscale = MultiscaleLogits(FRAME, ramp)
    x = np.array([[30.0, 150.0, 270.0]], np.float32)
    expected = multiscale.in_window(slice(50, 51), slice(None))[0, [30, 150, 270]]
    np.testing.assert_allclose(multiscale.sample(x + 0.5, np.full_like(x, 50)), expected[None], atol=0.02)


def test_logits_of_several_scales_are_as_fine_as_its_finest_part():
    patch = Patch(0, 0, Frame((64, 64), 128), smooth(3))
    assert MultiscaleLogits(FRAME, smooth(0)).cell_size == 300 / 32
    assert MultiscaleLogits(FRAME, smooth(0)).with_patch(patch).cell_size == 2
