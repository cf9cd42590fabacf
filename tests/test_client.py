"""The client gives Instances, and refuses in words what one request cannot hold."""

import json

import numpy as np
import pytest

import hqsam
from hqsam.errors import OptionError
from hqsam.masks.rle import encode

MASK = np.zeros((4, 6), bool)
MASK[1:3, 2:5] = True
ONE = {"prompt": 0, "score": 0.75, "box": [2, 1, 5, 3], "area": 6, "rle": encode(MASK), "refine": "a-name"}


@pytest.fixture
def client(monkeypatch):
    """A client whose server answers two masks, and the requests that it got."""
    client = hqsam.Client("http://127.0.0.1:9", "a-token")
    client.sent = []

    def once(method, path, body, headers):
        client.sent.append((method, path, body and json.loads(body)))
        masks = [ONE, {**ONE, "prompt": 1, "refine": "other"}]
        found = {"model": "nano", "source": "hq", "width": 6, "height": 4, "seconds": 0, "masks": masks}
        return 200, 0.0, json.dumps([{"id": 1}] if path.endswith("/annotations") else found).encode()

    monkeypatch.setattr(client, "_once", once)
    return client


def test_masks_are_instances_of_the_images_size(client):
    found = client.segment(3, boxes=[(1, 1, 5, 3), (0, 0, 2, 2)])
    assert (
        isinstance(found, hqsam.Instances) and found.image_size_hw == (4, 6) and found.scores.tolist() == [0.75, 0.75]
    )
    assert np.array_equal(found.masks[0], MASK) and found.prompt_index.tolist() == [0, 1]
    assert client.sent[0][2]["prompts"] == [{"box": [1, 1, 5, 3]}, {"box": [0, 0, 2, 2]}]


def test_one_mask_of_many_is_refined_and_annotated(client):
    found = client.segment(3, boxes=[(1, 1, 5, 3), (0, 0, 2, 2)])
    client.segment(3, points=[(3, 2)], labels=[1], refine=found[1])
    assert client.sent[1][2]["prompts"][0]["refine"] == "other"
    assert client.annotate(3, found[1], "cup") == {"id": 1}
    (sent,) = client.sent[2][2]
    assert (sent["class_name"], sent["score"], sent["rle"]) == ("cup", 0.75, ONE["rle"])
    for wrong in (lambda: client.segment(3, refine=found), lambda: client.annotate(3, found)):
        with pytest.raises(OptionError, match="one"):
            wrong()


def test_all_masks_are_annotated_with_their_labels_in_one_request(client):
    found = client.segment(3, boxes=[(1, 1, 5, 3), (0, 0, 2, 2)]).with_labels(["cup", "spoon"])
    client.annotate_all(3, found, source="hq")
    assert [(one["class_name"], one["source"]) for one in client.sent[1][2]] == [("cup", "hq"), ("spoon", "hq")]
    assert client.annotate_all(3, found[[]]) == []


@pytest.mark.parametrize("wrong", ["localhost", "ftp://localhost", "http://"])
def test_an_address_that_is_none_is_refused(wrong):
    with pytest.raises(OptionError, match="no address"):
        hqsam.Client(wrong)
