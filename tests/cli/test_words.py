"""Words on the command line, with a detector of transformers' real classes that is tiny and random."""

import json

import pytest

from hqsam.cli.everything import _to_text
from hqsam.formats import coco
from tests.text.tiny_detectors import save_grounding_dino

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return save_grounding_dino(tmp_path_factory.mktemp("detector"))


@pytest.fixture
def words(hqsam, photos, tiny_file, detector):
    def run(command, *more):
        model = ("--model", tiny_file, "--device", "cpu", "--precision", "float32")
        asked = ("--text", "a cup, a spoon", "--detector", detector, "--threshold", "0.5")
        return hqsam(command, "coffee.jpg", *asked, *model, *more)

    return run


def test_everything_by_words(words, photos):
    finished = words("everything", "--crops", "1", "--format", "coco", "--json", "--out", photos / "found")
    assert finished.code == 0
    record = json.loads(finished.out)
    [found] = coco.read(photos / "found" / "coffee_coco.json")
    assert len(found) == len(record["objects"]) > 0
    assert {one["label"] for one in record["objects"]} <= {"a cup", "a spoon"}
    assert all(0.5 <= one["prompt_score"] <= 1 for one in record["objects"])
    assert found.labels == tuple(one["label"] for one in record["objects"])


def test_everything_says_how_many_of_each():
    objects = [{"label": "a cup", "prompt_score": 0.5}] * 2 + [{"label": "a spoon", "prompt_score": 0.4}]
    filled = [{"label": "object", "prompt_score": 0.0}]  # what --cover made of a gap
    assert _to_text({"objects": objects + filled, "files": ["a.json"]}) == "2 a cup, 1 a spoon -> a.json"
    assert _to_text({"objects": [{"score": 0.9}], "files": ["a.json"]}) == "1 object -> a.json"


def test_tiles_by_words(words, photos):
    pytest.importorskip("tifffile")
    finished = words("tiles", "--tile", "500", "--json")  # wide enough for the last stage of so small a detector
    assert finished.code == 0
    [found] = coco.read(photos / "out" / "coffee_coco.json")
    assert len(found) == json.loads(finished.out)["count"] > 0
    assert set(found.labels) <= {"a cup", "a spoon"}


@pytest.mark.parametrize(
    ("command", "option"),
    [("everything", "--points-per-side"), ("everything", "--memory-limit"), ("tiles", "--points-per-side")],
)
def test_options_of_clicks_do_not_go_with_words(words, command, option):
    finished = words(command, option, "8")
    assert finished.code == 2 and f"leave {option} away" in finished.err


@pytest.mark.parametrize("command", ["segment", "everything", "tiles"])
def test_options_of_words_need_words(hqsam, photos, command):
    box = ("--box", "9,9,99,99") if command == "segment" else ()
    finished = hqsam(command, "coffee.jpg", *box, "--threshold", "0.3")
    assert finished.code == 2 and "about words" in finished.err
    assert "what to look for" in hqsam(command, "coffee.jpg", "--text", " , ").err
