"""`hqsam everything` as a shell sees it."""

import json

import numpy as np
import pytest
from PIL import Image

import hqsam as package
from hqsam.formats import coco
from hqsam.masks import rle
from tests.cli.test_segment import written

ANY_MASK = ("--points-per-side", 4, "--min-score", -9, "--min-stability", 0)


@pytest.fixture
def everything(hqsam, photos, tiny_file):
    """Run `hqsam everything` in a folder of photos, with a tiny model on the CPU."""

    def run(*words):
        return hqsam("everything", *words, "--model", tiny_file, "--device", "cpu", "--precision", "float32")

    return run


def test_a_photo_gives_an_overlay_and_coco(everything, photos):
    finished = everything("cat.jpg", *ANY_MASK)
    assert finished.code == 0
    assert written(photos / "out") == ["cat_coco.json", "cat_overlay.png"]
    assert "object" in finished.out and "out/cat_coco.json" in finished.out.replace("\\", "/")


def test_the_command_finds_what_the_library_finds(everything, photos, tiny_file):
    everything("cat.jpg", *ANY_MASK, "--source", "sam", "--candidates", 3)
    expected = package.load(tiny_file, device="cpu", precision="float32").everything(
        "cat.jpg", points_per_side=4, pred_iou_thresh=-9, stability_score_thresh=0, source="sam", candidates=3
    )
    (found,) = coco.read(photos / "out" / "cat_coco.json")
    assert list(found.rle) == expected.to_rle()


def test_covered_no_pixel_is_left_over(everything, photos):
    everything("cat.jpg", *ANY_MASK, "--cover", "--format", "label_map,csv,sam")
    assert written(photos / "out") == ["cat_labels.png", "cat_objects.csv", "cat_sam.json"]
    assert np.asarray(Image.open(photos / "out" / "cat_labels.png")).min() > 0


def test_json_is_a_line_a_photo(everything, photos):
    finished = everything("cat.jpg", "coffee.jpg", *ANY_MASK, "--json")
    records = [json.loads(line) for line in finished.out.splitlines()]
    assert [record["image"] for record in records] == ["cat.jpg", "coffee.jpg"]
    assert not (photos / "out").exists()
    for one in records[0]["objects"]:
        assert rle.area(one["rle"]) == one["area"] and {"score", "stability", "point", "box"} <= set(one)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--points-per-side", 0], "points-per-side"),
        (["--candidates", 2], "candidates is 2"),
        (["--source", "best"], "best"),
        (["--crops", -1], "crops"),
        (["--format", "png,tiff"], "tiff"),
        (["--order", "random"], "random"),
        (["--format", ""], "names no format"),
        (["--min-score", "nan"], "'--min-score': nan is not a number up to 1"),
        (["--min-score", 2], "'--min-score': 2 is not a number up to 1"),
        (["--min-stability", "nan"], "'--min-stability'"),
    ],
)
def test_a_command_that_cannot_be_meant_leaves_with_2_before_any_work(everything, photos, words, said):
    finished = everything("cat.jpg", *words)
    assert finished.code == 2
    assert said in " ".join(finished.err.split())
    assert not (photos / "out").exists()


def test_photos_that_fail_do_not_stop_the_others(everything, photos):
    finished = everything("gone.jpg", "cat.jpg", *ANY_MASK)
    assert finished.code == 1 and "1 of 2 images failed" in finished.err
    assert written(photos / "out") == ["cat_coco.json", "cat_overlay.png"]
