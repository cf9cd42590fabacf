import numpy as np
import pytest
import torch
from hypothesis import given
from torch.nn import functional as F

from hqsam.evaluation.pipelines import FramedImage, encode
from hqsam.masks.boundary import iou
from tests.masks.strategies import masks
from tests.tiny import tiny_segmenter as segmenter_of

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.integers(0, 256, (30, 70, 3), np.uint8)
TRUTH = np.zeros((30, 70), bool)
TRUTH[6:25, 11:52] = True


def test_the_user_s_view_is_the_photo_itself():
    view = FramedImage.of("user", PHOTO, 128)
    assert view.shown is PHOTO and view.show(TRUTH) is TRUTH
    assert view.box_of(TRUTH).tolist() == [11, 6, 52, 25]


def test_the_user_s_masks_are_the_session_s(tiny_segmenter):
    view = FramedImage.of("user", PHOTO, tiny_segmenter.config.image_size)
    (session,) = encode(tiny_segmenter, [view])
    answer = session.segment(box=view.box_of(TRUTH))
    assert np.array_equal(view.mask(answer.logits[0]), answer.masks[0])
    again = tiny_segmenter.open(PHOTO).segment(box=(11, 6, 52, 25))
    assert np.array_equal(answer.masks, again.masks)


def test_the_official_view_is_squashed_without_smoothing_and_its_fractions_are_cut_off():
    view = FramedImage.of("official", PHOTO, 128)
    channels = torch.from_numpy(PHOTO).permute(2, 0, 1)[None].float()
    expected = F.interpolate(channels, (128, 128), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    assert np.array_equal(view.shown, expected.to(torch.uint8).numpy())


def test_officially_a_gray_mask_is_squashed_before_it_is_cut():
    gray = np.zeros((2, 4), np.uint8)
    gray[:, 1], gray[:, 2] = 129, 255
    view = FramedImage.of("official", np.zeros((2, 4, 3), np.uint8), 8)
    # between 0 and 129 the squashed values are 32 and 97, between 129 and 255 160 and 223, from 255 to 0 191 and 64
    assert view.show(gray > 128, gray)[0].tolist() == [False, False, False, True, True, True, False, False]
    assert view.show(gray > 128)[0].tolist() == [False, False, True, True, True, True, False, False]


def test_an_official_box_ends_on_the_last_pixel_of_the_squashed_mask():
    view = FramedImage.of("official", PHOTO, 128)
    rows, columns = np.nonzero(view.show(TRUTH))
    assert view.box_of(view.show(TRUTH)).tolist() == [columns.min(), rows.min(), columns.max(), rows.max()]


def test_an_official_box_of_one_pixel_s_width_has_an_area():
    line = np.zeros((128, 128), bool)
    line[20:90, 64] = True
    assert FramedImage.of("official", PHOTO, 128).box_of(line).tolist() == [64, 20, 65, 90]


def test_a_detector_s_box_is_squashed_with_the_photo():
    view = FramedImage.of("official", PHOTO, 128)
    assert view.show_box((0, 0, 70, 30)).tolist() == [0, 0, 128, 128]
    assert view.show_box((35, 6, 70, 15)).tolist() == pytest.approx([64, 25.6, 128, 64])


def test_officially_a_mask_prompt_is_0_or_255_in_the_decoder_s_size():
    prompt = FramedImage.of("official", PHOTO, 128).mask_prompt(TRUTH, 32)
    assert prompt.shape == (32, 32) and set(np.unique(prompt)) == {0, 255}
    assert (prompt > 0).mean() == pytest.approx(TRUTH.mean(), abs=0.03)


def test_officially_logits_come_to_the_photo_s_size_in_one_step():
    logits = RANDOM.standard_normal((32, 32)).astype(np.float32)
    expected = F.interpolate(torch.from_numpy(logits)[None, None], (30, 70), mode="bilinear", align_corners=False)[0, 0]
    assert np.array_equal(FramedImage.of("official", PHOTO, 128).mask(logits), (expected > 0).numpy())


@given(masks)
def test_nothing_that_is_there_is_lost_by_squashing(mask):
    height, width = mask.shape
    for size in (8, 64):
        view = FramedImage.of("official", np.zeros((height, width, 3), np.uint8), size)
        assert view.show(mask).any() == mask.any()


def test_a_thin_line_of_a_large_photo_stays_where_it_is():
    line = np.zeros((900, 1200), bool)
    line[100:800, 601] = True
    shown = FramedImage.of("official", np.zeros((900, 1200, 3), np.uint8), 64).show(line)
    rows, columns = np.nonzero(shown)
    assert set(columns) == {32} and (rows.min(), rows.max()) == (7, 56)


def test_both_views_say_the_same_of_a_square_photo_of_the_model_s_size(tiny_segmenter):
    photo = RANDOM.integers(0, 256, (128, 128, 3), np.uint8)
    logits = RANDOM.standard_normal((32, 32)).astype(np.float32)
    user, official = FramedImage.of("user", photo, 128), FramedImage.of("official", photo, 128)
    assert np.array_equal(user.shown, official.shown)
    assert iou(user.mask(logits), official.mask(logits)) == 1


@pytest.fixture(scope="module")
def sam_2():
    return segmenter_of("hiera")


def test_sam_2_s_user_gets_the_session_s_squashed_masks(sam_2):
    view = FramedImage.of("user", PHOTO, 128, "squash")
    assert view.shown is PHOTO and view.show(TRUTH) is TRUTH and view.shown_hw == (30, 70)
    (session,) = encode(sam_2, [view])
    answer = session.segment(box=view.box_of(TRUTH), mask=view.mask_prompt(TRUTH, 32))
    again = sam_2.open(PHOTO).segment(box=(11, 6, 52, 25), mask=TRUTH)
    assert np.array_equal(answer.logits, again.logits)
    assert np.array_equal(view.mask(answer.logits[0]), again.masks[0])


def test_sam_2_s_official_view_draws_prompts_in_the_square_and_squashes_the_photo_its_own_way(sam_2):
    view = FramedImage.of("official", PHOTO, 128, "squash")
    assert view.shown is PHOTO and view.shown_hw == (128, 128)
    (session,) = encode(sam_2, [view])
    shown = view.show(TRUTH)
    rows, columns = np.nonzero(shown)
    x0, y0, x1, y1 = view.box_of(shown)
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max(), rows.max())
    answer = session.segment(box=(x0, y0, x1, y1), points=[(64, 64)], labels=[1])
    assert answer.masks.shape == (1, 128, 128)
    # The same prompts, as the photo's own session takes them.
    across, down = 70 / 128, 30 / 128
    in_photo = {"box": (x0 * across, y0 * down, x1 * across, y1 * down), "points": [(64 * across, 64 * down)]}
    again = sam_2.open(PHOTO).segment(**in_photo, labels=[1])
    np.testing.assert_allclose(answer.logits, again.logits, rtol=0, atol=1e-4)
    assert iou(view.mask(answer.logits[0]), again.masks[0]) > 0.999


def test_sam_2_s_official_mask_prompt_is_logits_of_the_square(sam_2):
    view = FramedImage.of("official", PHOTO, 128, "squash")
    prompt = view.mask_prompt(TRUTH, 32)
    assert prompt.dtype == bool and prompt.shape == (128, 128)
    (session,) = encode(sam_2, [view])
    logits = session.check(mask=prompt).mask_logits[0]
    expected = sam_2.open(PHOTO).check(mask=TRUTH).mask_logits[0]
    assert ((logits > 0) == (expected > 0)).mean() > 0.97
    assert logits.min() < -5 and logits.max() > 5
