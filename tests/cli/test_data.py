import json

import numpy as np

from tests.data.drawn import SIZE_HW, labels, pairs, photo, save


def test_a_folder_without_faults_leaves_with_0_and_says_what_it_holds(hqsam, tmp_path):
    pairs(tmp_path / "cats", 3)
    finished = hqsam("data", "check", tmp_path)
    assert finished.code == 0
    assert "3 images in 1 set can be used" in finished.out
    assert "cats  3 images, 3 objects (images/ and masks/; one object a mask)" in finished.out


def test_what_is_left_out_is_listed_and_leaves_with_1(hqsam, tmp_path):
    pairs(tmp_path / "cats", 6)
    for number in range(5):
        save(tmp_path / "cats" / "masks" / f"{number}.png", np.zeros(SIZE_HW, np.uint8))
    finished = hqsam("data", "check", tmp_path, "--json", tmp_path / "report.json")
    assert finished.code == 1
    assert "1 image in 1 set can be used" in finished.out
    assert "5 x the mask is empty" in finished.out
    assert "and 2 more" in finished.out
    assert len(json.loads((tmp_path / "report.json").read_text())["findings"]) == 5


def test_how_masks_are_meant_can_be_said(hqsam, tmp_path):
    pairs(tmp_path / "cats", 3)
    save(tmp_path / "cats" / "masks" / "0.png", labels(3).astype(np.uint8))
    assert "5 objects" in hqsam("data", "check", tmp_path).out
    assert "3 objects" in hqsam("data", "check", tmp_path, "--masks", "binary").out


def test_a_folder_that_holds_no_masks_is_an_error_of_one_line(hqsam, tmp_path):
    photo(tmp_path / "a.jpg")
    finished = hqsam("data", "check", tmp_path)
    assert (finished.code, finished.out) == (1, "")
    assert "expected images/NAME.jpg" in finished.err and finished.err.count("\n") == 1
    assert hqsam("data", "check", tmp_path / "nowhere").code == 1
    assert hqsam("data", "check").code == 2
