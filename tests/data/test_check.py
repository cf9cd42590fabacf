"""Everything that can be wrong with photos and masks is found before training, and left out of it."""

import numpy as np
import pytest
from PIL import Image

from hqsam.data.check import check_datasets, without_broken
from hqsam.data.issues import ISSUE_KINDS, DataCheck
from hqsam.data.open_dataset import open_datasets
from hqsam.errors import DataError
from tests.data.drawn import SIZE_HW, labels, pairs, photo, save


def empty_mask(folder):
    save(folder / "masks" / "1.png", np.zeros(SIZE_HW, np.uint8))


def full_mask(folder):
    save(folder / "masks" / "1.png", np.full(SIZE_HW, 255, np.uint8))


def mask_of_another_size(folder):
    save(folder / "masks" / "1.png", np.full((9, 9), 255, np.uint8))


def mask_of_a_photo_on_its_side(folder):
    image = Image.open(folder / "images" / "1.jpg")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(folder / "images" / "1.jpg", exif=exif)


def photo_upside_down(folder):
    image = Image.open(folder / "images" / "1.jpg")
    exif = image.getexif()
    exif[0x0112] = 3
    image.save(folder / "images" / "1.jpg", exif=exif)


def truncated_photo(folder):
    path = photo(folder / "images" / "1.jpg", (240, 320))
    path.write_bytes(path.read_bytes()[:-900])


def truncated_mask(folder):
    path = folder / "masks" / "1.png"
    path.write_bytes(path.read_bytes()[:-30])


def photo_that_is_text(folder):
    (folder / "images" / "1.jpg").write_text("<html>not found</html>")


def missing_mask(folder):
    (folder / "masks" / "1.png").unlink()


def missing_photo(folder):
    (folder / "images" / "1.jpg").unlink()


def two_photos_of_one_name(folder):
    photo(folder / "images" / "1.png")


def grey_mask(folder):
    soft = np.repeat(np.minimum(255, 30 * np.arange(SIZE_HW[1]))[None], SIZE_HW[0], axis=0)
    save(folder / "masks" / "1.png", soft.astype(np.uint8))


def cmyk_photo(folder):
    Image.open(folder / "images" / "1.jpg").convert("CMYK").save(folder / "images" / "1.jpg")


def speck(folder):
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[3, 3:8] = 255
    save(folder / "masks" / "1.png", mask)


FAULTS = {
    empty_mask: "no_objects",
    full_mask: "all_inside",
    mask_of_another_size: "other_size",
    mask_of_a_photo_on_its_side: "other_size",
    truncated_photo: "unreadable_image",
    truncated_mask: "unreadable_mask",
    photo_that_is_text: "unreadable_image",
    missing_mask: "no_mask",
    missing_photo: "no_image",
    two_photos_of_one_name: "doubled",
    grey_mask: "grey_values",
    cmyk_photo: "odd_mode",
    photo_upside_down: "turned",
    speck: "tiny",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_and_what_is_broken_is_left_out(fault, tmp_path):
    fault(pairs(tmp_path / "set", 3))
    sets = open_datasets(tmp_path)
    report = check_datasets(sets)
    assert [(one.kind, one.name) for one in report.issues] == [(FAULTS[fault], "set/1")]
    broken = ISSUE_KINDS[FAULTS[fault]].broken
    assert report.broken_names == ({"set/1"} if broken else set())
    kept = without_broken(sets, report)["set"]
    assert [name[-1] for name in kept.names] == (["0", "2"] if broken else ["0", "1", "2"])
    assert all(sample.object_ids == [1] for sample in kept)
    assert (report.sets["set"].images, report.sets["set"].usable) == (3, len(kept))


@pytest.mark.parametrize(
    "fault",
    [mask_of_another_size, mask_of_a_photo_on_its_side, truncated_photo, truncated_mask, photo_that_is_text],
    ids=lambda fault: fault.__name__,
)
def test_what_is_broken_is_an_error_with_the_file_s_name_if_it_is_read_all_the_same(fault, tmp_path):
    fault(pairs(tmp_path / "set", 3))
    with pytest.raises(DataError, match=r"1\.(jpg|png)"):
        open_datasets(tmp_path)["set"][1]


def test_a_mask_that_was_not_turned_with_its_photo_is_told_so(tmp_path):
    mask_of_a_photo_on_its_side(pairs(tmp_path, 2))
    said = check_datasets(open_datasets(tmp_path)).issues[0].detail
    assert "the mask is 32 x 24 pixels, and its image 24 x 32" in said
    assert "turn the mask, too" in said


def test_a_label_map_among_masks_of_one_object_is_odd(tmp_path):
    pairs(tmp_path, 30)
    save(tmp_path / "masks" / "1.png", labels(4).astype(np.uint8))
    issues = check_datasets(open_datasets(tmp_path)).issues
    assert [one.kind for one in issues] == ["unexpected_values"]
    assert "5 values from 0 to 4" in issues[0].detail


def test_grey_edges_among_label_maps_are_odd(tmp_path):
    pairs(tmp_path, 3)
    save(tmp_path / "masks" / "0.png", labels(4).astype(np.uint8))
    grey_mask(tmp_path)
    assert [one.kind for one in check_datasets(open_datasets(tmp_path)).issues if one.kind != "tiny"] == [
        "unexpected_values"
    ]


def test_progress_counts_every_photo_and_threads_find_what_one_does(tmp_path):
    empty_mask(pairs(tmp_path, 8))
    seen = []
    sets = open_datasets(tmp_path)
    report = check_datasets(sets, lambda done, total: seen.append((done, total)), workers=3)
    assert seen == [(done, 8) for done in range(1, 9)]
    assert report == check_datasets(sets, workers=1)


def test_a_report_comes_back_from_its_file(tmp_path):
    empty_mask(pairs(tmp_path / "set", 3))
    report = check_datasets(open_datasets(tmp_path))
    assert DataCheck.read(report.save(tmp_path / "report.json")) == report
    (tmp_path / "other.json").write_text('{"sets": 3}')
    with pytest.raises(DataError, match="not the report of a data check"):
        DataCheck.read(tmp_path / "other.json")


def test_a_set_of_which_nothing_is_left_is_left_out(tmp_path):
    for number in range(2):
        pairs(tmp_path / f"set{number}", 1)
    save(tmp_path / "set1" / "masks" / "0.png", np.zeros(SIZE_HW, np.uint8))
    sets = open_datasets(tmp_path)
    assert list(without_broken(sets, check_datasets(sets))) == ["set0"]
