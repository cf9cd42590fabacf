import numpy as np
import pytest

from hqsam.errors import InputError
from hqsam.images.contact_sheet import Panel, contact_sheet


def plain(height, width, colour=(200, 30, 40)):
    return np.full((height, width, len(colour)), colour, np.uint8)


def test_every_panel_is_on_the_page():
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
    page = contact_sheet([Panel(plain(60, 80, colour)) for colour in colours], columns=2, panel_width=100)
    seen = {tuple(pixel) for pixel in page.reshape(-1, 3)[::7].tolist()}
    assert set(colours) <= seen


def test_pictures_keep_their_shape():
    page = contact_sheet([Panel(plain(50, 100))], panel_width=200)
    rows, columns = np.nonzero((page == (200, 30, 40)).all(axis=2))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (100, 200)


def test_a_tower_and_a_thread_fit_on_the_page():
    page = contact_sheet([Panel(plain(2000, 3)), Panel(plain(3, 2000)), Panel(plain(1, 1))], columns=3, panel_width=120)
    assert page.shape[1] < 500 and page.shape[0] < 300


def test_a_caption_is_written_under_its_picture():
    with_words = contact_sheet([Panel(plain(60, 80), "a swan, by one box")], panel_width=200)
    without = contact_sheet([Panel(plain(60, 80))], panel_width=200)
    below = np.nonzero((with_words != without).any(axis=(1, 2)))[0]
    assert len(below) and below.min() > 150


def test_a_long_caption_stays_under_its_own_picture():
    page = contact_sheet([Panel(plain(60, 80), "words " * 50), Panel(plain(60, 80))], columns=2, panel_width=200)
    dark = (page < 100).all(axis=2)
    assert dark[:, :220].any() and not dark[:, 220:].any()


def test_where_a_cutout_is_transparent_checks_show_through():
    page = contact_sheet([Panel(plain(60, 80, (9, 9, 9, 0)))], panel_width=200)
    assert {(255, 255, 255), (228, 228, 228)} <= {tuple(pixel) for pixel in page.reshape(-1, 3).tolist()}


def test_a_page_without_panels_is_an_error():
    with pytest.raises(InputError, match="at least one panel"):
        contact_sheet([])
