"""Held against pycocotools, the reference formula of boundary AP, and the lvis package where it is installed."""

import contextlib
import copy
import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hqsam.errors import DataError
from hqsam.evaluation.average_precision import average_precision, score_split
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import EvaluationSample, OpenSplit
from hqsam.masks import rle
from tests import needs
from tests.evaluation.crowded import SIZE_HW, crowded, image_of
from tests.evaluation.layouts import annotation_of

SEEDS = range(4)


@pytest.fixture(autouse=True)
def _library():
    needs.package("faster_coco_eval", install='pip install "hqsam[evaluate]"')


class BoundaryEval(COCOeval):
    """pycocotools, with the overlap of Cheng et al., 2021: the smaller of mask IoU and boundary IoU."""

    ratio = 0.02

    def computeIoU(self, image, category):  # noqa: N802 (its name)
        overlap = super().computeIoU(image, category)
        wanted, found = self._gts[image, category], self._dts[image, category]
        if not len(overlap):
            return overlap
        found = [found[place] for place in np.argsort([-one["score"] for one in found], kind="mergesort")]
        edges = [[self.boundary(one["segmentation"]) for one in each] for each in (found, wanted)]
        crowd = [one["iscrowd"] for one in wanted]
        both = np.minimum(overlap, coco_mask.iou(*edges, crowd))
        return np.where(np.array(crowd, bool), overlap, both)

    def boundary(self, runs):
        mask = rle.decode(runs).astype(np.uint8)
        steps = max(1, round(self.ratio * np.hypot(*mask.shape)))
        inner = cv2.erode(np.pad(mask, 1), np.ones((3, 3), np.uint8), iterations=steps)[1:-1, 1:-1]
        return coco_mask.encode(np.asfortranarray(mask - inner))


def reference(annotations, results, evaluation=COCOeval):
    """What pycocotools gives, where it is defined."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(annotations)
        coco.createIndex()
        run = evaluation(coco, coco.loadRes(copy.deepcopy(results)), "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    names = ("AP", "AP50", "AP75", "AP_S", "AP_M", "AP_L")
    return {name: float(value) for name, value in zip(names, run.stats, strict=False) if value > -1}


@pytest.mark.parametrize("seed", SEEDS)
def test_ap_of_masks_is_that_of_pycocotools(seed):
    annotations, results = crowded(seed)
    assert average_precision(annotations, results) == pytest.approx(reference(annotations, results), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ratio", [0.02, 0.01])
def test_ap_of_boundaries_is_that_of_the_reference_formula(seed, ratio, monkeypatch):
    monkeypatch.setattr(BoundaryEval, "ratio", ratio)
    annotations, results = crowded(seed)
    expected = reference(annotations, results, BoundaryEval)
    assert average_precision(annotations, results, boundary=ratio) == pytest.approx(expected, abs=1e-12)


def test_strict_boundaries_are_no_easier_and_boundaries_no_easier_than_masks():
    annotations, results = crowded(2)
    scores = [average_precision(annotations, results, boundary=ratio)["AP"] for ratio in (0.01, 0.02, None)]
    assert 0 < scores[0] < scores[1] < scores[2] < 1


def test_without_classes_every_object_is_of_one_class():
    annotations, results = crowded(1)
    classless = [{**one, "category_id": 1} for one in annotations["annotations"]]
    expected = reference(
        annotations | {"annotations": classless, "categories": [{"id": 1, "name": "object"}]},
        [{**one, "category_id": 1} for one in results],
    )
    assert average_precision(annotations, results, rules="any class") == pytest.approx(expected, abs=1e-12)


def test_some_images_score_as_if_there_were_no_others():
    annotations, results = crowded(3)
    some = {1, 2, 5}
    part = {
        **annotations,
        "images": [one for one in annotations["images"] if one["id"] in some],
        "annotations": [one for one in annotations["annotations"] if one["image_id"] in some],
    }
    expected = average_precision(part, [one for one in results if one["image_id"] in some])
    assert average_precision(annotations, results, image_ids=some) == expected


def test_what_is_given_is_left_as_it_was():
    annotations, results = crowded(1)
    before = copy.deepcopy((annotations, results))
    average_precision(annotations, results, boundary=0.02)
    assert (annotations, results) == before


SQUARE, FAR = np.zeros(SIZE_HW, bool), np.zeros(SIZE_HW, bool)
SQUARE[20:60, 20:60], FAR[80:110, 100:140] = True, True


def one_object(**about):
    categories = [{"id": number, "name": str(number), "frequency": "rcf"[number - 1]} for number in (1, 2, 3)]
    image = image_of(1) | {"neg_category_ids": [2], "not_exhaustive_category_ids": []}
    return {"images": [image | about], "annotations": [annotation_of(SQUARE, 1, 1, 1)], "categories": categories}


def found(mask, score=0.9, category=1, image=1):
    return {"image_id": image, "category_id": category, "score": score, "segmentation": rle.encode(mask)}


def test_an_object_whose_id_is_0_counts_like_any_other():
    annotations = one_object()
    annotations["annotations"][0]["id"] = 0
    assert average_precision(annotations, [found(SQUARE)])["AP"] == 1


def test_nothing_found_scores_0_and_where_nothing_is_there_is_no_score():
    assert average_precision(one_object(), []) == {"AP": 0, "AP50": 0, "AP75": 0, "AP_M": 0}
    assert average_precision(one_object() | {"annotations": []}, [found(SQUARE)]) == {}


def test_a_better_scored_mistake_halves_the_precision():
    assert average_precision(one_object(), [found(SQUARE, 0.5), found(FAR, 0.9)])["AP"] == pytest.approx(0.5)


def test_lvis_forgives_what_nobody_looked_for_in_the_image():
    unknown, looked_for = found(FAR, category=3), found(FAR, category=2)
    for extra in (unknown, looked_for):
        scores = average_precision(one_object(), [found(SQUARE), extra], rules="lvis")
        assert scores["AP"] == scores["AP_r"] == 1 and "AP_c" not in scores
    wrong = average_precision(one_object(), [found(SQUARE, 0.5), found(FAR, 0.9)], rules="lvis")
    assert wrong["AP_r"] == pytest.approx(0.5)


def test_lvis_forgives_more_of_a_class_that_was_not_marked_everywhere():
    annotations = one_object(not_exhaustive_category_ids=[1])
    assert average_precision(annotations, [found(SQUARE, 0.5), found(FAR, 0.9)], rules="lvis")["AP"] == 1


def test_lvis_means_by_frequency():
    annotations = one_object()
    annotations["annotations"] += [annotation_of(FAR, 2, 1, 2), annotation_of(FAR, 3, 1, 3)]
    scores = average_precision(annotations, [found(SQUARE), found(FAR, category=3)], rules="lvis")
    assert (scores["AP_r"], scores["AP_c"], scores["AP_f"]) == (1, 0, 1)
    assert scores["AP"] == pytest.approx(2 / 3)


def test_lvis_takes_300_masks_of_an_image_and_not_100_of_a_class():
    others = [found(FAR, 0.9) for _ in range(299)]
    at_300 = average_precision(one_object(), [*others, found(SQUARE, 0.5)], rules="lvis")["AP"]
    assert at_300 == pytest.approx(1 / 300)
    other_class = [found(FAR, 0.9, category=2) for _ in range(300)]
    assert average_precision(one_object(), [*other_class, found(SQUARE, 0.5)], rules="lvis")["AP"] == 0


def lvis_annotations(seed):
    annotations, results = crowded(seed)
    random = np.random.default_rng(seed)
    for image in annotations["images"]:
        image["neg_category_ids"] = [number for number in (1, 2, 5) if random.random() < 0.4]
        image["not_exhaustive_category_ids"] = [number for number in (1, 2, 5) if random.random() < 0.3]
    for category, frequency in zip(annotations["categories"], "rcf", strict=True):
        category["frequency"] = frequency
    for annotation in annotations["annotations"]:
        del annotation["iscrowd"]
    return annotations, results


def lvis_reference(annotations, results, monkeypatch):
    monkeypatch.setattr(np, "float", float, raising=False)  # the package has not been touched since NumPy had it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lvis = pytest.importorskip("lvis")
        truth = lvis.LVIS.__new__(lvis.LVIS)
        truth.logger, truth.dataset = lvis.lvis.logging.getLogger("lvis"), copy.deepcopy(annotations)
        truth._create_index()
        run = lvis.LVISEval(truth, lvis.LVISResults(truth, copy.deepcopy(results)), "segm")
        run.run()
    names = {"AP": "AP", "AP50": "AP50", "AP75": "AP75", "APs": "AP_S", "APm": "AP_M", "APl": "AP_L"}
    names |= {"APr": "AP_r", "APc": "AP_c", "APf": "AP_f"}
    return {ours: float(run.results[theirs]) for theirs, ours in names.items() if run.results[theirs] > -1}


@pytest.mark.parametrize("seed", SEEDS)
def test_ap_by_lvis_rules_is_that_of_the_lvis_package(seed, monkeypatch):
    annotations, results = lvis_annotations(seed)
    expected = lvis_reference(annotations, results, monkeypatch)
    assert average_precision(annotations, results, rules="lvis") == pytest.approx(expected, abs=1e-12)


def test_ap_by_lvis_rules_is_what_was_recorded_of_the_lvis_package():
    """By lvis 0.5.3, for where it cannot be installed."""
    recorded = {
        **{"AP": 0.104884, "AP50": 0.20297, "AP75": 0.086634, "AP_S": 0.028933, "AP_M": 0.377888, "AP_L": 0.7},
        **{"AP_r": 0.084455, "AP_c": 0.162871, "AP_f": 0.067327},
    }
    annotations, results = lvis_annotations(0)
    assert average_precision(annotations, results, rules="lvis") == pytest.approx(recorded, abs=1e-6)


def row(mask, sample="x/1", **about):
    return Row(
        sample, "det-0", mask.shape, {"image_id": 1, "category_id": 1} | about, None, None, 0.4, rle.encode(mask)
    )


def split_of(annotations):
    samples = [
        EvaluationSample(f"x/{image['id']}", Path("photo.jpg"), list, None, {"image_id": image["id"]})
        for image in annotations["images"]
    ]
    return OpenSplit("x", tuple(samples), annotations)


def test_answers_are_judged_by_masks_boundaries_and_strict_boundaries():
    grown = cv2.dilate(SQUARE.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    scores = score_split(split_of(one_object()), [row(grown)])
    assert scores["AP"] == pytest.approx(0.7) and scores["AP_B50"] == 0 and scores["AP_B_strict"] == 0
    assert set(scores) == {
        *("AP", "AP50", "AP75", "AP_M"),
        *("AP_B", "AP_B50", "AP_B75", "AP_B_strict", "AP_B50_strict", "AP_B75_strict"),
    }


def test_the_score_is_the_detectors_or_without_one_the_models():
    wrong, right = row(FAR, score=0.3), row(SQUARE)
    assert score_split(split_of(one_object()), [wrong, right])["AP"] == 1  # 0.4 before 0.3
    assert score_split(split_of(one_object()), [row(FAR, score=0.5), right])["AP"] == pytest.approx(0.5)


def test_results_about_foreign_images_are_refused():
    with pytest.raises(DataError, match="about 2 images that the annotations do not have, such as 7, 8"):
        average_precision(one_object(), [found(SQUARE, image=number) for number in (1, 7, 8)])


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(DataError, match=r"size \[4, 5\] .*, and the image \[120, 160\]"):
        average_precision(one_object(), [found(np.ones((4, 5), bool))])


def test_an_answer_without_its_class_is_refused():
    nobodys = Row("x/1", "det-0", SIZE_HW, {"image_id": 1}, None, None, 0.4, rle.encode(SQUARE))
    with pytest.raises(DataError, match="has no 'category_id'"):
        score_split(split_of(one_object()), [nobodys])
