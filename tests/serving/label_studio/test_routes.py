"""Label Studio's requests are answered with the library's own masks, and only to who has the password."""

import base64

import numpy as np
import pytest

from hqsam.errors import OptionError
from tests.serving.label_studio.requests import BITMASKS, BRUSHES, click, coffee, mask_of, predict, rectangle
from tests.serving.servers import TOKEN, settings_in

CUP = (170, 15, 412, 210)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def regions(answer):
    assert answer.status == 200, answer.body
    (prediction,) = answer.json["results"]
    assert prediction["model_version"].startswith("hqsam-")
    return prediction["result"]


def agree(mask, expected):
    """Decoded in another batch, so the last bits may differ."""
    return np.count_nonzero(mask == expected) / expected.size > 0.9999


@pytest.mark.parametrize("config", [BITMASKS, BRUSHES], ids=["BitmaskLabels", "BrushLabels"])
def test_a_rectangle_becomes_a_mask_of_its_label(ask, session, config):
    (region,) = regions(ask("/predict", predict(coffee(), rectangle(*CUP), config=config)))
    expected = session.segment(box=CUP)
    assert agree(mask_of(region), expected.masks[0])
    kind = "brushlabels" if config is BRUSHES else "bitmasklabels"
    assert region["type"] == kind and region["value"][kind] == ["cup"]
    assert (region["from_name"], region["to_name"]) == ("mask", "image")
    assert (region["original_width"], region["original_height"], region["image_rotation"]) == (600, 400, 0)
    assert region["score"] == pytest.approx(float(expected.scores[0]), abs=1e-3)


def test_clicks_on_the_object_and_beside_it_are_told_apart_as_both_versions_of_the_page_say_it(ask, session):
    old = click(200, 300, is_positive=False)
    new = click(200, 300)
    del new["is_positive"]
    new["value"]["positive"] = False
    expected = session.segment(points=[(300, 100), (200, 300)], labels=[1, 0]).masks[0]
    for beside in (old, new):
        (region,) = regions(ask("/predict", predict(coffee(), click(300, 100), beside)))
        assert agree(mask_of(region), expected)


def test_a_rectangle_and_clicks_of_one_label_are_one_object(ask, session):
    drawn = rectangle(*CUP), click(200, 300, is_positive=False)
    (region,) = regions(ask("/predict", predict(coffee(), *drawn)))
    assert agree(mask_of(region), session.segment(box=CUP, points=[(200, 300)], labels=[0]).masks[0])


def test_each_label_and_each_rectangle_is_an_object(ask, session):
    drawn = rectangle(*CUP), rectangle(110, 5, 525, 395, "table"), rectangle(10, 10, 90, 90, "table")
    found = regions(ask("/predict", predict(coffee(), *drawn)))
    assert [one["value"]["bitmasklabels"] for one in found] == [["cup"], ["table"], ["table"]][: len(found)]
    assert agree(mask_of(found[0]), session.segment(box=CUP).masks[0])


def test_clicks_beside_an_object_alone_give_nothing(ask):
    assert regions(ask("/predict", predict(coffee(), click(300, 100, is_positive=False)))) == []


def test_an_open_task_is_encoded_ahead_and_once(ask, backend):
    opened = backend.service.metrics.opened.labels("encoder")._value
    before = opened.get()
    url = coffee() + " "  # another image to the server
    url = url.replace("image/jpeg", "image/jpeg;name=ahead").strip()
    assert ask("/predict", predict(url)).json == {"results": []}
    for _ in range(3):
        regions(ask("/predict", predict(url, rectangle(*CUP))))
    assert opened.get() - before <= 1


def test_setup_health_and_versions_say_what_label_studio_asks(ask, backend):
    body = {"project": "1.17", "schema": BITMASKS, "hostname": "http://localhost:8080", "access_token": "k"}
    version = ask("/setup", body | {"extra_params": None}).json["model_version"]
    assert version.startswith("hqsam-") and version.endswith("-nano")
    assert ask("/health").json == {"status": "UP", "model_class": "hqsam", "model_version": version}
    assert ask("/versions").json == {"versions": [version]}
    assert ask("/").json["status"] == "UP"
    assert ask("/setup", {"project": "1.17", "schema": "<View></View>"}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        BEARER,
        {"Authorization": "Basic aHFzYW06d3Jvbmc="},
        {"Authorization": "Basic ?"},
        {"Cookie": f"hqsam_0={TOKEN}"},
    ],
    ids=["nothing", "the token", "a wrong password", "no base64", "the cookie"],
)
@pytest.mark.parametrize("path", ["/health", "/versions", "/setup", "/predict"])
def test_only_the_password_opens_label_studios_paths(ask, path, headers):
    body = None if path in ("/health", "/versions") else {}
    answer = ask(path, body, headers)
    assert (answer.status, answer.code) == (401, "password")


def test_the_password_opens_nothing_else(backend):
    password = backend.service.settings.label_studio_password
    basic = {"Authorization": f"Basic {base64.b64encode(f'hqsam:{password}'.encode()).decode()}"}
    assert backend.ask("GET", "/v1/images", headers=basic).status == 401
    assert backend.ask("GET", "/metrics", headers=basic).status == 401
    bearer = {"Authorization": f"Bearer {password}"}
    assert backend.ask("GET", "/v1/images", headers=bearer).status == 401


def test_other_pages_and_names_are_refused_with_the_password_too(backend):
    password = backend.service.settings.label_studio_password
    basic = {"Authorization": f"Basic {base64.b64encode(f'hqsam:{password}'.encode()).decode()}"}
    assert backend.ask("GET", "/health", headers=basic | {"Origin": "http://evil.example"}).code == "origin"
    assert backend.ask("GET", "/health", headers=basic | {"Host": "evil.example"}).code == "host"


def test_webhooks_come_without_a_password_and_do_nothing(backend):
    assert backend.ask("POST", "/webhook", {"action": "ANNOTATION_CREATED"}, {}).status == 201


@pytest.mark.parametrize("path", ["/health", "/versions", "/setup", "/predict", "/webhook"])
def test_a_server_that_was_not_started_for_label_studio_has_none_of_it(server, path):
    for headers in ({}, BEARER):
        assert server.ask("POST", path, {}, headers).status == 404
        assert server.ask("GET", path, None, headers).status == 404


def test_the_password_stays_with_the_token_and_does_not_tell_it(tmp_path):
    one, same, other = (settings_in(tmp_path, token=token) for token in ("a" * 20, "a" * 20, "b" * 20))
    assert one.label_studio_password == same.label_studio_password != other.label_studio_password
    assert len(one.label_studio_password) == 24
    with pytest.raises(OptionError, match="no address of Label Studio"):
        settings_in(tmp_path, label_studio_url="localhost:8080")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (predict("cup.jpg", rectangle(*CUP)), "expected an http address"),
        (predict("/data/upload/1/cup.jpg", rectangle(*CUP), project="unknown"), "LABEL_STUDIO_URL"),
        (predict("data:image/png;base64,????", rectangle(*CUP)), "cannot be read"),
        (predict("data:text/plain,hello", rectangle(*CUP)), "no image by its content"),
        (predict("http://127.0.0.1:1/cup.jpg", rectangle(*CUP)), "cannot fetch"),
        (predict(coffee(), rectangle(*CUP), config="<View>"), "no XML"),
        (predict(coffee(), rectangle(*CUP), config='<View><Image name="image" value="$image"/></View>'), "BrushLabels"),
        (predict(coffee(), rectangle(*CUP, label="cat")), "alone"),
        (predict(coffee(), rectangle(*CUP), config=BITMASKS.replace("$image", "$photo")), "under 'photo'"),
        (predict(coffee(), rectangle(*CUP), config=BITMASKS.replace('name="image"', 'name="img"')), "no image tag"),
        (predict(coffee(), rectangle(*CUP) | {"type": "ellipselabels"}), "no click, rectangle or brush"),
        (predict(coffee(), rectangle(*CUP, x="far")), "no click, rectangle or brush"),
        (predict(coffee(), rectangle(170, 15, 170, 15)), "box"),
    ],
    ids=range(13),
)
def test_what_cannot_be_answered_says_why_to_the_client_and_in_the_log(ask, caplog, body, why):
    answer = ask("/predict", body)
    assert answer.status == 422 and why in answer.json["error"]["message"]
    assert any(why in str(getattr(record, "facts", "")) for record in caplog.records)


def test_a_body_of_another_form_is_refused(ask):
    assert ask("/predict", {"tasks": []}).status == 422
    assert ask("/predict", {"tasks": "all"}).status == 422
    assert ask("/setup", []).status == 422
