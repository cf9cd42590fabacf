from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import DataError, OptionError
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.evaluation.record import Row
from hqsam.evaluation.suites import MEAN, SUITES, find
from hqsam.evaluation.suites.published import SGINW_AP
from hqsam.masks import rle
from tests import needs
from tests.evaluation.layouts import detections, make

NAMES = ("dis", "coift", "hrsod", "thin", "hq4", "big", "coco", "lvis", "uvo", "sginw", "hqytvis", "davis", "ytvis")


@pytest.fixture(autouse=True)
def _library():
    needs.package("faster_coco_eval", install='pip install "hqsam[evaluate]"')


def answers(opened, change=lambda mask: mask):
    """A model that knows the truth, more or less."""
    rows = []
    for sample in opened.samples:
        for target in sample.targets():
            mask = change(target.truth)
            agreement = mask_scores(mask, target.truth)
            about = sample.about | target.about
            rows.append(Row(sample.name, target.name, mask.shape, about, *agreement, 0.8, rle.encode(mask)))
    return rows


def half(mask):
    """The left half of what there is."""
    columns = np.flatnonzero(mask.any(axis=0))
    return mask & (np.arange(mask.shape[1]) < columns[0] + len(columns) // 2)


def test_the_papers_ten_sets_its_two_more_and_any_folder_are_there():
    assert tuple(SUITES) == (*NAMES, "folder")
    assert [find(name).expected for name in NAMES[:8]] == [470, 280, 287, 500, 1537, 100, 5000, 19809]


@pytest.mark.parametrize("name", SUITES)
def test_a_row_is_whole(name):
    suite = find(name)
    assert all((suite.title, suite.layout, suite.licence, suite.where, suite.metric.about))
    assert (suite.ask == "detector") <= bool(suite.boxes_from)
    splits = {split.name for split in suite.splits} | {MEAN}
    for published in suite.published:
        assert published.split in splits and set(published.scores) <= {*suite.metric.names, "mIoU", "mBIoU"}
        assert all(0 < value < 100 for value in published.scores.values())
    assert len({(one.model, one.source, one.split, one.prompt) for one in suite.published}) == len(suite.published)


@pytest.mark.parametrize("name", NAMES)
def test_sam_and_hq_sam_were_both_published(name):
    assert {one.source for one in find(name).published} == {"sam", find(name).source}


def test_the_means_that_were_printed_are_those_of_the_numbers_that_were_printed():
    assert np.mean([sam for sam, _ in SGINW_AP.values()]) == pytest.approx(48.7, abs=0.05)
    assert np.mean([hq for _, hq in SGINW_AP.values()]) == pytest.approx(49.6, abs=0.05)
    boxes = [one for one in find("hq4").published if (one.model, one.prompt) == ("vit_l", "box")]
    for source in ("sam", "hq"):
        for name in ("mIoU", "mBIoU"):
            parts = [one.scores[name] for one in boxes if one.source == source and one.split != MEAN]
            (mean,) = [one.scores[name] for one in boxes if one.source == source and one.split == MEAN]
            assert len(parts) == 4 and np.mean(parts) == pytest.approx(mean, abs=0.08)


def test_an_unknown_suite_is_an_error_that_knows_what_was_meant():
    with pytest.raises(OptionError, match=r"did you mean 'sginw'.*known: dis, coift"):
        find("sgnw")


@pytest.mark.parametrize("name", SUITES)
def test_who_answers_with_the_true_masks_has_full_marks(name, tmp_path):
    opened = find(name).open(make(name, tmp_path))
    scores = opened.score(answers(opened))
    headline = opened.suite.metric.names[0]
    assert set(scores) == {split.name for split in opened.splits} | ({MEAN} if len(opened.splits) > 1 else set())
    for each in scores.values():
        assert each[headline] == pytest.approx(1) and each["mIoU"] == each["mBIoU"] == 1
        assert set(each) <= {*opened.suite.metric.names, "mIoU", "mBIoU"}


@pytest.mark.parametrize("name", SUITES)
def test_half_an_answer_has_half_the_overlap(name, tmp_path):
    opened = find(name).open(make(name, tmp_path))
    scores = list(opened.score(answers(opened, half)).values())[-1]
    assert 0.4 < scores["mIoU"] < 0.6 and 0.2 < scores["mBIoU"] < 0.6
    if "AP" in scores:
        assert scores["AP"] < 0.2


@pytest.mark.parametrize("name", SUITES)
def test_cases_are_named_once_and_always_the_same(name, tmp_path):
    data = make(name, tmp_path)
    first, again = (find(name).open(data).samples for _ in range(2))
    names = [sample.name for sample in first]
    assert names == [sample.name for sample in again] and len(set(names)) == len(names) > 1
    for sample in first:
        targets = sample.targets()
        assert sample.image.is_file() and len({target.name for target in targets}) == len(targets)


@pytest.mark.parametrize("name", SUITES)
def test_a_folder_that_does_not_fit_is_refused_with_what_was_found_there(name, tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError, match=r"holiday/"):
        find(name).open(tmp_path)
    with pytest.raises(DataError, match=r"not a folder; \w+ expects there: .+"):
        find(name).open(tmp_path / "nowhere")


def test_other_numbers_of_images_than_expected_are_told(tmp_path):
    warnings = find("hq4").open(make("hq4", tmp_path)).warnings
    assert warnings[0] == "DIS-VD has 2 images here, and 470 were expected" and len(warnings) == 4
    assert find("folder").open(make("folder", tmp_path / "own")).warnings == []


def test_some_sets_of_a_suite_can_be_taken(tmp_path):
    opened = find("hq4").open(make("hq4", tmp_path), only=["COIFT"])
    assert {sample.name.split("/")[0] for sample in opened.samples} == {"COIFT"}
    with pytest.raises(OptionError, match=r"no set 'COFT'; it has DIS-VD, COIFT"):
        find("hq4").open(tmp_path, only=["COFT"])


def test_all_missing_sets_are_named_at_once(tmp_path):
    data = make("sginw", tmp_path)
    for name in ("Bottles", "Cows"):
        (data / "seginw" / name).rename(tmp_path / f"elsewhere-{name}")
    with pytest.raises(DataError, match=r"2 of 25 sets cannot be opened: Bottles, Cows. Bottles: there is no file"):
        find("sginw").open(data)


@pytest.mark.parametrize("name", ["coco", "lvis", "uvo", "sginw", "hqytvis", "davis"])
def test_images_without_an_answer_count_unless_they_were_not_asked_about(name, tmp_path):
    opened = find(name).open(make(name, tmp_path))
    first = opened.samples[0]
    asked = {sample.name for sample in opened.samples if sample is first or _same_video(sample, first)}
    rows = [row for row in answers(opened) if row.sample in asked]
    headline = opened.suite.metric.names[0]
    assert list(opened.score(rows, asked).values())[-1][headline] == pytest.approx(1)
    assert list(opened.score(rows).values())[-1][headline] < 0.9


def _same_video(sample, other):
    return sample.about.get("video_id", sample) == other.about.get("video_id")


def test_an_answer_about_something_else_is_refused(tmp_path):
    opened = find("folder").open(make("folder", tmp_path))
    rows = answers(opened)
    with pytest.raises(DataError, match=r"'photo0', which is not among the 1 images asked about"):
        opened.score(rows, asked={"photo1"})
    with pytest.raises(DataError, match=r"nothing was asked of folder"):
        opened.score([], asked=set())


@pytest.mark.parametrize("name", [name for name in SUITES if find(name).ask == "detector"])
def test_the_detections_of_the_tests_are_of_the_suites_own_kind(name, tmp_path):
    written = detections(name, make(name, tmp_path))
    assert written.is_dir() == (name in ("sginw", "davis")) and written.exists()


def test_folders_are_also_found_from_within_their_collection(tmp_path):
    make("dis", tmp_path)
    assert len(find("dis").open(tmp_path / "DIS5K").samples) == 2
    make("sginw", tmp_path)
    assert len(find("sginw").open(tmp_path / "seginw").splits) == 25


def test_the_layouts_on_disk_are_those_of_the_authors(tmp_path):
    files = {
        "dis": "DIS5K/DIS-VD/gt/photo0.png",
        "hrsod": "thin_object_detection/HRSOD/masks_max255/photo0.png",
        "thin": "thin_object_detection/ThinObject5K/images_test/photo0.jpg",
        "sginw": "seginw/Nutterfly-Squireel/valid/_annotations_min1cat.coco.json",
        "lvis": "train2017/000000000002.jpg",
        "davis": "Annotations/480p/camel/00003.png",
        "hqytvis": "train/JPEGImages/video1/00005.jpg",
    }
    for name, file in files.items():
        assert (make(name, tmp_path / name) / Path(file)).is_file()
