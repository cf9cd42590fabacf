"""supervision's `Detections`, made and read with the real package."""

import numpy as np
import pytest

from hqsam.errors import InputError
from hqsam.integrations.supervision import from_supervision, to_supervision
from hqsam.masks.instances import Instances

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def instances():
    masks = np.zeros((3, 20, 30), bool)
    masks[0, 2:9, 4:17] = True
    masks[0, 4:6, 6:9] = False  # a hole
    masks[1, 19, 29] = True  # the last pixel; the third mask is empty
    return Instances.from_masks(masks, scores=[0.9, 0.5, 0.1], labels=["cup", "ant", "cup"])


def test_masks_boxes_scores_and_names_arrive(instances):
    pytest.importorskip("supervision")
    found = instances.to_supervision()
    assert type(found.mask).__name__ == "CompactMask"
    np.testing.assert_array_equal(np.asarray(found.mask), np.asarray(instances.masks))
    np.testing.assert_array_equal(found.xyxy, instances.boxes)
    np.testing.assert_allclose(found.confidence, [0.9, 0.5, 0.1], rtol=1e-6)
    assert found.data["class_name"].tolist() == ["cup", "ant", "cup"] and found.class_id.tolist() == [1, 0, 1]


def test_no_mask_is_an_empty_detections():
    pytest.importorskip("supervision")
    assert len(to_supervision(Instances.empty((5, 7)))) == 0


def test_boxes_come_back_as_prompts(instances):
    pytest.importorskip("supervision")
    np.testing.assert_array_equal(from_supervision(to_supervision(instances)), instances.boxes)


def test_a_detectors_boxes_are_prompts_of_a_session(tiny_segmenter):
    sv = pytest.importorskip("supervision")
    boxes = np.array([[2.5, 3, 20, 14], [10, 0, 40, 30]], np.float32)
    detections = sv.Detections(xyxy=boxes, confidence=np.array([0.9, 0.4], np.float32), class_id=np.array([1, 0]))
    session = tiny_segmenter.open(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8))
    found = session.segment(boxes=from_supervision(detections))
    plain = session.segment(boxes=boxes.tolist())
    np.testing.assert_array_equal(np.asarray(found.masks), np.asarray(plain.masks))
    back = found.to_supervision()
    assert len(back) == 2
    np.testing.assert_array_equal(np.asarray(back.mask), np.asarray(found.masks))


def test_something_else_is_refused():
    with pytest.raises(InputError, match=r"supervision\.Detections"):
        from_supervision([[0, 0, 5, 5]])
