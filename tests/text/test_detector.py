import numpy as np
import pytest

from hqsam.errors import OptionError, PromptError
from hqsam.text.detector import Detections, check_labels, settled
from hqsam.text.segment_text import find_boxes


def found(*rows):
    boxes, scores, labels = zip(*rows, strict=True)
    return Detections(np.array(boxes, float), np.array(scores), labels)


def test_one_object_that_two_labels_found_keeps_the_label_of_higher_score():
    twice = found(([10, 10, 50, 50], 0.4, "a mug"), ([11, 10, 50, 51], 0.6, "a cup"), ([60, 10, 90, 40], 0.3, "a mug"))
    kept = settled(twice, (100, 100))
    assert kept.labels == ("a cup", "a mug")
    assert kept.scores.tolist() == [0.6, 0.3]


def test_how_much_boxes_may_overlap_is_a_choice():
    half = found(([0, 0, 40, 40], 0.9, "a"), ([20, 0, 60, 40], 0.8, "b"))
    assert len(settled(half, (100, 100))) == 2
    assert settled(half, (100, 100), max_overlap=0.2).labels == ("a",)


def test_boxes_are_cut_at_the_border_and_left_out_beyond_it():
    some = found(([-5, -5, 20, 20], 0.5, "a"), ([200, 0, 210, 10], 0.9, "b"), ([30, 30, 30, 40], 0.9, "c"))
    kept = settled(some, (50, 60))
    assert kept.boxes.tolist() == [[0, 0, 20, 20]]


def test_labels_are_words_or_a_text_with_commas():
    assert check_labels("cup, spoon,cup") == ("cup", "spoon")
    assert check_labels(["a cup"]) == ("a cup",)


@pytest.mark.parametrize("labels", ["", " , ", [], ["cup", ""], None, 3, [3]])
def test_labels_that_say_nothing(labels):
    with pytest.raises(PromptError, match="what to look for"):
        check_labels(labels)


def test_thresholds_are_shares():
    class Nothing:
        def detect(self, pixels, labels, threshold=None):
            raise AssertionError("it is not asked")

    with pytest.raises(OptionError, match="threshold is 30"):
        find_boxes(Nothing(), np.zeros((4, 4, 3), np.uint8), ["cup"], threshold=30.0)
