"""Prompts over HTTP: the answers are those of the library."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import hqsam
from hqsam.masks.polygons import Polygon, from_polygons
from hqsam.masks.rle import decode, encode
from tests.serving.servers import EXAMPLES

CUP = (170, 15, 412, 210)
BOX = {"box": CUP}


@pytest.fixture(scope="module")
def session(_nano):
    """The same photo, without a server."""
    return hqsam.load("nano").open(EXAMPLES / "coffee.jpg")


def ask(server, image, *prompts, **how):
    answer = server.ask("POST", f"/v1/images/{image}/masks", {"prompts": list(prompts), **how})
    assert answer.status == 200, answer.body
    return answer.json


def test_opening_says_where_the_features_came_from(server, coffee):
    server.client.open(coffee)
    again = server.client.open(coffee, "nano")
    assert again["state"] == "ready" and again["found_in"] == "memory" and again["model"] == "nano"


@pytest.mark.parametrize("source", ["sum", "hq", "sam"])
def test_a_mask_is_the_librarys_own(server, coffee, session, source):
    (mask,) = ask(server, coffee, BOX, source=source)["masks"]
    expected = session.segment(box=CUP, source=source)
    assert np.array_equal(decode(mask["rle"]), expected.masks[0])
    assert mask["score"] == pytest.approx(float(expected.scores[0]))
    assert mask["box"] == expected.boxes[0].tolist() and mask["area"] == expected.masks[0].sum()


def test_many_prompts_of_different_kinds_are_answered_in_their_order(server, coffee, session):
    prompts = [BOX, {"points": [[300, 100]], "labels": [1]}, {"box": [110, 5, 525, 395]}, {"mask": a_rectangle()}]
    masks = ask(server, coffee, *prompts)["masks"]
    assert [one["prompt"] for one in masks] == [0, 1, 2, 3]
    expected = [
        session.segment(box=CUP),
        session.segment(points=[(300, 100)], labels=[1]),
        session.segment(box=(110, 5, 525, 395)),
        session.segment(mask=decode(a_rectangle())),
    ]
    for mask, one in zip(masks, expected, strict=True):
        agree = np.count_nonzero(decode(mask["rle"]) == one.masks[0]) / one.masks[0].size
        assert agree > 0.999  # decoded in another batch, so the last bits of bfloat16 may differ


def test_three_candidates_each_with_a_score(server, coffee, session):
    masks = ask(server, coffee, {"points": [[300, 100]], "labels": [1]}, candidates=3)["masks"]
    expected = session.segment(points=[(300, 100)], labels=[1], candidates=3)
    assert [one["score"] for one in masks] == pytest.approx(expected.scores.tolist())
    assert [one["prompt"] for one in masks] == [0, 0, 0]


def test_refining_goes_on_from_an_earlier_answer(server, coffee, session):
    (first,) = ask(server, coffee, BOX)["masks"]
    (second,) = ask(server, coffee, {"points": [[300, 100]], "labels": [1], "refine": first["refine"]})["masks"]
    expected = session.segment(points=[(300, 100)], labels=[1], refine=session.segment(box=CUP))
    assert np.array_equal(decode(second["rle"]), expected.masks[0])


def test_answers_that_are_not_kept_cannot_be_refined(server, coffee):
    (mask,) = ask(server, coffee, BOX, keep=False)["masks"]
    assert "refine" not in mask
    answer = server.ask("POST", f"/v1/images/{coffee}/masks", {"prompts": [{"refine": "nobody"}]})
    assert (answer.status, answer.code) == (410, "refine_gone")


def test_an_answer_about_one_photo_cannot_be_refined_on_another(server, coffee):
    (mask,) = ask(server, coffee, BOX)["masks"]
    other = next(one["id"] for one in server.client.images() if one["name"] == "coffee 10.jpg")
    answer = server.ask("POST", f"/v1/images/{other}/masks", {"prompts": [{"refine": mask["refine"]}]})
    assert (answer.status, answer.code) == (422, "prompt")


def test_the_formats_say_the_same_mask(server, coffee, session):
    expected = session.segment(box=CUP)
    (png,) = ask(server, coffee, BOX, format="png")["masks"]
    (outlines,) = ask(server, coffee, BOX, format="polygons")["masks"]
    (logits,) = ask(server, coffee, BOX, format="logits")["masks"]
    with Image.open(io.BytesIO(base64.b64decode(png["png"]))) as picture:
        assert np.array_equal(np.asarray(picture) > 0, expected.masks[0])
    polygons = [
        Polygon(np.array(one["exterior"]), tuple(np.array(hole) for hole in one["holes"]))
        for one in outlines["polygons"]
    ]
    assert np.array_equal(from_polygons(polygons, (400, 600)), expected.masks[0])
    values = np.frombuffer(base64.b64decode(logits["logits"]["data"]), "<f4").reshape(logits["logits"]["shape"])
    assert np.array_equal(values, expected.logits[0])


def test_a_quick_look_is_smaller_and_says_boxes_in_the_photos_pixels(server, coffee, session):
    (mask,) = ask(server, coffee, BOX, max_side=300)["masks"]
    assert mask["rle"]["size"] == [200, 300]
    assert np.allclose(mask["box"], session.segment(box=CUP).boxes[0], atol=4)
    assert mask["area"] == pytest.approx(session.segment(box=CUP).masks[0].sum(), rel=0.02)


def test_a_closer_look_gives_a_mask_too(server, coffee, session):
    (mask,) = ask(server, coffee, BOX, detail=True)["masks"]
    assert np.array_equal(decode(mask["rle"]), session.segment(box=CUP, detail=True).masks[0])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompts": [{"points": [[600, 10]], "labels": [1]}]}, "prompt"),
        ({"prompts": [{"points": [[10, 10]], "labels": []}]}, "prompt"),
        ({"prompts": [{"points": [[10, 10]], "labels": [1, 0]}]}, "prompt"),
        ({"prompts": [{"box": [50, 50, 10, 10]}]}, "prompt"),
        ({"prompts": [{}]}, "prompt"),
        ({"prompts": [{"mask": {"size": [4, 4], "counts": "@@"}}]}, "prompt"),
        ({"prompts": []}, "validation"),
        ({"prompts": [BOX] * 65}, "validation"),
        ({"prompts": [BOX], "candidates": 2}, "validation"),
        ({"prompts": [BOX], "sauce": "sum"}, "validation"),
        ({"prompts": [{"points": [["NaN", 1]], "labels": [1]}]}, "validation"),
    ],
)
def test_prompts_that_do_not_fit_are_refused_in_words(server, coffee, body, code):
    answer = server.ask("POST", f"/v1/images/{coffee}/masks", body)
    assert (answer.status, answer.code) == (422, code)
    assert len(answer.json["error"]["message"]) > 10


def test_a_model_that_is_not_here_has_to_be_loaded_first(server, coffee):
    answer = server.ask("POST", f"/v1/images/{coffee}/open", {"model": "vit_l"})
    assert (answer.status, answer.code) == (409, "model_not_installed")
    answer = server.ask("POST", f"/v1/images/{coffee}/open", {"model": "../../etc/passwd"})
    assert (answer.status, answer.code) == (404, "not_found")


def a_rectangle():
    mask = np.zeros((400, 600), bool)
    mask[20:200, 180:400] = True
    return encode(mask)
