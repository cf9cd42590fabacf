from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import InputError, OptionError
from hqsam.formats.document import Document, MaskedObject, labels_of

SQUARE = np.zeros((6, 8), bool)
SQUARE[1:4, 2:7] = True


def test_an_object_knows_its_mask_box_and_area():
    one = MaskedObject.of(SQUARE, "cup", 0.9)
    assert np.array_equal(one.mask, SQUARE)
    assert one.box_xyxy.tolist() == [2, 1, 7, 4]
    assert one.area == 15


def test_a_mask_of_another_size_than_the_photo_is_an_error():
    with pytest.raises(InputError, match=r"object 0 of a\.jpg has a mask of \[6, 8\]"):
        Document("a.jpg", (8, 6), (MaskedObject.of(SQUARE),))


def test_files_are_named_after_the_photo_and_numbered_only_if_there_are_several():
    one = Document("holiday/IMG 1.tar.jpg", (6, 8), (MaskedObject.of(SQUARE),))
    assert one.path(Path("out"), ".svg") == Path("out/IMG 1.tar.svg")
    assert one.object_path(Path("out"), "_mask.png", 0) == Path("out/IMG 1.tar_mask.png")
    many = Document("a.jpg", (6, 8), (MaskedObject.of(SQUARE),) * 2)
    assert many.object_path(Path("out"), "_mask.png", 1) == Path("out/a_mask_02.png")


def test_masks_are_listed_in_the_order_of_the_objects():
    document = Document("a.jpg", (6, 8), (MaskedObject.of(SQUARE), MaskedObject.of(~SQUARE)))
    assert np.array_equal(list(document.masks), [SQUARE, ~SQUARE])


def test_without_the_photo_a_picture_cannot_be_made():
    with pytest.raises(OptionError, match="needs the photo"):
        Document("a.jpg", (6, 8)).required_pixels("overlay")


def test_labels_are_listed_once_in_alphabetical_order():
    objects = [MaskedObject.of(SQUARE, label) for label in ("dog", "cat", "dog")]
    assert labels_of([Document("a.jpg", (6, 8), tuple(objects))]) == ["cat", "dog"]
