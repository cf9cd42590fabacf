import numpy as np
import pytest

from hqsam.errors import OptionError, PromptError
from hqsam.text.detector import Detections
from tests.tiny import tiny_segmenter

BOXES = np.array([[4.0, 6, 30, 40], [50, 10, 90, 60], [5, 6, 30, 41]])
PHOTO = np.random.default_rng(0).integers(0, 255, (70, 100, 3), np.uint8)


class FixedBoxes:
    """A detector that finds the same in every image; the third is the first object, by another label."""

    def __init__(self, boxes=BOXES):
        self.boxes = boxes
        self.asked = []

    def detect(self, pixels, labels, threshold=None):
        self.asked.append((pixels.shape, tuple(labels), threshold))
        return Detections(self.boxes, np.array([0.5, 0.8, 0.3])[: len(self.boxes)], ("a", "b", "b")[: len(self.boxes)])


@pytest.fixture(scope="module")
def segmenter():
    return tiny_segmenter()


def test_masks_are_those_of_the_boxes_with_labels_and_both_scores(segmenter):
    detector = FixedBoxes()
    found = segmenter.segment_text(PHOTO, ["a", "b"], detector=detector, threshold=0.2)
    assert detector.asked == [((70, 100, 3), ("a", "b"), 0.2)]
    assert found.labels == ("b", "a")
    assert found.columns["prompt_score"].tolist() == [0.8, 0.5]
    plain = segmenter.open(PHOTO).segment(boxes=BOXES[[1, 0]])
    assert np.array_equal(found.masks, plain.masks)
    assert np.array_equal(found.scores, plain.scores)


def test_labels_and_scores_stay_with_their_masks(segmenter):
    second = segmenter.segment_text(PHOTO, "a, b", detector=FixedBoxes())[1]
    assert (second.labels, second.columns["prompt_score"].tolist()) == (("a",), [0.5])


def test_nothing_found_is_no_mask(segmenter):
    found = segmenter.segment_text(PHOTO, ["a"], detector=FixedBoxes(np.zeros((0, 4))))
    assert len(found) == 0
    assert found.image_size_hw == (70, 100)
    assert found.metadata["source"] == "sum"


def test_nothing_found_on_a_map_has_its_place_and_its_image(segmenter, tmp_path):
    pytest.importorskip("rasterio")
    from tests.geo.rasters import UTM, write_raster

    path = write_raster(tmp_path / "field.tif", PHOTO.transpose(2, 0, 1))
    found = segmenter.segment_text(path, ["a"], detector=FixedBoxes(np.zeros((0, 4))))
    assert len(found) == 0 and found.metadata["georeference"].crs == UTM
    found.save(tmp_path / "out", "gpkg", "overlay")


def test_without_words_nothing_is_loaded(segmenter):
    with pytest.raises(PromptError, match="what to look for"):
        segmenter.segment_text(PHOTO, [], detector="no/where")


def test_what_is_no_detector(segmenter):
    with pytest.raises(OptionError, match="detector is a int; give a folder"):
        segmenter.segment_text(PHOTO, ["a"], detector=3)
