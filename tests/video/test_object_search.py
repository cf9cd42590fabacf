"""Looking for an object that was lost: where, and how large it may be."""

import cv2
import numpy as np

from hqsam.video.trackers.appearance import colours_of
from hqsam.video.trackers.object_search import SearchArea, find_again
from tests.predict.seeing import discs, seeing_segmenter


def test_an_object_of_which_a_sliver_was_seen_last_is_looked_for_in_its_usual_size():
    picture, (disc,) = discs((96, 128), (84, 48, 20))
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    sliver = np.zeros((96, 128), bool)
    sliver[40:56, 44:47] = True  # what was left of it before a post hid it

    def found(usual_share):
        area = SearchArea(sliver, usual_share, lost_for=1)
        session = seeing_segmenter()[0].open(picture)
        return find_again(session, lab, area, colours_of(lab, disc), 0.0)

    assert found(0.0) is None  # a sliver is not looked for so far away, nor does it grow at once
    again = found(float(disc.mean()))
    assert again is not None and (again[0] ^ disc).mean() < 0.01


def test_clicks_are_around_the_last_place_and_inside_the_picture():
    mask = np.zeros((96, 128), bool)
    mask[70:90, 100:120] = True
    near, far = (SearchArea(mask, 0.0, lost_for).clicks() for lost_for in (1, 10))
    assert near.shape == (25, 2) and (near.min(axis=0) >= 0).all() and (near.max(axis=0) <= (127, 95)).all()
    assert np.ptp(far, axis=0).min() > np.ptp(near, axis=0).min()
    assert (abs(near.mean(axis=0) - (110, 80)) < 8).all()
