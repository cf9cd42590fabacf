"""Words in an image larger than memory, with a model that sees and a detector that finds what is bright."""

import numpy as np
import pytest

from hqsam.errors import OptionError, OutputError, PromptError
from hqsam.formats import coco
from hqsam.masks.boundary import iou
from hqsam.masks.instances import Instances
from hqsam.text.detector import Detections
from hqsam.text.everything_by_text import everything_by_text
from hqsam.text.text_in_tiles import segment_text_in_tiles
from tests.predict.seeing import discs, seeing_segmenter
from tests.text.seeing_detector import BrightThings

tifffile = pytest.importorskip("tifffile")
CIRCLES = [(100, 90, 40), (230, 120, 60), (420, 300, 90), (60, 330, 30), (560, 60, 44)]


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    pixels, masks = discs((400, 620), *CIRCLES)
    path = tmp_path_factory.mktemp("picture") / "photo.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(64, 64), compression="zlib")
    return path, masks


def run(picture, folder, words="a disc", **options):
    how = {"detector": BrightThings(), "tile": 256} | options
    return segment_text_in_tiles(seeing_segmenter()[0], picture[0], words, folder, **how)


def test_what_words_name_is_found_once_and_whole_across_seams(picture, tmp_path):
    result = run(picture, tmp_path)
    [found] = coco.read(result.coco)
    assert result.count == len(found) == len(CIRCLES)
    assert all(max(iou(mask, truth) for mask in found.masks) > 0.85 for truth in picture[1])
    assert set(found.labels) == {"a disc"}
    assert max(found.columns["tiles"]) > 1
    assert all(0.2 <= score < 1 for score in found.columns["prompt_score"])


class TwoNames(BrightThings):
    """Calls a thing by the second label where it sees most of it."""

    def detect(self, pixels, labels, threshold=None):
        found = super().detect(pixels, labels, threshold)
        names = tuple(labels[1] if score > 0.25 else labels[0] for score in found.scores)
        return Detections(found.boxes, found.scores, names)


def test_an_object_with_two_names_keeps_that_of_the_higher_score(picture, tmp_path):
    plain, [named] = (
        run(picture, tmp_path / "one"),
        coco.read(run(picture, tmp_path / "two", "a, b", detector=TwoNames()).coco),
    )
    assert len(named) == plain.count
    assert all(
        (label == "b") == (score > 0.25)
        for label, score in zip(named.labels, named.columns["prompt_score"], strict=True)
    )
    assert set(named.labels) == {"a", "b"}


def test_nothing_of_that_name_is_an_empty_result(picture, tmp_path):
    result = run(picture, tmp_path, threshold=1.0)
    assert result.count == 0 and not tifffile.imread(result.label_map).any()


def test_masks_without_pixels_are_left_out(picture, tmp_path, monkeypatch):
    def with_an_empty_mask(*args, **how):
        found = everything_by_text(*args, **how)
        return Instances.join([found, Instances.from_masks([np.zeros(found.image_size_hw, bool)], labels="a disc",
            scores=[0.5], columns={"prompt_score": (0.5,)})])  # fmt: skip

    monkeypatch.setattr("hqsam.text.text_in_tiles.everything_by_text", with_an_empty_mask)
    assert run(picture, tmp_path).count == len(CIRCLES)


class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_with_the_same_words_alone(picture, tmp_path):
    def stop(done, total):
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        run(picture, tmp_path / "out", progress=stop)
    with pytest.raises(OutputError, match="other settings"):
        run(picture, tmp_path / "out", "a cup")
    told = []
    result = run(picture, tmp_path / "out", progress=lambda done, total: told.append(done))
    assert told[0] == 3
    whole = run(picture, tmp_path / "whole")
    assert result.coco.read_bytes() == whole.coco.read_bytes()
    np.testing.assert_array_equal(tifffile.imread(result.label_map), tifffile.imread(whole.label_map))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"words": " "}, PromptError),
        ({"threshold": 3.0}, OptionError),
        ({"tile": 9}, OptionError),
        ({"source": "best"}, OptionError),
    ],
)
def test_bad_input_is_told_before_a_tile_is_read(picture, tmp_path, wrong, error):
    with pytest.raises(error):
        run(picture, tmp_path / "none", **wrong)
    assert not (tmp_path / "none" / "photo_coco.json").exists()
