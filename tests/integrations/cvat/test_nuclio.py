"""The serverless function: CVAT's request bodies in, what its page reads out."""

import base64
import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

import hqsam
from hqsam.integrations.cvat.masks import crop_of

FUNCTION = Path(__file__).parents[3] / "examples" / "cvat_nuclio"


class Response:
    """As `nuclio_sdk.Response` is made."""

    def __init__(self, body, headers, content_type, status_code):
        self.body, self.headers, self.content_type, self.status_code = body, headers, content_type, status_code


@pytest.fixture
def context(nano_path, monkeypatch):
    """A worker that Nuclio has started from the folder of the function."""
    monkeypatch.setenv("HQSAM_MODEL", nano_path)
    nobody = lambda text: None  # noqa: E731
    logger = SimpleNamespace(info=nobody, warn=nobody)
    context = SimpleNamespace(logger=logger, user_data=SimpleNamespace(), Response=Response)
    function().init_context(context)
    return context


def function():
    """Nuclio's `handler: main:handler`: a module of the folder, and a name in it."""
    module, _, name = configuration()["spec"]["handler"].partition(":")
    found = importlib.util.spec_from_file_location(module, FUNCTION / f"{module}.py")
    main = importlib.util.module_from_spec(found)
    found.loader.exec_module(main)
    assert callable(getattr(main, name))
    return main


def configuration():
    return yaml.safe_load((FUNCTION / "function.yaml").read_text())


def call(context, photo, **prompts):
    """What CVAT's server sends: the frame in base64, and null or empty lists where there is no prompt."""
    body = {"image": base64.b64encode(photo.read_bytes()).decode(), "pos_points": [], "neg_points": [], **prompts}
    response = function().handler(context, SimpleNamespace(body=body))
    assert response.content_type == "application/json"
    return response.status_code, json.loads(response.body)


def whole(answer, size_hw=(400, 600)):
    """The mask in each of the two forms."""
    mask, (left, top, right, bottom) = np.zeros(size_hw, bool), answer["bounds"]
    mask[top : bottom + 1, left : right + 1] = np.array(answer["mask"], bool)
    crop, (left, top, right, bottom) = crop_of(answer["shapes"][0]["points"])
    of_shape = np.zeros(size_hw, bool)
    of_shape[top : bottom + 1, left : right + 1] = crop
    return mask, of_shape


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ({"obj_bbox": [[170, 15], [412, 210]]}, {"box": (170, 15, 412, 210)}),
        ({"obj_bbox": None, "pos_points": [[300, 100]]}, {"points": [(300, 100)], "labels": [1]}),
        (
            {"obj_bbox": [], "pos_points": [[300, 100]], "neg_points": [[200, 300]], "threshold": 0.5},
            {"points": [(300, 100), (200, 300)], "labels": [1, 0]},
        ),
    ],
    ids=["a box", "a click", "a click beside it"],
)
def test_prompts_are_answered_in_both_forms_that_cvats_page_has_read(context, nano, coffee, prompts, expected):
    status, answer = call(context, coffee, **prompts)
    assert status == 200 and answer["shapes"][0]["type"] == "mask"
    mask = nano.open(coffee).segment(**expected).masks[0]
    assert all(np.array_equal(form, mask) for form in whole(answer))


def test_an_image_that_comes_again_is_not_encoded_again(context, coffee, monkeypatch):
    opened = []
    plain = hqsam.Segmenter.open
    monkeypatch.setattr(hqsam.Segmenter, "open", lambda *given: opened.append(1) or plain(*given))
    for _ in range(3):
        call(context, coffee, pos_points=[[300, 100]])
    call(context, coffee.parent / "cat.jpg", pos_points=[[100, 100]])
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"pos_points": [[1, 1]]}, "no image"),
        ({"image": "!"}, "no image"),
        ({"image": base64.b64encode(b"text").decode(), "pos_points": [[1, 1]]}, "cannot read"),
        ({}, "no image"),
    ],
    ids=range(4),
)
def test_a_body_that_is_no_request_gets_400_and_the_reason(context, body, why):
    response = function().handler(context, SimpleNamespace(body=body))
    assert response.status_code == 400 and why in json.loads(response.body)["error"]


@pytest.mark.parametrize(
    "prompts", [{}, {"pos_points": [[9999, 1]]}, {"pos_points": [1, 2, 3]}, {"obj_bbox": [[1, 2]]}]
)
def test_prompts_that_do_not_fit_get_400_and_the_reason(context, coffee, prompts):
    status, answer = call(context, coffee, **prompts)
    assert status == 400 and answer["error"]


def test_the_function_says_of_itself_what_cvat_asks_interactors():
    about = configuration()["metadata"]["annotations"]
    assert about["type"] == "interactor" and int(about["version"]) == 2
    assert int(about["min_pos_points"]) == int(about["min_neg_points"]) == 0
    assert about["startswith_box_optional"] is True and "startswith_box" not in about  # CVAT takes any text as true
