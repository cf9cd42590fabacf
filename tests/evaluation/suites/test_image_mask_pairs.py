import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError
from hqsam.evaluation.suites import find
from tests.evaluation.layouts import make


def with_mask(tmp_path, pixels):
    """COIFT with one photo, and this as its mask."""
    data = make("coift", tmp_path)
    folder = data / "thin_object_detection/COIFT"
    (folder / "images/photo1.jpg").unlink()
    Image.fromarray(pixels).save(folder / "masks/photo0.png")
    return find("coift").open(data).samples[0]


def test_a_soft_edge_is_cut_above_128_and_kept_as_gray(tmp_path):
    soft = np.zeros((48, 64), np.uint8)
    soft[10:30, 10:30], soft[10:30, 30], soft[10:30, 31] = 255, 129, 128
    (target,) = with_mask(tmp_path, soft).targets()
    assert target.truth.sum() == 20 * 21 and np.array_equal(target.gray, soft)


def test_a_mask_of_0_and_1_is_one_of_0_and_255(tmp_path):
    ones = np.zeros((48, 64), np.uint8)
    ones[:10, :10] = 1
    (target,) = with_mask(tmp_path, ones).targets()
    assert target.truth.sum() == 100 and target.gray.max() == 255


def test_of_colours_red_counts(tmp_path):
    colours = np.zeros((48, 64, 3), np.uint8)
    colours[:10, :10], colours[20:, :, 1] = 255, 255
    (target,) = with_mask(tmp_path, colours).targets()
    assert target.truth.sum() == 100


def test_an_empty_mask_asks_nothing(tmp_path):
    assert with_mask(tmp_path, np.zeros((48, 64), np.uint8)).targets() == []


def test_a_mask_of_another_size_is_refused_when_it_is_read(tmp_path):
    sample = with_mask(tmp_path, np.ones((40, 64), np.uint8))
    with pytest.raises(DataError, match=r"has 64 x 40 pixels, and its image photo0\.jpg has 64 x 48"):
        sample.targets()


def test_a_damaged_mask_is_refused_by_name(tmp_path):
    sample = with_mask(tmp_path, np.ones((48, 64), np.uint8))
    (tmp_path / "thin_object_detection/COIFT/masks/photo0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"photo0\.png"):
        sample.targets()


def test_missing_masks_are_counted(tmp_path):
    data = make("dis", tmp_path)
    (data / "DIS5K/DIS-VD/gt/photo1.png").unlink()
    with pytest.raises(DataError, match=r"1 of 2 masks of DIS-VD are not in .*gt; the first: photo1\.png"):
        find("dis").open(data)


def test_the_fine_sets_keep_the_gray_of_their_masks(tmp_path):
    for sample in find("hrsod").open(make("hrsod", tmp_path)).samples:
        (target,) = sample.targets()
        assert np.array_equal(target.gray > 128, target.truth) and set(np.unique(target.gray)) == {0, 255}


def test_big_has_coarse_masks_where_they_are_there(tmp_path):
    data = make("big", tmp_path)
    (data / "BIG/test/2007_001_seg.png").unlink()
    first, second = (sample.targets()[0] for sample in find("big").open(data).samples)
    assert second.coarse is None and first.coarse is not None
    assert 0 < (first.coarse ^ first.truth).sum() < first.truth.sum()


def test_big_without_photos_by_its_names_is_refused(tmp_path):
    data = make("big", tmp_path)
    for path in (data / "BIG/test").glob("*_im.jpg"):
        path.rename(path.with_name(path.name.replace("_im", "")))
    with pytest.raises(DataError, match=r"no NAME_im.jpg in .*test; found there: 2007_000"):
        find("big").open(data)
