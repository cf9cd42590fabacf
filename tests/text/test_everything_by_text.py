import numpy as np
import pytest

from hqsam.errors import OptionError
from hqsam.masks.boundary import iou
from hqsam.text.crops import detect_in_crops
from hqsam.text.detector import Detections
from hqsam.text.everything_by_text import everything_by_text
from tests.predict.seeing import discs, seeing_segmenter
from tests.text.seeing_detector import BrightThings

PICTURE, DISCS = discs((300, 400), (100, 100, 60), (320, 220, 30))


def test_the_image_and_its_crops_are_looked_at_and_nothing_is_found_twice():
    detector = BrightThings()
    found = everything_by_text(seeing_segmenter()[0], PICTURE, "a disc", detector=detector, crops=1)
    assert len(detector.sizes) == 5 and (300, 400) in detector.sizes
    assert len(found) == 2 and found.labels == ("a disc", "a disc")
    assert all(max(iou(one, disc) for one in found.masks) > 0.85 for disc in DISCS)


def test_a_crop_finds_what_is_too_small_in_the_image():
    """The detector is surer of what is large in the picture that it sees."""
    shown = {"detector": BrightThings(), "threshold": 0.23}
    segmenter = seeing_segmenter()[0]
    assert len(everything_by_text(segmenter, PICTURE, "a disc", **shown)) == 1
    assert len(everything_by_text(segmenter, PICTURE, "a disc", **shown, crops=1)) == 2


def test_boxes_in_crops_are_in_the_images_pixels_and_none_was_cut_off():
    found = detect_in_crops(BrightThings(), PICTURE, ["a disc"], crops=1)
    wholes = [[40, 40, 160, 160], [290, 190, 350, 250]]
    assert len(found) > 2
    assert all(min(np.abs(box - np.array(whole)).max() for whole in wholes) <= 1 for box in found.boxes)


class Everywhere:
    """The disc on the left twice as large as it is, and the whole picture."""

    def detect(self, pixels, labels, threshold=None):
        boxes = np.array([[30.0, 30, 170, 170], [0, 0, 400, 300]])
        return Detections(boxes, np.array([0.9, 0.4]), ("disc", "all"))


def test_masks_are_arranged_as_those_of_everything():
    segmenter = seeing_segmenter()[0]
    both = everything_by_text(segmenter, PICTURE, "disc, all", detector=Everywhere())
    assert both.labels == ("disc", "all") and (both.mask(0) & both.mask(1)).any()
    apart = everything_by_text(segmenter, PICTURE, "disc, all", detector=Everywhere(), disjoint=True)
    assert not (apart.mask(0) & apart.mask(1)).any()
    covered = everything_by_text(segmenter, PICTURE, "disc, all", detector=Everywhere(), cover=True)
    assert (covered.label_map() > 0).all()
    assert covered.labels[:2] == ("disc", "all") and set(covered.labels[2:]) == {"object"}


def test_small_masks_and_poor_ones_can_be_left_out():
    segmenter, options = seeing_segmenter()[0], {"detector": BrightThings()}
    assert len(everything_by_text(segmenter, PICTURE, "a disc", **options, min_area=5000)) == 1
    assert len(everything_by_text(segmenter, PICTURE, "a disc", **options, min_score=0.95)) == 0
    assert len(everything_by_text(segmenter, PICTURE, "a disc", **options, min_score=0.5)) == 2


@pytest.mark.parametrize("wrong", [{"crops": -1}, {"min_area": -1}])
def test_options_that_cannot_be(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        everything_by_text(seeing_segmenter()[0], PICTURE, "a disc", detector=BrightThings(), **wrong)
