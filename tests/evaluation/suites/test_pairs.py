import numpy as np
import pytest
from PIL import Image

from hqsam.errors import DataError
from hqsam.evaluation.suites import find
from tests.evaluation.layouts import make, scene

DRAWN = scene(0)


def folder_with(tmp_path, mask, image=DRAWN.image, name="photo"):
    for place, pixels in (("images", image), ("masks", mask)):
        (tmp_path / place).mkdir(exist_ok=True)
        picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        picture.save(tmp_path / place / f"{name}.png")
    return tmp_path


def targets_of(data, suite="folder"):
    (case,) = find(suite).open(data).cases
    return case.targets()


def masks_of(data):
    return [target.truth for target in targets_of(data)]


@pytest.mark.parametrize("value", [1, 255, 7])
def test_one_value_is_one_object_whatever_the_value(tmp_path, value):
    (mask,) = masks_of(folder_with(tmp_path, DRAWN.masks[0].astype(np.uint8) * np.uint8(value)))
    assert np.array_equal(mask, DRAWN.masks[0])


def test_several_values_are_a_label_map(tmp_path):
    masks = masks_of(folder_with(tmp_path, DRAWN.labels))
    assert [mask.sum() for mask in masks] == [mask.sum() for mask in DRAWN.masks]


def test_a_label_map_may_have_16_bits_or_a_palette(tmp_path):
    wide = Image.fromarray(DRAWN.labels.astype(np.uint16) * np.uint16(300))
    palette = Image.fromarray(DRAWN.labels).convert("P")
    palette.putdata(DRAWN.labels.ravel().tolist())
    for name, picture in (("wide", wide), ("palette", palette)):
        (tmp_path / name).mkdir()
        assert len(masks_of(folder_with(tmp_path / name, picture))) == 2


def test_a_soft_edge_is_cut_at_half_and_kept_as_gray(tmp_path):
    soft = np.zeros((48, 64), np.uint8)
    soft[10:30, 10:30], soft[10:30, 30], soft[10:30, 31] = 255, 129, 128
    (target,) = targets_of(folder_with(tmp_path, soft))
    assert target.truth.sum() == 20 * 21 and np.array_equal(target.gray, soft)


def test_of_colours_red_counts(tmp_path):
    colours = np.zeros((48, 64, 3), np.uint8)
    colours[:10, :10], colours[20:, :, 1] = 255, 255
    (mask,) = masks_of(folder_with(tmp_path, colours))
    assert mask.sum() == 100


def test_an_empty_mask_asks_nothing(tmp_path):
    assert targets_of(folder_with(tmp_path, np.zeros((48, 64), np.uint8))) == []


def test_a_mask_of_another_size_is_refused_when_it_is_read(tmp_path):
    data = folder_with(tmp_path, np.ones((40, 64), np.uint8))
    with pytest.raises(DataError, match=r"has 64 x 40 pixels, and its image photo.png has 64 x 48"):
        targets_of(data)


def test_a_damaged_mask_is_refused_by_name(tmp_path):
    data = folder_with(tmp_path, DRAWN.labels)
    (data / "masks/photo.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"photo\.png"):
        targets_of(data)


def test_missing_masks_are_counted(tmp_path):
    data = make("folder", tmp_path)
    (data / "masks/photo1.png").unlink()
    with pytest.raises(DataError, match=r"1 of 3 masks of .* are not in .*masks; the first: photo1.png"):
        find("folder").open(data)


def test_sets_below_a_folder_and_other_names_of_the_folders_are_found(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        folder_with(tmp_path / name, DRAWN.labels)
    (tmp_path / "b/images").rename(tmp_path / "b/im")
    (tmp_path / "b/masks").rename(tmp_path / "b/gt")
    assert [case.name for case in find("folder").open(tmp_path).cases] == ["a/photo", "b/photo"]


def test_the_fine_sets_keep_the_gray_of_their_masks(tmp_path):
    for case in find("hrsod").open(make("hrsod", tmp_path)).cases:
        (target,) = case.targets()
        assert np.array_equal(target.gray > 128, target.truth) and set(np.unique(target.gray)) == {0, 255}


def test_big_has_coarse_masks_where_they_are_there(tmp_path):
    data = make("big", tmp_path)
    (data / "BIG/test/2007_001_seg.png").unlink()
    first, second = (case.targets()[0] for case in find("big").open(data).cases)
    assert second.coarse is None and first.coarse is not None
    assert 0 < (first.coarse ^ first.truth).sum() < first.truth.sum()


def test_big_without_photos_by_its_names_is_refused(tmp_path):
    data = make("big", tmp_path)
    for path in (data / "BIG/test").glob("*_im.jpg"):
        path.rename(path.with_name(path.name.replace("_im", "")))
    with pytest.raises(DataError, match=r"no NAME_im.jpg in .*test; found there: 2007_000"):
        find("big").open(data)
